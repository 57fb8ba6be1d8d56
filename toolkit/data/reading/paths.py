"""Values of nested records by a name with dots: `answer.text`, `comments.0.body`, `steps.text` through a list."""

from __future__ import annotations

from typing import Any


def pick(record: dict[str, Any], name: str) -> Any:
    """The value under a name, or under a path with dots; None if there is none.

    A number in the path takes an item of a list (-1 the last one); a name goes through all items of a list and gives
    the list of what they hold.
    """
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        value = _step(value, part)
    return value


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if not isinstance(value, list):
        return None
    if part.removeprefix("-").isdigit():
        at = int(part)
        return value[at] if -len(value) <= at < len(value) else None
    found = [inner for item in value if (inner := _step(item, part)) is not None]
    return found or None
