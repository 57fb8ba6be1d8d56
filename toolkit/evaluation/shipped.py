"""Whether a shipped file answers as well as the merged model that it was made from, as a claim of non-inferiority on
the same rows, with a margin that was declared beforehand.

Only the two files differ, so the plain ROUGE-L difference is tested and not what lies above a floor: both share it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.intervals import Floats, cluster, mean_interval
from toolkit.evaluation.rouge import rouge_l, tokenize, tokenizer_for
from toolkit.evaluation.steps import strip_markers
from toolkit.results.parts import Interval
from toolkit.results.shipped import SHIPPED, TUNED, ShippedClaim, Verdict

SAMPLES = 10_000
SEED = 17


def shipped_system(systems: Sequence[System], items: Sequence[TestItem], margin: float) -> ShippedClaim | None:
    """The claim where the systems are a `shipped` and the `tuned` that it was made from; None for others."""
    named = {system.name: system for system in systems}
    if SHIPPED not in named or TUNED not in named:
        return None
    return claim_shipped(items, named[SHIPPED].outputs, named[TUNED].outputs, margin)


def claim_shipped(
    items: Sequence[TestItem], shipped: Sequence[str], merged: Sequence[str], margin: float
) -> ShippedClaim:
    """The claim about answers in the order of the items."""
    scores = _scores(items, shipped), _scores(items, merged)
    same = sum(a.strip() == b.strip() for a, b in zip(shipped, merged, strict=True))
    return claim_of(*scores, [item.group for item in items], same, margin)


def claim_of(a: Floats, b: Floats, groups: list[str], same: int, margin: float) -> ShippedClaim:
    """The claim about scores [items]."""
    data, before = cluster(a - b, groups), float(b.mean())
    # No answer can lose more than it had: that bounds what answers that nobody saw could change.
    interval = mean_interval(data, SAMPLES, SEED, (-before, 1.0 - before))
    return ShippedClaim(
        a=SHIPPED,
        b=TUNED,
        metric="rouge_l",
        margin=margin,
        n=len(a),
        groups=data.groups,
        same=same,
        mean_a=float(a.mean()),
        mean_b=before,
        difference=data.mean,
        ci95=interval,
        outcome=outcome_of(before, interval, margin),
    )


def outcome_of(before: float, interval: Interval | None, margin: float) -> Verdict:
    """What a difference's interval shows, where `before` is what the merged model scores."""
    if interval is None or before <= margin:
        return "open"
    if interval[0] > -margin:
        return "ships"
    return "does_not" if interval[1] < -margin else "open"


def _scores(items: Sequence[TestItem], outputs: Sequence[str]) -> Floats:
    tokenizer = tokenizer_for(item.reference for item in items)
    words = lambda text: tokenize(strip_markers(text), tokenizer)  # noqa: E731 - as evaluate prepares texts by default
    return np.array(
        [rouge_l(words(item.reference), words(output)) for item, output in zip(items, outputs, strict=True)],
        dtype=np.float64,
    )
