"""What the rankings say: Bradley-Terry strengths with the effect of being shown first, wins, ties and losses of the
declared pairs.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from toolkit.results.study import Coefficient, Preference, Ranking
from toolkit.review.study.bradley_terry import Counts, Strengths, count_comparisons, fit_bradley_terry
from toolkit.review.study.judgements import Preferred
from toolkit.statistics.intervals import percentile_interval

_REFITS = 400
_UNBOUNDED = "no finite strengths: one system was never preferred to, or never behind, another"


def ranking(rows: Sequence[Preferred], reference: str, samples: int, seed: int) -> Ranking | None:
    """Log strengths against the reference, order effect and tie term, with percentile intervals over items and raters;
    None without rankings.
    """
    if not rows:
        return None
    fitted = fit_bradley_terry(count_comparisons(row.preference for row in rows), reference)
    if fitted is None:
        names = sorted({name for row in rows for name in row.preference[:2]})
        nothing = Coefficient(value=None, ci95=None, note=_UNBOUNDED)
        return Ranking(
            reference=reference,
            strengths=dict.fromkeys(names, nothing),
            order_effect=nothing,
            tie=None,
            n=len(rows),
        )
    refits = _refits(rows, reference, fitted, min(samples, _REFITS), seed)
    return Ranking(
        reference=reference,
        strengths={
            name: _coefficient(value, [refit.strengths[name] for refit in refits], samples)
            for name, value in sorted(fitted.strengths.items())
        },
        order_effect=_coefficient(fitted.first, [refit.first for refit in refits], samples),
        tie=None
        if fitted.tie is None
        else _coefficient(fitted.tie, [refit.tie for refit in refits if refit.tie is not None], samples),
        n=len(rows),
    )


def win_tie_loss(rows: Sequence[Preferred], a: str, b: str) -> Preference:
    """How often a was ranked before, level with and behind b."""
    outcomes: Counter[str] = Counter()
    for row in rows:
        first, second, outcome = row.preference
        if {first, second} == {a, b}:
            better = {"first": first, "second": second}.get(outcome)
            outcomes["tie" if better is None else "win" if better == a else "loss"] += 1
    return Preference(a=a, b=b, win=outcomes["win"], tie=outcomes["tie"], loss=outcomes["loss"])


def _refits(rows: Sequence[Preferred], reference: str, start: Strengths, count: int, seed: int) -> list[Strengths]:
    """Fits to resampled items and raters; those without finite strengths are left out."""
    cells: dict[tuple[str, str], list[Preferred]] = {}
    for row in rows:
        cells.setdefault((row.item, row.rater), []).append(row)
    items, raters = sorted({item for item, _ in cells}), sorted({rater for _, rater in cells})
    generator = random.Random(seed)
    fitted = []
    for _ in range(count):
        item_weights, rater_weights = (
            Counter(generator.choices(items, k=len(items))),
            Counter(generator.choices(raters, k=len(raters))),
        )
        counts: Counts = {}
        for (item, rater), preferred in cells.items():
            if weight := item_weights[item] * rater_weights[rater]:
                for row in preferred:
                    counts[row.preference] = counts.get(row.preference, 0.0) + weight
        names = {name for first, second, _ in counts for name in (first, second)}
        if reference in names and (strengths := fit_bradley_terry(counts, reference, start=start)):
            fitted.append(strengths)
    return [
        strengths
        for strengths in fitted
        if len(strengths.strengths) == len({name for row in rows for name in row.preference[:2]})
    ]


def _coefficient(value: float, resampled: list[float], samples: int) -> Coefficient:
    interval = percentile_interval(resampled, min(samples, _REFITS))
    note = "" if interval else "too few resamples have finite strengths for an interval"
    return Coefficient(value=value, ci95=interval, note=note)
