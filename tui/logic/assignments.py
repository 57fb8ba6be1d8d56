"""`lora_r=32 learning_rate=1e-4`, typed where one looks for an option: values of options by any part of their names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ONE = re.compile(r"^[A-Za-z_][\w.]*=", re.ASCII)
# A blank before the next name; blanks within a value are the value's.
_BETWEEN = re.compile(r"\s+(?=[A-Za-z_][\w.]*=)", re.ASCII)


class AssignmentError(ValueError):
    """The message says which name fits nothing, or several options."""


def wanted_name(text: str) -> str:
    """What is looked for while one types: the text, or the last name that is given a value."""
    last = _BETWEEN.split(text.strip())[-1] if is_assignment(text) else text
    return last.partition("=")[0].strip() if is_assignment(text) else text


def is_assignment(text: str) -> bool:
    return bool(_ONE.match(text.strip()))


def assignments(text: str, keys: Iterable[str]) -> dict[str, str]:
    """The values by the whole names of their options.

    Raises:
        AssignmentError: a name fits no option, or several.
    """
    known = list(keys)
    parts = (part.partition("=") for part in _BETWEEN.split(text.strip()))
    return {_key(name.strip(), known): value.strip() for name, _, value in parts}


def _key(name: str, keys: list[str]) -> str:
    """The option that is called that, else the only one whose last part is, else the only one with it in its name."""
    last = [key for key in keys if key.rsplit(".", 1)[-1] == name]
    for found in ([key for key in keys if key == name], last, [key for key in keys if name.lower() in key.lower()]):
        if len(found) == 1:
            return found[0]
        if found:
            more = " ..." if len(found) > 4 else ""
            raise AssignmentError(f"{name} fits {', '.join(found[:4])}{more}; write more of its name.")
    raise AssignmentError(f"There is no option {name}.")
