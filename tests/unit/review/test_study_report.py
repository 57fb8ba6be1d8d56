"""What the report says of studies whose truth is known, and of those that have nothing to say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.review.study_case import make_study, quality, rate_all
from toolkit.errors import DataError, UsageError
from toolkit.records import JSON, write_json
from toolkit.results.document import Environment, Item, Results, Time, Verdict
from toolkit.results.study import Coefficient, Preference, StudyResults
from toolkit.review.study.analysis import analyse
from toolkit.review.study.closing import lock, opened_key, unblind
from toolkit.review.study.create import Created
from toolkit.review.study.report_text import markdown, verdict


def close(made: Created, incomplete: bool = False) -> Created:
    lock(made.folder, incomplete)
    unblind(made.folder, made.key_file)
    return made


def report_of(made: Created, results: Path | None = None) -> StudyResults:
    return analyse(made.folder, opened_key(made.folder), results)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Created:
    """Three raters who see that human > tuned > baseline and mark damaged answers down; 30 questions."""
    made = make_study(
        tmp_path_factory.mktemp("report"),
        ("anna", "ben", "cara"),
        count=36,
        items=30,
        core_items=10,
        practice_units=6,
        control_share=0.2,
    )
    for rater in ("anna", "ben", "cara"):
        rate_all(made, rater)
    return close(made)


@pytest.fixture(scope="module")
def report(finished: Created) -> StudyResults:
    return report_of(finished)


def test_what_was_planted_is_found(report: StudyResults) -> None:
    means = {system: found["overall"].mean for system, found in report.means.items()}
    assert means == pytest.approx({"human": 4.4, "tuned": 3.6, "baseline": 1.8}, abs=0.25)
    assert {(row.a, row.b, row.claim): row.met for row in report.comparisons} == {
        ("tuned", "baseline", "superiority"): True,
        ("tuned", "human", "non_inferiority"): False,
    }
    strengths = report.ranking
    # Nobody ever ranked baseline first, so there are no finite strengths, and this is said.
    assert strengths is not None
    assert "no finite strengths" in strengths.strengths["human"].note
    assert report.preferences[0] == Preference(a="tuned", b="baseline", win=report.ratings // 3, tie=0, loss=0)
    assert report.sensitivity.value > 0.9
    noticed = [found.noticed / found.n for found in report.controls.values()]
    assert min(noticed) >= 0.5
    assert 0.4 < report.repeats.exact < 1
    assert report.agreement["accuracy"].krippendorff_alpha.value > 0.6


def test_the_counts_are_those_of_the_study(report: StudyResults) -> None:
    assert (report.items, report.raters, report.excluded) == (30, 3, 0)
    assert report.ratings == 3 * (3 * 10 + 2 * 20)  # systems x (core for three, the others for two)
    assert sum(found.n for found in report.blinding.values()) == 3 * 3 * 2
    assert len(report.item_scores) == 90


def test_two_reports_are_the_same_bytes(finished: Created, report: StudyResults) -> None:
    assert json.dumps(report_of(finished).to_json()) == json.dumps(report.to_json())


def test_the_report_is_of_the_published_form_and_reads_as_it_was_written(report: StudyResults) -> None:
    import jsonschema

    schema = json.loads((Path(__file__).parents[3] / "docs" / "results.schema.json").read_text(encoding="utf-8"))
    written = json.loads(json.dumps(report.to_json()))
    jsonschema.validate(written, {**schema["$defs"]["StudyResults"], "$defs": schema["$defs"]})
    assert StudyResults.model_validate(written) == report
    assert StudyResults.model_validate(written).to_json() == written


def test_the_markdown_holds_the_verdict_and_every_number_with_its_interval(report: StudyResults) -> None:
    text = markdown(report)
    assert verdict(report).startswith("Raters show that tuned is better than baseline: +")
    assert "The study does not show that tuned is not worse than human by more than 0.25" in verdict(report)
    for part in ("## Means", "Krippendorff", "Gwet", "Bang's index", "shown first", "Damaged answers", "## Limits"):
        assert part in text
    assert "nan" not in text.lower()
    assert "None" not in text


def test_metrics_are_compared_with_people(finished: Created, report: StudyResults, tmp_path: Path) -> None:
    human = {(row.item, row.system): row.scores["overall"] for row in report.item_scores}
    items = sorted({item for item, _ in human})
    scores = {
        item: {name: {"same": human[item, name], "other": -human[item, name]} for name in ("baseline", "tuned")}
        for item in items
    }
    write_json(tmp_path / "results.json", results_with(scores))
    found = {row.metric: row for row in report_of(finished, tmp_path / "results.json").correlations}
    assert (found["same"].spearman, found["same"].kendall, found["same"].orders_as_people) == (1.0, 1.0, 1.0)
    assert (found["other"].spearman, found["other"].n) == (-1.0, 60)
    write_json(tmp_path / "strange.json", results_with({"x": {}}))
    with pytest.raises(DataError, match="shares no answer"):
        report_of(finished, tmp_path / "strange.json")
    with pytest.raises(DataError, match="cannot be read"):
        report_of(finished, tmp_path / "none.json")


def results_with(scores: dict[str, dict[str, dict[str, float | None]]]) -> JSON:
    """A results.json that holds little but items, with scores by item, system and metric."""
    items = [
        Item(id=item, prompt="", reference="", group=item, outputs={}, scores=by, failed_checks={}, inversions={})
        for item, by in scores.items()
    ]
    environment = Environment(
        versions={},
        seed=1,
        bootstrap_samples=1,
        options={},
        inputs={},
        items=1,
        groups=1,
        time=Time(started=0, seconds=0),
    )
    results = Results(
        schema=1,
        verdict=Verdict(
            outcome="insufficient", system="tuned", baseline=None, rests_on="metrics", plain="", numbers="", reasons=[]
        ),
        faults=[],
        slices=[],
        primary="same",
        family=[],
        systems={},
        comparisons=[],
        sensitivity=[],
        study=None,
        correlations=[],
        judge=None,
        items=items,
        environment=environment,
    )
    return results.to_json()


def test_a_rater_who_does_not_see_damage_is_left_out_and_the_numbers_with_everyone_are_there(tmp_path: Path) -> None:
    made = make_study(tmp_path, ("anna", "ben", "cara"), count=30, items=24, core_items=24, control_share=0.3)
    for rater in ("anna", "ben"):
        rate_all(made, rater)
    rate_all(made, "cara", lambda source: 6 - quality(source) if source else 3)  # everything the wrong way round
    found = report_of(close(made))
    assert found.excluded == 3 * 24
    assert found.raters == 2
    assert found.with_everyone[0].n_raters == 3
    assert found.with_everyone[0].difference < found.comparisons[0].difference
    assert "told damaged from intact answers" in found.rater_summaries["cara"].excluded
    assert [limit for limit in found.limits if limit.startswith("cara was left out")]


def test_the_verdict_says_when_the_opposite_was_shown(tmp_path: Path) -> None:
    made = make_study(tmp_path, ("anna", "ben", "cara"), exclusion={"min_control_detection": 0})
    for rater in ("anna", "ben", "cara"):
        rate_all(made, rater, lambda source: 6 - quality(source) if source else 3)
    assert verdict(report_of(close(made))).startswith("Raters show the opposite, tuned is worse than baseline: −")


def test_a_rater_who_hardly_began_is_left_out(tmp_path: Path) -> None:
    made = make_study(tmp_path, ("anna", "ben"))
    rate_all(made, "anna")
    from toolkit.review.study.packet import find_packet, read_packet
    from toolkit.review.study.session import Session

    with Session(read_packet(find_packet(made.folder.path, "ben"))) as session:
        for task in session.tasks[:9]:
            if task.kind == "scores":
                session.rate(task, {criterion.name: 3 for criterion in session.packet.criteria})
    found = report_of(close(made, incomplete=True))
    assert found.raters == 1
    assert found.limits[0].startswith("One rater")


@pytest.mark.parametrize("level", [1.0, 5.0])
def test_equal_scores_everywhere_are_no_variation_and_no_crash(tmp_path: Path, level: float) -> None:
    made = make_study(tmp_path, ("anna", "ben", "cara"), items=4)
    for rater in ("anna", "ben", "cara"):
        rate_all(made, rater, lambda source: level * 9 - 20 * (level < 3))
    found = report_of(close(made))
    assert found.agreement["clarity"].krippendorff_alpha == Coefficient(value=None, ci95=None, note="no variation")
    assert found.agreement["clarity"].exact.value == 1.0
    assert [row.met for row in found.comparisons] == [None, None]
    assert "cannot say" in verdict(found)
    assert "no variation" in markdown(found)


def test_a_study_of_one_item_is_reported_without_intervals(tmp_path: Path) -> None:
    made = make_study(tmp_path, ("anna",), items=1)
    assert made.sample.smallest_detectable_effect is None
    rate_all(made, "anna")
    found = report_of(close(made))
    assert (found.items, found.comparisons[0].ci95, found.comparisons[0].note) == (1, None, "one item")
    assert "one item" in markdown(found)


def test_a_study_with_two_systems_has_one_claim(tmp_path: Path) -> None:
    from tests.unit.review.study_case import sample_files
    from toolkit.review.study.create import create_study
    from toolkit.review.study.inputs import read_inputs
    from toolkit.review.study.plan import StudyPlan

    references, files = sample_files(tmp_path)
    inputs = read_inputs(references, {"tuned": files["tuned"]})
    made = create_study(
        tmp_path / "study",
        inputs,
        ["anna"],
        StudyPlan(items=6, bootstrap_samples=100),
        tmp_path / "key",
        leaks_acknowledged=True,
    )
    rate_all(made, "anna")
    found = report_of(close(made))
    assert [(row.a, row.b) for row in found.comparisons] == [("tuned", "human")]
    assert found.ranking.reference == "tuned"


def test_a_report_is_refused_before_lock_and_key(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    with pytest.raises(UsageError, match="cannot be reported before"):
        report_of(made)


def test_practice_alone_is_nothing_to_report(tmp_path: Path) -> None:
    from toolkit.review.study.packet import find_packet, read_packet
    from toolkit.review.study.session import Session

    made = make_study(tmp_path, ("anna",))
    with Session(read_packet(find_packet(made.folder.path, "anna"))) as session:
        session.rate(session.tasks[0], {criterion.name: 3 for criterion in session.packet.criteria})
    with pytest.raises(DataError, match="only practice"):
        report_of(close(made, incomplete=True))
