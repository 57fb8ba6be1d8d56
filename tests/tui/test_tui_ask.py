"""The screen Ask without a model: questions, systems, what is done with an answer, and how it is left."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from tests.tui.pilot import running, shows, text_of, until
from tests.tui.sample_runs import make_run
from tests.unit.runs import fake_model
from toolkit.records import read_growing_jsonl, write_json, write_jsonl
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import asking
from tui.destinations import ToAsk
from tui.screens.ask import AskScreen


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A finished training with an adapter and the data set that it learned from."""
    monkeypatch.setattr(asking, "COMMAND", fake_model.COMMAND)
    for split in ("train", "validation", "test"):
        write_jsonl(tmp_path / "dataset" / f"{split}.jsonl", [])
    config = {"model": "org/base", "data": str(tmp_path / "dataset")}
    run = RunFolder(make_run(tmp_path / "runs", "20261118-100000-sft-aaaa", config=config))
    (run.path / "adapter").mkdir()
    write_json(run.result_file, {"state": "finished", "exit_code": 0, "outputs": {"adapter": {"path": "adapter"}}})
    return run


async def test_questions_go_to_the_chosen_systems_and_answers_where_a_key_sends_them(trained: RunFolder) -> None:
    async with running(trained.path.parent) as (app, pilot):
        app.open(ToAsk(trained.path / "adapter" / "x", "First?"))  # an item's question is put at once
        await shows(pilot, "tuned 0: First?")
        screen = app.screen
        assert isinstance(screen, AskScreen)
        await until(pilot, lambda: not screen.busy)
        await pilot.press("e")
        await shows(pilot, "tuned: sent to the curation queue of")
        await pilot.press("v", "T", "a", *"Second?", "enter")
        await until(pilot, lambda: len(screen.shown) == 2 and not screen.busy)
        await pilot.press("x")
        await shows(pilot, "baseline: written down in")
        assert "baseline, temperature 0.7" in text_of(app)
        assert screen.session is not None
        model = psutil.Process(screen.session.pid)
        await pilot.press("escape")
        await until(pilot, lambda: not model.is_running())
    kept = read_growing_jsonl(trained.exchanges_file)
    assert [(row["prompt"], [one["system"] for one in row["answers"]]) for row in kept] == [
        ("First?", ["baseline", "tuned"]),
        ("Second?", ["baseline"]),
    ]
    assert kept[1]["sampling"]["temperature"] == 0.7
    (failure,) = read_growing_jsonl(trained.failures_file)
    assert failure["output"] == "baseline 0: Second?"
    (pair,) = read_growing_jsonl(trained.path.parent.parent / "dataset.curation" / "asked" / "pairs.jsonl")
    assert (pair["prompt"], pair["output"]) == ("First?", "tuned 0: First?")


async def test_an_answer_is_cut_short_and_what_goes_wrong_is_said(trained: RunFolder) -> None:
    async with running(trained.path.parent) as (app, pilot):
        app.open(ToAsk(trained.path, "slow"))
        screen = app.screen
        assert isinstance(screen, AskScreen)
        await until(pilot, lambda: screen.busy)
        await pilot.press("a")  # one at a time
        await shows(pilot, "An answer is being written")
        for _system in ("baseline", "tuned"):
            await pilot.press("c")
            await pilot.pause(0.2)
        await until(pilot, lambda: not screen.busy)
        assert [reply.finish_reason for reply in screen.shown[0].exchange.replies] == ["stopped", "stopped"]
        await pilot.press("a", *"refuse", "enter")
        await shows(pilot, "the server refused it")
        await until(pilot, lambda: not screen.busy)
        await pilot.press("a", *"die", "enter")
        await shows(pilot, "has ended (exit code 7)")
        await until(pilot, lambda: not screen.busy)
        await pilot.press("a")
        assert not screen.is_typing


async def test_what_cannot_be_asked_says_why(trained: RunFolder) -> None:
    trained.config_file.write_text(json.dumps({"model": "/gone/base"}))
    async with running(trained.path.parent) as (app, pilot):
        await until(pilot, lambda: app.snapshot.rows)
        await pilot.press("a")
        await shows(pilot, "/gone/base")
        assert not isinstance(app.screen, AskScreen)
    async with running(trained.path.parent, read_only=True) as (app, pilot):
        app.open(ToAsk(trained.path))
        await shows(pilot, "asking a model is switched off")


async def test_controls_in_an_answer_do_not_reach_the_terminal(trained: RunFolder) -> None:
    async with running(trained.path.parent, (160, 48)) as (app, pilot):
        app.open(ToAsk(trained.path, "controls"))
        screen = app.screen
        assert isinstance(screen, AskScreen)
        await until(pilot, lambda: screen.shown and not screen.busy)
        shown = text_of(app)
        assert not any(ord(character) < 32 and character != "\n" for character in shown)
        assert not {"\x1b", "\u202e", "\u2066"} & set(shown)
