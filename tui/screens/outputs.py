"""Outputs of a run: the JSONL files that it wrote, row by row, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.numbers import file_size
from toolkit.terminal.text import clean, clean_text
from tui.logic.jsonl_rows import JsonlRows
from tui.logic.lines import Line, line
from tui.logic.report import find_results
from tui.logic.run_row import RunRow, result_of
from tui.screens.dialogs import Choose
from tui.screens.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

if TYPE_CHECKING:
    from tui.app import SteptuneApp

PIECE = 16 << 20


def output_files(row: RunRow) -> list[Path]:
    """The JSONL files below a run's recorded outputs (before the end: below its folder), without its own records."""
    records = {"metrics.jsonl", "hardware.jsonl", "events.jsonl", "notes.jsonl"}
    outputs = result_of(row.path).get("outputs")
    roots = (
        [row.path / str(item["path"]) for item in outputs.values() if isinstance(item, dict) and "path" in item]
        if isinstance(outputs, dict) and outputs
        else [row.path]
    )
    found: list[Path] = []
    for root in roots:
        if root.suffix == ".jsonl" and root.is_file():
            found.append(root)
        elif root.is_dir():
            found += [
                path
                for pattern in ("*.jsonl", "*/*.jsonl")
                for path in sorted(root.glob(pattern))
                if path.name not in records
            ]
    return list(dict.fromkeys(path.resolve() for path in found))[:200]


def open_outputs(app: SteptuneApp, row: RunRow) -> None:
    """The report of an evaluation, else one of the run's JSONL files."""
    outputs = result_of(row.path).get("outputs")
    report = find_results(row.path, outputs) if isinstance(outputs, dict) else None
    files = output_files(row)
    if report is not None and row.recipe in ("evaluate", "pipeline"):
        from tui.screens.report import ReportScreen

        app.push_screen(ReportScreen(report, row.id))
    elif not files:
        app.notify("This run has written no rows yet.", severity="warning")
    elif len(files) == 1:
        _open(app, files[0])
    else:
        names = {_name(path, row.path): path for path in files}
        choices = [(name, file_size(path.stat().st_size)) for name, path in names.items()]

        def chosen(name: str | None) -> None:
            if name is not None:
                _open(app, names[name])

        app.push_screen(Choose("Rows of", choices), chosen)


def _name(path: Path, folder: Path) -> str:
    try:
        return clean(path.relative_to(folder.resolve()))
    except ValueError:
        return clean(path)


def _open(app: SteptuneApp, path: Path) -> None:
    try:
        app.push_screen(RowsScreen(JsonlRows(path)))
    except OSError as error:
        app.notify(f"{path} cannot be read: {error.strerror}", severity="error", markup=False)


class RowsScreen(Page):
    """The rows as a list, the whole row below it (beside it where there is room)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("y", "copy", "Copy row"),
    ]

    def __init__(self, rows: JsonlRows) -> None:
        super().__init__()
        self.rows = rows

    def body(self) -> Iterable[Widget]:
        yield Panel(id="rows-head", classes="head")
        with Horizontal(classes="row", id="rows-body"):
            yield ItemList(self._draw, id="rows")
            yield Panel(id="rows-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#rows", ItemList).focus()
        self.run_worker(self._index, thread=True, exit_on_error=False)

    def on_unmount(self) -> None:
        self.rows.close()

    def _index(self) -> None:
        more = True
        while more and self.is_whole:
            more = self.rows.extend(PIECE)
            if self.app.is_running:
                self.app.call_from_thread(self.redraw)

    def redraw(self) -> None:
        if not self.is_whole:
            return
        view = self.query_one("#rows", ItemList)
        view.set_count(len(self.rows))
        state = "" if self.rows.complete else " and more, reading"
        self.show_head(
            "#rows-head", clean(self.rows.path.name), f"{len(self.rows)} rows{state}, {file_size(self.rows.size)}"
        )
        self._show_row()

    def _draw(self, index: int, width: int) -> Line:
        row = self.rows.row(index)
        name = clean(row.get("id", index + 1))
        text = clean(
            next(
                (row[key] for key in ("prompt", "output", "reason", "text", "unreadable") if row.get(key)),
                str(row)[:500],
            )
        )
        return line((fit(cut(f" {name}", 17), 18), "dim"), cut(text, width - 18))

    def _show_row(self) -> None:
        view, detail = self.query_one("#rows", ItemList), self.query_one("#rows-detail", Panel)
        width = detail.size.width - 2
        if not len(self.rows) or width < 8:
            detail.show([])
            return
        lines: list[Line] = []
        for key, value in self.rows.row(view.cursor).items():
            lines.append(line((f" {clean(key)}", "title")))
            lines += [line(f"   {part}") for part in wrap(clean_text(value), width - 3)]
        detail.show(lines)

    def on_item_list_moved(self, message: ItemList.Moved) -> None:
        self._show_row()

    def action_copy(self) -> None:
        import json

        if len(self.rows):
            row = self.rows.row(self.query_one("#rows", ItemList).cursor)
            self.steptune.copy_text(json.dumps(row, ensure_ascii=False, indent=2), "The row")
