"""A log of any size: only the visible lines are read from the file, matches of a search are marked."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.logic.lines import Line, Span, line
from tui.logic.log_file import LogFile
from tui.widgets.line_view import LineView, selected


class LogView(LineView, can_focus=True):
    """Follows the end while `following`; moving up lets go of it, G takes it up again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False),
        Binding("k,up", "move(-1)", "Up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("g,home", "first", "Start"),
        Binding("G,end", "last", "Follow the end"),
        Binding("right", "sideways(20)", "Right", show=False),
        Binding("left", "sideways(-20)", "Left", show=False),
    ]

    class Scrolled(Message):
        """What is visible has changed."""

    def __init__(self, log: LogFile, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.log_file = log
        self.following = True
        self.left_column = 0
        self.pattern: re.Pattern[str] | None = None
        self.match_line: int | None = None
        self._tail: list[str] = []

    def show_news(self) -> None:
        """The file has grown, or more of it is indexed."""
        if not self.log_file.complete and self.following:
            self._tail = self.log_file.tail(max(1, self.size.height))
        else:
            self._tail = []
        self.set_rows(self.log_file.line_count)
        if self.following:
            self.scroll_to(y=max(0, self.log_file.line_count - self.size.height), animate=False)
        self.repaint()
        self.post_message(self.Scrolled())

    def visible_lines(self, width: int, height: int, top: int) -> list[Line]:
        if self._tail and self.following:
            return [self._draw(text, None, width) for text in self._tail[-height:]]
        texts = self.log_file.lines(top, height)
        if not texts:
            return [line(("the log is empty" if not self.log_file.size else "reading ...", "dim"))]
        return [self._draw(text, top + index, width) for index, text in enumerate(texts)]

    def _draw(self, text: str, number: int | None, width: int) -> Line:
        shown = text[self.left_column : self.left_column + width]
        spans = line(
            *_with_matches(shown, self.pattern), *([("…", "dim")] if len(text) > self.left_column + width else [])
        )
        return selected(spans) if number is not None and number == self.match_line else spans

    def show_line(self, number: int) -> None:
        """Bring a line to the middle."""
        self.following = False
        self._tail = []
        self.scroll_to(y=max(0, number - self.size.height // 2), animate=False)
        self.repaint()
        self.post_message(self.Scrolled())

    @property
    def top(self) -> int:
        return int(self.scroll_offset.y)

    def _move_to(self, row: int) -> None:
        last = max(0, self.log_file.line_count - self.size.height)
        self._tail = []
        self.scroll_to(y=max(0, min(row, last)), animate=False)
        self.following = row >= last
        self.repaint()
        self.post_message(self.Scrolled())

    def action_move(self, step: int) -> None:
        self._move_to(self.top + step)

    def action_page(self, direction: int) -> None:
        self._move_to(self.top + direction * max(1, self.size.height - 1))

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self.following = True
        self.show_news()

    def action_sideways(self, step: int) -> None:
        self.left_column = max(0, self.left_column + step)
        self.repaint()

    def on_mouse_scroll_up(self) -> None:
        self._move_to(self.top - 3)

    def on_mouse_scroll_down(self) -> None:
        self._move_to(self.top + 3)


def _with_matches(text: str, pattern: re.Pattern[str] | None) -> list[Span]:
    if pattern is None:
        return [Span(text, _tone(text))]
    spans: list[Span] = []
    at = 0
    for match in pattern.finditer(text):
        if match.end() > match.start():
            spans += [Span(text[at : match.start()], _tone(text)), Span(match[0], "match")]
            at = match.end()
    return [*spans, Span(text[at:], _tone(text))]


ERROR = re.compile(r"\b(error|exception|traceback|failed|fatal|out of memory)\b", re.IGNORECASE)
_WARNING = re.compile(r"\bwarn(ing)?\b", re.IGNORECASE)


def _tone(text: str) -> str:
    head = text[:400]
    return "bad" if ERROR.search(head) else "warn" if _WARNING.search(head) else ""
