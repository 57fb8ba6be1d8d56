"""A study of sample predictions by the user's own commands: two raters in a real terminal, from `new` to `verify`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.tui.terminal import Terminal
from tests.unit.review.study_case import quality, sample_files
from toolkit.review.study.key import read_key
from toolkit.review.study.packet import read_packet
from toolkit.review.study.ratings import read_ratings
from toolkit.review.study.session import Task, tasks_of

pytestmark = pytest.mark.slow
STEPTUNE = [sys.executable, "-P", "-m", "toolkit.cli"]


def steptune(*arguments: str, code: int = 0, typed: str | None = None) -> str:
    done = subprocess.run([*STEPTUNE, *arguments], capture_output=True, text=True, input=typed, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def keys_of(task: Task, sources: list[str]) -> str:
    """What a rater presses who sees that a person's answer is better than the tuned model's, and that better than the
    other.
    """
    if task.kind == "scores":
        level = max(1, min(5, round(quality(sources[task.answer or 0]))))
        # No two raters are of one mind everywhere.
        second = level - (int(task.unit.name[-1], 16) + (task.answer or 0)) % 2
        return f"{level}{level}{second}{level}\r"
    if task.kind == "rank":
        order = sorted({quality(source) for source in sources}, reverse=True)
        return "".join(str(order.index(quality(source)) + 1) for source in sources) + "\r"
    return "0\r"


def rate_on_the_screen(study: Path, rater: str, kill_after: int | None = None) -> None:
    """Everything from the keyboard; killed once after `kill_after` decisions, and started again."""
    packet = read_packet(study / "packets" / f"{rater}.jsonl")
    units = read_key(study.parent / "study.key").body["units"][rater]

    def done() -> int:
        return len(read_ratings(packet.ratings_file, packet.study, rater, packet.sha256)) - 1

    def run(tasks: list[Task], ready: Callable[[Terminal], object]) -> None:
        with Terminal([*STEPTUNE, "study", "rate", str(study), "--rater", rater]) as terminal:
            ready(terminal)
            for task in tasks:
                before = done()
                terminal.send(keys_of(task, units[task.unit.name]["sources"]))
                wait_for(lambda before=before: done() > before)  # type: ignore[misc]
                if task.kind == "rank" and task.unit.notes:
                    terminal.wait_for("What was wrong")
                    terminal.send("\r")
            if kill_after is None or len(tasks) != kill_after:
                terminal.wait_for("All done")
            seen = terminal.output.decode("utf-8", "replace")
        assert not [word for word in ("baseline", "tuned", str(study.parent)) if word in seen]

    tasks = tasks_of(packet)
    first = tasks[:kill_after] if kill_after else tasks
    run(first, lambda terminal: terminal.wait_for("Unit 1 of", 30))
    if kill_after:
        run(tasks[kill_after:], lambda terminal: terminal.wait_for(f"{kill_after} of {len(tasks)} done", 30))
    assert done() == len(tasks)


def test_a_study_from_new_to_verify(tmp_path: Path) -> None:
    references, files = sample_files(tmp_path)
    study = tmp_path / "study"
    plan = tmp_path / "plan.yaml"
    plan.write_text("items: 4\npractice_units: 1\nguess_units: 1\nbootstrap_samples: 200\n", encoding="utf-8")
    systems = [f"--system={name}={path}" for name, path in files.items()]
    made = json.loads(
        steptune(
            "study",
            "new",
            str(study),
            "--data",
            str(references),
            *systems,
            "--raters",
            "anna,ben",
            "--plan",
            str(plan),
            "--acknowledge-leaks",
            "--json",
        )
    )
    assert made["sample"]["items"] == 4
    assert "cannot be reported before" in steptune("study", "report", str(study), code=2)
    rate_on_the_screen(study, "anna", kill_after=5)
    rate_on_the_screen(study, "ben")
    assert "nothing was changed" in steptune("study", "verify", str(study))
    handed_out = json.loads(steptune("study", "lock", str(study), "--json"))["lock"]
    assert "is locked" in steptune("study", "rate", str(study), "--rater", "anna", "--plain", code=2)
    assert "unblinded: baseline, tuned, human" in steptune("study", "unblind", str(study))
    assert "two raters: the interval is about new items" in steptune("study", "report", str(study))
    report = json.loads((study / "report" / "study_report.json").read_text(encoding="utf-8"))
    assert {name: means["accuracy"]["mean"] for name, means in report["means"].items()} == {
        "baseline": 2.0,
        "tuned": 4.0,
        "human": 4.0,
    }
    assert "nothing was changed" in steptune("study", "verify", str(study), "--lock", handed_out)
    path = study / "ratings" / "ben.jsonl"
    path.write_text(path.read_text().replace('"accuracy": 2', '"accuracy": 5', 1))
    assert "ben.jsonl" in steptune("study", "verify", str(study), code=1)
    assert "cannot be reported" in steptune("study", "report", str(study), code=2)
