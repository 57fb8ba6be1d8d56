"""How many keys a person presses for what they come for. A name, a value or a path that is typed counts as one,
`name=value` too.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.pilot import running, shows, text_of, until
from tests.tui.sample_runs import make_run
from tests.tui.sample_sweep import ID, make_sweep
from toolkit.run_folder.find import list_runs
from tui.logic.form import Form
from tui.pages.prompt import PROMPT
from tui.screens.compare import CompareScreen
from tui.screens.form import FormScreen
from tui.screens.new import NewScreen
from tui.screens.preflight import PreflightScreen

SETTINGS = "lora_r=8 learning_rate=1e-4 max_steps=12 warmup=0.1 eval_steps=4"


class Typist:
    """Presses keys and counts them; what is typed is one, whatever its length."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot, self.count = pilot, 0

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()
        self.count += len(keys)

    async def type(self, text: str) -> None:
        self.pilot.app.screen.query_one(f"#{PROMPT}", Input).value = text
        await self.pilot.pause()
        self.count += len(text.split("=")) - 1 or 1


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Form]:
    """The forms that were launched; nothing is started."""
    found: list[Form] = []
    monkeypatch.setattr(PreflightScreen, "action_launch", lambda self: found.append(self.form))
    return found


async def test_a_training_with_five_settings(tmp_path: Path, launched: list[Form]) -> None:
    async with running(tmp_path / "runs") as (app, pilot):
        typist = Typist(pilot)
        await typist.press("2", "slash")
        await typist.type("sft demo")
        await typist.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FormScreen))
        await typist.press("slash")
        await typist.type(SETTINGS)
        await typist.press("enter")
        await shows(pilot, "5 changed")
        await typist.press("p")
        await until(pilot, lambda: isinstance(app.screen, PreflightScreen))
        await typist.press("L")
        assert launched[0].changes == {
            "lora_r": "8",
            "learning_rate": "1e-4",
            "max_steps": "12",
            "warmup_ratio": "0.1",
            "eval_steps": "4",
        }
        assert (launched[0].recipe, launched[0].preset) == ("sft", "demo")
        assert typist.count <= 20


async def test_a_pipeline_on_ones_own_rows(tmp_path: Path, launched: list[Form]) -> None:
    rows = tmp_path / "my rows.jsonl"
    rows.write_text(json.dumps({"prompt": "How do I open it?", "output": "1. Press it.\n2. Wait."}) + "\n")
    async with running(tmp_path / "runs") as (app, pilot):
        typist = Typist(pilot)
        await typist.press("2", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, FormScreen))
        await typist.press("slash")
        await typist.type(f"sources={rows}")
        await typist.press("enter", "p")
        await until(pilot, lambda: isinstance(app.screen, PreflightScreen))
        await typist.press("L")
        assert (launched[0].recipe, launched[0].preset) == ("pipeline", "demo")
        assert launched[0].changes == {"data.sources": str(rows)}
        settings, problems = launched[0].check()
        assert (settings is not None, problems) == (True, [])
        assert typist.count <= 12 + 1


async def test_twenty_runs_are_deleted(tmp_path: Path) -> None:
    now = time.time()
    for number in range(24):
        make_run(tmp_path / "runs", f"{number:02}-sft-x", "sft" if number < 20 else "generate", steps=1, created=now)
    async with running(tmp_path / "runs") as (_app, pilot):
        typist = Typist(pilot)
        await typist.press("slash")
        await typist.type("recipe=sft")
        await typist.press("enter", "asterisk", "D", "y")
        await until(pilot, lambda: len(list_runs(tmp_path / "runs")) == 4)
        assert typist.count <= 5 + 1  # five, and the text of the filter


async def test_the_best_two_of_a_sweep_are_compared(tmp_path: Path) -> None:
    make_sweep(tmp_path / "runs")
    async with running(tmp_path / "runs") as (app, pilot):
        await shows(pilot, ID)
        typist = Typist(pilot)
        await typist.press("enter")
        await shows(pilot, "is best, before")
        await typist.press("equals_sign")
        await shows(pilot, "Comparison of 2 runs")
        assert isinstance(app.screen, CompareScreen)
        assert [row.id[-1] for row in app.screen.rows] == ["3", "1"]
        assert typist.count <= 4


async def test_what_is_looked_for_in_new_is_found_and_escape_shows_all_again(tmp_path: Path) -> None:
    async with running(tmp_path / "runs") as (app, pilot):
        await pilot.press("2", "slash")
        await pilot.press(*"multi")
        await shows(pilot, "sft multi_node")
        await shows(pilot, "generate multi_gpu")
        assert "fsdp" not in text_of(app)
        await pilot.press(*"zzz")
        await shows(pilot, "No recipe or preset fits.")
        await pilot.press("enter")
        assert isinstance(app.screen, NewScreen)
        await shows(pilot, "data-build")
        await pilot.press("slash", *"server", "escape")
        await shows(pilot, "data-build")
        await pilot.press("escape")
        await shows(pilot, "There are no runs")


async def test_a_value_for_what_fits_several_options_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path / "runs") as (app, pilot):
        await pilot.press("2", "enter", "slash", *"lora_=3", "enter")
        await shows(pilot, "write more of its name. Nothing was changed.")
        assert isinstance(app.screen, FormScreen)
        assert app.screen.form.changes == {}
