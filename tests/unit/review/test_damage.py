"""Studies and evaluations damage answers as they always did: a study drawn again gets the same control answers."""

from __future__ import annotations

import random
from itertools import pairwise

from tests.unit.review.study_case import SAMPLE
from toolkit.evaluation.perturbations import PERTURBATIONS
from toolkit.evaluation.perturbations import perturb as perturb_for_metrics
from toolkit.records import read_examples, sha256_json
from toolkit.review.study.perturb import perturb as perturb_for_raters


def test_the_same_seeds_give_the_same_damage() -> None:
    texts = [row.output for path in sorted(SAMPLE.glob("*.jsonl")) for row in read_examples(path)[:20]]
    cases = [(kind, text, other, seed) for kind in PERTURBATIONS for text, other in pairwise(texts) for seed in (1, 2)]
    for_metrics = [perturb_for_metrics(*case) for case in cases]
    for_raters = [
        perturb_for_raters(text, kind, other, random.Random(seed), "id" if seed == 2 else "en")
        for kind, text, other, seed in cases
    ]
    assert sha256_json(for_metrics) == "5c7e21ec3de22650353faa0b8af1747e09c28b21fa040d469aeac12f13dc00f3"
    assert sha256_json(for_raters) == "8fd925f81309162e215bb4eeaf20000b5aec9cca67f42c4f5686dfcba1b1a0e0"
