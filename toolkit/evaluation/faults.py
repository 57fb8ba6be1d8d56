"""Faults of whole answers that no mean shows: a repeated step, no end, steps in reverse order, the opposite of what
helps, half of the steps missing. Each is counted in words, with an example, and held against the baseline.

The opposite is seen by words of negation in English and Indonesian; in other languages it is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from toolkit.evaluation.alignment import MOST_STEPS, Alignment
from toolkit.evaluation.conformance import Conformance
from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.intervals import Floats, cluster, mean_interval
from toolkit.evaluation.proportions import are_yes_or_no, paired_proportion_interval
from toolkit.evaluation.steps import step_texts
from toolkit.results.document import FaultDifference

FAULTS = {
    "repeats_step": "the same step twice",
    "cut_off": "generation did not end by itself",
    "inverted_order": "more pairs of its steps in the reverse order of the human answer than in its order",
    "opposite": "at least half of the steps that it shares with the human answer, and two or more, say the opposite",
    "incomplete": "fewer than half as many steps as the human answer",
}
_RESAMPLES = 2_000
_LEAST_OPPOSITE = 2  # one step with a "not" more or less is often the same advice in other words
_NEGATION = re.compile(
    r"\b(?:do not|don['’]?t|never|cannot|can['’]?t|must not|mustn['’]?t|should not|shouldn['’]?t|avoid"
    r"|jangan(?:lah)?|tidak boleh|hindari)\b",
    re.IGNORECASE,
)

Flags = dict[str, list[bool]]  # by fault, in the order of the items


def find_faults(
    system: System, items: list[TestItem], formats: list[Conformance], alignments: list[Alignment | None]
) -> Flags:
    """Which answers have which fault of FAULTS."""
    return {
        "repeats_step": [found.steps > 0 and not found.checks["no_repeated_step"] for found in formats],
        "cut_off": [not found.checks["not_cut_off"] for found in formats],
        "inverted_order": [found is not None and found.tau < 0 for found in alignments],
        "opposite": [
            found is not None and _is_opposite(output, item.reference, found)
            for output, item, found in zip(system.outputs, items, alignments, strict=True)
        ],
        "incomplete": [
            2 * len(step_texts(output)) < len(step_texts(item.reference))
            for output, item in zip(system.outputs, items, strict=True)
        ],
    }


def compare_faults(
    shares: Mapping[str, Mapping[str, Floats]], baseline: str, items: list[TestItem], human: str
) -> list[FaultDifference]:
    """Every fault of every system but the human answers, against the baseline's; `shares` are by system and fault, of
    its runs that have it [items]: 0 or 1 for a single run. Counts are those of an average run.
    """
    groups = [item.group for item in items]
    return [
        _difference(name, baseline, fault, shares, items, groups)
        for name in shares
        if name not in (baseline, human)
        for fault in FAULTS
    ]


def _difference(
    name: str,
    baseline: str,
    fault: str,
    shares: Mapping[str, Mapping[str, Floats]],
    items: list[TestItem],
    groups: list[str],
) -> FaultDifference:
    a, b = (shares[system][fault] for system in (name, baseline))
    data = cluster(a - b, groups)
    return FaultDifference(
        a=name,
        b=baseline,
        fault=fault,
        count_a=round(float(a.sum())),
        count_b=round(float(b.sum())),
        n=len(items),
        difference=float((a - b).mean()),
        ci95=paired_proportion_interval(a, b, groups)
        if are_yes_or_no(a, b)
        else mean_interval(data, _RESAMPLES, 0, (-1.0, 1.0)),
        example=items[int(np.argmax(a))].id if a.any() else None,
    )


def _is_opposite(output: str, reference: str, alignment: Alignment) -> bool:
    own, theirs = (step_texts(text)[:MOST_STEPS] for text in (output, reference))
    differ = sum(
        bool(_NEGATION.search(own[left])) != bool(_NEGATION.search(theirs[right]))
        for left, right in alignment.pairs
        if right < len(theirs)
    )
    return differ >= _LEAST_OPPOSITE and 2 * differ >= len(alignment.pairs)
