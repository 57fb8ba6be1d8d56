"""The one way by which a command prints. Whatever it is given reaches the terminal clean: run folders, data sets and
configs hold what anybody wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from toolkit.terminal.text import escape_controls, safe

_RESET = "\x1b[0m"


def say(text: str = "", end: str = "\n") -> None:
    """Print on stdout. A piece of a line (`end` is empty) is flushed, for somebody waits for it."""
    print(safe(text), end=end, flush=not end)


def say_error(text: str, end: str = "\n") -> None:
    """Print on stderr."""
    print(safe(text), end=end, file=sys.stderr, flush=True)


def say_json(document: Any, indent: int | None = 2, default: Callable[[Any], Any] | None = None) -> None:
    """Print one JSON document on stdout; `indent` and `default` as json.dumps takes them."""
    print(escape_controls(json.dumps(document, indent=indent, ensure_ascii=False, default=default)))


def say_painted(pieces: Iterable[tuple[str, str]]) -> None:
    """Print (colour, text) pieces on stdout as one text; a colour is an escape sequence of steptune's own, or empty."""
    print("".join(f"{colour}{safe(text)}{_RESET if colour else ''}" for colour, text in pieces))


def ask(question: str) -> str:
    """A line from stdin; raises EOFError at its end."""
    return input(safe(question))
