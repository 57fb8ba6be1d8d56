"""The numbers of an evaluation for lists of runs and for `--fail-under`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.records import JSON
from toolkit.results.document import Results
from toolkit.results.metrics import BASELINE, COMPARED, HUMAN


@dataclass(frozen=True)
class Headline:
    """The last system that is not the baseline: its means by metric, and its differences by METRIC_difference."""

    system: str
    n: int
    numbers: dict[str, float | None]

    def to_json(self) -> JSON:
        return {"system": self.system, "n": self.n, **self.numbers}


def headline_of(results: Results) -> Headline:
    """The headline of an evaluation."""
    names = [name for name in results.systems if name != HUMAN]
    baseline = baseline_of(names)
    subject = next((name for name in reversed(names) if name != baseline), baseline)
    means = {metric: results.systems[subject].metrics[metric].mean for metric in COMPARED}
    differences = {f"{row.metric}_difference": row.difference for row in results.comparisons if row.a == subject}
    return Headline(subject, results.environment.items, {**means, **differences})


def baseline_of(names: Iterable[str]) -> str:
    """The system that the others are compared with: `baseline`, or the first one."""
    known = list(names)
    return BASELINE if BASELINE in known else known[0]
