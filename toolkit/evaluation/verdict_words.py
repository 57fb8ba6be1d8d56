"""The sentences of the verdict: one for readers who do not know the metrics, one with the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.results.document import AboveFloor, Comparison, Environment, FaultDifference, Slice, System
from toolkit.results.fault_words import FAULT_WORDS
from toolkit.results.guard import GuardClaim
from toolkit.results.metrics import LABELS, PRIMARY
from toolkit.results.worst_slice import worst_slice

_FORMAT = "format_conformance"
_FACTS = {
    _FORMAT: ("more clean numbered lists", "fewer clean numbered lists"),
    PRIMARY: ("words that fit the question better", "words that fit the question less"),
    "step_f1": ("more of the right steps", "fewer of the right steps"),
    "order_tau": ("steps in a better order", "steps in a worse order"),
    "bertscore_f1": ("a meaning closer to the human answers", "a meaning further from the human answers"),
}


def signed(value: float | None) -> str:
    """A difference with its sign, three decimals, and a true minus; nothing has no sign, and a dash stands for no
    value.
    """
    if value is None:
        return "–"
    return "0.000" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


def plain_sentence(
    outcome: str,
    a: str,
    b: str,
    reasons: Sequence[str],
    best: str,
    worst: str,
    rows_enough: int | None,
    environment: Environment,
    rows_decide: bool = True,
) -> str:
    """The first sentence of a report; not `rows_decide` where all that is open is open whatever the test rows."""
    if outcome == "better":
        return f"{a} answers better than {b}: {best}; at worst, {worst}."
    if outcome == "not_better":
        good = f"; at best, {best}" if best else ""
        return f"{a} does not answer better than {b}: {reasons[0]}{good}."
    enough = f"; about {rows_enough} test rows would be enough if the rest stays as found" if rows_enough else ""
    good = f"; shown is {best}" if best else ""
    lead = f"{environment.items} test rows are not enough to say" if rows_decide else "It is not settled"
    return f"{lead} whether {a} answers better than {b}: it is not shown that {reasons[0]}{good}{enough}."


def best_fact(systems: Mapping[str, System], rows: Mapping[str, Comparison], faults: Sequence[FaultDifference]) -> str:
    """The largest gain that an interval shows, in standard errors; "" without one."""
    gains = [(strength, row) for row in rows.values() if (strength := _strength(row, 1)) > 0]
    if gains:
        row = max(gains, key=lambda entry: entry[0])[1]
        return _with_counts(_FACTS[row.metric][0], row, systems)
    fewer = [found for found in faults if found.ci95 and found.ci95[1] < 0]
    if not fewer:
        return ""
    found = min(fewer, key=lambda fault: fault.difference)
    return f"fewer answers {FAULT_WORDS[found.fault]} ({found.count_a} of {found.n}, {found.b} {found.count_b})"


def worst_fact(
    systems: Mapping[str, System],
    rows: Mapping[str, Comparison],
    faults: Sequence[FaultDifference],
    slices: Sequence[Slice],
    kept: GuardClaim | None = None,
) -> str:
    """What is significantly worse; else the part of general ability that fell most, the commonest fault, the slice with
    the fewest clean lists, or that none is.
    """
    losses = [(strength, row) for row in rows.values() if (strength := _strength(row, -1)) > 0]
    if losses:
        row = max(losses, key=lambda entry: entry[0])[1]
        return _with_counts(_FACTS[row.metric][1], row, systems)
    if kept and (part := kept.worst) and (part.passed_b - part.passed_a) / part.n > kept.margin:
        return f"{part.name}: {part.passed_a} of {part.n} ({kept.b} {part.passed_b})"
    a = next(iter(rows.values())).a
    form = systems[a].metrics[_FORMAT]
    if form.n and form.mean == 0:
        return f"none of its {form.n} answers is a clean numbered list"
    if weak := worst_slice(slices, a):
        return weak
    common = max(faults, key=lambda found: found.count_a, default=None)
    if common and common.count_a:
        return f"{common.count_a} of {common.n} answers {FAULT_WORDS[common.fault]} ({common.b} {common.count_b})"
    return "nothing that is measured is worse"


def guard_loss(claim: GuardClaim) -> str:
    """A shown loss of general ability, with the part that fell most."""
    part = claim.worst
    most = f", most of all {part.name} ({part.passed_a} of {part.n}, {claim.b} {part.passed_b})" if part else ""
    return f"it lost general ability: {claim.passed_a} of {claim.n} bundled items, {claim.b} {claim.passed_b}{most}"


def numbers_of(row: Comparison, environment: Environment, criteria: Sequence[str]) -> str:
    """The sentence with the numbers of the primary metric."""
    size = f"n = {row.n} items" + (f" in {environment.groups} groups" if environment.groups < row.n else "")
    people = f"People decide ({', '.join(dict.fromkeys(criteria))}); by the metrics: " if criteria else ""
    label = LABELS[PRIMARY]
    if row.above_floor is None:
        return (
            f"{people}{signed(row.difference)} {label}{_ends(row.ci95)}, {size}; there is no floor to hold it against."
        )
    above = row.above_floor
    p = "" if row.p_holm is None else f", p = {row.p_holm:.2g} after Holm's correction"
    return (
        f"{people}{signed(above.difference)} {label} above the floor{_ends(above.ci95)}{p}, {size}; the whole"
        f" difference is {signed(row.difference)}, and {signed(row.floor_difference)} of it is also gained against"
        " other items' references."
    )


def _ends(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return " (no interval: all items are in one group)"
    return f" (95 % interval {signed(interval[0])} to {signed(interval[1])})"


def _strength(row: Comparison, sign: int) -> float:
    """By how many half widths the interval above the floor leaves out 0 on this side; 0 where it does not."""
    found: AboveFloor | None = row.above_floor or (
        AboveFloor(difference=row.difference, ci95=row.ci95) if row.difference is not None else None
    )
    if found is None or found.ci95 is None:
        return 0.0
    low, high = sorted(sign * end for end in found.ci95)
    return low / (high - low) if low > 0 and high > low else 0.0


def _with_counts(words: str, row: Comparison, systems: Mapping[str, System]) -> str:
    if row.metric != _FORMAT:
        return words
    counts = [round((systems[name].metrics[_FORMAT].mean or 0) * row.n) for name in (row.a, row.b)]
    return f"{words} ({counts[0]} of {row.n}, {row.b} {counts[1]})"
