"""The cards of this machine as lines."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.machine.gpu_status import CardStatus, GpuProcess
from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.numbers import number
from toolkit.terminal.text import clean
from tui.logic.chart import bar
from tui.logic.gpu_history import style_of
from tui.logic.lines import Line, line

_NAME_WIDTH = 24  # in cells, which are not characters


def gpu_lines(cards: Sequence[CardStatus], problem: str, width: int) -> list[Line]:
    """A line of numbers for each card, then its processes."""
    if problem:
        return [(), *(line(f"  {part}") for part in wrap(clean(problem), width - 4))]
    lines: list[Line] = []
    for card in cards:
        lines += [_card(card, width), *(_process(process, width) for process in card.processes)]
        lines += [line(("      nothing computes on it", "dim"))] if not card.processes else []
        lines.append(())
    return lines


def _card(card: CardStatus, width: int) -> Line:
    used, total = card.memory_used_mib, card.memory_total_mib
    share = used / total if used is not None and total else None
    memory = f" {_gib(used)}/{_gib(total)} GiB"
    rest = f"  {number(card.utilization_percent)} % busy  {number(card.temperature_c)} °C  {number(card.power_w)} W"
    name = fit(f" {card.index}  {cut(clean(card.name).replace('NVIDIA ', ''), 18)}", _NAME_WIDTH)
    room = max(4, min(24, width - _NAME_WIDTH - len(memory) - len(rest) - 1))
    return line((name, style_of(card.index)), *bar(share, room, "s2"), memory, (rest, ""))


def _process(process: GpuProcess, width: int) -> Line:
    what = process.run or process.command or "not to be seen by you"
    return line(
        (f"      {process.pid:>8}  ", "dim"),
        fit(cut(clean(process.user) or "?", 11), 12),
        (fit(f"{_gib(process.memory_mib)} GiB", 11), ""),
        (cut(clean(what), max(8, width - 40)), "accent" if process.run else "dim"),
    )


def _gib(mib: float | None) -> str:
    return "-" if mib is None else f"{mib / 1024:.1f}"
