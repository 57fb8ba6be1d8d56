"""Which charts the Follow screen shows of a run, and how: pure, from what the feed has read."""

from __future__ import annotations

from dataclasses import dataclass

from tui.logic.chart import ChartOptions, Curve, Mark
from tui.logic.feed import FeedView

HARDWARE = ("gpu_memory_gib", "gpu_percent", "memory_gib", "cpu_percent")
OF_HARDWARE = 2  # charts on a wide terminal


@dataclass(frozen=True)
class Drawing:
    """How the user wants the curves drawn."""

    log_axis: bool = False
    smooth: bool = False
    ascii_only: bool = False


@dataclass(frozen=True)
class ChartPlan:
    """One chart, ready to be shown."""

    title: str
    curves: tuple[Curve, ...]
    options: ChartOptions


def plan_charts(view: FeedView, metric: str | None, count: int, drawing: Drawing) -> list[ChartPlan]:
    """Up to `count` charts, the one of `metric` first; where there is room for several, the last ones are of the
    hardware.
    """
    names, hardware = chart_names(view), _hardware(view)[:OF_HARDWARE] if count > 1 else []
    first = names.index(metric) if metric in names else 0
    shown = [name for name in names[first:] + names[:first] if name not in hardware][: count - len(hardware)]
    plans = []
    for index, name in enumerate(shown):
        title = f"{name}  {index + first + 1}/{len(names)}, m changes" if count == 1 and len(names) > 1 else name
        plans.append(_plan(view, name, title, drawing))
    plans += [_plan(view, name, name, drawing) for name in hardware]
    return plans or [ChartPlan("no metrics yet" if view.row.live else "no metrics", (), ChartOptions())]


def chart_names(view: FeedView) -> list[str]:
    """All curves: those of the metrics, then those of the hardware."""
    names = view.curves.names()
    return [*names, *(name for name in _hardware(view) if name not in names)]


def _hardware(view: FeedView) -> list[str]:
    return [name for name in HARDWARE if name in view.hardware.series]


def _plan(view: FeedView, name: str, title: str, drawing: Drawing) -> ChartPlan:
    if name in view.curves.series:
        return ChartPlan(title, (Curve(name, view.curves.series[name].points(), "s1"),), _options(view, name, drawing))
    plain = ChartOptions(ascii_only=drawing.ascii_only)
    return ChartPlan(title, (Curve(name, view.hardware.series[name].points(), "s2"),), plain)


def _options(view: FeedView, name: str, drawing: Drawing) -> ChartOptions:
    return ChartOptions(
        log_axis=drawing.log_axis,
        smooth=drawing.smooth and name != "eval_loss",
        ascii_only=drawing.ascii_only,
        x_end=view.subject.total,
        marks=marks(view),
    )


def marks(view: FeedView) -> list[Mark]:
    """Under the curve: checkpoints, where early stopping struck, and the best step."""
    found = [
        Mark(event.step, "◆", "accent")
        for event in view.events
        if event.name == "checkpoint_saved" and event.step is not None
    ]
    found += [
        Mark(event.step, "┃", "warn")
        for event in view.events
        if event.name == "early_stopped" and event.step is not None
    ]
    if (best := view.best_step) is not None:
        found.append(Mark(best, "★", "mark"))
    return found
