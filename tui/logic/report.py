"""An evaluation's results.json as the Results screen shows it: the table, a forest plot, and the items."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError
from toolkit.results.document import Comparison, Item, Results, System
from toolkit.results.reading import read_results
from toolkit.terminal.text import clean

METRIC_NAMES = {
    "rouge_l": "ROUGE-L",
    "bertscore_f1": "BERTScore F1",
    "format_conformance": "format",
    "step_f1": "step F1",
    "order_tau": "order τ",
}


@dataclass(frozen=True)
class Report:
    """An evaluation's results, or the sentence why there are none to show."""

    path: Path
    results: Results | None = None
    problem: str = ""

    @property
    def systems(self) -> dict[str, System]:
        return self.results.systems if self.results else {}

    @property
    def comparisons(self) -> list[Comparison]:
        return self.results.comparisons if self.results else []

    @property
    def items(self) -> list[Item]:
        return self.results.items if self.results else []

    @property
    def verdict(self) -> str:
        return clean(self.results.verdict.text) if self.results else ""

    @property
    def about(self) -> str:
        """The system that the verdict is on."""
        return self.results.verdict.system if self.results else ""

    def metrics(self) -> list[str]:
        """Every metric that some system has, the best known first."""
        names = dict.fromkeys(name for system in self.systems.values() for name in system.metrics)
        return [
            *(name for name in METRIC_NAMES if name in names),
            *(name for name in names if name not in METRIC_NAMES),
        ]


def load_report(path: Path) -> Report:
    """Never raises: a problem is part of the report."""
    try:
        return Report(path, read_results(path))
    except DataError as error:
        return Report(path, problem=clean(error))
