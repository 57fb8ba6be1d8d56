"""Pictures of a data card as SVG: coverage by domain, language and register, and how long questions and answers are.

The same rows give the same bytes: no dates, ids from a fixed salt, text as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.data.rows import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COVERAGE_PICTURE, LENGTH_PICTURE = "coverage.svg", "lengths.svg"
INK, FILL = "#1f2933", "#2b6cb0"
MOST_DOMAINS = 30


def draw_pictures(rows: Sequence[Row], folder: Path) -> list[str]:
    """Write the pictures into a folder and return their names; [] for no rows."""
    if not len(rows):
        return []
    _save(_coverage(rows), folder / COVERAGE_PICTURE)
    _save(_lengths(rows), folder / LENGTH_PICTURE)
    return [COVERAGE_PICTURE, LENGTH_PICTURE]


def _coverage(rows: Sequence[Row]) -> Figure:
    cells = Counter(
        (row.meta.get("domain", "(none)"), f"{row.meta.get('language', '?')} {row.meta.get('register', '')}".strip())
        for row in rows
    )
    totals: Counter[str] = Counter()
    for (domain, _), count in cells.items():
        totals[domain] += count
    domains = sorted(totals, key=lambda name: (-totals[name], name))[:MOST_DOMAINS]
    columns = sorted({column for _, column in cells})
    figure = _figure(max(5.0, 1.1 * len(columns) + 3), 1.2 + 0.32 * len(domains))
    axes = figure.add_subplot()
    grid = [[cells[(domain, column)] for column in columns] for domain in domains]
    axes.imshow(grid, cmap="Blues", aspect="auto", vmin=0)
    darkest = max(max(line) for line in grid)
    for y, line in enumerate(grid):
        for x, count in enumerate(line):
            axes.text(
                x, y, str(count), ha="center", va="center", color="white" if count > 0.6 * darkest else INK, fontsize=8
            )
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(domains)), domains)
    axes.set_title(f"Rows by domain, language and register (n = {len(rows)})", fontsize=10, loc="left")
    return figure


def _lengths(rows: Sequence[Row]) -> Figure:
    languages = sorted({row.meta.get("language", "?") for row in rows})
    measures = {
        "steps": [row.output.count("\n") + 1 for row in rows],
        "words of the question": [len(row.prompt.split()) for row in rows],
        "words of the answer": [len(row.output.split()) - row.output.count("\n") - 1 for row in rows],
    }
    figure = _figure(10.0, 3.0)
    for number, (name, values) in enumerate(measures.items(), start=1):
        axes = figure.add_subplot(1, 4, number)
        bins: Any = (
            [edge - 0.5 for edge in range(min(values), max(values) + 2)] if max(values) - min(values) < 30 else 30
        )
        axes.hist(values, bins=bins, color=FILL)
        axes.set_title(name, fontsize=9, loc="left")
    axes = figure.add_subplot(1, 4, 4)
    counts = Counter(row.meta.get("language", "?") for row in rows)
    axes.bar(languages, [counts[language] for language in languages], color=FILL)
    axes.set_title("rows by language", fontsize=9, loc="left")
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="tight")


def _save(figure: Figure, path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "steptune", "svg.fonttype": "none", "font.size": 8}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
