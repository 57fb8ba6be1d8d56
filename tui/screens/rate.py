"""Rating: one answer with its rubric, then the ranking of a unit's answers, at the end the guesses. No system's name is
known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.review.study.session import Session
from toolkit.terminal.layout import wrap
from tui.logic.lines import line
from tui.logic.rating import Rating
from tui.pages.dialogs import Ask, Reading
from tui.pages.page import Page
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView


class RateScreen(Page):
    """A digit sets the row and goes to the next, Enter records when nothing is missing. What is recorded is on the
    disk.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Leave"),
        Binding("enter", "submit", "Record"),
        Binding("1", "digit(1)", "1 to 5: score, rank or guess", show=False),
        *(Binding(str(number), f"digit({number})", show=False) for number in (2, 3, 4, 5, 0)),
        Binding("x", "critical", "Critical"),
        Binding("f", "comment", "Comment"),
        Binding("N,left", "step(-1)", "Before"),
        Binding("n,right", "step(1)", "After"),
        Binding("i", "anchors", "Anchors"),
        Binding("down,tab", "row(1)", "Next row", show=False),
        Binding("up,shift+tab", "row(-1)", "Row before", show=False),
        Binding("j", "scroll(1)", "Scroll down", show=False),
        Binding("k", "scroll(-1)", "Scroll up", show=False),
        Binding("space,pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("g,home", "edge(False)", "Start of the text", show=False),
        Binding("G,end", "edge(True)", "End of the text", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.rating = Rating(session)

    def body(self) -> Iterable[Widget]:
        yield Panel(id="rate-head", classes="head")
        yield Panel(id="rate-question")
        with Horizontal(classes="row"):
            text = TextView(id="rate-text")
            text.can_focus = False  # the digits, and the keys that scroll, are the screen's
            yield text
            yield Panel(id="rate-side")
        yield Panel(id="rate-rubric")

    def on_unmount(self) -> None:
        self.rating.session.close()

    def redraw(self) -> None:
        """Draw the current task; the text stays where it is scrolled to."""
        rating, text = self.rating, self.query_one("#rate-text", TextView)
        question = self.query_one("#rate-question", Panel)
        self.query_one("#rate-head", Panel).show([rating.head(self.size.width)])
        question.show(rating.question(self.size.width, 2))
        text.set_lines(rating.text(text.scrollable_content_region.width or self.size.width))
        self.query_one("#rate-side", Panel).show(rating.side(self.query_one("#rate-side", Panel).size.width or 60))
        rubric, lines = self.query_one("#rate-rubric", Panel), rating.rubric(self.size.width)
        rubric.styles.height = len(lines)
        rubric.show(lines)

    def _show_from_start(self) -> None:
        self.query_one("#rate-text", TextView).scroll_to(y=0, animate=False)
        self.redraw()

    def action_digit(self, number: int) -> None:
        self.rating.digit(number)
        self.redraw()

    def action_row(self, step: int) -> None:
        self.rating.move(step)
        self.redraw()

    def action_critical(self) -> None:
        if self.rating.task.kind == "scores":
            self.rating.critical = not self.rating.critical
            self.redraw()

    def action_comment(self) -> None:
        def keep(said: str | None) -> None:
            if said is not None:
                self.rating.comment = said.strip()
                self.redraw()

        if self.rating.task.kind == "scores":
            self.app.push_screen(
                Ask(
                    "Comment on this answer", self.rating.comment, "For the report; say nothing that tells who you are."
                ),
                keep,
            )

    def action_submit(self) -> None:
        try:
            said = self.rating.submit()
        except SteptuneError as error:
            self.app.notify(str(error), severity="error", markup=False, timeout=12)
            return
        if said is None:
            self.redraw()
            return
        self._show_from_start()
        if said:
            width = min(96, self.size.width - 12)
            lines = [line(part) for text in said.splitlines() for part in wrap(text, width)]
            self.app.push_screen(Reading("What was wrong with these answers", lines))

    def action_step(self, step: int) -> None:
        self.rating.go(step)
        self._show_from_start()

    def action_back(self) -> None:
        if self.steptune.alone:
            self.app.exit()
        else:
            super().action_back()

    def action_anchors(self) -> None:
        self.app.push_screen(Reading("What the numbers mean", self.rating.side(min(96, self.size.width - 12))))

    def action_scroll(self, rows: int) -> None:
        self.query_one("#rate-text", TextView).action_scroll_by(rows)

    def action_page(self, direction: int) -> None:
        self.query_one("#rate-text", TextView).action_page(direction)

    def action_edge(self, at_end: bool) -> None:
        text = self.query_one("#rate-text", TextView)
        text.action_finish() if at_end else text.action_start()
