from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import DiskFullError, UsageError
from toolkit.review.journal import Journal, check_name, read_journal, standing_entries

WRITER = """
import sys
from pathlib import Path
from toolkit.review.journal import Journal

with Journal(Path(sys.argv[1])) as journal:
    for number in range(100_000):
        journal.append("accept", row=f"r{number}")
        print(number, flush=True)  # the acknowledgement
"""


def decisions(entries: list[dict[str, object]]) -> list[object]:
    return [entry["row"] for entry in standing_entries(entries)]


def test_an_undo_is_an_entry_and_a_redo_as_well(tmp_path: Path) -> None:
    path = tmp_path / "ann.jsonl"
    with Journal(path) as journal:
        journal.append("accept", row="a")
        journal.append("reject", row="b", reason="wrong")
        assert journal.undo() == journal.entries[1]
        assert journal.undo() == journal.entries[0]
        assert journal.undo() is None
        assert journal.redo() == journal.entries[0]
        assert decisions(journal.entries) == ["a"]
        journal.append("accept", row="c")
        assert journal.redo() is None  # something was decided since
    assert [(entry["n"], entry["kind"]) for entry in read_journal(path)] == [
        (1, "accept"),
        (2, "reject"),
        (3, "undo"),
        (4, "undo"),
        (5, "redo"),
        (6, "accept"),
    ]
    assert decisions(read_journal(path)) == ["a", "c"]


def test_kill_9_loses_no_acknowledged_decision(tmp_path: Path) -> None:
    path = tmp_path / "ann.jsonl"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = -1
    deadline = time.monotonic() + 0.6
    for text in writer.stdout:
        acknowledged = int(text)
        if time.monotonic() > deadline and acknowledged > 5:
            os.kill(writer.pid, signal.SIGKILL)
            break
    acknowledged = max([acknowledged, *(int(text) for text in writer.stdout.read().split() if text.isdigit())])
    writer.wait()
    with Journal(path) as journal:
        kept = decisions(journal.entries)
        assert kept[: acknowledged + 1] == [f"r{number}" for number in range(acknowledged + 1)]
        assert len(kept) <= acknowledged + 2  # the one that was being written


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "ann.jsonl"
    with Journal(path) as journal:
        journal.append("accept", row="a")
    with path.open("ab") as file:
        file.write(b'{"n": 2, "kind": "acc')
    with Journal(path) as journal:
        journal.append("accept", row="b")
    assert [entry["n"] for entry in read_journal(path)] == [1, 2]
    assert decisions(read_journal(path)) == ["a", "b"]


def test_two_windows_of_one_person_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ann.jsonl"
    with Journal(path), pytest.raises(UsageError, match="ann is open in another window"):
        Journal(path)
    Journal(path).close()


def test_a_full_disk_keeps_what_there_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ann.jsonl"
    with Journal(path) as journal:
        journal.append("accept", row="a")

        def no_space(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", no_space)
        with pytest.raises(DiskFullError, match="No space left"):
            journal.append("accept", row="b")
    assert decisions(read_journal(path)) == ["a"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", ".hidden", "x" * 65, "a\n"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be used as a name"):
        check_name(name)


def test_usual_names_are_taken() -> None:
    assert [check_name(name) for name in ("ann", "Budi-2", "siti@example.org", "Ünal")] == [
        "ann",
        "Budi-2",
        "siti@example.org",
        "Ünal",
    ]


@given(st.lists(st.sampled_from(["decide", "undo", "redo"]), max_size=30))
def test_undo_and_redo_behave_like_a_stack(tmp_path_factory: pytest.TempPathFactory, actions: list[str]) -> None:
    path = tmp_path_factory.mktemp("journal") / "ann.jsonl"
    done: list[int] = []
    taken_back: list[int] = []
    with Journal(path) as journal:
        for number, action in enumerate(actions):
            if action == "decide":
                journal.append("accept", row=number)
                done.append(number)
                taken_back.clear()
            elif action == "undo":
                entry = journal.undo()
                assert (entry or {}).get("row") == (done[-1] if done else None)
                if done:
                    taken_back.append(done.pop())
            else:
                entry = journal.redo()
                assert (entry or {}).get("row") == (taken_back[-1] if taken_back else None)
                if taken_back:
                    done.append(taken_back.pop())
        # A redo brings an entry back to its own place, which is the last one.
        assert decisions(journal.entries) == done
    assert decisions(read_journal(path)) == done
