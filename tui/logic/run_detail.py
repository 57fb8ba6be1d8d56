"""What is shown next to the chart of the selected run: how it ended, its stages, its settings, the end of its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolkit.runs.row import RunRow
from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.text import clean
from toolkit.terminal.values import shown
from tui.logic.lines import Line, line

MAX_BEFORE_LOG = 9


def detail_lines(
    row: RunRow, log: Sequence[str], settings: dict[str, Any] | None, width: int, height: int
) -> list[Line]:
    """Up to `height` lines. `settings` None leaves them out (there is no room)."""
    if width < 10:
        return []
    lines: list[Line] = []
    if row.message:
        style = "bad" if row.state.is_bad else "dim"
        lines += [line((part, style)) for part in wrap(row.message, width)[:3]]
    for note in row.notes[-2:]:
        lines += [line((part, "mark")) for part in wrap(f"note: {clean(note.text)}", width)[:2]]
    for said in row.worth_a_look[:2]:
        lines += [line((part, "warn")) for part in wrap(said, width)[:2]]
    if row.headline:
        lines += [line((part, "bold")) for part in wrap(row.headline, width)[:2]]
    lines += [
        line(fit(stage.stage, 19), (cut(f"{stage.state} {stage.headline}", width - 19), "dim")) for stage in row.stages
    ]
    if settings is not None:
        found = [(key, value) for key, value in settings.items() if value not in (None, [], {}, "")][
            : max(0, MAX_BEFORE_LOG - len(lines))
        ]
        lines += [
            line((fit(cut(clean(key), 29), 30), "dim"), cut(clean(shown(value)), max(4, width - 30)))
            for key, value in found
        ]
    if not lines:
        lines.append(line((cut(row.model or row.recipe, width), "dim")))
    rest = height - len(lines) - 1
    if log and rest > 0:
        lines += [()] if settings is not None else []
        lines += [line((cut(text, width), "dim")) for text in log[-rest:]]
    return lines
