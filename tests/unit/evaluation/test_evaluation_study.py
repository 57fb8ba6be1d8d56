"""A finished blind study joined to the automatic metrics, the judge held against it, and the gate."""

import json
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.unit.evaluation.evaluation_samples import numbered
from tests.unit.review.study_case import make_study, rate_all
from toolkit.cli import build_parser
from toolkit.errors import DataError
from toolkit.evaluation.gate import BelowThresholdError, Gate, NotEnoughRowsError, junit, require_at_least
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.judge import JudgeError, parse_verdict
from toolkit.evaluation.report import render_html, render_markdown
from toolkit.evaluation.results import evaluate_systems
from toolkit.evaluation.study_join import read_study
from toolkit.options.evaluation import EvaluateOptions, JudgeOptions, MetricOptions
from toolkit.records import write_json, write_text
from toolkit.results.document import Results
from toolkit.results.measured import Measured, measured
from toolkit.results.schema import json_schema
from toolkit.review.study.analysis import analyse
from toolkit.review.study.closing import lock, unblind
from toolkit.review.study.report_text import markdown
from toolkit.runs.recorder import Recorder

REFERENCES = [numbered("Open the app.", "Choose settings.", f"Tap wifi {index}.") for index in range(8)]
GOOD = [text.replace("Choose", "Open") for text in REFERENCES]
BAD = ["press power button wait"] * 8
SCHEMA_FILE = Path(__file__).parents[3] / "docs" / "results.schema.json"


def study_report(**changes: Any) -> dict[str, Any]:
    mean = {"mean": 4.0, "ci95": [3.5, 4.5], "n": 16}
    coefficient = {"value": 0.61, "ci95": [0.4, 0.8]}
    constant = {"value": None, "ci95": None, "note": "no variation"}
    rated = [("baseline", 1.0, 1.0), ("tuned", 4.0, 0.0), ("human", 5.0, 0.0)]
    return {
        "study_schema": 1,
        "study_id": "wifi-study",
        "verified": True,
        "items": 8,
        "raters": 2,
        "ratings": 48,
        "scale": [1.0, 5.0],
        "criteria": ["accuracy"],
        "systems": ["baseline", "tuned", "human"],
        "means": {name: {"accuracy": mean} for name in ("baseline", "tuned", "human")},
        "critical_failures": {"baseline": {"count": 16, "n": 16, "share": 1.0, "ci95": [0.8, 1.0]}},
        "comparisons": [
            {
                "a": "tuned",
                "b": "baseline",
                "criterion": "accuracy",
                "claim": "superiority",
                "difference": 3.0,
                "ci95": [2.5, 3.5],
                "p": 0.01,
                "p_holm": 0.02,
                "met": True,
                "n_items": 8,
                "n_raters": 2,
            }
        ],
        "agreement": {
            "accuracy": {
                "krippendorff_alpha": constant,
                "gwet_ac2": coefficient,
                "exact": coefficient,
                "within_one": coefficient,
            }
        },
        "ranking": {"strengths": {"tuned": coefficient}, "order_effect": coefficient},
        "item_scores": [
            {
                "item": f"q{index}",
                "system": system,
                "scores": {"accuracy": score + index % 2 / 10},
                "critical_failure": failure,
                "raters": 2,
            }
            for index in range(8)
            for system, score, failure in rated
        ],
        **changes,
    }


def evaluated(
    folder: Path, tiny_bert: Path, report: dict[str, Any] | None, judge: JudgeOptions | None = None
) -> Results:
    items, source = read_references(folder / "dataset", "test")
    systems = [read_system(name, folder / name, items) for name in ("baseline", "tuned")]
    study = None
    if report is not None:
        write_json(folder / "study.json", report)
        inputs = {system.name: system.source for system in systems}
        study = read_study(folder / "study.json", items, inputs)
    options = MetricOptions(
        bertscore_model=str(tiny_bert), bertscore_cache=False, sensitivity_items=4, bootstrap_samples=200
    )
    return evaluate_systems(items, systems, human_system(items, source), options, Recorder(None), study, judge)


def test_the_published_schema_is_the_schema_in_use() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == json_schema()


def test_results_with_and_without_a_study_are_of_the_published_form(
    test_set: Callable[..., Path], tiny_bert: Path
) -> None:
    import jsonschema

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    folder = test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD})
    for report in (None, study_report()):
        results = json.loads(json.dumps(evaluated(folder, tiny_bert, report).to_json()))
        jsonschema.validate(results, schema)
        Results.model_validate(results)


