"""The filter of the lists of runs: `state=running lr>=1e-4 eval_loss<2 mistral`.

Terms are joined by "and". `key OP value` compares a column, a number of the run's result or metrics, or a setting (OP
is = != > >= < <= or ~ for "contains"); a bare word must occur in the id, recipe, model, state, user, or a tag or note;
a leading `-` negates a term. Numbers and settings may be shortened to their last word (`r` of lora_r), their initials
or a part of their name (`lr` is learning_rate, `bs` is per_device_train_batch_size).
"""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.run_folder.states import State
from toolkit.runs.row import COLUMNS, RunRow

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


SettingsOf = Callable[[RunRow], Mapping[str, Any]]


def matches(terms: tuple[Term, ...], row: RunRow, settings_of: SettingsOf) -> bool:
    """Whether a run fits. Its settings (by dotted names) are asked for only where a term names one."""
    return all(fits(term, row, settings_of) != term.negated for term in terms)


def fits(term: Term, row: RunRow, settings_of: SettingsOf) -> bool:
    """Whether a run fits one term, its negation left aside."""
    if not term.key:
        texts = (row.id, row.recipe, row.model, row.state, row.state.short, row.user)
        said = (*texts, *row.tags, *(note.text for note in row.notes))
        return any(term.value in text.lower() for text in said)
    return any(_compare(term, value) for value in values_of(term.key, row, settings_of))


def values_of(key: str, row: RunRow, settings_of: SettingsOf) -> list[Any]:
    """What a run has under a name: the column, the number, or every setting whose name fits best (last part, last word,
    initials, any part), else every number whose name has it in it.
    """
    if key in COLUMNS:
        return row.column(key)
    key = ALIASES.get(key, key)
    if (number := row.number(key)) is not None:
        return [number]
    if found := _best(key, settings_of(row)):
        return found
    return [row.number(name) for name in row.number_names() if key in name.lower()]


def is_column_or_number(key: str, rows: Iterable[RunRow]) -> bool:
    """Whether no settings are needed for a name."""
    return key in COLUMNS or any(row.number(key) is not None for row in rows)


def _best(key: str, settings: Mapping[str, Any]) -> list[Any]:
    tests: tuple[Callable[[str], bool], ...] = (
        lambda name: name == key,
        lambda name: name.rsplit(".", 1)[-1] == key,
        lambda name: name.rsplit("_", 1)[-1] == key,
        lambda name: "".join(part[0] for part in name.rsplit(".", 1)[-1].split("_") if part) == key,
        lambda name: key in name,
    )
    for test in tests:
        if found := [value for name, value in settings.items() if test(name.lower())]:
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
    wanted = wanted.lower()
    if isinstance(value, State):  # as the list shows it, or by a word of it: `memory`
        return wanted in (value, value.short) or wanted in value.split()
    return str(value).lower() == wanted


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
