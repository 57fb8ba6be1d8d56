"""Where the modules for Hugging Face's evaluate lie: `evaluate.load(metric_path("steps"))` works offline."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import UsageError

NAMES = ("rouge_l", "bertscore", "format", "steps")


def metric_path(name: str) -> str:
    """The folder to give to `evaluate.load`.

    Raises:
        UsageError: there is no such module.
    """
    if name not in NAMES:
        raise UsageError(f"There is no metric module {name!r}; there are: {', '.join(NAMES)}.")
    return str(Path(__file__).parent / f"steptune_{name}")
