"""New: recipes with their presets, and drafts that were not launched yet."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit import catalog
from toolkit.errors import UsageError
from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.numbers import age, as_number
from toolkit.terminal.text import clean
from tui.destinations import ToForm
from tui.logic.form import Form, form_from_draft
from tui.logic.lines import Line, line
from tui.pages.prompt import PromptPage
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

ABOUT = 4  # lines


@dataclass(frozen=True)
class Entry:
    """A recipe's heading, one of its presets, or a draft."""

    recipe: str
    preset: str = ""
    note: str = ""
    draft: str = ""

    def fits(self, words: list[str]) -> bool:
        """Whether each of the words is a part of its recipe's or its own name; headings fit nothing."""
        text = f"{self.recipe} {self.preset} {'draft' if self.draft else ''}"
        return bool(self.preset or self.draft) and all(word in text for word in words)


class NewScreen(PromptPage):
    """Pick what to start from, by going there or by typing a part of recipe and preset."""

    MAIN_VIEW = "#picker"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Back"),
        Binding("slash", "find", "Find"),
        Binding("D", "drop", "Drop draft"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.all_entries: list[Entry] = []
        self.wanted = ""

    def body(self) -> Iterable[Widget]:
        yield Panel(id="new-head", classes="head")
        yield ItemList(self._draw, id="picker")
        yield Panel(id="new-about")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#picker", ItemList).focus()

    def redraw(self) -> None:
        """Drafts and presets may have changed meanwhile."""
        drafts = self.steptune.store.drafts()
        entries = [
            Entry(clean(draft.get("recipe", "?")), note=_draft_note(draft), draft=name)
            for name, draft in drafts.items()
        ]
        # The pipeline is what most people come for.
        for name, recipe in sorted(catalog.RECIPES.items(), key=lambda pair: not pair[1].stages):
            with contextlib.suppress(OSError):
                if presets := recipe.presets:
                    entries.append(Entry(name, note=recipe.summary))
                    entries += [Entry(name, preset, text) for preset, text in presets.items()]
        self.all_entries = entries
        self._show_entries()

    def _show_entries(self) -> None:
        words = self.wanted.lower().split()
        entries = self.entries = [entry for entry in self.all_entries if not words or entry.fits(words)]
        first = next((index for index, entry in enumerate(entries) if entry.preset or entry.draft), 0)
        picker = self.query_one("#picker", ItemList)
        picker.empty = [(), line(("  No recipe or preset fits.", "dim"))]
        picker.set_count(len(entries), 0 if words else picker.cursor or first)
        text = (
            "read-only: nothing can be started"
            if self.steptune.read_only
            else "a recipe and the preset to start from; ↵ opens its form"
        )
        self.show_head("#new-head", "New run", text)
        self._show_about()

    def _draw(self, index: int, width: int) -> Line:
        entry = self.entries[index]
        if entry.draft:
            return line((" draft  ", "mark"), fit(entry.recipe, 12), (cut(entry.note, width - 20), "dim"))
        if self.wanted:
            return line(f" {fit(f'{entry.recipe} {entry.preset}', 25)}", (cut(entry.note, width - 26), "dim"))
        if not entry.preset:
            return line((f" {fit(entry.recipe, 12)}", "title"), (cut(entry.note, width - 13), "dim"))
        return line(f"     {fit(entry.preset, 16)}", (cut(entry.note, width - 21), "dim"))

    async def action_find(self) -> None:
        await self.open_prompt(self.wanted, "a part of the recipe and of the preset, such as sft demo")

    def prompt_changed(self, text: str) -> None:
        self.wanted = text
        self._show_entries()

    def prompt_entered(self, text: str) -> None:
        """The one that is selected is what was looked for."""
        picker = self.query_one("#picker", ItemList)
        chosen = self.entries[picker.cursor] if text and self.entries else None
        self.prompt_changed("")
        if chosen is not None:
            picker.move_to(self.entries.index(chosen))
            self._open(chosen)

    async def action_clear(self) -> None:
        if self.is_typing:
            self.close_prompt()
            self.prompt_changed("")
        else:
            await self.app.run_action("app.go('runs')")

    def on_item_list_moved(self, message: ItemList.Moved) -> None:
        self._show_about()

    def _show_about(self) -> None:
        """All that the selected preset says about itself, or what its recipe does."""
        picker, about = self.query_one("#picker", ItemList), self.query_one("#new-about", Panel)
        entry = self.entries[picker.cursor] if self.entries else None
        text = entry.note if entry else ""
        if entry is not None and entry.preset:
            with contextlib.suppress(OSError, UsageError):
                text = catalog.whole_comment(catalog.preset_path(entry.recipe, entry.preset))
        about.show([line((f" {part}", "")) for part in wrap(clean(text), max(20, self.size.width - 2))[:ABOUT]])

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        self._open(self.entries[message.index])

    def _open(self, entry: Entry) -> None:
        if entry.draft:
            form = form_from_draft(self.steptune.store.load(entry.draft))
            if form is None:
                self.notify("The draft does not fit this version any more; D drops it.", severity="warning")
                return
        elif entry.preset:
            form = Form(entry.recipe, entry.preset)
        else:
            self.query_one("#picker", ItemList).action_move(1)
            return
        self.steptune.open(ToForm(form))

    def action_drop(self) -> None:
        from tui.pages.dialogs import Confirm

        picker = self.query_one("#picker", ItemList)
        entry = self.entries[picker.cursor] if self.entries else None
        if entry is None or not entry.draft:
            self.notify("Only a draft can be dropped.", severity="warning")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.steptune.store.delete(entry.draft)
                self.redraw()

        self.app.push_screen(Confirm(f"Drop the draft of {entry.recipe}?", entry.note), answered)


def _draft_note(draft: dict[str, object]) -> str:
    changes, saved = draft.get("changes"), draft.get("saved")
    count = len(changes) if isinstance(changes, dict) else 0
    start = f"preset {clean(draft.get('preset'))}" if draft.get("preset") else "an earlier run"
    since = as_number(saved)
    when = age(None if since is None else time.time() - since)
    return f"{start}, {count} changed, saved {when} ago".replace("now ago", "just now")