def test_a_joined_study_is_shown_before_wins_and_correlated(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    results = evaluated(test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD}), tiny_bert, study_report())
    rows = {row.metric: row for row in results.correlations}
    assert rows["rouge_l"].n == 16  # the references are not scored against themselves
    assert rows["rouge_l"].spearman == pytest.approx(0.87, abs=0.05)
    assert rows["format_conformance"].n == 24
    html, text = render_html(results), render_markdown(results)
    headings = [
        "Scores",
        "Differences on the same items",
        "What people say",
        "Win, tie, loss",
        "What each metric notices",
    ]
    headings += ["Do the metrics go with the people?", "Failures", "Best items", "Worst items", "Limits", "Signatures"]
    places = [html.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert "no variation" in html
    assert "tuned is better than baseline, accuracy: +3.000 (+2.500 to +3.500): met" in text
    assert "No person has judged" not in html
    assert results.study is not None
    assert results.study.checked_here == "nothing"
    assert "The study was not verified here" in html
    assert "The study was not verified here" in text


def test_without_a_study_the_report_says_that_no_person_has_judged(
    test_set: Callable[..., Path], tiny_bert: Path
) -> None:
    assert "No person has judged these answers" in render_html(
        evaluated(test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD}), tiny_bert, None)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verified": False}, "did not verify"),
        ({"criteria": "accuracy"}, "criteria: found 'accuracy', must be a list"),
        ({"study_schema": 7}, "study_schema"),
        ({"sources": {"tuned": "0" * 64}}, "about other answers of tuned: SHA-256"),
        (
            {"item_scores": [{"item": "x1", "system": "tuned", "scores": {}, "raters": 1}]},
            "rates 1 items that are not evaluated here, such as x1",
        ),
    ],
)
def test_a_study_that_does_not_fit_is_refused(
    test_set: Callable[..., Path], tiny_bert: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        evaluated(test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD}), tiny_bert, study_report(**changes))


def test_a_study_without_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`steptune study report` writes it"):
        read_study(tmp_path, [], {})


def test_a_study_folder_is_verified_where_it_is_joined(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    for rater in ("anna", "ben"):
        rate_all(made, rater)
    lock(made.folder)
    key = unblind(made.folder, made.key_file)
    report = analyse(made.folder, key)
    write_json(made.folder.report_file, report.to_json())
    write_text(made.folder.report_file.with_suffix(".md"), markdown(report))
    items, _ = read_references(tmp_path / "references.jsonl", "test")
    found = read_study(made.folder.path, items, {})
    assert found.checked_here == "folder"
    assert "whoever has the key and every file" in found.provenance
    found = read_study(made.folder.report_file, items, {}, made.folder.lock_hash())
    assert found.checked_here == "folder and lock"
    alone = tmp_path / "alone.json"
    write_json(alone, report.to_json())
    assert read_study(alone, items, {}).checked_here == "nothing"
    with pytest.raises(DataError, match="a hash cannot be checked with it"):
        read_study(alone, items, {}, "0" * 64)
    with pytest.raises(DataError, match="not the one whose hash was handed out"):
        read_study(made.folder.path, items, {}, "0" * 64)
    write_json(made.folder.report_file, {**report.to_json(), "items": 5})
    with pytest.raises(DataError, match="is not what these ratings give"):
        read_study(made.folder.path, items, {})
    ratings = made.folder.ratings_file("anna")
    ratings.write_text(ratings.read_text().replace('"critical": false', '"critical": true', 1))
    with pytest.raises(DataError, match="anna"):
        read_study(made.folder.path, items, {})


class Judge(BaseHTTPRequestHandler):
    """Flags answers that mention `power`; says nothing usable about question 3."""

    def do_POST(self) -> None:
        prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][0]["content"]
        verdict = json.dumps({"critical_failure": "power" in prompt.split("Answer to check:")[1], "reason": "x"})
        reply = "I cannot say." if "How 3?" in prompt else f"```json\n{verdict}\n```"
        body = json.dumps({"choices": [{"message": {"content": reply}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    found = HTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}/v1"
    found.shutdown()


def test_the_judge_is_shown_once_it_is_measured_and_failures_stay_in_the_denominator(
    test_set: Callable[..., Path], tiny_bert: Path, server: str
) -> None:
    folder = test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD})
    options = JudgeOptions(base_url=server, model="m")
    results = evaluated(folder, tiny_bert, study_report(), options)
    assert results.judge is not None
    baseline = results.judge.systems["baseline"]
    assert [found.count for found in (baseline.critical_failures, baseline.passed, baseline.not_parsed)] == [7, 0, 1]
    assert baseline.critical_failures.n == 8
    assert results.judge.against_humans is not None
    assert results.judge.against_humans.agreement == pytest.approx(21 / 24)
    assert "<h2>Judge model</h2>" in render_html(results)
    alone = evaluated(folder, tiny_bert, None, options)
    assert alone.judge is not None
    assert alone.judge.against_humans is None
    assert "<h2>Judge model</h2>" not in render_html(alone)
    assert "not shown: without a joined study" in render_html(alone)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ('{"critical_failure": true, "reason": "x"}', True),
        ('Sure! {"critical_failure": false}', False),
        ('{"critical_failure": true} {"critical_failure": false}', None),
        ('{"critical_failure": "yes"}', None),
        ("{broken", None),
        ("", None),
    ],
)
def test_verdicts_are_parsed_strictly(reply: str, verdict: bool | None) -> None:
    assert parse_verdict(reply) is verdict


