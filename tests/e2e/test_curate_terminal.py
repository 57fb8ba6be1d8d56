"""The curation screen in a real terminal, killed with SIGKILL: every decision that it showed is on the disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.review_case import write_dataset
from tests.tui.terminal import Terminal
from toolkit.review.rulings import read_journals

pytestmark = pytest.mark.slow
CURATE = [sys.executable, "-P", "-m", "toolkit.cli", "curate"]


def decided(dataset: Path) -> list[str]:
    return [entry["id"] for entry in read_journals(dataset.parent / "dataset.curation").get("ann", [])]


def test_kill_9_of_the_screen_loses_no_decision(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", rows=24)
    argv = [*CURATE, str(dataset), "--annotator", "ann"]
    shown = 0
    for life in range(3):
        with Terminal(argv, environment={"XDG_STATE_HOME": str(tmp_path / "state")}) as terminal:
            terminal.wait_for("queue: ", 30)
            assert len(decided(dataset)) == shown  # what an earlier life decided
            for _ in range(4 + life):
                terminal.send("a")
                shown += 1
                wait_for(lambda count=shown: len(decided(dataset)) == count)  # type: ignore[misc]
            terminal.kill()
            wait_for(lambda gone=terminal: not gone.alive())  # type: ignore[misc]
    assert len(set(decided(dataset))) == shown == 15
