"""A metric of one's own, held to the same rules as those of evaluate: floor, interval over groups, paired test.

    python examples/extend/metric.py DATASET baseline=FILE tuned=FILE

Reads the test questions of a data set (or a JSONL file) and two systems' predictions. The metric here: which share of
the words that the reference puts in quotation marks (names of buttons, menus, keys) does the answer name as well? Items
whose reference quotes nothing say nothing about it and are left out, and the number of those is printed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from toolkit.evaluation.inputs import System, TestItem, read_references, read_system
from toolkit.evaluation.intervals import Floats, cluster
from toolkit.evaluation.paired import compare, difference_p
from toolkit.evaluation.shuffles import other_items

QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
SAMPLES, SEED = 2000, 17


def main(arguments: list[str]) -> int:
    data, *given = arguments
    every, _ = read_references(Path(data), "test")
    systems = [read_system(name, Path(file), every) for name, _, file in (item.partition("=") for item in given)]
    used = [at for at, item in enumerate(every) if QUOTED.search(item.reference)]
    items = [every[at] for at in used]
    scores = {system.name: score(items, [system.outputs[at] for at in used]) for system in systems}
    for system in systems:
        floor = floor_of(items, system, used)
        print(f"{system.name}: {scores[system.name].mean():.3f}, floor {floor:.3f}, n {len(items)} of {len(every)}")
    (_, baseline), (name, tuned) = scores.items()
    groups = [item.group for item in items]
    found = compare(tuned, baseline, groups, SAMPLES, SEED, (-1.0, 1.0))
    low, high = found.ci95 or (float("nan"), float("nan"))
    p = difference_p(cluster(tuned - baseline, groups), SEED)
    print(f"{name} - {next(iter(scores))}: {found.difference:+.3f} [{low:+.3f}, {high:+.3f}], p = {p:.2g}")
    return 0


def score(items: list[TestItem], answers: list[str]) -> Floats:
    """Of each item the share of the reference's quoted words that the answer holds, float64 [items]."""
    return np.array([share(item.reference, answer) for item, answer in zip(items, answers, strict=True)])


def share(reference: str, answer: str) -> float:
    names = {name.lower() for name in QUOTED.findall(reference)}
    return sum(name in answer.lower() for name in names) / len(names)


def floor_of(items: list[TestItem], system: System, used: list[int]) -> float:
    """What the same answers score against the references of other questions: all that is not about this question."""
    answers = [system.outputs[at] for at in used]
    shuffled = other_items([item.group for item in items], SEED)
    return float(np.mean([score(items, [answers[at] for at in partner]).mean() for partner in shuffled]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
