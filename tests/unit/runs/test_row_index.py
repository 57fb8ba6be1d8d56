"""The index of ten thousand runs is a cache: whatever happens to it, the list shows what the folders say."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path

import pytest

from tests.tui.sample_runs import make_pipeline, make_run
from toolkit import cli
from toolkit.records import write_json
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.labels import change_tags
from toolkit.runs import row_index
from toolkit.runs.row import read_row
from toolkit.runs.row_index import RowIndex, read_rows, stamp_of
from tui.logic import scanner as scanner_module
from tui.logic.scanner import Scanner

LONG_AGO = 1_700_000_000


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of four runs, a pipeline among them, for which an index is worth it."""
    for module in (row_index, scanner_module):
        monkeypatch.setattr(module, "WORTH_FROM", 2)
    root = tmp_path / "runs"
    for number in range(3):
        make_run(root, f"{number}-sft-x", headline={"eval_loss": float(number), "note": "x"}, steps=2)
    make_pipeline(root, "3-pipeline-x")
    change_tags(RunFolder(root / "1-sft-x"), ["night"])
    RunFolder(root / "1-sft-x").add_note("a note")
    age(root)
    monkeypatch.setenv("STEPTUNE_RUNS", str(root))
    return root


def age(root: Path) -> None:
    """As if nothing had been changed for long: what is younger is not kept."""
    for path in [*root.rglob("*"), root]:
        os.utime(path, (LONG_AGO, LONG_AGO))


def index_file(root: Path) -> Path:
    return root / f".rows-{os.geteuid()}.index"


