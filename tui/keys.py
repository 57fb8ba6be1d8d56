"""The one table of keys: what a key means, on every screen. A test holds the bindings of all screens to it, and the
table in docs/screens.md.

A meaning may have several actions (what is added to a list, and what is accepted into one, is `a`); no key has two
meanings. Letters and digits that answer a question (the dialogs; the scores of a rating) are not in it.
"""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """`keys` are Textual's names, `actions` the actions that they call, without what is in brackets."""

    keys: tuple[str, ...]
    meaning: str
    actions: tuple[str, ...]


KEYS = (
    Key(("enter",), "open what the cursor is on; record what was chosen", ("choose", "submit")),
    Key(("escape",), "back", ("back", "clear", "app.go")),
    Key(("j", "down"), "down", ("move", "scroll", "scroll_by", "row")),
    Key(("k", "up"), "up", ("move", "scroll", "scroll_by", "row")),
    Key(("g", "home"), "the first line", ("first", "start", "edge")),
    Key(("G", "end"), "the last line; follow the end", ("last", "finish", "edge")),
    Key(("pagedown",), "a page down", ("page",)),
    Key(("pageup",), "a page up", ("page",)),
    Key(("left",), "to the left; the one before", ("sideways", "step")),
    Key(("right",), "to the right; the next one", ("sideways", "step")),
    Key(("tab",), "the next part", ("section", "row")),
    Key(("shift+tab",), "the part before", ("section", "row")),
    Key(("space",), "take it: mark, next choice, next page", ("mark", "cycle", "page")),
    Key(("slash",), "find", ("filter", "search", "find")),
    Key(("question_mark",), "the keys of this screen", ("help",)),
    Key(("asterisk",), "mark all", ("mark_all",)),
    Key(("equals_sign",), "compare", ("compare",)),
    Key(("ctrl+e",), "in your own editor", ("editor",)),
    Key(("a",), "ask; add; accept", ("ask", "add", "accept")),
    Key(("c",), "stop", ("stop",)),
    Key(("C",), "columns", ("columns",)),
    Key(("d",), "what differs", ("difference",)),
    Key(("D",), "take away", ("delete", "remove", "drop")),
    Key(("e",), "change it: a new run from this one, a row, the rows of a data set", ("again", "edit", "curate")),
    Key(("f",), "say something about it: flag, comment, note", ("flag", "comment", "note")),
    Key(("h",), "hardware", ("on",)),
    Key(("H",), "hold, release", ("hold",)),
    Key(("i",), "more about it: settings, history, anchors", ("settings", "history", "anchors")),
    Key(("K",), "keep it as it is now: a checkpoint, a lock on ratings", ("checkpoint", "lock")),
    Key(("l",), "the log", ("log",)),
    Key(("L",), "launch", ("launch",)),
    Key(("m",), "the next metric", ("metric",)),
    Key(("M",), "the metric before", ("metric",)),
    Key(("n",), "the next one", ("next", "step", "stage")),
    Key(("N",), "the one before", ("next", "step", "stage")),
    Key(("o",), "another order", ("order",)),
    Key(("O",), "what it wrote: report, rows", ("outputs",)),
    Key(("p", "f5"), "preflight", ("preflight",)),
    Key(("P",), "pin to the top", ("pin",)),
    Key(("Q",), "into the queue", ("queue",)),
    Key(("q",), "leave the program", ("quit",)),
    Key(("left_square_bracket",), "earlier: up in the queue", ("move",)),
    Key(("right_square_bracket",), "later: down in the queue", ("move",)),
    Key(("r",), "look again", ("look",)),
    Key(("R",), "resume", ("resume",)),
    Key(("s",), "skip", ("skip",)),
    Key(("t",), "tags", ("tag",)),
    Key(("T",), "temperature: how freely answers are drawn", ("temperature",)),
    Key(("u",), "take the last change back", ("undo",)),
    Key(("U",), "bring it back again", ("redo",)),
    Key(("v",), "another view: events, other rows, the trash", ("events", "view", "trash")),
    Key(("w",), "smooth curves", ("smooth",)),
    Key(("W",), "write to a file", ("write",)),
    Key(("x",), "reject; a critical failure", ("reject", "critical")),
    Key(("X",), "logarithmic axis", ("log_axis",)),
    Key(("y",), "copy", ("copy",)),
    Key(("z",), "fold away", ("fold", "table")),
)
