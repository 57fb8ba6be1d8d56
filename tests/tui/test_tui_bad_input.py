"""Run folders as they should not be, on the screens: each is shown as what it is, and no key on it ends the program."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tui.pilot import running, shows, text_of, until
from tests.tui.sample_runs import make_pipeline, make_run
from toolkit.records import dump_line, write_json
from toolkit.runs.row import read_row
from tui.logic.feed import RunFeed
from tui.pages.page import Page

Spoil = Callable[[Path], None]
EVERY_KEY = (
    "v",
    "escape",
    "i",
    "escape",
    "m",
    "X",
    "w",
    "n",
    "O",
    "escape",
    "c",
    "n",
    "K",
    "n",
    "R",
    "n",
    "l",
    "G",
    "escape",
    "e",
    "escape",
    "y",
)


def only_a_beginning(path: Path) -> None:
    """What is there when a machine stops between the first and the second file."""
    for file in path.iterdir():
        if file.name != "run.json":
            file.unlink()
    (path / "run.json").write_text('{"id": "a-sft-1", "rec')


def torn(path: Path) -> None:
    (path / "result.json").unlink()
    for name in ("metrics.jsonl", "events.jsonl", "hardware.jsonl"):
        data = (path / name).read_bytes()
        (path / name).write_bytes(data[: len(data) - 17])


def older(path: Path) -> None:
    """A run of a version that recorded less and called things otherwise."""
    write_json(path / "run.json", {"id": "a-sft-1", "recipe": "finetune", "steptune": "0.0.1"})
    write_json(path / "result.json", {"state": "done", "loss": 1.5})
    (path / "config.yaml").write_text("base_model: x\nlr: 1e-4\n")
    (path / "metrics.jsonl").write_text('{"iteration": 1, "train_loss": 2.5}\n')


def long_line(path: Path) -> None:
    with (path / "metrics.jsonl").open("a") as file:
        file.write(
            dump_line({"step": 61, "loss": 1.5, "note": "x" * 10_000_000}) + dump_line({"step": 62, "loss": 1.25})
        )


def not_finite(path: Path) -> None:
    (path / "metrics.jsonl").write_text(
        '{"step": 1, "loss": NaN, "done": NaN, "total": Infinity, "eta_s": -Infinity, "time": NaN}\n'
        '{"step": 2, "loss": Infinity, "grad_norm": -Infinity}\n'
        f'{{"step": 3, "loss": 1{"0" * 400}, "time": 1{"0" * 400}}}\n'
    )
    (path / "events.jsonl").write_text(
        f'{{"event": "checkpoint_saved", "step": NaN, "time": Infinity}}\n{{"event": "x", "step": 1{"0" * 400}}}\n'
    )
    (path / "hardware.jsonl").write_text(
        f'{{"cpu_percent": NaN, "memory_gib": 1{"0" * 400}, "gpus": [{{"memory_total_mib": NaN}}]}}\n'
    )
    write_json(
        path / "result.json",
        {"state": "finished", "seconds": 10**400, "headline": {"eval_loss": 10**400}, "peak_memory_gib": 10**400},
    )


def clock_back(path: Path) -> None:
    """Started in the future, and times that go back and forth."""
    info = json.loads((path / "run.json").read_text())
    write_json(path / "run.json", {**info, "created_unix": time.time() + 1e6})
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    (path / "metrics.jsonl").write_text(
        "".join(dump_line({**row, "time": row["time"] * (-1) ** row["step"]}) for row in rows)
    )
    for file in path.iterdir():
        os.utime(file, (time.time() + 1e7, time.time() + 1e7))


def links_and_folders(path: Path) -> None:
    """Names that are there, as something else than a file."""
    for name in ("log.txt", "config.yaml", "hardware.jsonl"):
        (path / name).unlink()
    (path / "log.txt").mkdir()
    (path / "config.yaml").symlink_to(path / "config.yaml")
    (path / "hardware.jsonl").symlink_to("/dev/null")


SPOILED: dict[str, tuple[Spoil, str, str]] = {
    # what is done to it, its state in the list, and what Follow says
    "half-written": (only_a_beginning, "lost", "run.json is missing or damaged"),
    "torn": (torn, "lost", "?"),
    "older version": (older, "done", "finetune"),
    "10 MB line": (long_line, "finished", "1 unreadable line"),
    "NaN and Infinity": (not_finite, "finished", "eval_loss"),
    "clock": (clock_back, "finished", "step"),
    "no files": (links_and_folders, "finished", "eval_loss 1.79"),
}


@pytest.mark.parametrize("name", SPOILED)
async def test_a_spoiled_run_is_shown_as_what_it_is(tmp_path: Path, name: str) -> None:
    spoil, state, said = SPOILED[name]
    runs = tmp_path / "runs"
    spoil(make_run(runs, "a-sft-1"))
    make_run(runs, "b-sft-2")
    async with running(runs) as (app, pilot):
        await shows(pilot, "2 runs")
        assert state in next(line for line in text_of(app).splitlines() if "a-sft-1" in line)
        await pilot.press("G", "space", "g", "space", "equals_sign")
        await shows(pilot, "Comparison of 2 runs")
        await pilot.press("m", "X", "escape", "G", "enter")
        await shows(pilot, said)
        for key in EVERY_KEY:
            await pilot.press(key)
            assert app.is_running
        await until(pilot, lambda: isinstance(app.screen, Page))


@pytest.mark.parametrize("place", ["runs", "follow", "logs", "compare", "rows", "report"])
async def test_a_run_that_is_deleted_while_it_is_open(tmp_path: Path, place: str) -> None:
    runs = tmp_path / "runs"
    run = make_pipeline(runs, "a-pipeline-1") if place == "report" else make_run(runs, "a-sft-1")
    (run / "rows.jsonl").write_text(
        "".join(dump_line({"id": f"row-{number}", "prompt": "How?"}) for number in range(200))
    )
    make_run(runs, "b-sft-2")
    keys = {
        "follow": ("G", "enter"),
        "logs": ("G", "l"),
        "compare": ("space", "space", "equals_sign"),
        "rows": ("G", "enter", "O"),
    }
    async with running(runs) as (app, pilot):
        await shows(pilot, "2 runs")
        await pilot.press(*keys.get(place, ("5", "enter") if place == "report" else ()))
        await pilot.pause(0.3)
        shutil.rmtree(run)
        await pilot.press("j", "G", "k", "m", "slash", "x", "enter", "n", "enter", "escape")
        await pilot.pause(0.3)
        assert app.is_running
        await pilot.press("escape", "escape", "escape", "1", "escape")
        await shows(pilot, "1 runs")


async def test_a_run_of_someone_else_says_that_it_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "runs", "a-sft-1")
    make_run(tmp_path / "runs", "b-sft-2")
    if os.geteuid() == 0:  # root may read everything: refuse as the system would
        refuse_below(run, monkeypatch)
    else:
        run.chmod(0)
    try:
        async with running(tmp_path / "runs") as (app, pilot):
            await shows(pilot, "! illegible")
            await pilot.press("G", "enter")
            await shows(pilot, "no permission to read it")
            for key in EVERY_KEY:
                await pilot.press(key)
                assert app.is_running
            await pilot.press("escape", "escape", "D")
            await shows(pilot, "only the folders of")
    finally:
        monkeypatch.undo()
        run.chmod(0o755)
    assert (run / "run.json").exists()


def refuse_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening or listing anything in the folder fails as for another user."""
    original_open, original_stat = Path.open, os.stat

    def refused_open(self: Path, *arguments: object, **options: object) -> object:
        if self.is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(self))
        return original_open(self, *arguments, **options)  # type: ignore[call-overload]

    def refused_stat(path: object, *arguments: object, **options: object) -> os.stat_result:
        if isinstance(path, str | Path) and Path(path) != folder and Path(path).is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return original_stat(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refused_open)
    monkeypatch.setattr("tui.logic.scanner.os.stat", refused_stat)


async def test_a_clock_that_jumps_while_a_run_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "runs", "a-sft-1", state=None, steps=10, total=60, created=time.time())
    import fcntl

    real = time.time
    with (run / "run.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with running(tmp_path / "runs") as (_app, pilot):
            await pilot.press("enter")
            await shows(pilot, "● running")
            monkeypatch.setattr("time.time", lambda: real() - 86_400)
            await pilot.pause(1.2)
            await shows(pilot, "● running  0 s")
            monkeypatch.setattr("time.time", lambda: real() + 86_400)
            await shows(pilot, "◌ stalled  1 d 0 h")
            with (run / "metrics.jsonl").open("a") as file:
                file.write(dump_line({"step": 11, "loss": 1.0625, "done": 11, "total": 60, "phase": "train"}))
            await shows(pilot, "11/60")


def test_a_number_beyond_all_floats_is_infinite(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a-sft-1")
    not_finite(run)
    row = read_row(run)
    assert (row.state, row.loss, row.seconds) == ("finished", float("inf"), float("inf"))
    feed = RunFeed(run)
    feed.poll()
    assert (feed.view.curves.names(), feed.view.curves.series["loss"].not_finite) == ([], 3)
