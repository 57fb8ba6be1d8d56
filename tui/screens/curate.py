"""Curate: one row after the other, a key for each decision; a decision is on the disk before the next row appears."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.records import JSON
from toolkit.review.curation import REASONS, VIEWS, Curation, View, next_view
from toolkit.review.curation_items import Item
from toolkit.review.curation_text import report_lines
from toolkit.terminal.text import clean
from tui.logic.curate_lines import edit_text_of, history_lines, output_lines, prompt_lines, read_edit
from tui.logic.lines import line
from tui.pages.dialogs import Ask, Choose
from tui.pages.editor import edit_text
from tui.pages.page import Page
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

OTHER = "another reason"


class CurateScreen(Page):
    """Prompt over response, or side by side with the history. Three views: one's queue, near-duplicates, disagreements
    (to settle).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("a", "accept", "Accept"),
        Binding("x", "reject", "Reject"),
        Binding("e", "edit", "Edit"),
        Binding("s", "skip", "Skip"),
        Binding("u", "undo", "Undo"),
        Binding("U", "redo", "Redo"),
        Binding("f", "flag", "Flag"),
        Binding("v", "view", "View"),
        Binding("i", "history", "History"),
        Binding("n,right", "step(1)", "Next", show=False),
        Binding("N,left", "step(-1)", "Previous", show=False),
    ]

    def __init__(self, curation: Curation) -> None:
        super().__init__()
        self.curation = curation
        self.view: View = "queue"
        self.items: list[Item] = []
        self.at = 0
        self.last = ""
        self._load()

    def body(self) -> Iterable[Widget]:
        yield Panel(id="curate-head", classes="head")
        with Horizontal(classes="row", id="curate-body"):
            with Vertical(classes="col", id="curate-left"):
                yield Panel(id="curate-prompt")
                yield Panel(id="curate-history")
            yield TextView(id="curate-output")
        yield Panel(id="curate-note", classes="head")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#curate-output", TextView).focus()

    def on_unmount(self) -> None:
        self.curation.close()

    @property
    def item(self) -> Item | None:
        return self.items[self.at] if self.items else None

    def _load(self) -> None:
        self.items = self.curation.waiting(self.view)
        self.at = 0

    # What is shown ---------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        item = self.item
        place = f"{self.at + 1} of {len(self.items)}" if item else "nothing left"
        self.show_head(
            "#curate-head",
            f"{self.view}: {place}",
            f"{clean(self.curation.annotator)}, {len(self.curation.mine())} decided"
            + (f"  {clean(item.id)}" if item else ""),
        )
        self.query_one("#curate-note", Panel).show([line((f" {self.last}", "dim"))])
        prompt, history, output = (
            self.query_one("#curate-prompt", Panel),
            self.query_one("#curate-history", Panel),
            self.query_one("#curate-output", TextView),
        )
        width = max(20, (self.size.width // 2 if self.is_wide else self.size.width) - 3)
        if item is None:
            prompt.show([line((f"Nothing is left in this view; v shows the next one ({', '.join(VIEWS)}).", "dim"))])
            history.show([])
            output.set_lines([])
            return
        lines = prompt_lines(item, width, self.is_wide)
        prompt.styles.height = len(lines) + 1 if self.is_wide else min(len(lines) + 1, max(3, self.size.height // 3))
        prompt.show([line(" ", *spans) for spans in lines])
        said = [line(("─" * width, "dim")), *history_lines(self.curation, item, width, self._settles)]
        history.display = self.is_wide
        history.show([line(" ", *spans) for spans in said])
        twin = self.curation.items.get(item.twin) if item.twin else None
        below = output_lines(item, width, twin)
        if self._settles and not self.is_wide:  # who said what is what one settles by
            below += said
        output.set_lines([line(" ", *spans) for spans in below])

    # Decisions -------------------------------------------------------------------------------------------------

    def _decided(self, work: Callable[[Item], JSON], said: str) -> None:
        """Write a decision on the current row, then go on; if that fails, a message says why, and the row stays."""
        item = self.item
        if item is None:
            return
        try:
            work(item)
        except (SteptuneError, OSError) as error:
            self.notify(clean(error), severity="error", markup=False)
            return
        self.last = f"{said} {clean(item.id)}"
        self.items.pop(self.at)
        self.at = min(self.at, max(0, len(self.items) - 1))
        if not self.items:
            self._load()
        self.redraw()

    @property
    def _settles(self) -> bool:
        return self.view == "disagreements"

    def action_accept(self) -> None:
        self._decided(lambda item: self.curation.decide(item, "accept", adjudicates=self._settles), "accepted")

    def action_reject(self) -> None:
        if self.item is None:
            return

        def with_reason(reason: str | None) -> None:
            if reason == OTHER:
                self.app.push_screen(Ask("Why is it rejected?"), with_reason)
            elif reason and reason.strip():
                self._decided(
                    lambda item: self.curation.decide(item, "reject", reason, adjudicates=self._settles),
                    f"rejected ({clean(reason)})",
                )

        self.app.push_screen(Choose("Why is it rejected?", [(reason, "") for reason in (*REASONS, OTHER)]), with_reason)

    def action_edit(self) -> None:
        if self.item is None:
            return
        text = edit_text(self.app, edit_text_of(self.item), "row.txt")
        if text is None:
            return
        prompt, output = read_edit(text)
        if (prompt, output) == (self.item.prompt, self.item.output):
            self.notify("Nothing was changed; a accepts the row as it is.", markup=False)
            return
        self._decided(
            lambda item: self.curation.decide(item, "edit", prompt=prompt, output=output, adjudicates=self._settles),
            "edited",
        )

    def action_skip(self) -> None:
        if self.item is not None:
            self._decided(self.curation.skip, "skipped")

    def action_flag(self) -> None:
        def with_note(note: str | None) -> None:
            if note is not None and self.item is not None:
                self.curation.flag(self.item, note)
                self.last = f"flagged {clean(self.item.id)}"
                self.redraw()

        if self.item is not None:
            self.app.push_screen(Ask("What should the others look at?"), with_note)

    def action_undo(self) -> None:
        self._back_to(self.curation.undo(), "taken back", "There is nothing to take back.")

    def action_redo(self) -> None:
        self._back_to(self.curation.redo(), "brought back", "There is nothing to bring back.")

    def _back_to(self, entry: JSON | None, said: str, nothing: str) -> None:
        """Show the row that an undo or redo was about, if it is in this view."""
        if entry is None:
            self.notify(nothing, markup=False)
            return
        self._load()
        self.at = next((at for at, item in enumerate(self.items) if item.id == entry.get("id")), 0)
        self.last = f"{said}: {entry.get('verdict', entry['kind'])} {clean(entry.get('id', ''))}"
        self.redraw()

    # Moving ----------------------------------------------------------------------------------------------------

    def action_view(self) -> None:
        self.view = next_view(self.view)
        self._load()
        self.redraw()

    def action_step(self, step: int) -> None:
        """Look at another row without deciding."""
        if self.items:
            self.at = (self.at + step) % len(self.items)
            self.redraw()

    def action_history(self) -> None:
        """What was said of the row, where there is no room next to it; progress and agreement below."""
        from tui.pages.dialogs import Reading

        item = self.item
        lines = history_lines(self.curation, item, 76, self._settles) if item else []
        lines += [(), *(line(clean(text)) for text in report_lines(self.curation.report()))]
        self.app.push_screen(Reading("History and agreement", lines))
