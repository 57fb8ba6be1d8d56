"""A page with a line to type in above its keys: a filter, a search. The line is made when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events

from tui.pages.page import Page

if TYPE_CHECKING:
    from textual.widgets import Input

PROMPT = "prompt-line"


class PromptPage(Page):
    """Enter and Escape close the line; `prompt_changed` and `prompt_entered` say what was typed."""

    MAIN_VIEW: ClassVar[str]  # selector of what has the focus while nothing is typed

    def prompt_changed(self, text: str) -> None:
        """A character was typed."""

    def prompt_entered(self, text: str) -> None:
        """Enter was pressed; the line is closed."""

    @property
    def is_typing(self) -> bool:
        return bool(self.query(f"#{PROMPT}"))

    async def open_prompt(self, value: str = "", placeholder: str = "") -> None:
        from textual.widgets import Input  # not needed for the first paint

        if self.is_typing:
            return
        prompt = Input(value, placeholder=placeholder, classes="prompt", id=PROMPT, select_on_focus=False)
        await self.mount(prompt, before="#keys")
        prompt.focus()

    def close_prompt(self) -> None:
        self.query(f"#{PROMPT}").remove()
        self.query_one(self.MAIN_VIEW).focus()

    def on_key(self, event: events.Key) -> None:
        """Tab would leave the line open behind the focus."""
        if self.is_typing and event.key in ("tab", "shift+tab"):
            event.stop()
            self.close_prompt()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == PROMPT and event.input.is_attached:
            self.prompt_changed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == PROMPT:
            self.close_prompt()
            self.prompt_entered(event.value)

    def action_back(self) -> None:
        if self.is_typing:
            self.close_prompt()
        else:
            super().action_back()
