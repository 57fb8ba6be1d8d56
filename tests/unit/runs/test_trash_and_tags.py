"""What is deleted can be taken back, and says its size; tags and pins are kept in the run folder. Commands and screens
use the same functions.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tui.sample_runs import make_pipeline, make_run
from toolkit import cli
from toolkit.errors import UsageError
from toolkit.run_folder.find import list_runs
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.labels import MOST_TAGS, change_tags, pin, read_labels
from toolkit.runs.trash import empty_trash, put_in_trash, take_back, trashed_runs


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEPTUNE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_a_run_goes_to_the_trash_and_comes_back_as_it_was(root: Path) -> None:
    path = make_run(root, "a-sft-1")
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    trashed = put_in_trash(RunFolder(path))
    assert (list_runs(root), path.exists()) == ([], False)
    assert trashed.size == sum(map(len, before.values()))
    assert [(one.name, one.size, one.origin) for one in trashed_runs(root)] == [("a-sft-1", trashed.size, path)]
    take_back(trashed_runs(root)[0])
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    assert trashed_runs(root) == []


def test_two_runs_of_one_name_are_both_kept_and_nothing_is_overwritten(root: Path) -> None:
    for _ in range(2):
        put_in_trash(RunFolder(make_run(root, "a-sft-1")))
    make_run(root, "a-sft-1")
    found = trashed_runs(root)
    assert [one.name for one in found] == ["a-sft-1", "a-sft-1"]
    with pytest.raises(UsageError, match="is there again"):
        take_back(found[0])
    assert empty_trash(found) == sum(one.size for one in found)
    assert (trashed_runs(root), len(list_runs(root))) == ([], 1)


def test_a_stage_comes_back_into_its_pipeline(root: Path) -> None:
    stage = make_pipeline(root, "a-pipeline-1") / "stages" / "sft"
    put_in_trash(RunFolder(stage))
    assert (stage.exists(), len(trashed_runs(root))) == (False, 1)
    assert take_back(trashed_runs(root)[0]).path == stage
    assert stage.exists()


def test_the_commands_say_sizes_and_act_on_many(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        make_run(root, f"{number}-sft-x")
    assert cli.main(["rm", "0-sft", "1-sft"]) == 0
    assert cli.main(["trash", "--json"]) == 0
    out = capsys.readouterr().out
    assert "kB" in out.splitlines()[0]
    assert sorted(row["id"] for row in json.loads(out[out.index("[") :])) == ["0-sft-x", "1-sft-x"]
    assert cli.main(["restore", "0-sft"]) == 0
    assert cli.main(["restore", "2-sft"]) == 2
    assert cli.main(["trash", "--empty", "--yes"]) == 0
    assert [run.id for run in list_runs(root)] == ["2-sft-x", "0-sft-x"]


def test_tags_and_pin_by_command_and_filter(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        make_run(root, f"{number}-sft-x", config={"lora_r": 8 * number})
    assert cli.main(["tag", "0-sft", "2-sft", "--add", "night", "--pin"]) == 0
    assert read_labels(RunFolder(root / "0-sft-x")).tags == ("night",)
    capsys.readouterr()
    assert cli.main(["runs", "tag=night", "r>=0", "--order", "lora_r", "--turned", "--json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["2-sft-x", "0-sft-x"]
    assert cli.main(["runs", "--columns", "lora_r,eval_loss"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("lora_r 16, eval_loss 1.79")
    assert cli.main(["runs", "evl_loss<2"]) == 2
    assert "Did you mean eval_loss?" in capsys.readouterr().err
    assert cli.main(["tag", "0-sft", "--remove", "night", "--no-pin"]) == 0
    assert read_labels(RunFolder(root / "0-sft-x")).to_json() == {"tags": [], "pinned": False}


def test_what_cannot_be_a_tag_is_refused_and_a_damaged_file_holds_none(root: Path) -> None:
    run = RunFolder(make_run(root, "a-sft-1"))
    for tag in ("", "-x", "two words", "x" * 33, "\x1b[31m"):
        with pytest.raises(UsageError, match="cannot be a tag"):
            change_tags(run, [tag])
    with pytest.raises(UsageError, match="at most 32"):
        change_tags(run, [f"t{number}" for number in range(MOST_TAGS + 1)])
    pin(run, True)
    assert change_tags(run, ["a", "b", "a"]).tags == ("a", "b")
    run.labels_file.write_text('{"tags": [1, "\\u001b[2J"], "pinned": "yes"}')
    assert (read_labels(run).tags[0], read_labels(run).pinned) == ("1", False)
    assert "\x1b" not in "".join(read_labels(run).tags)
