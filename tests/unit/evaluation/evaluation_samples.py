"""Helpers of the evaluation tests: a small vocabulary, numbered lists, JSONL files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = [
    "open",
    "the",
    "app",
    "and",
    "choose",
    "settings",
    "tap",
    "wifi",
    "turn",
    "it",
    "on",
    "save",
    "your",
    "file",
    "close",
    "window",
    "press",
    "power",
    "button",
    "wait",
    "for",
    "light",
    "sign",
    "in",
    "account",
]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def numbered(*steps: str) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
