from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.unit.data.data_build_case import pair, write_rows
from toolkit.data.row_files import StoredRows, part_path, write_part
from toolkit.data.rows import Batch, Dropped, Row, Selected
from toolkit.data.stages import Stages
from toolkit.errors import Cancelled
from toolkit.options.data import CleaningOptions, ReadingOptions
from toolkit.options.sources import JsonlSource
from toolkit.records import JSON, iter_jsonl, sha256_tree
from toolkit.runs.recorder import Recorder

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "data-build" / "run.py"
CLEANING = CleaningOptions(anonymise=("email",), phone_regions=("US",), rules=())


def rows_of_two_parts(folder: Path) -> Path:
    rows: list[JSON | str] = [
        {**pair(n), "output": f"{pair(n)['output']}\n4. Mail person{n}@mail.com."} for n in range(1_300)
    ]
    return write_rows(folder / "a.jsonl", [*rows, pair(7), "{"])


def rows_of(path: Path) -> ReadingOptions:
    return ReadingOptions(sources=(JsonlSource(path=path),))


def config(folder: Path, source: Path, **options: object) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(
        yaml.safe_dump(
            {"sources": [{"type": "jsonl", "path": str(source)}], "repair_typos": False, "rules": [], **options}
        )
    )
    return [sys.executable, str(RECIPE), "--run-dir", str(folder)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The source, and the hash of the data set that one process makes of it in one go."""
    folder = tmp_path_factory.mktemp("built")
    source = rows_of_two_parts(folder)
    subprocess.run(config(folder / "run", source), check=True, timeout=120)
    assert sorted(path.name for path in (folder / "run").iterdir()) == [
        "config.yaml",
        "dataset",
        "events.jsonl",
        "metrics.jsonl",
        "stages",
    ]
    return source, sha256_tree(folder / "run" / "dataset")


def test_two_processes_make_the_same_bytes_as_one(built: tuple[Path, str], tmp_path: Path) -> None:
    argv = config(tmp_path, built[0])
    both = [subprocess.Popen(argv, env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"}) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert sha256_tree(tmp_path / "dataset") == built[1]


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_build_goes_on_from_its_parts_and_ends_with_the_same_bytes(
    built: tuple[Path, str], tmp_path: Path
) -> None:
    argv = config(tmp_path, built[0])
    process = subprocess.Popen(argv)
    while process.poll() is None and not list(tmp_path.glob("stages/rows-*/000000.jsonl")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("stages/*/*.jsonl")}
    assert len(done) >= 3
    again = subprocess.Popen(argv)
    while again.poll() is None and not list(tmp_path.glob("stages/copies-*.json")):
        time.sleep(0.01)
    seen = {path: path.stat().st_mtime_ns for path in done if path.exists()}
    assert again.wait(timeout=120) == 0
    assert all(done[path] == at for path, at in seen.items())
    assert sha256_tree(tmp_path / "dataset") == built[1]


def test_a_process_that_comes_when_all_is_done_ends_at_once(built: tuple[Path, str]) -> None:
    argv = [sys.executable, str(RECIPE), "--run-dir", str(built[0].parent / "run")]
    done = subprocess.run(
        argv, env={**os.environ, "RANK": "1", "WORLD_SIZE": "2"}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_some_stages_alone_write_rows_and_a_ledger(tmp_path: Path) -> None:
    row = {"id": "a", "prompt": "How?", "output": "1) Mail a@b.org."}
    subprocess.run(
        config(tmp_path, write_rows(tmp_path / "a.jsonl", [row, row, "{"]), stages=["anonymise", "normalise"]),
        check=True,
        timeout=60,
    )
    assert [(line["id"], line["output"]) for line in iter_jsonl(tmp_path / "rows" / "rows.jsonl")] == [
        ("a", "1. Mail [EMAIL_1]."),
        ("a.jsonl/a", "1. Mail [EMAIL_1]."),
    ]
    assert [line["ended"] for line in iter_jsonl(tmp_path / "rows" / "ledger.jsonl")] == ["kept", "kept", "dropped"]
    assert [path.name for path in (tmp_path / "stages").iterdir()] == ["finished.json"]


def test_a_process_takes_over_the_parts_of_one_that_never_came(tmp_path: Path) -> None:
    stages = Stages(tmp_path / "stages", Recorder(None), rank=0, processes=3)
    batch = stages.clean(stages.collect(rows_of(rows_of_two_parts(tmp_path))), CLEANING)
    assert (len(batch.kept), [item.reason.split(" (")[0] for item in batch.dropped]) == (1_301, ["not valid JSON"])


def test_another_option_or_a_changed_source_is_another_result(tmp_path: Path) -> None:
    reading = rows_of(write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(3)]))
    for cleaning in (CLEANING, CLEANING, CleaningOptions(anonymise=(), rules=())):
        stages = Stages(tmp_path / "stages", Recorder(None))
        stages.clean(stages.collect(reading), cleaning)
    assert len(list(tmp_path.glob("stages/rows-*"))) == 2
    write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(4)])
    stages = Stages(tmp_path / "stages", Recorder(None))
    assert len(stages.clean(stages.collect(reading), CLEANING).kept) == 4


def test_a_stop_ends_the_row_work_at_a_part(tmp_path: Path) -> None:
    recorder = Recorder(None)
    stages = Stages(tmp_path / "stages", recorder)
    collected = stages.collect(rows_of(rows_of_two_parts(tmp_path)))
    recorder.stop_requested = True
    with pytest.raises(Cancelled):
        stages.clean(collected, CLEANING)
    assert len(list(tmp_path.glob("stages/rows-*/*.jsonl"))) == 1


def test_rows_on_the_disk_behave_like_a_list(tmp_path: Path) -> None:
    rows = [
        Row(
            "s",
            f"f:{n}",
            n,
            f"Frage {n}\u2028?",
            "1. Öffnen.\n2. 結果",
            "g",
            f"i{n}",
            {"language": "de"},
            ("l",),
            {"email": n},
            ("note",),
        )
        for n in range(7)
    ]
    write_part(part_path(tmp_path, 0), rows[:3])
    write_part(part_path(tmp_path, 1), [])
    write_part(part_path(tmp_path, 2), [Dropped(Row("s", "f:9", 9, "gone", "gone"), "why", "i1", True), *rows[3:]])
    stored = StoredRows([part_path(tmp_path, number) for number in range(3)])
    assert list(stored) == rows
    assert [stored[at] for at in range(-7, 7)] == rows * 2
    assert list(stored[2:6:2]) == rows[2:6:2]
    assert list(Selected(stored, [1, 3, 6])) == [rows[1], rows[3], rows[6]]
    assert stored.dropped == [Dropped(Row("s", "f:9", 9), "why", "i1", True)]
    with pytest.raises(IndexError):
        stored[7]


def test_copies_lead_to_the_row_that_stays() -> None:
    rows = [Row("s", f"f:{n}", n, "How?", f"1. {n}", id=f"i{n}") for n in range(4)]
    batch = Batch(rows).without_copies({1: (0, "exact duplicate"), 3: (2, "near-duplicate")})
    assert [row.id for row in batch.kept] == ["i0", "i2"]
    assert [(item.row.id, item.kept_for) for item in batch.dropped] == [("i1", "i0"), ("i3", "i2")]
