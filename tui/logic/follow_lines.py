"""The Follow screen as lines: head, stages, hardware and events, log."""

from __future__ import annotations

import time
from typing import Any

from toolkit.records import JSON
from toolkit.runs.next_steps import meaning
from toolkit.runs.phases import phase_words
from toolkit.runs.row import RunRow, seconds_running
from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.numbers import amount, as_number, duration, gib, number
from toolkit.terminal.text import clean
from toolkit.terminal.values import shown
from tui.logic.chart import bar
from tui.logic.feed import Event, FeedView
from tui.logic.lines import Line, Span, line, width_of
from tui.logic.signs import sign_of


def head_lines(view: FeedView, width: int, now: float) -> list[Line]:
    """Name, state, progress: three lines."""
    row, subject = view.row, view.subject
    sign, style = sign_of(row)
    took = duration(seconds_running(row, now))
    first = line(
        (f" {row.id}", "bold"),
        (f"  {row.recipe}  ", "dim"),
        (f"{sign} {row.state}", style),
        (f"  {took}" if took != "-" else "", "dim"),
    )
    model = cut(row.model, max(0, width - width_of(first) - 2))
    first = line(*first, (f"  {model}" if model else "", "dim"))
    if view.gone:
        return [first, line((" its folder is gone", "bad")), ()]
    if not row.live and view.steps:  # what went wrong stands below, whole
        done = amount(subject.phase, subject.done, subject.total)
        notes = [f"it got to {done} of {phase_words(subject.phase)}"] if done else []
        notes += _reading_notes(view)
        return [first, line((cut(" " + "   ".join(notes), width), "dim")), ()]
    if not row.live:
        notes = _reading_notes(view)
        lines = wrap(row.message or row.headline or _where(row), width - 2)[: 1 if notes else 2]
        tone = "bad" if row.state.is_bad else ""
        shown = [line((f" {text}", tone)) for text in lines] + (
            [line((cut(" " + "   ".join(notes), width), "dim"))] if notes else []
        )
        return [first, *shown, *[()] * (2 - len(shown))]
    at_work = subject if subject.live else row
    return [first, _progress_line(at_work, width, _left(view)), _facts_line(view, width)]


def _left(view: FeedView) -> str:
    """How long it still takes, as far as that is known; of a pipeline its stage, and all of it."""
    eta_s = view.subject.eta_s if view.subject.live else None
    stage = "" if eta_s is None else f"{duration(eta_s)} left"
    if not view.row.stages:
        return stage
    whole = "" if view.whole_left_s is None else f"{duration(view.whole_left_s)} of all left"
    return ", ".join(part for part in (stage and f"{stage} here", whole) if part)


BRIEF = 3  # rows of hardware and events on a small terminal
KEYS = {"resume": "R", "again": "e", "log": "l", "stop": "c"}


def ending_lines(view: FeedView, width: int, height: int) -> list[Line]:
    """Of a run that did not finish or stalls: what that means, all that it said, and what can be done, with its key;
    this first where the message would push it out of `height` rows.
    """
    if not view.steps:
        return []
    means = [line((part, "bold")) for part in wrap(meaning(view.row.state), width)]
    text = view.message or view.subject.message
    said = [line((part, "bad" if view.row.state.is_bad else "")) for part in wrap(text, width)] if text else []
    steps: list[Line] = []
    for step in view.steps:
        first, *rest = wrap(clean(step.text), width - 3)
        steps += [line((f"{KEYS[step.step]}  ", "key"), first), *(line("   ", part) for part in rest)]
    if len(means) + len(said) + 1 + len(steps) > height:
        return [*means, *steps, (), *said]
    return [*means, *said, (), *steps]


def _where(row: RunRow) -> str:
    return f"in {clean(row.path)}"


def _progress_line(row: RunRow, width: int, left: str) -> Line:
    """What it does, in words, and how far it is; no bar and no time before these are known."""
    counts = f" {amount(row.phase, row.done, row.total)}" if row.total else ""
    percent = f" {100 * row.share:3.0f} %" if row.share is not None else ""
    left = f"  {left}" if left else ""
    name = row.doing or row.state
    room = min(60, width - len(name) - len(counts) - len(percent) - len(left) - 4)
    shown = bar(row.share, room) if row.share is not None and room >= 4 else []
    return line(cut(f" {name} ", width), *shown, (counts, ""), (percent, "bold"), (left, ""))


def _facts_line(view: FeedView, width: int) -> Line:
    newest, row = view.curves.newest, view.subject
    facts = [(name, newest.get(name)) for name in ("loss", "eval_loss", "learning_rate", "tokens_per_second", "epoch")]
    short = {"learning_rate": "lr", "tokens_per_second": "tok/s"}
    parts = [f"{short.get(name, name)} {number(value)}" for name, value in facts if as_number(value) is not None]
    if view.best_step is not None:
        parts.append(f"best step {number(view.best_step)}")
    parts += _reading_notes(view)
    return line((cut(" " + "   ".join(parts), width), "dim" if not row.live else ""))


def _reading_notes(view: FeedView) -> list[str]:
    """What a reader should know about the files: not read to the end yet, or damaged lines."""
    notes = [f"reading the metrics, {view.behind >> 20} MiB to go"] if view.behind > 1 << 20 else []
    return notes + (
        [f"{view.unreadable} unreadable {'line' if view.unreadable == 1 else 'lines'}"] if view.unreadable else []
    )


