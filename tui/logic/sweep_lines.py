"""A sweep as a table: setting by seed, the mean and spread over the seeds next to the setting, the best first."""

from __future__ import annotations

from toolkit.runs.stop_rule import in_words
from toolkit.runs.sweep_table import Cell, Row, SweepTable
from toolkit.terminal.layout import cut, fit, fit_right, wrap
from toolkit.terminal.numbers import counted, number
from toolkit.terminal.text import clean
from tui.logic.lines import Line, Span, line

_NUMBER = 10  # cells of a number's column
_LEAST_LABEL = 16
_MORE = " .."  # there are more seeds than there is room for


def columns_shown(table: SweepTable, width: int, chosen: int) -> tuple[int, int]:
    """(first, end) of the seeds for which there is room, the chosen one among them."""
    room = max(1, (width - _label_width(table, width) - 2 * _NUMBER - len(_MORE)) // _NUMBER)
    first = max(0, min(chosen - room + 1, len(table.seeds) - room)) if chosen >= room else 0
    return first, min(len(table.seeds), first + room)


def head_line(table: SweepTable, width: int, chosen: int) -> Line:
    """The names of the columns."""
    first, end = columns_shown(table, width, chosen)
    spans: list[Span] = [Span(fit("   setting", _label_width(table, width)), "dim")]
    spans += [Span(fit_right(name, _NUMBER), "dim") for name in ("mean", "spread")]
    for at in range(first, end):
        seed = table.seeds[at]
        spans.append(
            Span(fit_right("run" if seed is None else f"seed {seed}", _NUMBER), "key" if at == chosen else "dim")
        )
    if end - first < len(table.seeds):
        spans.append(Span(_MORE, "dim"))
    return line(*spans)


def row_line(table: SweepTable, row: Row, width: int, chosen: int) -> Line:
    """A setting; the best one has a star, the run that the keys act on stands out."""
    first, end = columns_shown(table, width, chosen)
    label_width = _label_width(table, width)
    spans = [
        Span(" ★ " if row is table.best else "   ", "mark"),
        Span(fit(cut(clean(row.label or "as it is"), label_width - 4), label_width - 3), ""),
        Span(fit_right(number(row.mean), _NUMBER), "bold"),
        Span(fit_right(number(row.spread), _NUMBER), ""),
    ]
    for at, cell in enumerate(row.cells[first:end], first):
        spans.append(Span(fit_right(cut(_shown(cell), _NUMBER - 1), _NUMBER), "accent" if at == chosen else "dim"))
    return line(*spans)


def foot_lines(table: SweepTable, stop_after: float | None, width: int) -> list[Line]:
    """By what it is ordered, what can be said of the best, and the rule by which losers are ended."""
    better = "lower" if table.lower_is_better else "higher"
    said = [
        f"By {clean(table.metric)}, {better} is better; left and right choose the seed whose run is opened or compared."
    ]
    said += [clean(table.verdict()) or "Nothing is to be said about the best before two settings have finished."]
    said += [] if stop_after is None else [in_words(stop_after)]
    return [line((f" {part}", "")) for text in said for part in wrap(text, max(20, width - 2))]


def progress_text(table: SweepTable, recipe: str) -> str:
    """`sft, 4 of 6 runs finished`."""
    cells = [cell for row in table.rows for cell in row.cells]
    done = sum(cell.value is not None for cell in cells)
    return f"{clean(recipe)}, {done} of {counted(len(cells), 'run')} finished"


def _label_width(table: SweepTable, width: int) -> int:
    longest = max((len(clean(row.label)) for row in table.rows), default=0) + 5
    return max(_LEAST_LABEL, min(longest, width - 3 * _NUMBER - len(_MORE)))


def _shown(cell: Cell) -> str:
    return number(cell.value) if cell.value is not None else clean(cell.state.short) if cell.state else "gone"
