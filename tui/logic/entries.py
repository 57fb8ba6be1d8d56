"""The entries of an option that is a list of models or a mapping (sources, predictions): added, removed and filled in
one by one.

The form keeps such an option as one YAML text, as the command line takes it. Here it is a list of entries; every change
writes the text anew, short: what an entry leaves at its default is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from toolkit.errors import Problem
from toolkit.options.sources import AUTO, as_sources
from toolkit.records import JSON
from toolkit.terminal.text import clean
from tui.logic.fields import EntryKind, Field, Section
from tui.logic.form import Form
from tui.logic.values import parsed, value_text


class Entries:
    """The entries of `key`. One that is no mapping (from an edited file) is kept as it is, and can only be removed."""

    def __init__(self, form: Form, key: str) -> None:
        shape = form.fields[key].shape
        if shape is None:
            raise ValueError(f"{key} has no entries")
        self.form, self.key, self.shape = form, key, shape
        self.items: list[Any] = self._items_of(form.value(key))

    def _items_of(self, value: Any) -> list[Any]:
        if self.shape.is_mapping:
            value_name = self.shape.kinds[0].fields[1].key
            return (
                [{"name": str(name), value_name: item} for name, item in value.items()]
                if isinstance(value, dict)
                else []
            )
        if any(kind.tag == AUTO for kind in self.shape.kinds):
            value = as_sources(value)  # a path alone is an entry as well
        return (
            [dict(item) if isinstance(item, dict) else item for item in value]
            if isinstance(value, list | tuple)
            else []
        )

    def kind_of(self, item: Any) -> EntryKind | None:
        """None where the entry is no mapping or of a type that does not exist."""
        if not isinstance(item, dict):
            return None
        tag = str(item.get("type", ""))
        return next((kind for kind in self.shape.kinds if kind.tag == tag), None)

    def add(self, tag: str) -> int:
        """A new entry of a kind, at the end; returns its index."""
        if self.shape.is_mapping:
            taken = {item["name"] for item in self.items}
            name = next(
                name
                for number in range(1, len(taken) + 2)
                if (name := f"new-{number}" if number > 1 else "new") not in taken
            )
            self.items.append({"name": name})
        else:
            self.items.append({"type": tag} if tag else {})
        self.write()
        return len(self.items) - 1

    def remove(self, index: int) -> None:
        del self.items[index]
        self.write()

    def write(self) -> None:
        """Hand the entries to the form. Names that are empty or given twice cannot be in a mapping: the form then stays
        as it was.
        """
        if self.own_problems():
            return
        value = self._value(self.items)
        if value == self._value(self._items_of(self.form.base.get(self.key))):
            self.form.reset(self.key)
        else:
            self.form.set(self.key, value_text(value))

    def own_problems(self) -> dict[int, str]:
        """What is wrong with an entry's name, by its index."""
        if not self.shape.is_mapping:
            return {}
        count = Counter(item["name"] for item in self.items)
        return {
            index: "give it a name"
            if not item["name"]
            else f"another one is named {item['name']} as well; give it a name of its own"
            for index, item in enumerate(self.items)
            if not item["name"] or count[item["name"]] > 1
        }

    def problems(self, index: int, found: Iterable[Problem]) -> dict[str, str]:
        """What is wrong with one entry, by its field ("" for the entry itself): of the form's problems those that are
        about it.
        """
        if index in (own := self.own_problems()):
            return {"name": own[index]}
        place = f"{self.key}.{self.items[index]['name']}" if self.shape.is_mapping else f"{self.key}.{index}"
        texts: dict[str, str] = {}
        for problem in found:
            if problem.key == place:
                texts[self.shape.kinds[0].fields[1].key if self.shape.is_mapping else ""] = clean(problem.message)
            elif problem.key.startswith(f"{place}.") and not self.shape.is_mapping:
                texts[problem.key.removeprefix(f"{place}.").split(".")[0]] = clean(problem.message)
        return texts

    def summary(self, index: int) -> tuple[str, str]:
        """(what it is, where it is) of an entry."""
        item = self.items[index]
        if not isinstance(item, dict):
            return "?", clean(value_text(item))
        if self.shape.is_mapping:
            return clean(item["name"]), clean(value_text(item.get(self.shape.kinds[0].fields[1].key)))
        return clean(item.get("type", "")), clean(value_text(item.get("path")))

    def details(self, index: int) -> str:
        """What else an entry says."""
        item = self.items[index]
        if self.shape.is_mapping or not isinstance(item, dict):
            return ""
        return clean(
            "  ".join(
                f"{name}={value_text(value)}"
                for name, value in self._short(item).items()
                if name not in ("type", "path")
            )
        )

    def _value(self, items: list[Any]) -> Any:
        if self.shape.is_mapping:
            value_name = self.shape.kinds[0].fields[1].key
            return {item["name"]: item.get(value_name) for item in items}
        return [self._short(item) for item in items]

    def _short(self, item: Any) -> Any:
        """An entry without what is as its kind has it anyway."""
        kind = self.kind_of(item)
        if kind is None:
            return item
        names = [field.key for field in kind.fields]
        ordered = [*(name for name in names if name in item), *(name for name in item if name not in names)]
        return {
            name: item[name]
            for name in ordered
            if item[name] is not None and (name not in kind.defaults or item[name] != kind.defaults[name])
        }


class EntryForm:
    """One entry being filled in, with the same fields as a form; every change is written to the form that it is part
    of.
    """

    def __init__(self, entries: Entries, index: int) -> None:
        self.entries, self.index = entries, index
        self._start: JSON = dict(self._item)

    @property
    def _item(self) -> JSON:
        item: JSON = self.entries.items[self.index]
        return item

    @property
    def kind(self) -> EntryKind:
        return self.entries.kind_of(self._item) or self.entries.shape.kinds[0]

    @property
    def sections(self) -> tuple[Section, ...]:
        return (Section("", self.kind.help, self.kind.fields),)

    @property
    def fields(self) -> dict[str, Field]:
        return {field.key: field for field in self.kind.fields}

    def text(self, key: str) -> str:
        return self._text(self._item, key)

    def before(self, key: str) -> str:
        return self._text(self._start, key)

    def _text(self, item: JSON, key: str) -> str:
        return value_text(item[key] if item.get(key) is not None else self.kind.defaults.get(key))

    def is_changed(self, key: str) -> bool:
        return self.text(key) != self.before(key)

    def set(self, key: str, text: str) -> None:
        """An empty text leaves the field at its default."""
        # Texts stay texts ("no", "007"); in quotes they are read as YAML has them ("\t").
        is_text = self.fields[key].kind in ("text", "choice") and not text.startswith('"')
        value = text if is_text else parsed(text)
        if key == "name" and self.entries.shape.is_mapping:
            self._item[key] = str(value or "")
        elif text:
            self._item[key] = value
        else:
            self._item.pop(key, None)
        if key == "type":  # fields of the kind before that this one does not have
            for other in set(self._item) - set(self.fields):
                del self._item[other]
        self.entries.write()

    def reset(self, key: str) -> None:
        self.set(key, self.before(key))
