"""The form of a recipe: every option with its help, checked as one types; then preflight and launch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import yaml
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from toolkit import catalog
from toolkit.errors import Problem
from toolkit.run_folder.states import State
from toolkit.settings import Settings
from toolkit.terminal.text import clean
from tui.destinations import ToEntries, ToPreflight
from tui.logic.form import Form
from tui.logic.form_lines import difference_lines, status_lines
from tui.logic.form_yaml import take_yaml, to_yaml
from tui.logic.lines import Line, line
from tui.pages.dialogs import Choose, Reading
from tui.pages.editor import edit_text
from tui.pages.fields import BACK, CYCLE, FIND, FOLD, UNDO, FieldsPage
from tui.widgets.line_view import Panel


class FormScreen(FieldsPage):
    """The options of a recipe. Every change is kept as a draft."""

    leads_to_launch = True

    BINDINGS: ClassVar[list[BindingType]] = [
        BACK,
        Binding("p,f5", "preflight", "Preflight"),
        CYCLE,
        UNDO,
        Binding("d", "difference", "Differences"),
        Binding("ctrl+e", "editor", "$EDITOR"),
        FIND,
        FOLD,
        Binding("h", "on", "Hardware"),
        Binding("y", "copy", "Copy command", show=False),
    ]

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self.form = form
        self.settings: Settings | None = None
        self.problems: list[Problem] = []

    def beside(self) -> Iterable[Widget]:
        with Vertical(id="form-side"):
            yield Panel(id="form-diff")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._check_soon()  # entries were changed, or a file came or went meanwhile

    def find_problems(self) -> dict[str, str]:
        self.settings, self.problems = self.form.check()
        if self.form.changes:
            self.steptune.store.save(f"draft-{self.form.recipe}", self.form.to_draft())
        return {problem.key: clean(problem.message) for problem in self.problems}

    def redraw(self) -> None:
        if not self.is_whole:
            return
        count = (
            f"{len(self.form.changes)} changed"
            if self.form.changes
            else "as the preset has it"
            if self.form.preset
            else "as that run had it"
        )
        head = line(
            (f" {self.form.recipe}", "title"),
            (f"  {clean(self.form.source)}", ""),
            (f"  on {self.form.on or 'what this machine has'}", "dim"),
            (f"  {count}", "mark" if self.form.changes else "dim"),
        )
        self.query_one("#form-head", Panel).show([head])
        self.query_one("#form-status", Panel).show(status_lines(self.form, self.problems, self.size.width))
        side = self.query_one("#form-diff", Panel)
        if side.size.width:
            side.show(self._difference_lines(side.size.width - 2)[: side.size.height])

    def _difference_lines(self, width: int) -> list[Line]:
        last = next(
            (
                row
                for row in self.steptune.snapshot.rows
                if row.recipe == self.form.recipe and row.state is not State.UNREADABLE
            ),
            None,
        )
        return difference_lines(self.form, self.settings, last, width)

    def open_entries(self, key: str) -> None:
        self.steptune.open(ToEntries(self.form, key))

    def action_back(self) -> None:
        if self.form.changes and not (self.is_editing or self.is_typing or self.view.wanted):
            self.notify("Kept as a draft; it is on top of the list of recipes.")
        super().action_back()

    def action_difference(self) -> None:
        self.app.push_screen(Reading("What differs", self._difference_lines(min(100, self.size.width - 12))))

    def action_copy(self) -> None:
        self.steptune.copy_text(self.form.command_text(), "The command")

    def action_on(self) -> None:
        automatic = "what this machine has"

        def chosen(name: str | None) -> None:
            if name is not None:
                self.form.on = None if name == automatic else name
                self.redraw()

        names = [
            (name, catalog.first_comment(catalog.accelerate_config_path(name)))
            for name in catalog.accelerate_config_names()
        ]
        choices = [(automatic, "single_gpu with an NVIDIA GPU, else cpu"), *names]
        self.app.push_screen(Choose("Hardware (--on)", choices, self.form.on or automatic), chosen)

    def action_editor(self) -> None:
        """The whole config in $EDITOR; what was changed there goes into the form."""
        text = to_yaml(self.form)
        edited = edit_text(self.app, text, f"{self.form.recipe}.yaml")
        self.refresh(layout=True)
        if edited is None or edited == text:
            return
        try:
            changed = take_yaml(self.form, edited)
        except (yaml.YAMLError, ValueError) as error:
            file = self.steptune.store.write_file(f"rejected-{self.form.recipe}.yaml", edited)
            where = f" Your text is in {file}." if file else ""
            self.notify(
                f"Your changes were not applied: {clean(error)[:200]}{where}",
                severity="error",
                markup=False,
                timeout=12,
            )
            return
        self.check()
        self.notify(f"{len(changed)} options changed.", markup=False)

    def action_preflight(self) -> None:
        self.check()
        if self.settings is None:
            first = self.problems[0]
            self.notify(clean(first), severity="error", markup=False)
            self.view.select_key(first.key)
            return
        self.steptune.open(ToPreflight(self.form, self.settings))
