"""Preflight reads rows: those of each source, how many rows and steps that makes, and the time that it may take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tui.pilot import outside_parent, running, shows, text_of, until
from tests.tui.sample_runs import make_run
from toolkit import config
from toolkit.planning.plan import LaunchPlan, plan_launch
from toolkit.planning.preview import rows_preview
from toolkit.settings import Settings
from tui.destinations import ToPreflight
from tui.logic.form import Form

SAMPLE = Path(__file__).resolve().parents[2] / "recipes" / "sample" / "howto"


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    """Twelve rows that are good, one without steps."""
    rows = [json.loads(line) for path in sorted(SAMPLE.glob("*.jsonl")) for line in path.read_text().splitlines()[:6]]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows[:12], {"prompt": "How?", "output": "No."}]))
    return path


def planned(recipe: str, preset: str, *overrides: str) -> tuple[Settings, LaunchPlan]:
    settings = config.resolve(recipe, preset, None, overrides)
    return settings, plan_launch(settings, "cpu")


def test_rows_of_each_source_and_why_others_are_left_out(rows_file: Path) -> None:
    _, plan = planned("data-build", "demo", f"sources={rows_file}")
    found = rows_preview(plan)
    assert found.steps is None
    text = "\n".join(found.lines)
    assert "mine.jsonl" in found.lines[0]
    assert "13 rows" in found.lines[0]
    assert "yield: 12 of 13" in text
    assert "left out: 1 x" in text
    assert "1. " in text


def test_a_pipeline_says_how_many_rows_and_steps_its_first_stage_makes(rows_file: Path) -> None:
    _, plan = planned("pipeline", "demo", f"data.sources={rows_file}", "sft.max_steps=2")
    found = rows_preview(plan)
    assert found.steps == 2
    assert found.lines[0].startswith("about ")
    assert found.lines[0].endswith(" to train on, 2 steps")


def test_a_recipe_without_a_preview_has_no_rows(rows_file: Path) -> None:
    _, plan = planned("evaluate", "demo", f"data={rows_file}", f"predictions={{tuned: {rows_file}}}")
    assert rows_preview(plan).lines == []


@pytest.mark.parametrize("steps", [None, 40])
async def test_preflight_shows_the_rows_and_the_likely_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int | None
) -> None:
    from toolkit.planning.preview import RowsPreview

    lines = [f"row {number}: 1. Open it." for number in range(30)]
    quiet(monkeypatch)
    monkeypatch.setattr("toolkit.planning.preview.rows_preview", lambda _plan: RowsPreview(lines, steps))
    settings = config.resolve("sft", "demo")
    path = make_run(tmp_path / "runs", "20261118-100000-sft-aaaa", steps=20)
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**info, "model": settings.trained_or_asked_model}))
    async with running(tmp_path / "runs") as (app, pilot):
        app.open(ToPreflight(Form("sft", "demo"), settings))
        await shows(pilot, "row 3: 1. Open it.")
        shown = text_of(app)
        assert ("it takes about 5:20, by 20261118-100000-sft-aaaa" in shown) == (steps is not None)
        assert ("more lines: O") in shown
        assert outside_parent(app) == []
        await pilot.press("O")
        await shows(pilot, "row 9: 1. Open it.")
        await pilot.press("escape")
        await shows(pilot, "Preflight of sft")


async def test_rows_that_cannot_be_read_are_said_and_keep_nobody_from_launching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_plan: LaunchPlan) -> Any:
        raise OSError("the disk is gone \x1b[31m")

    quiet(monkeypatch)
    monkeypatch.setattr("toolkit.planning.preview.rows_preview", fail)
    async with running(tmp_path / "runs") as (app, pilot):
        app.open(ToPreflight(Form("sft", "demo"), config.resolve("sft", "demo")))
        await shows(pilot, "The rows cannot be read: the disk is gone")
        await until(pilot, lambda: "L launches" in text_of(app))
        assert "\x1b" not in text_of(app)


def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look at this machine."""
    monkeypatch.setattr("toolkit.planning.preflight.check_launch", lambda *_: [])
    monkeypatch.setattr("toolkit.planning.inputs.check_inputs", lambda *_: [])
    monkeypatch.setattr("toolkit.planning.plan._count", lambda *_: None)
