"""The form of a recipe: every option with its help, checked as one types; then preflight and launch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import yaml
from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import Input

from toolkit import catalog
from toolkit.errors import Problem, SteptuneError
from toolkit.settings import SETTINGS, Settings
from tui.editor import edit_text
from tui.logic.form import Form, values_of
from tui.logic.lines import Line, line
from tui.logic.run_row import RunRow, load_settings
from tui.logic.text import clean, cut
from tui.logic.values import difference, with_bundled
from tui.screens.dialogs import Choose, Reading
from tui.screens.page import Page
from tui.widgets.form_view import NAME_WIDTH, FormView
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

CHECK_AFTER_S = 0.12


class FormScreen(Page):
    """Enter edits a field or opens its choices; what is typed is checked at once. Every change is kept as a draft."""

    MODE = "new"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("p,f5", "preflight", "Preflight"),
        Binding("space", "cycle", "Next choice", show=False),
        Binding("u", "reset", "Undo change"),
        Binding("d", "difference", "Differences"),
        Binding("ctrl+e", "editor", "$EDITOR"),
        Binding("slash", "find", "Find"),
        Binding("z", "fold", "Fold", show=False),
        Binding("O", "on", "Hardware"),
        Binding("y", "copy", "Copy command", show=False),
    ]

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.settings: Settings | None = None
        self.problems: list[Problem] = []
        self._editing: str | None = None
        self._finding = False
        self._before_edit = ""
        self._check_timer: Any = None

    def body(self) -> Iterable[Widget]:
        yield Panel(id="form-head", classes="head")
        with Horizontal(classes="row"):
            yield FormView(self.form, id="form")
            with Vertical(id="form-side"):
                yield Panel(id="form-diff")
        yield Panel(id="form-status")
        yield Input(id="editor", select_on_focus=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.view.rebuild()
        self.view.focus()
        self._check()
        first = next((problem.key for problem in self.problems), None)
        if first:
            self.view.select_key(first)
        elif self.view.current is None:
            self.view.move_to(1)

    @property
    def view(self) -> FormView:
        return self.query_one("#form", FormView)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._show)

    # Checking --------------------------------------------------------------------------------------------------

    def _check_soon(self) -> None:
        if self._check_timer is not None:
            self._check_timer.stop()
        self._check_timer = self.set_timer(CHECK_AFTER_S, self._check)

    def _check(self) -> None:
        self.settings, self.problems = self.form.check()
        known = {problem.key: clean(problem.message) for problem in self.problems}
        self.view.problems = known
        self.view.rebuild()
        self._show()
        self._keep_draft()
        self.call_after_refresh(self._place_editor)

    def _keep_draft(self) -> None:
        name = f"draft-{self.form.recipe}"
        if self.form.changes:
            self.steptune.store.save(name, self.form.to_draft())

    def _show(self) -> None:
        if not self.is_attached:
            return
        width = self.size.width
        count = f"{len(self.form.changes)} changed" if self.form.changes else "as the preset has it" if self.form.preset else "as that run had it"
        head = line(
            (f" {self.form.recipe}", "title"),
            (f"  {clean(self.form.source)}", ""),
            (f"  on {self.form.on or 'what this machine has'}", "dim"),
            (f"  {count}", "mark" if self.form.changes else "dim"),
        )
        self.query_one("#form-head", Panel).show([head])
        self.query_one("#form-status", Panel).show(self._status_lines(width))
        side = self.query_one("#form-diff", Panel)
        if side.size.width:
            side.show(self._diff_lines(side.size.width - 2)[: side.size.height])

    def _status_lines(self, width: int) -> list[Line]:
        elsewhere = [problem for problem in self.problems if problem.key not in self.form.fields]
        if elsewhere:
            return [line((cut(f" {clean(problem)}", width), "bad")) for problem in elsewhere[:2]]
        if self.problems:
            count = "1 option has" if len(self.problems) == 1 else f"{len(self.problems)} options have"
            return [line((f" ✗ {count} to be corrected before this can start.", "bad")), line((cut(f" $ {self.form.command_text()}", width), "dim"))]
        return [
            line((" ✓ ready: ", "good"), ("p", "key"), " shows what would be started, and starts it"),
            line((cut(f" $ {clean(self.form.command_text())}", width), "dim")),
        ]

    def _diff_lines(self, width: int) -> list[Line]:
        values = values_of(self.form, self.settings)
        lines = [line((f" changed from {clean(self.form.source)}", "title"))]
        lines += _change_lines(difference(self.form.base, values), width)
        if last := self._last_run():
            lines += [(), line((cut(f" changed from the last run {last.id}", width), "title"))]
            before = with_bundled(load_settings(last.path))
            lines += _change_lines(difference(before, {key: value for key, value in values.items() if key in before}), width)
        return lines

    def _last_run(self) -> RunRow | None:
        return next((row for row in self.steptune.snapshot.rows if row.recipe == self.form.recipe and row.state != "unreadable"), None)

    # Editing ---------------------------------------------------------------------------------------------------

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        field = self.view.current
        if field is None:
            self.view.fold()
        elif field.kind == "switch":
            self.action_cycle()
        elif field.kind == "choice":
            self._choose(field.key)
        else:
            self._edit(field.key)

    def _choose(self, key: str) -> None:
        def chosen(value: str | None) -> None:
            if value is not None:
                self.form.set(key, value)
                self._check()

        field = self.form.fields[key]
        self.app.push_screen(Choose(f"{field.name}: {field.help}", [(choice, "") for choice in field.choices], self.form.text(key)), chosen)

    def _edit(self, key: str, start: str | None = None) -> None:
        """An input over the value, at its place in the list."""
        editor = self.query_one("#editor", Input)
        self._editing, self._before_edit = key, self.form.text(key)
        self._place_editor()
        editor.value = self._before_edit if start is None else start
        editor.cursor_position = len(editor.value)
        editor.add_class("-open")
        editor.focus()

    def _place_editor(self) -> None:
        """Over the value of the field that is edited; the list may have scrolled for a message below it."""
        if self._editing is None or not self.is_attached:
            return
        editor, region = self.query_one("#editor", Input), self.view.region
        row = self.view.rows_of(self.view.cursor)[0] - self.view.scroll_offset.y
        editor.styles.offset = Offset(region.x + NAME_WIDTH + 2, region.y + max(0, min(row, region.height - 1)))
        editor.styles.width = max(12, region.width - NAME_WIDTH - 4)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._finding:
            self.view.wanted = event.value.lower()
            self.view.rebuild()
        elif self._editing is not None and event.value != self.form.text(self._editing):
            self.form.set(self._editing, event.value)
            self._check_soon()

    def on_input_submitted(self) -> None:
        self._close_editor()

    def _close_editor(self, undo: bool = False) -> None:
        if undo and self._editing is not None:
            self.form.set(self._editing, self._before_edit)
        if undo and self._finding:
            self.view.wanted = ""
        self._editing, self._finding = None, False
        self.query_one("#editor", Input).remove_class("-open")
        self.view.focus()
        self._check()

    def on_key(self, event: events.Key) -> None:
        editing = self._editing is not None or self._finding
        if editing and event.key in ("up", "down"):
            event.stop()
            self._close_editor()
            self.view.action_move(1 if event.key == "down" else -1)

    def action_back(self) -> None:
        if self._editing is not None or self._finding:
            self._close_editor(undo=True)
        elif self.view.wanted:
            self.view.wanted = ""
            self.view.rebuild()
        else:
            if self.form.changes:
                self.notify("Kept as a draft; it is on top of the list of recipes.")
            super().action_back()

    def action_cycle(self) -> None:
        field = self.view.current
        if field is not None and field.choices and field.kind != "list":
            self.form.cycle(field.key)
            self._check()

    def action_reset(self) -> None:
        if field := self.view.current:
            self.form.reset(field.key)
            self._check()

    def action_fold(self) -> None:
        self.view.fold()

    def action_find(self) -> None:
        editor = self.query_one("#editor", Input)
        self._finding = True
        editor.value = self.view.wanted
        editor.styles.offset = Offset(2, max(2, self.size.height - 5))
        editor.styles.width = min(50, self.size.width - 4)
        editor.placeholder = "part of an option's name or help"
        editor.add_class("-open")
        editor.focus()

    def action_difference(self) -> None:
        width = min(100, self.size.width - 12)
        self.app.push_screen(Reading("What differs", self._diff_lines(width)))

    def action_copy(self) -> None:
        self.steptune.copy_text(self.form.command_text(), "The command")

    def action_on(self) -> None:
        names = catalog.accelerate_config_names()
        automatic = "what this machine has"

        def chosen(name: str | None) -> None:
            if name is not None:
                self.form.on = None if name == automatic else name
                self._show()

        choices = [(automatic, "single_gpu with an NVIDIA GPU, else cpu"), *((name, _shape_note(name)) for name in names)]
        self.app.push_screen(Choose("Hardware (--on)", choices, self.form.on or automatic), chosen)

    def action_editor(self) -> None:
        """The whole config in $EDITOR; what was changed there is taken over."""
        text = self.form.to_yaml()
        edited = edit_text(self.steptune, text, f"{self.form.recipe}.yaml")
        self.refresh(layout=True)
        if edited is None or edited == text:
            return
        try:
            changed = self.form.take_yaml(edited)
        except (yaml.YAMLError, ValueError) as error:
            file = self.steptune.store.write_file(f"rejected-{self.form.recipe}.yaml", edited)
            self.notify(
                f"Not taken over: {clean(error)[:200]}" + (f" Your text is in {file}." if file else ""), severity="error", markup=False, timeout=12
            )
            return
        self._check()
        self.notify(f"{len(changed)} options changed.", markup=False)

    def action_preflight(self) -> None:
        if self._editing is not None:
            self._close_editor()
        self._check()
        if self.settings is None:
            first = self.problems[0]
            self.notify(clean(first), severity="error", markup=False)
            self.view.select_key(first.key)
            return
        from tui.screens.preflight import PreflightScreen

        self.app.push_screen(PreflightScreen(self.form, self.settings))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        busy = self._editing is not None or self._finding
        return not (busy and action in ("cycle", "reset", "difference", "find", "on", "preflight", "copy", "fold"))


def _change_lines(changes: list[tuple[str, str, str]], width: int) -> list[Line]:
    if not changes:
        return [line(("  nothing", "dim"))]
    lines: list[Line] = []
    for key, before, after in changes:
        lines.append(line((cut(f"  {key}", width), "bold")))
        lines.append(line((cut(f"    - {before or 'none'}", width), "removed")))
        lines.append(line((cut(f"    + {after or 'none'}", width), "added")))
    return lines


def _shape_note(name: str) -> str:
    return catalog.first_comment(catalog.accelerate_config_path(name))


def form_from_run(row: RunRow) -> Form | None:
    """A form that starts from the config of a run; None where there is none to start from."""
    config_file = row.path / "config.yaml"
    if row.recipe not in SETTINGS or not config_file.exists():
        return None
    try:
        return Form(row.recipe, None, config_file)
    except (SteptuneError, OSError, ValueError):
        return None
