"""The filter of the run list: `state=running lr>=1e-4 mistral`.

Terms are joined by "and". `key OP value` compares a column or a setting (OP is = != > >= < <= or ~ for "contains");
a bare word must occur in the id, recipe, model or state; a leading `-` negates a term. Settings may be shortened to
their last word (`r` of lora_r), their initials or a part of their name (`lr` is learning_rate, `bs` is
per_device_train_batch_size).
"""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TERM = re.compile(r"^(?P<key>[A-Za-z_][\w.\-]*)(?P<op>>=|<=|!=|=|>|<|~)(?P<value>.*)$")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
ALIASES = {"lr": "learning_rate", "bs": "per_device_train_batch_size"}  # initials of several, and of none


class FilterError(ValueError):
    """The filter cannot be read; the message says what was expected."""


@dataclass(frozen=True)
class Term:
    key: str  # "" for a bare word
    op: str
    value: str
    negated: bool


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a filter. Raises FilterError."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise FilterError('a quote is not closed; write for example model="my model"') from None
    return tuple(_term(word) for word in words)


def _term(word: str) -> Term:
    negated = word.startswith("-") and len(word) > 1
    word = word[1:] if negated else word
    match = _TERM.match(word)
    if match is None:
        return Term("", "~", word.lower(), negated)
    if not match["value"]:
        raise FilterError(f"{word}: a value is missing, for example state=running or lr>=1e-4")
    if match["op"] in _ORDER and _as_number(match["value"]) is None:
        raise FilterError(f"{word}: {match['op']} compares numbers; found {match['value']!r}")
    return Term(match["key"].lower(), match["op"], match["value"], negated)


def matches(terms: tuple[Term, ...], columns: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Whether a run fits. `columns` is what the list shows, `settings` its config with dotted names."""
    return all(_fits(term, columns, settings) != term.negated for term in terms)


def _fits(term: Term, columns: dict[str, Any], settings: dict[str, Any]) -> bool:
    if not term.key:
        return any(
            term.value in str(columns.get(name, "")).lower() for name in ("id", "recipe", "model", "state", "note")
        )
    return any(_compare(term, value) for value in _values(term.key, columns, settings))


def _values(key: str, columns: dict[str, Any], settings: dict[str, Any]) -> list[Any]:
    """The column of that name, or every setting whose name (last part, last word, initials, any part) fits best."""
    if key in columns:
        return [columns[key]]
    key = ALIASES.get(key, key)
    tests: tuple[Callable[[str], bool], ...] = (
        lambda name: name == key,
        lambda name: name.rsplit(".", 1)[-1] == key,
        lambda name: name.rsplit("_", 1)[-1] == key,
        lambda name: "".join(part[0] for part in name.rsplit(".", 1)[-1].split("_") if part) == key,
        lambda name: key in name,
    )
    for fits in tests:
        if found := [value for name, value in settings.items() if fits(name.lower())]:
            return found
    return []


def _compare(term: Term, value: Any) -> bool:
    if term.op in _ORDER:
        number, wanted = _as_number(value), _as_number(term.value)
        return number is not None and wanted is not None and _ORDER[term.op](number, wanted)
    if term.op == "~":
        return term.value.lower() in str(value).lower()
    return (_equal(term.value, value)) == (term.op == "=")


def _equal(wanted: str, value: Any) -> bool:
    number, other = _as_number(wanted), _as_number(value)
    if number is not None and other is not None:
        return number == other
    if value is None:
        return wanted.lower() in ("none", "null")
    return str(value).lower() == wanted.lower()


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