def read_from_folders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that are read from their folders from here on."""
    names: list[str] = []

    def noted(path: Path, deep: bool = True) -> object:
        names.append(path.name)
        return read_row(path, deep)

    monkeypatch.setattr(row_index, "read_row", noted)
    monkeypatch.setattr(scanner_module, "read_row", noted)
    return names


def test_a_second_start_reads_no_folder_and_shows_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_rows(root)
    assert [row.id for row in first] == ["3-pipeline-x", "2-sft-x", "1-sft-x", "0-sft-x"]
    assert index_file(root).stat().st_mode & 0o777 == 0o600
    names = read_from_folders(monkeypatch)
    assert read_rows(root) == first
    assert (first[2].tags, first[2].notes[0].text, len(first[0].stages)) == (("night",), "a note", 5)
    scanner = Scanner(root)
    assert (list(scanner.scan().rows), scanner.scan().complete) == (first, True)
    assert names == []


def test_the_screens_keep_what_they_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner(root)
    scanner.scan()
    shown = scanner.scan()
    assert shown.complete
    names = read_from_folders(monkeypatch)
    assert (read_rows(root), names) == (list(shown.rows), [])


def test_a_moved_runs_folder_keeps_its_index_and_stages_lie_in_the_new_place(root: Path) -> None:
    read_rows(root)
    moved = root.rename(root.with_name("moved"))
    row = read_rows(moved)[0]
    assert (row.path, row.stages[0].path) == (moved / "3-pipeline-x", moved / "3-pipeline-x" / "stages" / "data-build")


@pytest.mark.parametrize(
    "change",
    [
        lambda run: change_tags(run, ["late"]),
        lambda run: run.add_note("late"),
        lambda run: write_json(run.result_file, {"state": "failed", "exit_code": 1, "message": "late"}),
        lambda run: run.add_metric(step=99, loss=0.5),
        lambda run: run.info_file.write_text(json.dumps({"id": "late", "recipe": "sft"})),
        lambda run: run.result_file.unlink(),
    ],
    ids=["tags", "note", "result", "metrics", "edited in place", "taken up again"],
)
@pytest.mark.parametrize("where", ["1-sft-x", "3-pipeline-x", "3-pipeline-x/stages/sft"])
def test_what_changed_since_is_read_again(root: Path, where: str, change: object) -> None:
    before = read_rows(root)
    change(RunFolder(root / where))  # type: ignore[operator]
    name = where.partition("/")[0]
    after = read_rows(root)
    assert after == [read_row(row.path) for row in before]
    assert [row.path.name for row, old in zip(after, before, strict=True) if row != old] == [name]
    assert list(Scanner(root).scan().rows) == after


def test_a_deleted_run_is_gone_and_a_new_one_there(root: Path) -> None:
    read_rows(root)
    shutil.rmtree(root / "1-sft-x")
    (root / "2-sft-x" / "run.json").unlink()
    make_run(root, "4-sft-x", steps=2)
    assert [row.id for row in read_rows(root)] == ["4-sft-x", "3-pipeline-x", "0-sft-x"]
    assert [row.id for row in read_rows(root)] == ["4-sft-x", "3-pipeline-x", "0-sft-x"]


def test_a_change_within_the_grain_of_the_clock_is_not_lost(root: Path) -> None:
    fresh = make_run(root, "4-sft-x", steps=2)
    read_rows(root)
    assert "4-sft-x" not in RowIndex(root).read()
    os.utime(fresh, (LONG_AGO, LONG_AGO))
    assert "4-sft-x" not in RowIndex(root).read()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"\x00\xff" * 100 + data,
        lambda data: data.replace(b'"finished"', b'"failed"'),
        lambda data: data.replace(b"\n", b""),
        lambda data: b"12345678 " + b"[" * 200_000 + b"\n" + data,
        lambda data: data + data[:40],
    ],
    ids=["empty", "torn", "garbage", "another word", "one line", "deep", "torn end"],
)
def test_a_damaged_index_is_passed_over_and_made_good(
    root: Path, damage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_rows(root)
    file = index_file(root)
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert read_rows(root) == first
    names = read_from_folders(monkeypatch)
    assert (read_rows(root), names) == (first, [])


def test_the_index_of_another_version_is_not_believed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_rows(root)
    monkeypatch.setattr(row_index, "_SEED", row_index._SEED + 1)
    assert RowIndex(root).read() == {}
    assert len(read_rows(root)) == 4


def test_two_writers_at_once_lose_nothing_and_show_nothing_wrong(root: Path) -> None:
    rows = read_rows(root)
    index_file(root).unlink()
    stamps = [stamp_of(row.path) for row in rows]

    def write() -> None:
        for _ in range(50):
            index = RowIndex(root)
            for row, stamp in zip(rows, stamps, strict=True):
                index.keep(row, stamp)
            index.save()
            index.read()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = RowIndex(root).read()
    assert [found[row.path.name].row(row.path) for row in rows] == rows


def test_an_index_that_grew_is_written_anew_without_what_is_gone(root: Path) -> None:
    rows = read_rows(root)
    data = index_file(root).read_bytes()
    index_file(root).write_bytes(data * 20)
    shutil.rmtree(root / "0-sft-x")
    RowIndex(root).read()
    assert index_file(root).read_bytes().count(b"\n") == 3
    assert read_rows(root) == rows[:-1]
    assert [path.name for path in root.glob(".*")] == [index_file(root).name]


@pytest.mark.parametrize("refusal", [PermissionError(13, "no"), OSError(30, "read-only"), OSError(28, "full")])
def test_a_folder_that_takes_no_file_works_without(
    root: Path, refusal: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: object, flags: int, *rest: int) -> int:
        if flags & (os.O_WRONLY | os.O_CREAT):
            raise refusal
        return opened(path, flags, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(row_index.os, "open", refuse)
    assert (len(read_rows(root)), Scanner(root).scan().total) == (4, 4)
    assert not index_file(root).exists()


@pytest.mark.parametrize("kind", ["another user's", "link", "pipe", "folder"])
def test_what_is_not_ones_own_file_is_neither_believed_nor_written(
    root: Path, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, file = read_rows(root), index_file(root)
    data = file.read_bytes()
    if kind == "another user's":  # the program's own file, seen by somebody else who was given that name
        stranger = os.geteuid() + 1
        file.rename(file.with_name(f".rows-{stranger}.index"))
        monkeypatch.setattr(row_index.os, "geteuid", lambda: stranger)
        file = file.with_name(f".rows-{stranger}.index")
    else:
        file.unlink()
        (tmp_path / "elsewhere").write_bytes(data)
        if kind == "link":
            file.symlink_to(tmp_path / "elsewhere")
        elif kind == "pipe":
            os.mkfifo(file)
        else:
            file.mkdir()
    assert RowIndex(root).read() == {}
    assert read_rows(root) == first
    if kind in ("another user's", "link"):
        assert file.read_bytes() == data


def test_a_run_that_one_may_not_read_any_more_is_listed_as_that(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_rows(root)
    real_stat, real_read = os.stat, Path.read_text
    closed = str(root / "1-sft-x") + "/"

    def stat(path: object, **rest: object) -> os.stat_result:
        if str(path).startswith(closed):
            raise PermissionError(13, "Permission denied")
        return real_stat(path, **rest)  # type: ignore[arg-type]

    def read_text(path: Path, **rest: str) -> str:
        if str(path).startswith(closed):
            raise PermissionError(13, "Permission denied")
        return real_read(path, **rest)

    monkeypatch.setattr(row_index.os, "stat", stat)
    monkeypatch.setattr(Path, "read_text", read_text)
    assert [row.state for row in read_rows(root)] == ["finished", "finished", "unreadable", "finished"]
    assert [row.state for row in Scanner(root).scan().rows] == ["finished", "finished", "unreadable", "finished"]


def test_few_runs_have_no_index(tmp_path: Path) -> None:
    make_run(tmp_path, "a-sft-1", steps=2)
    age(tmp_path)
    assert len(read_rows(tmp_path)) == 1
    Scanner(tmp_path).scan()
    assert list(tmp_path.glob(".*")) == []


def test_the_command_lists_from_the_index(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed() -> str:
        assert cli.main(["runs"]) == 0
        return re.sub(r"[\d:]+ ago", "ago", capsys.readouterr().out)

    first = listed()
    names = read_from_folders(monkeypatch)
    assert (listed(), names) == (first, [])
    assert "2-sft-x" in first
    assert "eval_loss 2, note x" in first
    assert cli.main(["runs", "eval_loss<1.5", "--order", "eval_loss", "--columns", "eval_loss", "--json"]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["0-sft-x", "1-sft-x"]
