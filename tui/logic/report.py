"""An evaluation's results.json as the Results screen shows it: the table, a forest plot, and the items."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.records import JSON
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.numbers import as_finite
from toolkit.terminal.text import clean

METRIC_NAMES = {
    "rouge_l": "ROUGE-L",
    "bertscore_f1": "BERTScore F1",
    "format_conformance": "format",
    "step_f1": "step F1",
    "order_tau": "order τ",
}
MAX_RESULTS_BYTES = 400 << 20


@dataclass(frozen=True)
class Report:
    """results.json, read leniently: what is missing is left out, what is damaged is said."""

    path: Path
    document: JSON
    problem: str = ""

    @property
    def systems(self) -> dict[str, JSON]:
        return mappings_of(self.document.get("systems"))

    @property
    def comparisons(self) -> list[JSON]:
        found = self.document.get("comparisons")
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def items(self) -> list[JSON]:
        found = self.document.get("items")
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def verdict(self) -> str:
        verdict = self.document.get("verdict")
        if isinstance(verdict, dict):
            verdict = verdict.get("text") or verdict.get("sentence") or ""
        return clean(verdict or "")

    def metrics(self) -> list[str]:
        """Every metric that some system has, the best known first."""
        names = dict.fromkeys(name for system in self.systems.values() for name in mappings_of(system.get("metrics")))
        return [
            *(name for name in METRIC_NAMES if name in names),
            *(name for name in names if name not in METRIC_NAMES),
        ]


def mappings_of(value: Any) -> dict[str, JSON]:
    return {name: item for name, item in value.items() if isinstance(item, dict)} if isinstance(value, dict) else {}


def find_results(run: RunFolder) -> Path | None:
    """The results.json that a run's recorded outputs lead to."""
    with contextlib.suppress(OSError):
        path = run.output("report")
        return path / "results.json" if path and (path / "results.json").exists() else None
    return None


def load_report(path: Path) -> Report:
    """Never raises: a problem is part of the report."""
    try:
        if path.stat().st_size > MAX_RESULTS_BYTES:
            return Report(
                path, {}, f"{path} is larger than {MAX_RESULTS_BYTES >> 20} MiB; look at report.html instead."
            )
        document = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, RecursionError) as error:
        return Report(path, {}, f"{path} cannot be read: {clean(error)}")
    if not isinstance(document, dict):
        return Report(
            path, {}, f"{path} holds {type(document).__name__}, expected the results of `steptune run evaluate`."
        )
    return Report(path, document)


def is_interval(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(as_finite(part) is not None for part in value)
