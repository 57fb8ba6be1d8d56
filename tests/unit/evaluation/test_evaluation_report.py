import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.unit.evaluation.evaluation_samples import numbered
from toolkit.evaluation.charts import IntervalRow, axis_ticks, interval_chart
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.report import render_html, render_markdown, render_model_card, write_report
from toolkit.evaluation.report_view import visible
from toolkit.evaluation.results import evaluate_systems
from toolkit.evaluation.shipped import claim_of
from toolkit.options.evaluation import MetricOptions
from toolkit.records import read_json, write_json
from toolkit.results.document import Results
from toolkit.runs.recorder import Recorder

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
NAME = "tuned<b>|x"
REFERENCES = [numbered("Open the app.", f"Wait {index}.") for index in range(4)]


@pytest.fixture
def results(test_set: Callable[..., Path], tiny_bert: Path) -> Results:
    folder = test_set(REFERENCES, {"baseline": [EVIL, "\x00\x1b[31mred", "", "wait " * 10_000], NAME: REFERENCES})
    items, source = read_references(folder / "dataset", "test")
    systems = [read_system(name, folder / name, items) for name in ("baseline", NAME)]
    return evaluate_systems(
        items,
        systems,
        human_system(items, source),
        MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False, bootstrap_samples=200),
        Recorder(None),
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_html_holds_no_markup_from_data(results: Results) -> None:
    html = render_html(results)
    tags = Tags()
    tags.feed(html)
    assert not tags.names & {"script", "img", "b", "iframe", "link", "object"}
    assert not any(name.startswith("on") for name in tags.attributes)
    assert "&lt;script&gt;alert(" in html
    assert "default-src 'none'" in html
    assert "\x00" not in html
    assert "\x1b" not in html
    assert not re.search(r'(src|href)="?http', html)


@pytest.mark.parametrize(
    ("outcome", "words"), [("insufficient", "Nor is it shown that"), ("not_better", "Also against it:")]
)
def test_further_reasons_are_named_as_what_they_are(results: Results, outcome: str, words: str) -> None:
    verdict = results.verdict.model_copy(update={"outcome": outcome, "reasons": ["first", "second", "third"]})
    assert f"{words} second; third." in render_html(results.model_copy(update={"verdict": verdict}))


def test_html_opens_with_the_verdict_and_cuts_very_long_texts(results: Results) -> None:
    html = render_html(results)
    assert html.startswith("<!doctype html>")
    assert html.index(
        "4 test rows are not enough to say whether tuned&lt;b&gt;|x answers better than baseline: "
    ) < html.index("<table>")
    assert len(html) < 100_000
    assert "more characters; results.json has the whole text" in html
    assert html.count("<svg") == 6
    assert "prefers-color-scheme: dark" in html


def test_a_shipped_file_has_a_section_of_its_own(results: Results) -> None:
    assert "The shipped file" not in render_html(results) + render_markdown(results)
    scores = np.full(4, 0.2)
    shipped = claim_of(scores, scores, ["a", "b", "c", "d"], 4, 0.05)
    for render in (render_html, render_markdown):
        text = render(results.model_copy(update={"shipped": shipped}))
        assert "The shipped file" in text
        assert "4 of 4 greedy answers are the same text" in text


def test_markdown_keeps_its_tables_whole(results: Results) -> None:
    text = render_markdown(results)
    assert text.startswith("# Evaluation of baseline, tuned\\<b\\>\\|x, human\n\n**")
    assert "<script" not in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(columns) == 1


def test_report_folder_has_its_four_files(results: Results, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    write_json(
        adapter / "training.json", {"base_model": "embedded:gemma-3-270m", "settings": {"lora_r": 16}, "best_step": 7}
    )
    write_report(tmp_path / "report", results, adapter)
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "model_card.md",
        "report.html",
        "report.md",
        "results.json",
    ]
    assert read_json(tmp_path / "report" / "results.json") == results.to_json()
    card = (tmp_path / "report" / "model_card.md").read_text(encoding="utf-8")
    assert card.startswith('---\nbase_model: "embedded:gemma-3-270m"\nlicense: gemma\n')
    assert "subject to the Gemma Terms of Use" in card
    assert "| settings.lora\\_r | 16 |" in card


def test_model_card_without_training_says_so(results: Results) -> None:
    card = render_model_card(results, {})
    assert "not stated" in card
    assert "gemma" not in card.lower()


def test_visible_replaces_control_characters_and_keeps_lines() -> None:
    assert visible("a\x00b\r\nc\td") == "a\ufffdb\nc\td"


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), (-0.03, 0.11, [0.0, 0.05, 0.1])]
)
def test_axis_has_round_ticks(low: float, high: float, expected: list[float]) -> None:
    assert axis_ticks(low, high) == expected


def test_chart_escapes_its_labels() -> None:
    chart = interval_chart([IntervalRow(EVIL, "0.5", 0.5, (0.4, 0.6), 0.1, "s0")], EVIL, 0.0, 1.0)
    assert "<script" not in chart
    assert "<img" not in chart
