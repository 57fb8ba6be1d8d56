"""Charts, bars, tables and forest plots as lines of text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tui.hostile import HOSTILE
from tests.tui.sample_runs import results
from toolkit.records import write_json
from toolkit.results.document import Item, Results
from toolkit.results.reading import find_results
from toolkit.run_folder.folder import RunFolder
from tui.logic.chart import ChartOptions, Curve, Mark, bar, draw, nice, smoothed, strip_chart
from tui.logic.feed import describe
from tui.logic.follow_lines import event_line
from tui.logic.lines import plain, width_of
from tui.logic.report import Report, load_report
from tui.logic.report_items import item_columns, item_line
from tui.logic.report_view import report_lines
from tui.widgets.line_view import changed_cells


def points(values: list[float]) -> list[tuple[float, float, float, float]]:
    return [(float(x), y, y, y) for x, y in enumerate(values)]


def test_a_falling_curve_in_ascii() -> None:
    lines = draw(
        "loss",
        [Curve("loss", points([4.0, 3.0, 2.0, 1.0, 1.0]))],
        30,
        8,
        ChartOptions(ascii_only=True, x_end=4, marks=[Mark(2, "*", "mark")]),
    )
    assert [plain(text).rstrip() for text in lines] == [
        " loss 1",
        "      4 ┤'|..",
        "        │   |-|.",
        "        │      '||.",
        "      2 ┤         '|-|",
        "        │            ''|......",
        "                   *",
        "        └0                   4",
    ]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=0, max_size=60),
    st.integers(4, 90),
    st.integers(2, 20),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_any_curve_fits_its_place(
    values: list[float], width: int, height: int, log_axis: bool, smooth: bool, ascii_only: bool
) -> None:
    options = ChartOptions(log_axis, smooth, ascii_only, None, [Mark(1.0, "◆", "mark")] if height > 4 else ())
    lines = draw("metric", [Curve("metric", points(values))], width, height, options)
    assert len(lines) == height
    assert all(width_of(text) <= width for text in lines)
    if ascii_only:
        body = "".join(plain(text)[9:] for text in lines[1:-2])
        assert not [character for character in body if 0x2800 <= ord(character) <= 0x28FF]


def test_a_rising_curve_in_braille() -> None:
    lines = draw("m", [Curve("m", points([0.0, 1.0]))], 25, 6, ChartOptions(x_end=1))
    assert [plain(text).rstrip() for text in lines] == [
        " m 1",
        "      1 ┤            ⣀⡤⠖⠋",
        "        │        ⣀⡤⠖⠋⠁",
        "        │   ⢀⣠⠴⠚⠉⠁",
        "      0 ┤⣠⠴⠚⠉",
        "        └0              1",
    ]


def test_axes_are_round() -> None:
    assert [nice(value) for value in (0.03, 0.21, 1.0, 7.0, 0.0, float("inf"))] == pytest.approx(
        [0.05, 0.25, 1.0, 10.0, 1.0, 1.0]
    )


def test_smoothing_keeps_a_constant_and_the_ends_of_x() -> None:
    assert [point[3] for point in smoothed(points([2.0, 2.0, 2.0]))] == pytest.approx([2.0, 2.0, 2.0])


def test_a_bar_has_its_width_and_is_dotted_when_unknown() -> None:
    assert plain(bar(0.5, 10)) == "━━━━━─────"
    assert plain(bar(None, 4)) == "····"
    assert width_of(strip_chart(points([1, 5, 2]), 12)) == 12


def test_a_new_point_changes_few_cells() -> None:
    values = [4.0 / (1 + step / 20) for step in range(200)]
    options = ChartOptions(x_end=400)
    old = draw("loss", [Curve("loss", points(values[:150]))], 80, 13, options)
    new = draw("loss", [Curve("loss", points(values[:152]))], 80, 13, options)
    changed = [span for a, b in zip(old, new, strict=True) if (span := changed_cells(a, b, 80))]
    assert sum(end - start for start, end in changed) <= 12


def test_changed_cells_of_lines() -> None:
    from tui.logic.lines import line

    assert changed_cells(line("abc"), line("abc"), 10) is None
    assert changed_cells(line("abcdef"), line("abXdef"), 10) == (2, 3)
    assert changed_cells(line("abc", ("1", "s1"), "d"), line("abc", ("2", "s1"), "d"), 10) == (3, 4)
    assert changed_cells(line("abc"), line("abcd"), 10) == (3, 4)
    assert changed_cells(line("abcd"), line("abc"), 10) == (3, 4)
    assert changed_cells(line(("", "cursor"), "a"), line("a"), 10) is None
    assert changed_cells(line("a漢b"), line("a字b"), 10) == (1, 3)


@given(
    st.lists(st.tuples(st.text("ab漢 ", max_size=5), st.sampled_from(["", "s1", "dim"])), max_size=5),
    st.lists(st.tuples(st.text("ab漢 ", max_size=5), st.sampled_from(["", "s1"])), max_size=5),
)
def test_cells_outside_the_changed_ones_are_equal(old_parts: list, new_parts: list) -> None:
    """Every cell that differs in character or style lies inside the reported columns."""
    from tui.logic.lines import line

    width = 40
    old, new = line(*old_parts), line(*new_parts)
    span = changed_cells(old, new, width)
    a, b = cells(old, width), cells(new, width)
    different = [column for column in range(width) if a[column] != b[column]]
    if different:
        assert span is not None
        assert span[0] <= different[0]
        assert different[-1] < span[1]


def cells(spans: tuple, width: int) -> list[tuple[str, str]]:
    from rich.cells import get_character_cell_size

    found: list[tuple[str, str]] = []
    for text, style in spans:
        for character in text:
            found += [(character, style)] * get_character_cell_size(character)
    return [*found, *[(" ", "")] * width][:width]


def test_the_report_shows_verdict_table_and_forest() -> None:
    report = Report(Path("results.json"), Results.model_validate(results()))
    text = "\n".join(plain(spans).rstrip() for spans in report_lines(report, 78))
    assert text.splitlines() == [
        "The tuned model answers better than the baseline: words that fit the question",
        "better. +0.020 ROUGE-L above the floor (n 24); the whole difference is +0.174.",
        "         ROUGE-L                BERTScore F1           format",
        "baseline 0.112 [0.098, 0.127]   0.801 [0.795, 0.808]   0.031 [0.010, 0.090]",
        "  floor  0.101                  0.780                  0.031",
        "tuned    0.286 [0.262, 0.311]   0.872 [0.866, 0.878]   0.969 [0.910, 0.990]",
        "  floor  0.255                  0.851                  0.969",
        "human    -                      -                      1.000 [0.960, 1.000]",
        "  floor  0.232                  -                      1.000",
        "floor: the same answers against other questions' references",
        "",
        "paired differences, 95 % interval   right of 0: the first is better   n 24",
        *text.splitlines()[12:],
    ]
    forest = text.splitlines()[12:15]
    assert [row[:30].rstrip() for row in forest] == [
        "tuned − baseline ROUGE-L",
        "tuned − baseline BERTScore F1",
        "tuned − baseline format",
    ]
    assert all("●" in row for row in forest)
    assert "+0.174 [+0.149, +0.199]" in forest[0]


def test_a_mean_of_zero_is_a_number() -> None:
    document = results()
    document["systems"]["tuned"]["metrics"]["format_conformance"].update(mean=0.0, ci95=[0.0, 0.49])
    report = Report(Path("x"), Results.model_validate(document))
    assert "0.000 [0.000, 0.490]" in "\n".join(plain(spans) for spans in report_lines(report, 78))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"systems": 3}, "systems"),
        ({"systems": {"a": {"metrics": 3}}}, "systems.a.metrics"),
        ({"items": [3, None]}, "items.0"),
        ({"verdict": {"text": 5}}, "verdict"),
        ({"comparisons": [{"ci95": ["a", 2]}]}, "comparisons.0.a"),
        ({"schema": 2}, "schema"),
        ({"environment": {"seed": float("nan")}}, "environment"),
    ],
)
def test_a_damaged_or_outdated_report_is_one_sentence(change: dict, place: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**results(), **change}))
    report = load_report(path)
    assert f"is damaged or from another version of steptune ({place}" in report.problem
    assert report_lines(report, 70)
    assert report.items == []


def test_reports_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "torn.json").write_text('{"a"')
    assert "is damaged" in load_report(tmp_path / "list.json").problem
    assert "is damaged" in load_report(tmp_path / "torn.json").problem
    assert "cannot be read" in load_report(tmp_path / "none.json").problem
    for report in ({"path": "none"}, 3):
        write_json(RunFolder(tmp_path).result_file, {"state": "finished", "outputs": {"report": report}})
        assert find_results(RunFolder(tmp_path)) is None


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_items_keep_their_columns(text: str) -> None:
    item = Item(
        id=text,
        prompt=text,
        reference=text,
        group=text,
        outputs={"a": text, "b": text},
        scores={"a": {"rouge_l": 0.5, text: 1}, "b": {}},
        failed_checks={"a": [text]},
        inversions={},
    )
    assert width_of(item_line(item, ["a", "b"], 80)) == 80
    assert all(width_of(spans) <= 80 for spans in item_columns(item, 80))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"event": "checkpoint_saved", "step": 40, "time": 0}, "checkpoint at step 40"),
        ({"event": "stage_ended", "stage": "sft", "state": "finished"}, "sft: finished"),
        ({"event": "brand_new", "time": 1, "value": 3}, "brand new value=3"),
        ({"event": "ended", "kind": "crash", "message": "boom\nmore"}, "ended: crash boom"),
    ],
)
def test_events_as_sentences(row: dict, text: str) -> None:
    event = describe(row)
    assert event is not None
    assert event.text == text


@pytest.mark.parametrize("when", [1e300, -1e300, float("nan"), "soon", None])
def test_times_that_no_calendar_has(when: object) -> None:
    event = describe({"event": "x", "time": when})
    assert event is not None
    assert "--:--:--" in plain(event_line(event, 40))