def stage_lines(view: FeedView, width: int, now: float) -> list[Line]:
    """A pipeline's stages, a progress line each; the one whose curves are shown has an arrow."""
    lines = []
    for stage in view.row.stages:
        sign, style = sign_of(stage)
        shown = stage.path == view.subject.path
        spans: list[Span] = [Span(" ▸ " if shown else "   ", "mark"), Span(fit(f"{sign} {stage.stage}", 21), style)]
        if stage.live:
            spans += [
                *bar(stage.share, 18),
                Span(f" {cut(stage.doing, max(8, width - width_of(spans) - 44))}"),
                Span(f" {amount(stage.phase, stage.done, stage.total)}" if stage.total else ""),
            ]
            spans.append(Span(f"  {duration(stage.eta_s)} left" if stage.eta_s is not None else "", "dim"))
        else:
            spans.append(Span(fit(f"{stage.state}", 11), style))
            took = seconds_running(stage, now)
            spans.append(Span(fit(duration(took), 9) if took is not None else " " * 9, "dim"))
            spans.append(Span(cut(stage.headline or stage.message, max(0, width - width_of(spans) - 1)), "dim"))
        lines.append(line(*spans))
    return lines


def info_lines(view: FeedView, width: int, height: int, now: float) -> list[Line]:
    """Hardware on top, then the newest events. Cards are always there: in the first line where there is little room."""
    lines = [hardware_line(view.hardware.newest, view.gpus, width, is_brief=height <= BRIEF)]
    lines += [gpu_line(gpu, width) for gpu in view.gpus[: max(0, min(8, height - BRIEF))]]
    rest = max(0, height - len(lines))
    return lines + [event_line(event, width) for event in view.events[-rest:]] if rest else lines[:height]


def hardware_line(newest: JSON, gpus: tuple[JSON, ...], width: int, is_brief: bool = False) -> Line:
    if not newest:
        return line((" no hardware samples yet", "dim"))
    if gpus and is_brief:
        busiest = max(gpus, key=lambda gpu: as_number(gpu.get("utilization_percent")) or 0.0)
        used, total = (as_number(busiest.get(f"memory_{name}_mib")) for name in ("used", "total"))
        more = f", {len(gpus) - 1} more" if len(gpus) > 1 else ""
        card = f"GPU {clean(busiest.get('index', '?'))} {number(busiest.get('utilization_percent'))} %"
        memory = f"{(used or 0) / 1024:.1f}/{(total or 0) / 1024:.1f} GiB{more}"
        cpu = f"   CPU {number(newest.get('cpu_percent'))} %, {gib(newest.get('memory_gib'))}"
        return line((cut(f" {card}, {memory}{cpu}", width), ""))
    text = (
        f" CPU {number(newest.get('cpu_percent'))} %   memory {gib(newest.get('memory_gib'))},"
        f" {gib(newest.get('memory_free_gib'))} free"
    )
    return line((cut(text + ("" if gpus else "   no GPU"), width), ""))


def gpu_line(gpu: JSON, width: int) -> Line:
    used, total = as_number(gpu.get("memory_used_mib")), as_number(gpu.get("memory_total_mib"))
    share = used / total if used is not None and total else None
    name = clean(gpu.get("name", "GPU")).replace("NVIDIA ", "")
    text = f" {(used or 0) / 1024:.1f}/{(total or 0) / 1024:.1f} GiB  {number(gpu.get('utilization_percent'))} %"
    return line(
        fit(f" GPU {clean(gpu.get('index', '?'))} {cut(name, 16)}", 23),
        *bar(share, max(4, min(20, width - 23 - len(text))), "s2"),
        (text, "dim"),
    )


def event_line(event: Event, width: int) -> Line:
    try:
        when = time.strftime("%H:%M:%S", time.localtime(event.time)) if event.time is not None else "--:--:--"
    except (OverflowError, ValueError, OSError):  # a time that no calendar has
        when = "--:--:--"
    tone = {
        "checkpoint_saved": "accent",
        "warning": "warn",
        "early_stopped": "warn",
        "stop_asked": "warn",
        "supervisor_gone": "bad",
    }.get(event.name, "")
    return line((f" {when} ", "dim"), (cut(event.text, max(0, width - 10)), tone))


def log_lines(view: FeedView, width: int, height: int) -> list[Line]:
    """The end of the log under a heading."""
    shown = view.log[-max(0, height - 1) :] if height > 1 else ()
    head = " log" + ("" if view.log else ": nothing yet")
    rule = "─" * max(0, width - len(head) - 2)
    return [line((head, "title"), (f" {rule}", "dim")), *(line((cut(f" {text}", width), "")) for text in shown)]


def setting_lines(settings: dict[str, Any], width: int) -> list[Line]:
    """Dotted names and values."""
    name_width = min(44, max((len(name) for name in settings), default=0) + 2)
    return [
        line(
            (fit(cut(clean(name), name_width - 1) if first else "", name_width), "dim"),
            part,
        )
        for name, value in settings.items()
        for first, part in _wrapped(clean(shown(value)), max(8, width - name_width))
    ]


def _wrapped(text: str, width: int) -> list[tuple[bool, str]]:
    """The lines of a text, the first one marked."""
    return [(number == 0, part) for number, part in enumerate(wrap(text, width))]