def test_a_judge_that_is_not_there_is_named(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    folder = test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD})
    with pytest.raises(JudgeError, match="start the server or leave judge out"):
        evaluated(folder, tiny_bert, None, JudgeOptions(base_url="http://127.0.0.1:9/v1", model="m", timeout_s=2))


def test_the_gate_decides_on_the_interval(tmp_path: Path) -> None:
    found = Measured(0.9, (0.8, 1.0), 48)
    assert Gate("x", 0.8, found).outcome == "passes"
    assert Gate("x", 0.95, found).outcome == "insufficient"
    assert Gate("x", 0.85, found).outcome == "insufficient"
    assert Gate("x", 1.01, found).outcome == "fails"
    assert Gate("x", 0.8, Measured(None, None, 0)).outcome == "fails"
    assert Gate("x", 0.8, Measured(0.9, None, 1)).outcome == "insufficient"
    assert Gate("x", 0.85, found).chance == pytest.approx(0.163, abs=0.001)  # one standard error above is not enough
    assert "a repetition of this size passes with a probability of 16 %" in str(Gate("x", 0.85, found))


def test_the_gate_knows_floors_and_slices_and_says_what_is_wrong(
    test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path
) -> None:
    results = evaluated(test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD}), tiny_bert, None)
    assert measured(results, "rouge_l").value == pytest.approx(7 / 8, abs=1e-6)
    assert measured(results, "rouge_l_above_floor").value == pytest.approx(1 / 8, abs=1e-6)
    assert measured(results, "rouge_l_difference").value == pytest.approx(7 / 8, abs=1e-6)
    assert measured(results, "rouge_l_above_floor_difference").value == pytest.approx(1 / 8, abs=1e-6)
    assert measured(results, "rouge_l@language:xx") == Measured(None, None, 0)
    require_at_least(results, {"rouge_l": 0.4}, tmp_path)
    assert 'failures="0"' in (tmp_path / "junit.xml").read_text(encoding="utf-8")
    with pytest.raises(BelowThresholdError, match="order_tau@language:xx is not defined here, expected") as below:
        require_at_least(results, {"rouge_l": 0.4, "order_tau@language:xx": 0.1, "rouge_l_difference": 0.9}, tmp_path)
    assert below.value.exit_code == 1
    assert "the interval includes 0.9" in str(below.value)
    with pytest.raises(NotEnoughRowsError) as open_:
        require_at_least(results, {"rouge_l_difference": 0.9}, tmp_path)
    assert open_.value.exit_code == 4


def test_the_gate_as_junit_xml() -> None:
    gates = [
        Gate("rouge_l", 0.2, Measured(0.3, (0.25, 0.35), 9)),
        Gate("step_f1", 0.5, Measured(0.3, (0.2, 0.4), 9)),
        Gate("format_conformance@language:id", 0.5, Measured(0.5, (0.1, 0.9), 2)),
    ]
    suite = ElementTree.fromstring(junit("tuned", gates))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert [child.tag for case in suite for child in case] == ["system-out", "failure", "error"]


def test_the_workflow_of_the_documentation_is_one_that_the_command_line_takes() -> None:
    page = (SCHEMA_FILE.parent / "ci.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    steps = workflow["jobs"]["evaluate"]["steps"]
    commands = [
        shlex.split(line)[1:]
        for step in steps
        for line in step.get("run", "").replace("\\\n", " ").splitlines()
        if line.startswith("steptune ")
    ]
    assert commands
    for command in commands:
        args, rest = build_parser().parse_known_args(command)
        assert all(re.match(r"[\w.]+=", word) for word in rest)
        for threshold in args.fail_under:
            name, _, value = threshold.partition("=")
            EvaluateOptions(fail_under={name: float(value)})
    assert any("junit.xml" in str(step) for step in steps)
