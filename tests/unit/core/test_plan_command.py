"""`steptune plan`: what a claim needs, from assumptions and from a pilot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tui.sample_runs import results
from toolkit.cli import main
from toolkit.statistics.claim import Design, groups_for


def needs(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["plan", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_smaller_gain_needs_more_rows_and_more_trainings_fewer(capsys: pytest.CaptureFixture[str]) -> None:
    large = needs(capsys, "--effect", "0.03", "--sd", "0.06", "--training-sd", "0.008", "--rows-per-group", "2")
    small = needs(capsys, "--effect", "0.02", "--sd", "0.06", "--training-sd", "0.008")
    one, three, five = large["metrics"]
    assert one["above"] == "test items"
    assert five["above"] == "test items and training seeds"
    assert one["rows"] == 2 * one["groups"]
    assert three["groups"] > five["groups"] >= one["groups"]
    assert small["metrics"][0]["groups"] > 2 * one["groups"]


def test_cost_is_counted_as_far_as_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    found = needs(capsys, "--effect", "0.03", "--sd", "0.06", "--row-cost", "2", "--training-hours", "1.5")
    assert [need["hours"] for need in found["metrics"]] == [1.5, 4.5, 7.5]
    assert found["metrics"][0]["money"] == 2 * found["metrics"][0]["rows"]
    assert main(["plan", "--effect", "0.03", "--sd", "0.06"]) == 0
    said = capsys.readouterr().out
    assert "Hours of one training are not known" in said
    assert "give --training-sd" in said


def test_a_pilot_gives_effect_spread_groups_and_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = results(24)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "training.json").write_text('{"seconds": 1800}', encoding="utf-8")
    document["systems"]["tuned"]["generation"] = {
        "adapter": str(adapter),
        "answers": 24,
        "output_tokens": 2400,
        "this_process": {"tokens_per_second": 50.0},
    }
    document["environment"]["groups"] = 12
    file = tmp_path / "results.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    assert main(["plan", str(file)]) == 2
    assert "older than steptune plan" in capsys.readouterr().err
    document["variance"] = [
        {
            "a": "tuned",
            "b": "baseline",
            "metric": "rouge_l",
            "items": 0.0012,
            "training": 0.0001,
            "decode": None,
            "trainings": {"tuned": 2, "baseline": 1},
            "runs": {"tuned": 2, "baseline": 1},
        }
    ]
    file.write_text(json.dumps(document), encoding="utf-8")
    found = needs(capsys, str(tmp_path))
    design = found["pilot"]["design"]
    assert design["effect"] == pytest.approx(0.174)
    assert design["group_sd"] == pytest.approx((0.0012 * 12) ** 0.5)
    assert design["training_sd"] == pytest.approx((0.0001 * 2) ** 0.5)
    assert found["pilot"]["rows_per_group"] == 2
    first = found["metrics"][0]
    assert first["hours"] == pytest.approx(0.5 + 2 * first["rows"] * 2 / 3600)  # 2 s an answer, both systems
    assert main(["plan", str(file)]) == 0
    assert "half of it needs about four times the rows" in capsys.readouterr().out
    document["comparisons"][0]["difference"] = -0.1
    file.write_text(json.dumps(document), encoding="utf-8")
    assert main(["plan", str(file)]) == 2
    assert "no gain to be shown" in capsys.readouterr().err


def test_more_raters_need_fewer_questions(capsys: pytest.CaptureFixture[str]) -> None:
    found = needs(capsys, "--effect", "0.03", "--sd", "0.06", "--points", "0.4", "--rater-sd", "0.1")
    questions = [need["questions"] for need in found["people"] if need["questions"]]
    assert questions == sorted(questions, reverse=True)
    assert len(questions) > 1


def test_a_claim_that_no_number_of_rows_carries_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    found = needs(capsys, "--effect", "0.005", "--sd", "0.06", "--training-sd", "0.05")
    assert [need["groups"] for need in found["metrics"]][1:] == [None, None]
    assert main(["plan", "--effect", "0.03"]) == 2
    assert "neither a pilot nor assumptions" in capsys.readouterr().err


def test_planned_groups_show_the_effect_as_often_as_promised() -> None:
    """Normal groups: the share of trials in which the test of evaluate is below the first step of Holm's correction."""
    numpy = pytest.importorskip("numpy")
    from toolkit.evaluation.intervals import cluster
    from toolkit.evaluation.paired import difference_p

    groups = groups_for(Design(0.03, 0.06, None, 5), 1) or 0
    names = [str(index) for index in range(groups)]
    generator = numpy.random.default_rng(1)
    shown = [difference_p(cluster(generator.normal(0.03, 0.06, groups), names), 0) <= 0.01 for _ in range(200)]
    assert sum(shown) / 200 == pytest.approx(0.8, abs=0.08)
