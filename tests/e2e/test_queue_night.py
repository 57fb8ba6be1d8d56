"""The queue with the real command line and a real recipe: held, edited, released, and planned when it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import wait_for
from toolkit.cli import main
from toolkit.records import read_json, write_json, write_jsonl
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Command
from toolkit.run_folder.folder import RunFolder, lock_exclusively
from toolkit.run_folder.states import State

ROWS = [
    {"prompt": f"How do I {verb} the lamp in room {at}?", "output": f"1. Find lamp {at}.\n2. Press its {verb} switch."}
    for at, verb in enumerate(("open", "close", "clean", "repair", "move", "sell", "paint", "hide") * 3)
]


@pytest.mark.slow
def test_a_run_waits_is_edited_and_is_planned_and_started_once_when_there_is_room(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def steptune(*arguments: str) -> str:
        capsys.readouterr()
        assert main(list(arguments)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    write_jsonl(tmp_path / "rows.jsonl", ROWS)
    source = f"sources=[{{type: jsonl, path: {tmp_path / 'rows.jsonl'}}}]"
    by_hand = create_run("sft", "", runs / "by-hand")
    write_json(by_hand.command_file, Command([], "", {}, "cpu").to_json())
    lock = lock_exclusively(by_hand)  # somebody holds the only slot
    assert lock is not None
    queue = ("run", "data-build", "--preset", "demo", "--on", "cpu", "--queue", "--json", source)
    run = RunFolder(Path(json.loads(steptune(*queue))["run_dir"]))
    assert f"for a CPU slot (1 of 1 taken by {by_hand.id})" in steptune("queue")
    steptune("queue", "edit", run.id, "seed=5")
    lock.close()
    assert "1 run started, 0 waiting" in steptune("queue", "resume")
    wait_for(lambda: run.state().is_over, 120)
    assert run.state() is State.FINISHED, run.log_file.read_text()
    assert "seed: 5" in run.config_file.read_text()
    argv = (read_json(run.command_file) or {})["argv"]
    assert "toolkit.runs.take_up" not in argv  # recorded as it was planned
    assert str(run.path) in argv
    assert [event.name for event in run.events()].count("supervisor_started") == 1
    assert "Nothing waits in the queue" in steptune("queue")
