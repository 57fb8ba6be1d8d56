"""A sweep on the screens: one line of the list that unfolds to its runs, and a table of setting by seed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.hostile import HOSTILE
from tests.tui.pilot import SIZES, looks_as, outside_parent, running, shows, text_of, until
from tests.tui.sample_runs import make_run
from tests.tui.sample_sweep import ID, make_sweep
from toolkit.run_folder.find import list_runs
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow
from toolkit.runs.sweep_table import Cell, Row, SweepTable, sweep_table
from tui.destinations import ToSweep
from tui.logic.lines import plain, width_of
from tui.logic.sweep_lines import foot_lines, head_line, progress_text, row_line
from tui.logic.sweep_rows import SweepRow, fold, sweep_line
from tui.screens.compare import CompareScreen
from tui.screens.runs import RunsScreen
from tui.screens.sweep import SweepScreen

OTHER = "20261118-130000-sft-aaaa"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_sweep(tmp_path / "runs", stop_after=0.3)
    make_run(tmp_path / "runs", OTHER, steps=5)
    return tmp_path / "runs"


def row(number: int, parent: str = "", state: State = State.FINISHED) -> RunRow:
    return RunRow(Path(f"/r/{number}"), str(number), "sft", state, parent=parent, numbers={"eval_loss": float(number)})


def test_the_runs_of_a_sweep_are_one_line_until_it_is_unfolded() -> None:
    rows = [row(1), row(2, ID), row(3), row(4, ID, State.RUNNING), row(5, "a-sweep-alone"), row(6, "a-pipeline-1")]
    folded = fold(rows, set())
    assert [item.id for item in folded] == ["1", ID, "3", "5", "6"]
    sweep = folded[1]
    assert isinstance(sweep, SweepRow)
    assert (sweep.path, sweep.state, sweep.counts) == (Path("/r") / ID, "running", "1 finished, 1 running")
    assert [item.id for item in fold(rows, {ID})] == ["1", ID, "2", "4", "3", "5", "6"]
    shown = plain(sweep_line(sweep, 120, 12, 30, 0))
    assert "sft, 2 runs: 1 finished, 1 running; best eval_loss 2" in shown


async def test_a_sweep_is_folded_unfolded_and_keeps_the_cursor(runs: Path) -> None:
    async with running(runs) as (app, pilot):
        await shows(pilot, "sft, 6 runs")
        assert "412b-1" not in text_of(app)
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        await pilot.press("j")
        assert isinstance(screen.item_shown, SweepRow)
        assert (screen.run_shown, len(screen.acted_on)) == (None, 6)
        assert not screen.check_action("resume", ())
        await pilot.press("z")
        await shows(pilot, "412b-6")
        assert screen.item_shown.id == ID
        await pilot.press("j", "j")
        assert screen.run_shown is not None
        await pilot.press("z")
        await until(pilot, lambda: "412b-6" not in text_of(app))
        assert screen.item_shown.id == ID


async def test_where_one_orders_or_asks_for_the_sweep_its_runs_stand_alone(runs: Path) -> None:
    async with running(runs) as (app, pilot):
        await shows(pilot, "sft, 6 runs")
        await pilot.press("slash", *"sweep=412b", "enter")
        await shows(pilot, "6 of 7 runs")
        await shows(pilot, "412b-3")
        await pilot.press("escape", "o", *"eval_loss", "enter")
        await shows(pilot, "by eval_loss")
        await shows(pilot, "412b-3")
        assert "sft, 6 runs" not in text_of(app)


async def test_marks_and_delete_on_a_sweep_are_for_all_its_runs(runs: Path) -> None:
    async with running(runs) as (app, pilot):
        await shows(pilot, "sft, 6 runs")
        await pilot.press("j", "space")
        await shows(pilot, "6 marked")
        await pilot.press("g", "j", "space")
        await until(pilot, lambda: "marked" not in text_of(app))
        await pilot.press("g", "j", "D")
        await shows(pilot, "6 runs")
        await pilot.press("y")
        await until(pilot, lambda: [run.id for run in list_runs(runs)] == [OTHER])
        await pilot.press("u")
        await until(pilot, lambda: len(list_runs(runs)) == 7)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_table_as_it_looks(runs: Path, size: tuple[int, int]) -> None:
    async with running(runs, size) as (app, pilot):
        await shows(pilot, "sft, 6 runs")
        await pilot.press("j", "enter")
        await shows(pilot, "is best, before")
        await looks_as(pilot, f"sweep-{size[0]}x{size[1]}", lambda text: "\n".join(text.splitlines()[1:]))
        assert outside_parent(app) == []


async def test_seeds_metrics_and_the_best_two(runs: Path) -> None:
    async with running(runs, (160, 48)) as (app, pilot):
        app.open(ToSweep(runs / ID))
        await shows(pilot, "is best, before")
        screen = app.screen
        assert isinstance(screen, SweepScreen)
        await pilot.press("equals_sign")
        await shows(pilot, "Comparison of 2 runs")
        assert isinstance(app.screen, CompareScreen)
        assert [each.id[-6:] for each in app.screen.rows] == ["412b-3", "412b-1"]
        await pilot.press("escape", "right", "right", "j", "j", "equals_sign")
        await shows(pilot, "Comparison of 2 runs")
        assert isinstance(app.screen, CompareScreen)
        assert [each.id[-6:] for each in app.screen.rows] == ["412b-4", "412b-6"]
        await pilot.press("escape", "g", "m")
        await shows(pilot, "By rouge_l, higher is better")
        await pilot.press("M")
        await shows(pilot, "By eval_loss, lower is better")
        await pilot.press("left", "enter")
        await shows(pilot, "412b-3")


async def test_a_sweep_that_went_says_so(runs: Path) -> None:
    async with running(runs) as (app, pilot):
        shutil.rmtree(runs / ID)
        app.open(ToSweep(runs / ID))
        await shows(pilot, "is not there any more, or damaged")
        await pilot.press("equals_sign")
        await shows(pilot, "no two runs with this seed")
        await pilot.press("enter", "m", "left", "right", "escape")
        await shows(pilot, "sft, 6 runs")


def test_runs_that_are_gone_and_many_seeds(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path)
    shutil.rmtree(sweep.run(sweep.document.children[0]).path)
    table = sweep_table(sweep)
    gone = next(row for row in table.rows if row.label == "lora_r=8")
    assert "gone" in plain(row_line(table, gone, 79, 0))
    many = replace(table, seeds=tuple(range(30)), rows=(Row("x", table.rows[0].cells[:1] * 30),))
    for chosen in (0, 15, 29):
        assert f"seed {chosen}" in plain(head_line(many, 79, chosen))
        for spans in (head_line(many, 79, chosen), row_line(many, many.rows[0], 79, chosen)):
            assert width_of(spans) <= 79


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_harmless(text: str, tmp_path: Path) -> None:
    text = text.encode("utf-8", "replace").decode()
    cell = Cell(RunFolder(tmp_path), State(text), None)
    table = SweepTable(text, True, (1, None), (Row(text, (cell, cell)),), (text,))
    head = progress_text(table, text)
    lines = [head_line(table, 79, 0), row_line(table, table.rows[0], 79, 1), *foot_lines(table, 0.3, 79)]
    lines.append(sweep_line(SweepRow(ID, (row(1, ID), row(2, ID)), True), 79, 12, 25, 1))
    for shown in [head, *map(plain, lines)]:
        assert not [character for character in shown if ord(character) < 32 or 0x7F <= ord(character) < 0xA0]
    assert [spans for spans in lines if width_of(spans) > 79] == []
