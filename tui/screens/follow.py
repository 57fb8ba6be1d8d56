"""Follow: one run as it goes. Progress, curves, checkpoints and events, hardware, the end of the log."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow
from toolkit.terminal.text import clean
from tui.destinations import Goal, ToRun
from tui.logic import follow_lines
from tui.logic.feed import FeedView, RunFeed
from tui.logic.follow_charts import Drawing, chart_names, plan_charts
from tui.logic.lines import line
from tui.logic.poller import Feed
from tui.pages.run_page import AGAIN, ASK, CHECKPOINT, LOG, NOTE, RESUME, STOP, RunPage
from tui.widgets.chart import Chart
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

CHARTS = 6
TICK_S = 1.0
BELOW_AND_ABOVE = 12  # rows of a small terminal that the other parts take
LEAST_CHART = 6
CHARTS_SHARE = 0.005  # of a core: curves that grow are drawn as often as that allows
CHARTS_PAUSE_S = (1.9 * TICK_S, 4.9 * TICK_S)  # shortest, longest


class FollowScreen(RunPage):
    """One chart on a small terminal, six on a wide one; a pipeline shows its stages above them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        LOG,
        Binding("m", "metric(1)", "Metric"),
        Binding("M", "metric(-1)", "Metric before", show=False),
        Binding("n", "stage(1)", "Next stage"),
        Binding("N", "stage(-1)", "Stage before", show=False),
        Binding("X", "log_axis", "Log axis", show=False),
        Binding("w", "smooth", "Smooth", show=False),
        Binding("v", "events", "Events"),
        Binding("O", "outputs", "Outputs"),
        STOP,
        CHECKPOINT,
        RESUME,
        replace(AGAIN, show=False),
        NOTE,
        Binding("i", "settings", "Settings"),
        Binding("y", "copy", "Copy path", show=False),
        ASK,
    ]

    def __init__(self, feed: RunFeed) -> None:
        super().__init__()
        self.feed = feed
        self.metric: str | None = None
        self._head_shown = 0.0
        self._charts_shown = 0.0
        self._charts_due = False
        self._charts_pause = CHARTS_PAUSE_S[0]

    def body(self) -> Iterable[Widget]:
        yield Panel(id="follow-head")
        yield Panel(id="follow-stages")
        yield TextView(id="follow-ending")
        with Container(id="follow-charts"):
            for index in range(CHARTS):
                yield Chart(id=f"chart-{index}")
        with Container(id="follow-bottom"):
            yield Panel(id="follow-info", classes="")
            yield Panel(id="follow-log", classes="")

    def shows(self, goal: Goal) -> bool:
        return isinstance(goal, ToRun) and goal.row.path == self.feed.path

    def on_mount(self) -> None:
        super().on_mount()
        remembered = self.steptune.remembered.get("follow")
        self.options: dict[str, Any] = remembered if isinstance(remembered, dict) else {}
        self.metric = str(self.options["metric"]) if self.options.get("metric") else None
        self.steptune.poller.watch(self.feed)
        self.set_interval(TICK_S, self._tick)

    def on_unmount(self) -> None:
        self.steptune.poller.retire(self.feed)

    def on_screen_suspend(self) -> None:
        self.steptune.poller.unwatch(self.feed)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.steptune.poller.unwatch(self.feed)
        self.steptune.poller.watch(self.feed)

    def show_feed(self, feed: Feed) -> None:
        if feed is self.feed and self.is_whole:
            self._show_rest()
            self._charts_due = True
            self._show_charts_if_due()

    @property
    def view(self) -> FeedView:
        return self.feed.view

    @property
    def row(self) -> RunRow:
        return self.view.row

    @property
    def run_shown(self) -> RunRow:
        return self.view.row

    @property
    def subject(self) -> RunRow:
        return self.view.subject

    def _tick(self) -> None:
        """The clock of a live run, and curves that were held back."""
        self._show_charts_if_due()
        if (
            self.is_current and self.row.live and time.monotonic() - self._head_shown >= 0.9 * TICK_S
        ):  # else the feed has just drawn it
            self._show_head()

    # What is shown ---------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        if not self.is_whole:
            return
        self._show_rest()
        self._show_charts()

    def _show_rest(self) -> None:
        self._show_head()
        self._show_stages()
        self._show_ending()
        info, log = self.query_one("#follow-info", Panel), self.query_one("#follow-log", Panel)
        info.show(follow_lines.info_lines(self.view, info.size.width, info.size.height, time.time()))
        log.show(follow_lines.log_lines(self.view, log.size.width, log.size.height))

    def _show_ending(self) -> None:
        """What went wrong, whole, in place of the curves; where these have room left, above them."""
        ending = self.query_one("#follow-ending", TextView)
        charts = self.query_one("#follow-charts")
        room = self.size.height - BELOW_AND_ABOVE - (5 if self.row.stages else 0)
        lines = follow_lines.ending_lines(self.view, self.size.width - 3, room)
        # The log is one key away; what to do about the run comes first.
        self.query_one("#follow-bottom").set_class(not self.is_wide and len(lines) > room, "-crowded")
        fits = bool(self.view.curves.names()) and room - len(lines) - 1 >= LEAST_CHART
        if (ending.display, charts.display) != (bool(lines), not lines or fits):
            ending.display, charts.display = bool(lines), not lines or fits
            ending.focus() if lines else self.set_focus(None)
        if lines:
            ending.styles.height = len(lines) + 1 if fits else "1fr"
            ending.set_lines([line(" ", *spans) for spans in lines])

    def _show_head(self) -> None:
        self._head_shown = time.monotonic()
        head = self.query_one("#follow-head", Panel)
        head.show(follow_lines.head_lines(self.view, head.size.width, time.time()))

    def _show_stages(self) -> None:
        stages = self.query_one("#follow-stages", Panel)
        stages.set_class(bool(self.row.stages), "-shown")
        self.query_one("#follow-bottom").set_class(bool(self.row.stages), "-staged")
        if self.row.stages:
            stages.show(follow_lines.stage_lines(self.view, stages.size.width or self.size.width, time.time()))

    def _show_charts_if_due(self) -> None:
        """Six curves that grow cost more than all the rest together, and nobody watches a point a second."""
        if self._charts_due and self.is_current and time.monotonic() - self._charts_shown >= self._charts_pause:
            self._show_charts()

    def _show_charts(self) -> None:
        self._charts_due, self._charts_shown, started = False, time.monotonic(), time.thread_time()
        drawing = Drawing(
            bool(self.options.get("log_axis")), bool(self.options.get("smooth")), self.steptune.ascii_only
        )
        plans = plan_charts(self.view, self.metric, CHARTS if self.is_wide else 1, drawing)
        for index in range(CHARTS):
            chart = self.query_one(f"#chart-{index}", Chart)
            needed = index < len(plans)
            if chart.display != needed:  # setting it lays the whole screen out again, even to what it was
                chart.display = needed
            if needed:
                chart.show(plans[index].title, list(plans[index].curves), plans[index].options)
        shortest, longest = CHARTS_PAUSE_S
        self._charts_pause = min(longest, max(shortest, (time.thread_time() - started) / CHARTS_SHARE))

    # Actions ---------------------------------------------------------------------------------------------------

    def action_metric(self, step: int) -> None:
        names = chart_names(self.view)
        if names:
            at = names.index(self.metric) if self.metric in names else 0
            self.metric = names[(at + step) % len(names)]
            self._keep(metric=self.metric)

    def action_log_axis(self) -> None:
        self._keep(log_axis=not self.options.get("log_axis"))

    def action_smooth(self) -> None:
        self._keep(smooth=not self.options.get("smooth"))

    def _keep(self, **options: Any) -> None:
        self.options = {**self.options, **options}
        self.steptune.remember("follow", self.options)
        self.redraw()

    def action_stage(self, step: int) -> None:
        """The next stage of a pipeline or the one before; beyond the last and the first, whatever is newest."""
        stages = [stage for stage in self.row.stages if stage.state is not State.WAITING]
        if not stages:
            self.notify("Only a pipeline has stages.", severity="warning")
            return
        paths = [stage.path for stage in stages]
        around = [None, *paths]  # None: whatever is newest
        at = around.index(self.feed.pinned) if self.feed.pinned in paths else 0
        self.feed.pin(around[(at + step) % len(around)])
        self.steptune.poller.wake()

    def action_events(self) -> None:
        from tui.pages.dialogs import Reading

        lines = [line(("note: ", "mark"), clean(note.text)) for note in reversed(self.row.notes)]
        lines += [follow_lines.event_line(event, 100) for event in reversed(self.view.events)]
        self.app.push_screen(Reading("Notes and events, newest first", lines or [line(("none yet", "dim"))]))

    def action_settings(self) -> None:
        from toolkit.run_folder.config_values import read_config
        from tui.pages.dialogs import Reading

        settings = read_config(RunFolder(self.subject.path)).flat
        self.app.push_screen(
            Reading(
                f"Settings of {self.subject.id}",
                follow_lines.setting_lines(settings, 100) or [line(("config.yaml cannot be read", "bad"))],
            )
        )

    def action_outputs(self) -> None:
        from tui.pages.outputs import open_outputs

        open_outputs(self, self.subject)

    def action_copy(self) -> None:
        self.steptune.copy_text(str(self.row.path), "The run's path")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stage":
            return bool(self.feed.view.row.stages)
        if not super().check_action(action, parameters):
            return False
        if action == "checkpoint":
            return not self.subject.no_checkpoint
        if action == "stop":
            return not self.row.no_stop
        if action == "resume":
            return not self.row.no_resume
        return True
