"""The result in words: one sentence with difference, interval and n, worded by what the interval and the corrected test
allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.results.document import AboveFloor, Comparison, Environment, System
from toolkit.results.metrics import LABELS, PRIMARY

_ALPHA = 0.05


def verdict(systems: Mapping[str, System], comparisons: Sequence[Comparison], environment: Environment) -> str:
    """One sentence on the last compared system; on the only system's score if there is nothing to compare."""
    compared = [row for row in comparisons if row.metric == PRIMARY]
    return _compared(compared[-1], environment) if compared else _alone(systems)


def conclusion(row: Comparison) -> str:
    """What a comparison shows: `better`, `worse`, `unclear` (the interval includes 0) or `uncorrected` (it does not,
    but Holm's p is above .05).
    """
    if row.difference is None or row.ci95 is None or row.p_holm is None or row.ci95[0] <= 0 <= row.ci95[1]:
        return "unclear"
    if row.p_holm > _ALPHA:
        return "uncorrected"
    return "better" if row.difference > 0 else "worse"


def signed(value: float | None) -> str:
    """A difference with its sign, three decimals, and a true minus; nothing has no sign, and a dash stands for no
    value.
    """
    if value is None:
        return "–"
    return "0.000" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


def _compared(row: Comparison, environment: Environment) -> str:
    size = f"n = {row.n} items" + (f" in {environment.groups} groups" if environment.groups < row.n else "")
    interval = (
        f"95 % interval {signed(row.ci95[0])} to {signed(row.ci95[1])}"
        if row.ci95
        else "no interval: all items are in one group"
    )
    numbers = f"{signed(row.difference)} {LABELS[PRIMARY]} ({interval}, {size})"
    a, b = row.a, row.b
    wording = {
        "better": f"{a} is closer to the human answers than {b}: {numbers}",
        "worse": f"{a} is further from the human answers than {b}: {numbers}",
        "unclear": f"The data do not show a difference between {a} and {b}: {numbers}",
        "uncorrected": (
            f"The data do not settle whether {a} and {b} differ: {numbers}, but p = {row.p_holm:.3f} after Holm's"
            " correction"
        ),
    }[conclusion(row)]
    if row.above_floor is None or conclusion(row) != "better":
        return wording + "."
    return (
        f"{wording}; of this, {signed(row.floor_difference)} is also gained against other items' references, and"
        f" {signed(row.above_floor.difference)}{_left_interval(row.above_floor)} is specific to the question."
    )


def _left_interval(left: AboveFloor) -> str:
    return f" ({signed(left.ci95[0])} to {signed(left.ci95[1])})" if left.ci95 else ""


def _alone(systems: Mapping[str, System]) -> str:
    name, system = next(iter(systems.items()))
    metric = system.metrics[PRIMARY]
    interval = f"95 % interval {metric.ci95[0]:.3f} to {metric.ci95[1]:.3f}, " if metric.ci95 else ""
    floor = f"; its floor is {metric.floor:.3f}" if metric.floor is not None else ""
    return (
        f"{name} scores {metric.mean:.3f} {LABELS[PRIMARY]} ({interval}n = {metric.n}){floor}, and there is no"
        " second system to compare with."
    )
