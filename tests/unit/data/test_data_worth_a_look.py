"""What a careful person would look at ends the build, opens the card and stands in the result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.data.data_build_case import build, pair, write_rows
from toolkit.commands.ending import report
from toolkit.data.publishing.worth_a_look import worth_a_look
from toolkit.data.rows import NOT_JUDGED, SYNTHETIC, Batch, Dropped, Row, require_rows
from toolkit.dataset_folder.documents import (
    Agreement,
    CardSource,
    CurationReport,
    LedgerLine,
    SplitSize,
)
from toolkit.errors import DataError
from toolkit.options.sources import JsonlSource
from toolkit.records import JSON, iter_jsonl, read_json, write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Ended, Event, Result
from toolkit.run_folder.states import State

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "data-build" / "run.py"
GERMAN: JSON = {
    "prompt": "Wie ändere ich mein Kennwort?",
    "output": "1. Öffnen Sie die Einstellungen.\n2. Klicken Sie auf Kennwort.\n3. Schreiben Sie an a@b.org.",
}


def test_the_block_is_in_the_log_the_card_and_the_result(tmp_path: Path) -> None:
    rows: list[JSON | str] = [
        *({**pair(n), "language": "en"} for n in range(30)),
        GERMAN,
        {"prompt": "How?", "output": "no list"},
    ]
    source = write_rows(tmp_path / "a.jsonl", rows)
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump({"rules": ["asks"], "sources": [{"type": "jsonl", "path": str(source)}]})
    )
    done = subprocess.run([sys.executable, RECIPE, "--run-dir", tmp_path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    card = read_json(tmp_path / "dataset" / "card.json") or {}
    lines = card["worth_a_look"]
    assert "de 1 of 1 (100.0%)" in next(line for line in lines if line.startswith("Rows with something masked"))
    assert any(line.startswith("Names and addresses were not looked for") and "de (1 rows)" in line for line in lines)
    assert "a.jsonl: 31 of 32 rows kept (97%); most often left out: no numbered steps in the answer (1)." in lines
    assert any("was not judged in: de (1 rows)" in line for line in lines)
    assert all(f"  - {line}\n" in done.stdout for line in lines)
    assert all(f"- {line}\n" in (tmp_path / "dataset" / "card.md").read_text() for line in lines)
    event = Event.from_json(list(iter_jsonl(tmp_path / "events.jsonl"))[-1])
    ended = Ended.from_event(event)
    assert list(ended.worth_a_look) == lines
    result = Result.from_json({"state": "finished", "worth_a_look": lines})
    assert result.to_json()["worth_a_look"] == lines


def test_small_splits_repeated_questions_unjudged_rows_and_disagreements_are_named() -> None:
    sizes = {"train": SplitSize(90, 0.9, 0.75, 9), "test": SplitSize(10, 0.1, 0.1, 1)}
    ledger = [LedgerLine(SYNTHETIC, "call 1", None, "dropped", f"{NOT_JUDGED}: budget reached")]
    curation = CurationReport({}, 0, {}, {}, 3, 0, Agreement(0, None, None, None, {}))
    made = CardSource(SYNTHETIC, "made", None, None, 1, 0, None)
    text = "\n".join(worth_a_look(sizes, [Row("s", "p", prompt="How?")] * 100, ledger, [made], 12, curation))
    assert "The test split has only 10 rows" in text
    assert "12 of 100 rows (12.0%) have a question that is asked more than once" in text
    assert "That is a lot" in text
    assert f"synthetic: 0 of 1 rows kept (0%); most often left out: {NOT_JUDGED} (1)." in text
    assert "1 rows of the teacher were left out" in text
    assert "3 rows on which people disagree are still open" in text


def test_a_clean_set_says_nothing_of_what_is_not_there(tmp_path: Path) -> None:
    card = build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(400)]))], tmp_path)
    assert not any("question" in line or "masked" in line or "left out" in line for line in card.worth_a_look)


def test_the_commonest_reason_leads_the_message_of_a_source_without_rows() -> None:
    dropped = [Dropped(Row("a", "a:1"), "NUL byte in the line")]
    dropped += [Dropped(Row("a", f"a:{n}"), f"the title names no task: '{n}'") for n in (2, 3)]
    with pytest.raises(DataError, match=r"3 read, none kept \(2 of them, first: a:2: the title names no task: '2'\)"):
        require_rows(Batch([], dropped))


def test_the_command_line_ends_with_the_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = create_run("data-build", "seed: 1\n", tmp_path / "run")
    lines = ["The test split has only 3 rows: its numbers will say little."]
    result = Result(State.FINISHED, 0, headline={"rows": 3}, worth_a_look=tuple(lines))
    write_json(run.path / "result.json", result.to_json())
    assert report(run, as_json=False) == 0
    assert f"rows 3\nWorth a look:\n  - {lines[0]}\n" in capsys.readouterr().out
    report(run, as_json=True)
    assert json.loads(capsys.readouterr().out)["worth_a_look"] == lines
