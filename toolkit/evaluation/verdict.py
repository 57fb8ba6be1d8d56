"""What the evaluation shows, as one of three outcomes with its reasons, for the system that was compared last.

`better` needs the primary metric's difference above the floor to lie above 0, by its interval and by the test with
Holm's correction; answers that say more than their question does; no declared metric and no fault significantly worse;
and steps in order where they can be paired. `not_better` is said where one of these is refuted, `insufficient` where it
is open. With a joined study the claims about people's ratings decide, and the metrics are told beside them. Where the
forgetting guard was asked, general ability must be kept as well, whoever decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from toolkit.evaluation.verdict_words import best_fact, guard_loss, numbers_of, plain_sentence, worst_fact
from toolkit.results.document import Comparison, Environment, FaultDifference, Slice, System, Verdict
from toolkit.results.fault_words import FAULT_WORDS
from toolkit.results.guard import Guard, GuardClaim
from toolkit.results.metrics import LABELS, PRIMARY
from toolkit.results.study import HumanComparison, StudyResults

ORDERED_ITEMS = 10  # answers with paired steps from which on their order must be shown
_POWER = 2.04  # ((1.96 + 0.84) / 1.96)²: rows for 80 % power over those whose interval just leaves out 0
Outcome = Literal["better", "not_better", "insufficient"]


@dataclass
class _Findings:
    """What speaks against `better`: facts that refute it, and what is open."""

    refuted: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        return "not_better" if self.refuted else "insufficient" if self.open else "better"


def reach_verdict(
    systems: Mapping[str, System],
    comparisons: Sequence[Comparison],
    faults: Sequence[FaultDifference],
    slices: Sequence[Slice],
    environment: Environment,
    study: StudyResults | None,
    same_as_baseline: set[str],
    guard: Guard | None = None,
) -> Verdict:
    """The verdict on the last compared system; `insufficient` on the only system, as nothing is compared."""
    if not comparisons:
        return _alone(systems)
    a, b = comparisons[-1].a, comparisons[-1].b
    rows = {row.metric: row for row in comparisons if (row.a, row.b) == (a, b)}
    own_faults = [found for found in faults if (found.a, found.b) == (a, b)]
    found = _of_metrics(systems[a], rows, own_faults)
    if a in same_as_baseline:
        found = _Findings(refuted=[f"its answers are those of {b}, word for word"])
    claims = [row for row in study.comparisons if {row.a, row.b} == {a, b}] if study else []
    if claims:
        found = _of_people(claims, a)
    kept = guard.claim_of(a) if guard else None
    if kept:
        _judge_guard(kept, found)
    outcome = found.outcome
    open_guard = kept is not None and kept.outcome != "kept"  # more test rows add no items to it
    rows_decide = len(found.open) > 1 or not open_guard
    is_open = outcome == "insufficient" and not open_guard
    rows_enough = _rows_enough(systems[a], rows[PRIMARY], environment) if is_open else None
    best = best_fact(systems, rows, own_faults)
    worst = worst_fact(systems, rows, own_faults, slices, kept)
    reasons = found.refuted or found.open  # what is open adds nothing to what is refuted
    return Verdict(
        outcome=outcome,
        system=a,
        baseline=b,
        rests_on="people" if claims else "metrics",
        plain=plain_sentence(outcome, a, b, reasons, best, worst, rows_enough, environment, rows_decide),
        numbers=" ".join(
            [
                numbers_of(rows[PRIMARY], environment, [row.criterion for row in claims]),
                *([kept.text] if kept else []),
            ]
        ),
        reasons=reasons,
        rows_enough=rows_enough,
    )


def _of_metrics(system: System, rows: Mapping[str, Comparison], faults: Sequence[FaultDifference]) -> _Findings:
    found = _Findings()
    _judge_primary(rows[PRIMARY], found)
    _judge_question(system, found)
    for row in rows.values():
        if row.metric != PRIMARY and row.conclusion == "worse":
            found.refuted.append(f"{LABELS[row.metric]} is lower than with {row.b}")
    for fault in faults:
        if fault.ci95 and fault.ci95[0] > 0:
            found.refuted.append(
                f"more of its answers {FAULT_WORDS[fault.fault]}: {fault.count_a} of {fault.n} ({fault.b}"
                f" {fault.count_b})"
            )
    _judge_order(system, found)
    return found


def _judge_primary(row: Comparison, found: _Findings) -> None:
    shown = row.conclusion
    interval = row.above_floor.ci95 if row.above_floor else row.ci95
    if shown == "worse" or (interval and interval[1] <= 0):
        found.refuted.append(f"its answers fit their own questions less than those of {row.b} do")
    elif shown != "better":
        found.open.append("its answers fit their own questions better")


def _judge_question(system: System, found: _Findings) -> None:
    """Words that the question already has are no answer to it."""
    above = system.metrics[PRIMARY].above_question
    if above is None or above.ci95 is None or above.ci95[0] > 0:
        return
    if above.difference <= 0:
        found.refuted.append("the questions themselves, taken for answers, score as much")
    else:
        found.open.append("its answers say more than the questions themselves")


def _judge_order(system: System, found: _Findings) -> None:
    order = system.metrics["order_tau"]
    if order.n < ORDERED_ITEMS or order.mean is None or order.ci95 is None or order.ci95[0] > 0:
        return
    if order.ci95[1] <= 0:
        found.refuted.append("its steps come in the reverse order")
    else:
        found.open.append("its steps come in the right order")


def _of_people(claims: Sequence[HumanComparison], a: str) -> _Findings:
    """Claims of the joined study about the two systems: every one must hold for `better`."""
    found = _Findings()
    for row in claims:
        sign = 1 if row.a == a else -1
        ends = row.ci95 and tuple(sorted(sign * end for end in row.ci95))
        least = -(row.margin or 0.0) if row.claim == "non_inferiority" else 0.0
        if ends and ends[1] <= least and row.met is not None:
            found.refuted.append(f"people rate its {row.criterion} lower")
        elif not (row.a == a and row.met):
            found.open.append(f"people rate its {row.criterion} as claimed")
    if not any(row.a == a and row.claim == "superiority" for row in claims):
        found.open.append("people rate it higher, which no declared claim is about")
    return found


def _judge_guard(claim: GuardClaim, found: _Findings) -> None:
    """A loss of general ability that is shown refutes `better`; that it was kept must be shown."""
    if claim.outcome == "fell":
        found.refuted.insert(0, guard_loss(claim))
    elif claim.outcome != "kept":
        found.open.append(
            f"it kept its general ability ({claim.passed_a} of {claim.n} items, {claim.b} {claim.passed_b})"
        )


def _rows_enough(system: System, row: Comparison, environment: Environment) -> int | None:
    """Test rows that would show what is open with 80 % power, if it is as found; None where it is not above 0."""
    wanted = []
    if row.conclusion != "better":
        wanted.append(row.groups_enough and row.groups_enough * environment.items / environment.groups)
    above, order = system.metrics[PRIMARY].above_question, system.metrics["order_tau"]
    open_means = [(above.difference, above.ci95)] if above else []
    open_means += [(order.mean, order.ci95)] if order.n >= ORDERED_ITEMS and order.mean is not None else []
    for mean, ends in open_means:
        if ends and ends[0] <= 0:
            shrunk = ((ends[1] - ends[0]) / 2 / mean) ** 2 if mean > 0 else None
            wanted.append(shrunk and shrunk * _POWER * environment.items)
    known = [rows for rows in wanted if rows is not None]
    return max(round(max(known)), environment.items + 1) if known and len(known) == len(wanted) else None


def _alone(systems: Mapping[str, System]) -> Verdict:
    name, system = next(iter(systems.items()))
    metric = system.metrics[PRIMARY]
    interval = f"95 % interval {metric.ci95[0]:.3f} to {metric.ci95[1]:.3f}, " if metric.ci95 else ""
    floor = f"; its floor is {metric.floor:.3f}" if metric.floor is not None else ""
    return Verdict(
        outcome="insufficient",
        system=name,
        baseline=None,
        rests_on="metrics",
        plain=f"There is no second system to compare {name} with, so nothing says whether it is better.",
        numbers=f"{name} scores {metric.mean:.3f} {LABELS[PRIMARY]} ({interval}n = {metric.n}){floor}.",
        reasons=["nothing is compared"],
    )
