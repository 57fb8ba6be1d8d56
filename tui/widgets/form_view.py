"""A form as a list: sections that fold, a value and its help per field, what is wrong next to the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from toolkit.terminal.layout import cut, cut_start, fit, wrap
from toolkit.terminal.text import clean
from tui.logic.entries import Entries
from tui.logic.fields import Field, Fillable, Section
from tui.logic.form import Form
from tui.logic.lines import Line, line
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import selected

NAME_WIDTH = 30


@dataclass(frozen=True)
class Entry:
    """A heading (`field` is None) or a field, with the lines that it takes."""

    section: Section
    field: Field | None
    lines: tuple[Line, ...]
    group: str = ""
    help: tuple[Line, ...] = ()  # shown while the cursor is on it

    @property
    def place(self) -> str:
        """By what it is folded."""
        return f"{self.section.title}/{self.group}" if self.group else self.section.title


class FormView(ItemList):
    """Shows what is filled in; `problems` are messages by key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False),
        Binding("k,up", "move(-1)", "Up", show=False),
        Binding("tab", "section(1)", "Next part", show=False),
        Binding("shift+tab", "section(-1)", "Part before", show=False),
    ]

    def __init__(self, form: Fillable, *, id: str | None = None) -> None:
        super().__init__(lambda index, width: (), id=id)
        self.form = form
        self.problems: dict[str, str] = {}
        self.folded: set[str] = set()
        self.wanted = ""
        self.entries: list[Entry] = []
        self._starts: list[int] = [0]

    def rebuild(self) -> None:
        """Lay the form out again, after a change, a check or another width."""
        width = self.scrollable_content_region.width or self.size.width
        self.entries = [entry for section in self.form.sections for entry in self._section(section, width)]
        self._lay_out()
        self.set_count(len(self.entries))
        if self.size.height and self.entries:
            self.call_after_refresh(self._reveal)

    def _lay_out(self) -> None:
        """Where each entry begins: only the selected one has its help below it."""
        self._starts = [0]
        for index in range(len(self.entries)):
            self._starts.append(self._starts[-1] + len(self._lines_of(index)))

    def _lines_of(self, index: int) -> tuple[Line, ...]:
        entry = self.entries[index]
        return (*entry.lines, *entry.help) if index == self.cursor else entry.lines

    def move_to(self, index: int) -> None:
        before = self.cursor
        super().move_to(index)
        if self.cursor != before and self.entries:
            self._lay_out()
            self.set_rows(self.row_count())
            self._reveal()
            self.repaint()

    def _section(self, section: Section, width: int) -> list[Entry]:
        fields = [
            field for field in section.fields if self.wanted in field.key.lower() or self.wanted in field.help.lower()
        ]
        if not fields:
            return []
        folded = section.title in self.folded and not self.wanted
        found = [self._heading(section, folded, width)] if section.title else []
        if folded:
            return found
        groups: dict[str, list[Field]] = {}
        for field in fields:
            groups.setdefault(field.group, []).append(field)
        for group, members in groups.items():
            name = group if len({field.group for field in section.fields}) > 1 else ""
            is_folded = bool(name) and f"{section.title}/{name}" in self.folded and not self.wanted
            if name and not self.wanted:
                found.append(self._group(section, name, members, is_folded, width))
            if not is_folded:
                found += [self._entry(section, name, field, width) for field in members]
        return found

    def _entry(self, section: Section, group: str, field: Field, width: int) -> Entry:
        return Entry(section, field, tuple(self._field(field, width)), group, tuple(self._help(field, width)))

    def _group(self, section: Section, name: str, fields: Sequence[Field], folded: bool, width: int) -> Entry:
        changed = sum(self.form.is_changed(field.key) for field in fields)
        wrong = sum(key == field.key or key.startswith(f"{field.key}.") for key in self.problems for field in fields)
        note = (f"  {changed} changed" if changed else "") + (f"  {wrong} to correct" if wrong else "")
        text = cut(f"{'▸' if folded else '▾'} {name}", max(10, width - len(note)))
        return Entry(section, None, (line((text, "accent"), (note, "bad" if wrong else "mark")),), name)

    def _heading(self, section: Section, folded: bool, width: int) -> Entry:
        changed = sum(self.form.is_changed(key) for key in self.form.fields if key.startswith(f"{section.title}."))
        wrong = sum(key.startswith(f"{section.title}.") for key in self.problems)
        note = (f"  {changed} changed" if changed else "") + (f"  {wrong} to correct" if wrong else "")
        text = f"{'▸' if folded else '▾'} {section.title}"
        rest = cut(f"  {section.help}", max(0, width - len(text) - len(note)))
        return Entry(section, None, (line((text, "title"), (note, "bad" if wrong else "mark"), (rest, "dim")),))

    def _field(self, field: Field, width: int) -> list[Line]:
        problem = self.problems.get(field.key) or next(
            (text for key, text in self.problems.items() if key.startswith(f"{field.key}.")), ""
        )
        changed = self.form.is_changed(field.key)
        entries = self._entries(field, width)
        text = clean(self.form.text(field.key)) if entries is None else _count(entries)
        shown = text or ("required" if field.required else "none")
        style = "bad" if problem else "mark" if changed else "" if text else "dim"
        before = clean(self.form.before(field.key))
        was = "" if not changed else "  changed" if entries is not None else f"  was {before or 'none'}"
        room = max(8, width - NAME_WIDTH - 3)
        value = cut(shown, max(8, room - len(was)))
        rows = [
            line(
                ("● " if changed else "  ", "mark"),
                (fit(cut(field.name, NAME_WIDTH - 1), NAME_WIDTH), "bold" if changed else ""),
                (value, style),
                (cut(was, room - len(value)), "dim"),
            )
        ]
        rows += entries or []
        for part in wrap(problem, width - 6)[:3] if problem else []:
            rows.append(line(("    ", ""), (part, "bad")))
        return rows

    def _help(self, field: Field, width: int) -> list[Line]:
        options = f"  [{' | '.join(field.choices)}]" if field.choices and field.kind != "switch" else ""
        return [line((f"    {part}", "dim")) for part in wrap(f"{field.help}{options}", width - 5)]

    def _entries(self, field: Field, width: int) -> list[Line] | None:
        """A line for each entry of an option that has some; None for the other options."""
        if field.shape is None or not isinstance(self.form, Form):
            return None
        entries = Entries(self.form, field.key)
        lines: list[Line] = []
        for index in range(len(entries.items)):
            what, where = entries.summary(index)
            place = f"{field.key}.{what if entries.shape.is_mapping else index}"
            wrong = any(key == place or key.startswith(f"{place}.") for key in self.problems)
            lines.append(
                line(
                    (f"    {'✗' if wrong else '·'} ", "bad" if wrong else "dim"),
                    fit(cut(what, 11), 12),
                    (cut_start(where, max(8, width - 19)), ""),
                )
            )
        return lines

    @property
    def current(self) -> Field | None:
        return self.entries[self.cursor].field if self.entries else None

    def select_key(self, key: str) -> None:
        """Put the cursor on a field, unfolding its section."""
        for section in self.form.sections:
            for field in section.fields:
                if field.key == key and self.folded & {section.title, f"{section.title}/{field.group}"}:
                    self.folded -= {section.title, f"{section.title}/{field.group}"}
                    self.rebuild()
        index = next(
            (index for index, entry in enumerate(self.entries) if entry.field is not None and entry.field.key == key),
            None,
        )
        if index is not None:
            self.move_to(index)

    # Rows of an item
    def row_count(self) -> int:
        return self._starts[-1]

    def rows_of(self, index: int) -> tuple[int, int]:
        return self._starts[index], self._starts[index + 1]

    def item_at(self, row: int) -> int | None:
        return next((index for index in range(len(self.entries)) if row < self._starts[index + 1]), None)

    def visible_lines(self, width: int, height: int, top: int) -> list[Line]:
        rows: list[Line] = []
        for index in range(len(self.entries)):
            if self._starts[index + 1] > top and self._starts[index] < top + height:
                first, *rest = self._lines_of(index)
                first = selected(first) if index == self.cursor else first
                rows += [first, *rest][max(0, top - self._starts[index]) :]
        return rows[:height]

    def on_resize(self) -> None:
        super().on_resize()
        self.rebuild()

    def action_section(self, step: int) -> None:
        headings: Sequence[int] = [index for index, entry in enumerate(self.entries) if entry.field is None] or [0]
        later = (
            [index for index in headings if index > self.cursor]
            if step > 0
            else [index for index in reversed(headings) if index < self.cursor]
        )
        self.move_to(later[0] if later else headings[0 if step > 0 else -1])

    def fold(self) -> None:
        """Fold or unfold the group of options that the cursor is in, on a section's heading the section."""
        if self.entries and (place := self.entries[self.cursor].place):
            self.folded ^= {place}
            self.rebuild()
            headings = (at for at, entry in enumerate(self.entries) if entry.field is None and entry.place == place)
            self.move_to(next(headings, self.cursor))


def _count(entries: Sequence[Line]) -> str:
    return "" if not entries else "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
