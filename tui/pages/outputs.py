"""What a run has written, from any page about a run: its report, or the rows of its files."""

from __future__ import annotations

from pathlib import Path

from toolkit.results.reading import find_results
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.row import RunRow
from toolkit.terminal.numbers import file_size
from toolkit.terminal.text import clean
from tui.destinations import ToReport, ToRows
from tui.pages.dialogs import Choose
from tui.pages.page import Page


def open_outputs(page: Page, row: RunRow) -> None:
    """The report of an evaluation, else one of the run's JSONL files."""
    report = find_results(RunFolder(row.path))
    files = output_files(row)
    if report is not None:
        page.steptune.open(ToReport(report, row.id))
    elif not files:
        page.notify("This run has written no rows yet.", severity="warning")
    elif len(files) == 1:
        page.steptune.open(ToRows(files[0]))
    else:
        names = {_name(path, row.path): path for path in files}
        choices = [(name, file_size(path.stat().st_size)) for name, path in names.items()]

        def chosen(name: str | None) -> None:
            if name is not None:
                page.steptune.open(ToRows(names[name]))

        page.app.push_screen(Choose("Rows of", choices), chosen)


def output_files(row: RunRow) -> list[Path]:
    """The JSONL files below a run's recorded outputs (before the end: below its folder), without its own records."""
    run = RunFolder(row.path)
    records = {path.name for path in run.records}
    roots = list(run.outputs().values()) or [row.path]
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


def _name(path: Path, folder: Path) -> str:
    try:
        return clean(path.relative_to(folder.resolve()))
    except ValueError:
        return clean(path)
