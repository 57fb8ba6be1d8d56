"""Preflight: what `steptune run --dry-run` shows for the form, the command to copy, and the launch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.runs.row import read_row
from toolkit.settings import Settings
from toolkit.terminal.layout import fit, wrap
from toolkit.terminal.text import clean, clean_text
from tui.destinations import ToRun
from tui.logic.form import Form
from tui.logic.lines import Line, line
from tui.pages.page import Page
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

if TYPE_CHECKING:
    from toolkit.planning.check import Check
    from toolkit.planning.plan import LaunchPlan

FIRST_ROWS = 14  # lines of the rows that stand among the rest
_SIGNS = {"ok": ("✓", "good"), "warning": ("!", "warn"), "refused": ("✗", "bad")}


class PreflightScreen(Page):
    """Looks first (in a thread, for it may ask another interpreter), then launches on `L`."""

    leads_to_launch = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("L", "launch", "Launch"),
        Binding("Q", "queue", "Queue"),
        Binding("O", "outputs", "Rows"),
        Binding("y", "copy", "Copy command"),
        Binding("r", "look", "Look again"),
    ]

    def __init__(self, form: Form, settings: Settings) -> None:
        super().__init__()
        self.form, self.settings = form, settings
        self.plan: LaunchPlan | None = None
        self.checks: list[Check] = []
        self.memory: list[str] = []  # the estimate, an item a line
        self.rows: list[str] | None = None  # what would be read; None while it is being looked up
        self.problem = ""
        self.looking = True
        self.launching = False

    def body(self) -> Iterable[Widget]:
        yield Panel(id="preflight-head", classes="head")
        yield TextView(id="preflight")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#preflight", TextView).focus()
        self.action_look()

    def action_look(self) -> None:
        self.looking, self.problem = True, ""
        self.redraw()
        self.in_thread(self._look, self._looked, newest=True)

    def _look(self) -> tuple[LaunchPlan | None, list[Check], list[str], str]:
        from toolkit.planning import preflight
        from toolkit.planning.inputs import check_inputs
        from toolkit.planning.plan import plan_launch

        try:
            plan = plan_launch(self.settings, self.form.on, count_rows=True)
            checks = [*check_inputs(self.settings), *preflight.check_launch(plan, self.steptune.root)]
            estimate = preflight.training_memory(plan)
            return plan, checks, estimate.lines() if estimate else [], ""
        except (SteptuneError, OSError) as error:
            return None, [], [], str(error)

    def _looked(self, found: tuple[LaunchPlan | None, list[Check], list[str], str]) -> None:
        self.plan, self.checks, self.memory, self.problem = found
        self.looking = False
        self.rows = None
        self.redraw()
        if (plan := self.plan) is not None and not self.refused:
            self.in_thread(lambda: self._read_rows(plan), self._have_read, newest=True)

    def _read_rows(self, plan: LaunchPlan) -> list[str]:
        """The rows themselves, which takes longer than all checks: a launch need not wait for it."""
        from toolkit.planning.preview import rows_preview
        from toolkit.runs.expected_time import expected_time

        try:
            found = rows_preview(plan)
        except (SteptuneError, OSError) as error:
            return [f"The rows cannot be read: {error}"]
        model = plan.settings.trained_or_asked_model
        time_it_takes = expected_time(self.steptune.snapshot.rows, plan.recipe.name, model, found.steps)
        return [*([f"it takes {time_it_takes}"] if time_it_takes else []), *found.lines]

    def _have_read(self, lines: list[str]) -> None:
        self.rows = lines
        self.redraw()

    @property
    def refused(self) -> bool:
        return bool(self.problem) or any(check.level == "refused" for check in self.checks)

    def redraw(self) -> None:
        if not self.is_whole:
            return
        head = (
            (" looking ...", "dim")
            if self.looking
            else (" this machine cannot run it", "bad")
            if self.refused
            else (" ready: L launches, Q queues", "good")
        )
        if self.launching:
            head = (" launching ...", "accent")
        self.query_one("#preflight-head", Panel).show([line((f" Preflight of {self.form.recipe}", "title"), head)])
        view = self.query_one("#preflight", TextView)
        view.set_lines(self._lines(max(30, (view.scrollable_content_region.width or self.size.width) - 2)))

    def _lines(self, width: int) -> list[Line]:
        lines: list[Line] = [line((part, "bad")) for part in wrap(clean(self.problem), width)] if self.problem else []
        for check in self.checks:
            sign, style = _SIGNS[check.level]
            first, *rest = wrap(clean(check.message), width - 24)
            lines.append(
                line((f" {sign} ", style), fit(clean(check.name), 20), (first, "" if check.level == "ok" else style))
            )
            lines += [line(" " * 23, (part, "" if check.level == "ok" else style)) for part in rest]
        if self.memory:
            lines += [
                (),
                line((" memory of one training process, estimated", "title")),
                *(line(f"   {clean(text)}") for text in self.memory),
            ]
        if self.plan is not None and not self.refused and self.rows is None:
            lines += [(), line((" reading the rows ...", "dim"))]
        elif self.rows:
            found = self._row_lines(width)
            more = f"  {len(found) - FIRST_ROWS} more lines: O" if len(found) > FIRST_ROWS else ""
            lines += [(), line((" rows", "title"), (more, "key")), *found[:FIRST_ROWS]]
        if self.plan is not None:
            folder = self.steptune.root / f"<time>-{self.form.recipe}-<id>"
            lines += [(), *_titled("same on the command line", self.form.command_text(), width)]
            lines += [(), *_titled("starts", " ".join(map(str, self.plan.argv(folder))), width)]
            environment = " ".join(f"{name}={value}" for name, value in self.plan.environment.items())
            lines += [(), *_titled("environment", environment, width), (), *_titled("in", str(folder), width)]
            lines += [
                (),
                line((" config", "title")),
                *(line((f"   {clean(text)}", "dim")) for text in self.plan.config_yaml.splitlines()),
            ]
        return lines

    def _row_lines(self, width: int) -> list[Line]:
        return [line(f"   {part}") for text in self.rows or () for part in _wrapped(clean_text(text), width - 4)]

    def action_outputs(self) -> None:
        """All rows that the preview shows."""
        from tui.pages.dialogs import Reading

        lines = self._row_lines(min(100, self.size.width - 12))
        self.app.push_screen(Reading("Rows", lines or [line(("nothing was read yet", "dim"))]))

    def action_copy(self) -> None:
        self.steptune.copy_text(self.form.command_text(), "The command")

    def action_launch(self) -> None:
        if self.steptune.refuse_in_read_only("launching") or self.launching or self.looking:
            return
        if self.refused or self.plan is None:
            self.notify("This machine cannot run it; see the lines with ✗.", severity="error")
            return
        self.launching = True
        self.redraw()
        plan = self.plan
        self.in_thread(lambda: self._launch(plan), self._launched)

    def _launch(self, plan: LaunchPlan) -> tuple[Path | None, str]:
        from toolkit.planning import preflight
        from toolkit.runs import launch

        try:
            preflight.require(preflight.check_launch(plan, self.steptune.root))
            return launch.start(plan).path, ""
        except (SteptuneError, OSError) as error:
            return None, str(error)

    def action_queue(self) -> None:
        """Into the queue. What this machine cannot do at the moment may well wait; what it never can is refused."""
        if self.steptune.refuse_in_read_only("queueing") or self.launching or self.looking:
            return
        self.launching = True
        self.redraw()
        self.in_thread(self._enqueue, self._launched)

    def _enqueue(self) -> tuple[Path | None, str]:
        from toolkit.run_folder.queue_folder import QueueFolder
        from toolkit.runs.enqueue import Order, add

        try:
            (run,) = add(QueueFolder(self.steptune.root), [Order(self.settings, self.form.on)])
            return run.path, ""
        except (SteptuneError, OSError) as error:
            return None, str(error)

    def _launched(self, started: tuple[Path | None, str]) -> None:
        path, problem = started
        self.launching = False
        self.redraw()
        if path is None:
            self.notify(clean(problem), severity="error", markup=False, timeout=12)
            return
        self.steptune.store.delete(f"draft-{self.form.recipe}")
        self.steptune.poller.wake()
        self.steptune.open(ToRun(read_row(path), launched=True))

    def action_back(self) -> None:
        if not self.launching:
            super().action_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (action in ("launch", "queue") and self.steptune.read_only)


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, their indent kept where they go on."""
    indent = " " * (len(text) - len(text.lstrip()))
    first, *rest = wrap(text.strip(), max(20, width - len(indent)))
    return [indent + part for part in (first, *rest)]


def _titled(title: str, text: str, width: int) -> list[Line]:
    return [line((f" {title}", "title")), *(line(f"   {part}") for part in wrap(clean(text), width - 4))]
