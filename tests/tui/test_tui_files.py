"""Reading files that grow, tear, shrink and are larger than memory should hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.logic import growing, log_file
from tui.logic.growing import GrowingJsonl
from tui.logic.jsonl_rows import JsonlRows
from tui.logic.log_file import LogFile
from tui.logic.log_search import LogSearch
from tui.logic.series import MAX_BUCKETS, Curves, Series


def log_of(path: Path, data: bytes) -> LogFile:
    path.write_bytes(data)
    log = LogFile(path)
    log.refresh()
    while log.extend(7):
        pass
    return log


@given(
    st.lists(st.text(alphabet="ab c", max_size=9), max_size=60), st.booleans(), st.integers(0, 70), st.integers(1, 70)
)
@settings(max_examples=150, deadline=None)
def test_any_stretch_of_lines_is_what_the_file_has(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ended: bool, first: int, count: int
) -> None:
    text = "\n".join(lines) + ("\n" if ended and lines else "")
    expected = text.split("\n")
    expected = expected[:-1] if not expected[-1] else expected
    original, log_file.BLOCK = log_file.BLOCK, 16  # so that a small file has many blocks
    try:
        log = log_of(tmp_path_factory.mktemp("log") / "log.txt", text.encode())
        assert log.line_count == len(expected)
        assert log.lines(first, count) == expected[first : first + count]
        assert log.tail(count) == expected[-count:]
    finally:
        log_file.BLOCK = original
        log.close()


def test_a_growing_log_is_indexed_further(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.txt", b"one\ntwo\nthr")
    assert log.lines(0, 9) == ["one", "two", "thr"]
    with log.path.open("ab") as file:
        file.write(b"ee\nfour\n")
    assert log.refresh()
    log.extend()
    assert log.lines(0, 9) == ["one", "two", "three", "four"]


def test_a_log_that_was_replaced_starts_afresh(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.txt", b"old\n" * 50)
    log.path.write_bytes(b"new\n")
    log.refresh()
    log.extend()
    assert (log.lines(0, 5), log.generation) == (["new"], 1)


def test_a_log_that_is_deleted_while_open_is_empty(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.txt", b"old\n")
    log.path.unlink()
    assert log.refresh()
    assert (log.lines(0, 5), log.line_count, log.tail(3)) == ([], 0, [])


def test_search_goes_both_ways_and_stops(tmp_path: Path) -> None:
    log = log_of(
        tmp_path / "log.txt", b"".join(b"needle\n" if number in (5, 4000) else b"hay\n" for number in range(6000))
    )
    needle = re.compile("needle")
    assert log.find(needle, 0)[0] == 5
    assert log.find(needle, 6)[0] == 4000
    assert log.find(needle, 5999, backwards=True)[0] == 4000
    assert log.find(needle, 3999, backwards=True)[0] == 5
    assert log.find(needle, 4001) == (None, 6000)
    assert log.find(needle, 4, backwards=True) == (None, -1)


@given(st.lists(st.integers(1, 9), max_size=40))
@settings(deadline=None)
def test_rows_come_once_whole_however_the_writes_tear(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    data = b"".join(json.dumps({"step": step, "text": "ä" * step}).encode() + b"\n" for step in range(6))
    path = tmp_path_factory.mktemp("rows") / "metrics.jsonl"
    path.write_bytes(b"")
    reader = GrowingJsonl(path)
    found = []
    at = 0
    for size in [*cuts, len(data)]:
        with path.open("ab") as file:
            file.write(data[at : at + size])
        at += size
        found += reader.read()
    assert [row["step"] for row in found] == list(range(6))
    assert reader.unreadable == 0


def test_damaged_and_huge_lines_are_counted_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    huge = json.dumps({"step": 2, "text": "x" * 10_000_000}).encode()
    path.write_bytes(b'{"step": 1}\nnot json\n[1]\n' + huge + b'\n{"step": 3}\n' + b'{"a":' * 100_000 + b"\n")
    reader = GrowingJsonl(path)
    rows = []
    while reader.read.__self__.position < path.stat().st_size:
        rows += reader.read()
    assert [row["step"] for row in rows] == [1, 3]
    assert reader.unreadable == 4
    assert growing.MAX_LINE < 10_000_000


def test_a_metrics_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n')
    reader = GrowingJsonl(path)
    reader.read()
    path.write_text('{"step": 9}\n')
    assert reader.read() == [{"step": 9}]
    assert reader.generation == 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9000))
@settings(max_examples=25, deadline=None)
def test_decimation_keeps_the_extremes(values: list[float]) -> None:
    series = Series()
    for x, y in enumerate(values):
        series.add(float(x), y)
    points = series.points()
    assert len(points) <= MAX_BUCKETS
    assert min(point[1] for point in points) == min(values)
    assert max(point[2] for point in points) == max(values)
    assert [point[0] for point in points] == sorted(point[0] for point in points)
    assert sum(bucket.count for bucket in series.buckets) == len(values)


def test_five_million_points_stay_small() -> None:
    series = Series()
    for x in range(300_000):
        series.add(float(x), float(x % 97))
    assert len(series.buckets) <= MAX_BUCKETS
    assert series.per_bucket >= 256
    assert series.count == 300_000


def test_nan_and_infinity_are_counted_not_drawn() -> None:
    curves = Curves()
    curves.add(
        [
            {"step": 1, "loss": 2.0},
            {"step": 2, "loss": float("nan")},
            {"step": 3, "loss": float("inf")},
            {"step": 4, "loss": 1.0},
        ]
    )
    assert [point[3] for point in curves.series["loss"].points()] == [2.0, 1.0]
    assert curves.series["loss"].not_finite == 2


def test_a_resumed_run_goes_on_from_the_step_it_went_back_to() -> None:
    curves = Curves()
    curves.add([{"step": step, "loss": float(step)} for step in (1, 2, 3, 4)])
    curves.add([{"step": step, "loss": 10.0 + step} for step in (3, 4, 5)])
    assert [(point[0], point[3]) for point in curves.series["loss"].points()] == [
        (1, 1.0),
        (2, 2.0),
        (3, 13.0),
        (4, 14.0),
        (5, 15.0),
    ]


def test_curves_come_in_the_order_that_people_look_at_them() -> None:
    curves = Curves()
    curves.add(
        [{"step": 1, "zeta": 1, "grad_norm": 1, "loss": 1, "text": "x", "done": 1, "eval_loss": None, "flag": True}]
    )
    assert curves.names() == ["loss", "grad_norm", "zeta"]


def test_counters_and_clocks_are_no_curves() -> None:
    curves = Curves()
    curves.add(
        [
            {
                "time": 1.0,
                "step": 1,
                "total_steps": 9,
                "epoch": 0.1,
                "done": 1,
                "total": 9,
                "eta_s": 3.0,
                "phase": "train",
                "stage": "sft",
                "loss": 1.0,
            }
        ]
    )
    assert curves.names() == ["loss"]


def test_a_hundred_thousand_rows_by_number(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"id": {index}}}\n' for index in range(100_000)) + "torn", encoding="utf-8")
    rows = JsonlRows(path)
    assert rows.extend(1 << 16)
    assert 0 < len(rows) < 100_000
    rows.extend()
    assert (len(rows), rows.row(0), rows.row(99_999), rows.row(100_000)) == (
        100_001,
        {"id": 0},
        {"id": 99_999},
        {"unreadable": "torn"},
    )
    rows.close()


def test_a_search_knows_all_matches_and_finds_the_nearest_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f"line {number}{' needle' if number % 100 == 7 else ''}\n" for number in range(1000)))
    log = LogFile(path)
    log.refresh()
    log.extend()
    search = LogSearch(log, re.compile("needle"))
    assert search.nearest(990, True) == (907, 990)
    assert (search.note(907), search.step(250)) == ("no match yet, searched 0 %", True)
    assert search.note(107) == "match 2 of 3+, searched 25 %"
    while search.step(250):
        pass
    assert (list(search.matches), search.note(907)) == ([number * 100 + 7 for number in range(10)], "match 10 of 10")
    assert [search.nearest(8, False)[0], search.nearest(8, True)[0], search.nearest(5, True)[0]] == [107, 7, None]
    assert search.nearest(908, False) == (None, 1000)
    with path.open("a") as file:
        file.write("a needle\n")
    log.refresh()
    log.extend()
    assert (search.has_more, search.step(), search.note(None)) == (True, False, "11 matches")
