"""The form in which every benchmark reports: rows against the bars of bars.toml, printed as one JSON document."""

from __future__ import annotations

import json
import operator
import platform
import sys
import tomllib
from pathlib import Path
from typing import Any

import psutil

_OPERATORS = {"<=": operator.le, ">=": operator.ge, "==": operator.eq, ">": operator.gt}


def machine() -> dict[str, Any]:
    """The machine that the numbers belong to."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "python": platform.python_version(),
    }


def finish(bench: str, values: dict[str, float], beside: dict[str, dict[str, Any]] | None = None) -> int:
    """Print the document as the last line; 0 when every bar of the table is met by a measured value, else 1."""
    bars = tomllib.loads((Path(__file__).parent / "bars.toml").read_text(encoding="utf-8"))[bench]
    rows = [_row(what, values.get(what), bar, (beside or {}).get(what)) for what, bar in bars.items()]
    print(json.dumps({"bench": bench, "machine": machine(), "rows": rows}))
    return 0 if all(row["ok"] for row in rows) else 1


def skip(bench: str, why: str) -> int:
    """The document of a benchmark that this machine cannot do."""
    print(json.dumps({"bench": bench, "machine": machine(), "skipped": why}))
    return 0


def _row(what: str, value: float | None, bar: str, beside: dict[str, Any] | None) -> dict[str, Any]:
    symbol, limit = bar.split()
    row: dict[str, Any] = {
        "what": what,
        "value": value,
        "bar": bar,
        "ok": value is not None and bool(_OPERATORS[symbol](value, float(limit))),
    }
    return {**row, "beside": beside} if beside else row


if __name__ == "__main__":
    sys.exit("benchmarks/report.py is used by the benchmarks; run one of those.")
