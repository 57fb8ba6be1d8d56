"""How often an answer is empty, cut off, repeats itself or is cut for a metric, and how long it is."""

from __future__ import annotations

from collections import Counter

import numpy as np

from toolkit.evaluation.conformance import Conformance, failures_by_check
from toolkit.evaluation.faults import FAULTS, Flags
from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.intervals import wilson_rate
from toolkit.evaluation.rouge import tokenize
from toolkit.results.document import Descriptive
from toolkit.results.parts import Rate

REPEATED_SHARE = 0.2  # of an answer's runs of four words; human answers stay below
_RUN = 4
RATES = {
    "empty": "nothing but white space",
    **FAULTS,
    "repetitive": f"at least a fifth of its runs of {_RUN} words occurred in it before",
    "repeats_or_unfinished": "it has the same step twice, or generation did not end by itself",
}


def describe(
    system: System,
    items: list[TestItem],
    formats: list[Conformance],
    inversions: list[list[tuple[int, int]]],
    bertscore_truncated: int,
) -> Descriptive:
    """Plain counts and means of a system's outputs."""
    words = [len(output.split()) for output in system.outputs]
    reference_words = [len(item.reference.split()) for item in items]
    repeated = [repeated_share(output) for output in system.outputs]
    return Descriptive(
        length_words=float(np.mean(words)),
        length_ratio=sum(words) / sum(reference_words),
        length_ratio_median=float(np.median([own / other for own, other in zip(words, reference_words, strict=True)])),
        repeated_share=float(np.mean(repeated)),
        empty=sum(not output.strip() for output in system.outputs),
        cut_off=sum(not result.checks["not_cut_off"] for result in formats),
        finish_reason_missing=sum(reason is None for reason in system.finish_reasons),
        steps=float(np.mean([result.steps for result in formats])),
        marker_styles=dict(sorted(Counter(result.style for result in formats if result.style).items())),
        failed_checks=failures_by_check(formats),
        bertscore_truncated=bertscore_truncated,
        inversions=sum(map(len, inversions)),
        answers_with_inversions=sum(map(bool, inversions)),
    )


def rates(system: System, items: list[TestItem], faults: Flags) -> dict[str, Rate]:
    """The rates of RATES, each as count, n, share and Wilson interval."""
    flags = {
        "empty": [not output.strip() for output in system.outputs],
        **faults,
        "repetitive": [repeated_share(output) >= REPEATED_SHARE for output in system.outputs],
        "repeats_or_unfinished": [
            repeated or cut_off for repeated, cut_off in zip(faults["repeats_step"], faults["cut_off"], strict=True)
        ],
    }
    groups = [item.group for item in items]
    return {name: rate(found, groups) for name, found in flags.items()}


def rate(flags: list[bool], groups: list[str]) -> Rate:
    """A rate as results.json holds it."""
    count, interval = wilson_rate(flags, groups)
    return Rate(count=count, n=len(flags), share=count / len(flags) if flags else 0.0, ci95=interval)


def repeated_share(text: str) -> float:
    """Share of an answer's runs of four words that occurred in it before: 0 for a text without repetition, near 1 for a
    loop.
    """
    words = tokenize(text, "unicode")
    runs = [tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
