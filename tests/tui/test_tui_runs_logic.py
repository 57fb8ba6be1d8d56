"""Rows of runs from every kind of folder, the scanner, filters and sorting, comparisons, the store."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.sample_runs import make_many, make_pipeline, make_run
from toolkit.run_folder.config_values import flatten, read_config
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.labels import change_tags, pin
from toolkit.run_folder.states import State
from toolkit.runs import filters
from toolkit.runs.filters import FilterError, parse
from toolkit.runs.row import RunRow, read_row
from toolkit.runs.selection import OWN_ORDERS, Order, differing, nearest_name, select
from tui.logic.comparison import compare, short_labels, to_csv, to_markdown
from tui.logic.feed import RunFeed
from tui.logic.lines import plain, width_of
from tui.logic.run_selection import RunSelection
from tui.logic.run_table import header, run_line, visible_columns
from tui.logic.scanner import DEEP_AT_FIRST, Scanner
from tui.logic.store import Store


def test_a_finished_run(tmp_path: Path) -> None:
    row = read_row(make_run(tmp_path, "a-sft-1", steps=20))
    assert (row.id, row.recipe, row.state, row.step, row.headline, row.model) == (
        "a-sft-1",
        "sft",
        "finished",
        20,
        "eval_loss 1.79, best_step 10",
        "mistralai/Mistral-7B-Instruct-v0.2",
    )
    assert (row.speed, row.eta_s, row.live) == (None, None, False)


def test_a_build_does_not_show_its_teacher_as_its_model(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a-data-build-1", "data-build")
    (path / "config.yaml").write_text("# model: none\nteacher:\n  model: gpt-4o-mini\n")
    assert read_row(path).model == ""


def test_a_live_run_has_progress_speed_and_eta(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a-sft-1", state=None, steps=15, total=60, created=time.time())
    with (path / "run.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        row = read_row(path)
    assert (row.state, row.share, row.phase, row.eta_s) == ("running", 0.25, "train", 360.0)
    assert row.speed is not None


def test_a_run_without_its_supervisor_is_lost(tmp_path: Path) -> None:
    assert read_row(make_run(tmp_path, "a-sft-1", state=None)).state == "lost"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b"{"),
        ("run.json", b"[]"),
        ("run.json", b'{"created_unix": "x", "id": 5}'),
        ("result.json", b'{"state": 7, "headline": [1], "message": 3}'),
    ]
    + [
        (name, b"\xff\xfe\x00garbage")
        for name in ("run.json", "result.json", "config.yaml", "metrics.jsonl", "events.jsonl", "hardware.jsonl")
    ]
    + [
        ("metrics.jsonl", b'{"done": NaN, "total": Infinity, "step": "x", "phase": null, "loss": NaN}\n'),
        ("result.json", b"[" * 100_000),
    ],
)
def test_a_damaged_file_never_raises(tmp_path: Path, name: str, content: bytes) -> None:
    path = make_run(tmp_path, "a-sft-1")
    (path / name).write_bytes(content)
    row = read_row(path)
    feed = RunFeed(path)
    feed.poll()
    feed.close()
    assert width_of(run_line(row, 79, visible_columns(79), now=0.0)) <= 79
    assert row.path == path


def test_a_folder_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_run(tmp_path, "a-sft-1")

    def refuse(self: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    row = read_row(path)
    assert (row.state, row.message) == ("unreadable", "no permission to read it")


def test_a_pipeline_shows_its_stages_in_order(tmp_path: Path) -> None:
    path = make_pipeline(tmp_path, "a-pipeline-1", running=True)
    with (path / "run.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        row = read_row(path)
    assert [(stage.stage, stage.state) for stage in row.stages] == [
        ("data-build", "finished"),
        ("sft", "lost"),
        ("generate-baseline", "waiting"),
        ("generate-tuned", "waiting"),
        ("evaluate", "waiting"),
    ]


def test_a_stage_taken_from_an_earlier_pipeline_is_named(tmp_path: Path) -> None:
    path = make_pipeline(tmp_path, "a-pipeline-1")
    os.rename(path / "stages" / "sft", tmp_path / "elsewhere")
    with (path / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "stage_skipped", "stage": "sft", "run": "/x/sft"}) + "\n")
    stage = read_row(path).stages[1]
    assert (stage.stage, stage.state, stage.message) == ("sft", "unchanged", "taken from /x/sft")


def test_the_scanner_lists_newest_first_and_deepens_a_few_at_a_time(tmp_path: Path) -> None:
    make_many(tmp_path, DEEP_AT_FIRST + 10)
    scanner = Scanner(tmp_path)
    first = scanner.scan()
    assert (len(first.rows), first.total) == (DEEP_AT_FIRST + 10, DEEP_AT_FIRST + 10)
    assert not first.complete
    assert [row.id for row in first.rows] == sorted((row.id for row in first.rows), reverse=True)
    assert scanner.scan().complete


def test_the_scanner_sees_new_changed_and_deleted_runs(tmp_path: Path) -> None:
    make_run(tmp_path, "a-sft-1")
    gone = make_run(tmp_path, "b-sft-2")
    scanner = Scanner(tmp_path)
    assert len(scanner.scan().rows) == 2
    (gone / "run.json").unlink()
    os.rename(gone, tmp_path / ".trash")
    make_run(tmp_path, "c-sft-3", state="failed")
    result = json.loads((tmp_path / "a-sft-1" / "result.json").read_text())
    (tmp_path / "a-sft-1" / "result.json").write_text(json.dumps({**result, "state": "cancelled and longer"}))
    scanner._listed = -10
    for known in scanner._known.values():
        known.checked = -10
    assert [(row.id, row.state) for row in scanner.scan().rows] == [
        ("c-sft-3", "failed"),
        ("a-sft-1", "cancelled and longer"),
    ]


def test_a_runs_folder_that_is_missing_or_a_file(tmp_path: Path) -> None:
    assert Scanner(tmp_path / "none").scan().rows == ()
    (tmp_path / "file").write_text("")
    assert "cannot be read" in Scanner(tmp_path / "file").scan().problem


ROW = RunRow(
    Path("/runs/20261124-sft-k3f2"),
    "20261124-sft-k3f2",
    "sft",
    State.RUNNING,
    model="mistralai/Mistral-7B",
    loss=1.5,
    step=20.0,
    user="ann",
    tags=("best", "night"),
    numbers={"eval_loss": 1.75, "rouge_l": 0.25, "tokens_per_second": 1400.0},
)
SETTINGS = {"learning_rate": 1e-4, "sft.lora_r": 16, "quantization": "nf4", "lora_alpha": None, "packing": False}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("state=running lr>=1e-4", True),
        ("state=running lr>1e-4", False),
        ("mistral", True),
        ("MISTRAL k3f2", True),
        ("-mistral", False),
        ("-state=failed loss<2", True),
        ("state!=running", False),
        ("r=16", True),
        ("lora_r>=17", False),
        ("quantization~nf", True),
        ("alpha=none", True),
        ("packing=false", True),
        ("nothing_like_it=1", False),
        ('model~"Mistral-7B"', True),
        ("step>=20.0", True),
        ("eval_loss<2 rouge_l>0.2", True),
        ("tokens<1000", False),
        ("tag=best -tag=bad user=ann", True),
        ("night", True),
    ],
)
def test_filters(text: str, fits: bool) -> None:
    assert filters.matches(parse(text), ROW, lambda _row: SETTINGS) is fits


@pytest.mark.parametrize("text", ["state=memory", 'state="out of memory"', 'state="no memory"', "state~memory"])
def test_a_state_is_found_by_the_words_that_the_list_and_the_folder_have_for_it(text: str) -> None:
    row = replace(ROW, state=State.OUT_OF_MEMORY)
    assert filters.matches(parse(text), row, lambda _row: {})
    assert not filters.matches(parse(text), ROW, lambda _row: {})


@pytest.mark.parametrize("text", ['model="open', "lr>=", "lr>=abc"])
def test_a_filter_that_cannot_be_read_says_what_is_expected(text: str) -> None:
    with pytest.raises(FilterError, match=r"value is missing|compares numbers|quote"):
        parse(text)


def test_rows_are_filtered_by_settings_and_sorted(tmp_path: Path) -> None:
    for number in range(4):
        make_run(tmp_path, f"{number}-sft-x", config={"learning_rate": number * 1e-4}, steps=10 + number, seed=number)
    rows = Scanner(tmp_path).scan().rows

    def settings_of(row: RunRow) -> dict[str, object]:
        return read_config(RunFolder(row.path)).flat

    def ids(text: str, order: str) -> list[str]:
        return [row.id[0] for row in select(rows, parse(text), Order.from_text(order), settings_of).rows]

    assert (ids("lr>=2e-4", "newest"), ids("lr>=2e-4", "-newest")) == (["3", "2"], ["2", "3"])
    assert (ids("", "learning_rate"), ids("", "-learning_rate")) == (list("0123"), list("3210"))
    for name in OWN_ORDERS:
        assert sorted(ids("", name)) == list("0123")
    assert differing(rows, settings_of) == ["learning_rate", "seed"]
    pin(RunFolder(tmp_path / "1-sft-x"), True)
    rows = Scanner(tmp_path).scan().rows
    assert ids("", "newest") == ["1", "3", "2", "0"]


def test_runs_without_a_number_come_last_whichever_way_round() -> None:
    values = (2.0, None, 1.0, float("nan"))
    rows = [replace(ROW, id=str(value), numbers={"x": value} if value is not None else {}) for value in values]
    for order, found in (("x", ["1.0", "2.0"]), ("-x", ["2.0", "1.0"])):
        shown = [row.id for row in select(rows, (), Order.from_text(order), lambda _row: {}).rows]
        assert (shown[:2], sorted(shown[2:])) == (found, ["None", "nan"])


def test_a_name_that_no_run_has_is_named_with_the_nearest(tmp_path: Path) -> None:
    found = select([ROW], parse("evl_loss<2 state=running"), Order("rouge"), lambda _row: SETTINGS)
    assert (found.rows, found.unknown) == ([], ["evl_loss"])
    assert nearest_name("evl_loss", [ROW], lambda _row: SETTINGS) == "eval_loss"
    make_run(tmp_path, "a-sft-1")
    selection, snapshot = RunSelection(), Scanner(tmp_path).scan()
    selection.set_filter("evl_loss<2")
    selection.take(snapshot)
    assert selection.problem == "no run has a column, number or setting evl_loss; did you mean eval_loss?"


def test_columns_are_what_one_chose_sorts_and_filters_by(tmp_path: Path) -> None:
    for number in range(2):
        path = make_run(tmp_path, f"{number}-sft-x", config={"lora_r": 8 * number}, seed=1)
        change_tags(RunFolder(path), ["night"])
    selection, snapshot = RunSelection(), Scanner(tmp_path).scan()
    selection.toggle_column("best_step")
    selection.order_by("seconds")
    selection.toggle_column("settings that differ")
    selection.set_filter("eval_loss<2")
    selection.take(snapshot)
    assert selection.extra_columns() == ["best_step", "seconds", "eval_loss", "lora_r"]
    columns = selection.visible_columns(79)
    assert [column.name for column in columns] == ["loss", "best_step", "seconds", "eval_loss"]
    shown = plain(run_line(snapshot.rows[0], 79, columns, now=0.0))
    assert shown.split() == ["✓", "finished", "1-sft-x", "1.699", "50", "480", "1.79"]
    selection.toggle_column("tag")
    assert [selection.cell(row, "tag") for row in snapshot.rows] == ["night", "night"]
    selection.toggle_column("tag")
    again = RunSelection()
    again.restore(json.loads(json.dumps(selection.remembered("x"))))
    assert (again.extra_columns(), str(again.order)) == (["best_step", "seconds", "eval_loss"], "seconds")


def test_a_row_of_the_list_as_text(tmp_path: Path) -> None:
    row = read_row(make_run(tmp_path, "20261124-143012-sft-k3f2", steps=20, created=1000.0))
    columns = visible_columns(79)
    names = " state       run                        progress        loss        time    age"
    assert plain(header(79, columns)) == names
    assert (
        plain(run_line(row, 79, columns, now=1000.0 + 7300))
        == " ✓ finished  20261124-143012-sft-k3f2   step 20        1.776        2:40    2 h"
    )
    for width in (60, 79, 100, 120, 159, 220):
        assert width_of(run_line(row, width, visible_columns(width), now=2000.0)) <= width


def test_comparison_lists_what_differs(tmp_path: Path) -> None:
    rows = [
        read_row(
            make_run(
                tmp_path,
                f"x-sft-{number}",
                config={"learning_rate": number * 1e-4, "note": "=cmd|'/c calc'!A0"},
                seed=3,
            )
        )
        for number in (1, 2)
    ]
    comparison = compare(rows)
    assert comparison.settings == {"learning_rate": (1e-4, 2e-4)}
    assert comparison.labels == ["1", "2"]
    markdown = to_markdown(comparison)
    assert "| `learning_rate` | 0.0001 | 0.0002 |" in markdown
    table = list(csv.reader(to_csv(comparison).splitlines()))
    assert table[0] == ["kind", "name", "x-sft-1", "x-sft-2"]
    assert ["setting", "learning_rate", "0.0001", "0.0002"] in table


def test_csv_cells_are_no_formulas(tmp_path: Path) -> None:
    rows = [read_row(make_run(tmp_path, f"x-sft-{number}", config={"model": f"={number}+1"})) for number in (1, 2)]
    assert ["setting", "model", "'=1+1", "'=2+1"] in list(csv.reader(to_csv(compare(rows)).splitlines()))


def test_labels_are_short_only_where_they_tell_runs_apart() -> None:
    assert short_labels(["a-sft-1", "b-sft-2"]) == ["1", "2"]
    assert short_labels(["a-sft-1", "b-sft-1"]) == ["a-sft-1", "b-sft-1"]


def test_nested_settings_have_dotted_names() -> None:
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}


def test_the_store_keeps_and_survives_damage(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "state")
    assert store.load("screens") == {}
    assert store.save("screens", {"theme": "x"})
    assert store.load("screens") == {"theme": "x"}
    (store.folder / "screens.json").write_text("{half")
    assert store.load("screens") == {}
    assert store.save("draft-sft", {"recipe": "sft"})
    assert store.drafts() == {"draft-sft": {"recipe": "sft"}}
    (tmp_path / "file").write_text("")
    assert not Store(tmp_path / "file" / "below").save("x", {})
