"""What the pages with forms share: moving over fields, an editor in place, choices, checks while typing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import events
from textual.binding import Binding
from textual.containers import Horizontal
from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import Input

from toolkit.terminal.text import clean
from tui.logic.assignments import AssignmentError, assignments, is_assignment, wanted_name
from tui.logic.fields import Fillable, next_choice
from tui.logic.path_choices import complete, is_path, path_choices
from tui.logic.values import parsed, value_text
from tui.pages.dialogs import Choose
from tui.pages.pick import Pick
from tui.pages.prompt import PromptPage
from tui.widgets.form_view import NAME_WIDTH, FormView
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

CHECK_AFTER_S = 0.12
LEAVING = {"down": 1, "tab": 1, "up": -1, "shift+tab": -1}
BACK = Binding("escape", "back", "Back")
CYCLE = Binding("space", "cycle", "Next choice", show=False)
UNDO = Binding("u", "undo", "Undo change")
FIND = Binding("slash", "find", "Find")
FOLD = Binding("z", "fold", "Fold", show=False)


class FieldsPage(PromptPage):
    """Enter edits a field or opens its choices; what is typed is checked at once."""

    MAIN_VIEW = "#form"

    def __init__(self, form: Fillable) -> None:
        super().__init__()
        self.filled: Fillable = form
        self._editing: str | None = None
        self._before_edit = ""
        self._check_timer: Any = None

    def body(self) -> Iterable[Widget]:
        yield Panel(id="form-head", classes="head")
        with Horizontal(classes="row"):
            yield FormView(self.filled, id="form")
            yield from self.beside()
        yield Panel(id="form-status")
        yield Input(id="editor", select_on_focus=False)

    def beside(self) -> Iterable[Widget]:
        """What is shown next to the fields on a wide terminal."""
        return ()

    def on_mount(self) -> None:
        super().on_mount()
        self.view.rebuild()
        self.view.focus()
        self.check()
        if wrong := next((key for key in self.view.problems if key in self.filled.fields), None):
            self.view.select_key(wrong)
        elif self.view.current is None:
            self.view.move_to(1)

    @property
    def view(self) -> FormView:
        return self.query_one("#form", FormView)

    def find_problems(self) -> dict[str, str]:
        """Check what is filled in: what is wrong, by field."""
        raise NotImplementedError

    def check(self) -> None:
        if not self.is_whole:
            return
        self.view.problems = self.find_problems()
        self.view.rebuild()
        self.redraw()
        self.call_after_refresh(self._place_editor)

    def _check_soon(self) -> None:
        if self._check_timer is not None:
            self._check_timer.stop()
        self._check_timer = self.set_timer(CHECK_AFTER_S, self.check)

    # Editing ---------------------------------------------------------------------------------------------------

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        field = self.view.current
        if field is None:
            self.view.fold()
        elif field.kind == "switch":
            self.action_cycle()
        elif field.kind == "choice":
            self._choose(field.key)
        elif field.kind == "entries":
            self.open_entries(field.key)
        elif choices := path_choices(self.full_name(field.key), self.steptune.snapshot.rows):
            self._pick_path(field.key, choices)
        else:
            self._edit(field.key)

    def full_name(self, key: str) -> str:
        """The name of a field within the whole form."""
        return key

    def _pick_path(self, key: str, choices: list[tuple[str, str]]) -> None:
        """What the runs have made for it, or a path that is typed."""

        def chosen(path: str | None) -> None:
            if path is not None:
                self.filled.set(key, value_text(path))
                self.check()

        field, now = self.filled.fields[key], str(parsed(self.filled.text(key)) or "")
        kept = [(now, "as it is")] if now and now not in dict(choices) else []
        self.app.push_screen(Pick(f"{field.name}: {field.help}", [*kept, *choices], now, "a path of your own"), chosen)

    def on_item_list_moved(self, message: ItemList.Moved) -> None:
        if self.is_editing:  # by a click
            self.close_editor()

    def open_entries(self, key: str) -> None:
        """Go to the entries of an option that has some."""

    def _choose(self, key: str) -> None:
        def chosen(value: str | None) -> None:
            if value is not None:
                self.filled.set(key, value)
                self.check()

        field = self.filled.fields[key]
        self.app.push_screen(
            Choose(f"{field.name}: {field.help}", [(choice, "") for choice in field.choices], self.filled.text(key)),
            chosen,
        )

    def _edit(self, key: str) -> None:
        """An input over the value, at its place in the list."""
        editor = self.query_one("#editor", Input)
        self._editing, self._before_edit = key, self.filled.text(key)
        self._place_editor()
        editor.value = self._before_edit
        editor.cursor_position = len(editor.value)
        editor.add_class("-open")
        editor.focus()

    def _place_editor(self) -> None:
        """Over the value of the field that is edited; the list may have scrolled for a message below it."""
        if self._editing is None or not self.is_whole:
            return
        editor, region = self.query_one("#editor", Input), self.view.region
        row = self.view.rows_of(self.view.cursor)[0] - self.view.scroll_offset.y
        editor.styles.offset = Offset(region.x + NAME_WIDTH + 2, region.y + max(0, min(row, region.height - 1)))
        editor.styles.width = max(12, region.width - NAME_WIDTH - 4)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "editor" and self._editing is not None and event.value != self.filled.text(self._editing):
            self.filled.set(self._editing, event.value)
            self._check_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "editor":
            self.close_editor()

    def close_editor(self, undo: bool = False) -> None:
        if undo and self._editing is not None:
            self.filled.set(self._editing, self._before_edit)
        self._editing = None
        self.query_one("#editor", Input).remove_class("-open")
        self.view.focus()
        self.check()

    @property
    def is_editing(self) -> bool:
        return self._editing is not None

    def on_key(self, event: events.Key) -> None:
        """Keys that leave a line that is typed in: it is closed, so that no key goes into one that nobody sees."""
        if event.key == "tab" and self.is_editing:
            editor = self.query_one("#editor", Input)
            if is_path(editor.value) and (longer := complete(editor.value)) != editor.value:
                event.stop()
                editor.value, editor.cursor_position = longer, len(longer)
                return
        if event.key in LEAVING and (self.is_editing or self.is_typing):
            event.stop()
            self.close_prompt() if self.is_typing else self.close_editor()
            self.view.action_move(LEAVING[event.key])

    # Actions ---------------------------------------------------------------------------------------------------

    def action_back(self) -> None:
        if self.is_editing:
            self.close_editor(undo=True)
        elif self.view.wanted:
            if self.is_typing:
                self.close_prompt()
            self.prompt_changed("")
        else:
            super().action_back()

    def action_cycle(self) -> None:
        field = self.view.current
        if field is not None and field.choices and field.kind != "list":
            next_choice(self.filled, field.key)
            self.check()

    def action_undo(self) -> None:
        if field := self.view.current:
            self.filled.reset(field.key)
            self.check()

    def action_fold(self) -> None:
        self.view.fold()

    async def action_find(self) -> None:
        await self.open_prompt(self.view.wanted, "part of an option's name or help, or NAME=VALUE")

    def prompt_changed(self, text: str) -> None:
        self.view.wanted = wanted_name(text).lower()
        self.view.rebuild()

    def prompt_entered(self, text: str) -> None:
        """With values: the options have them, and all are shown again."""
        if not is_assignment(text):
            return
        try:
            found = assignments(text, self.filled.fields)
        except AssignmentError as error:
            self.notify(f"{clean(error)} Nothing was changed.", severity="error", markup=False)
            return
        for key, value in found.items():
            self.filled.set(key, value)
        self.view.wanted = ""
        self.check()
        self.view.select_key(list(found)[-1])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not ((self.is_editing or self.is_typing) and action != "back")
