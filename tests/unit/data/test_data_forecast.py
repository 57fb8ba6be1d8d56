"""What `--dry-run` says of a build with a teacher, and that the build then makes those calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.unit.data.data_build_case import pair, write_rows
from tests.unit.data.test_data_teacher import serve  # noqa: F401
from toolkit import cli
from toolkit.records import JSON, read_growing_jsonl

DRY_RUN = ["run", "data-build", "--dry-run", "-c"]


def config(tmp_path: Path, url: str = "http://127.0.0.1:9/v1", **teacher: object) -> Path:
    rows: list[JSON | str] = [{**pair(n), "language": "en"} for n in range(30)]
    options = {
        "sources": [{"type": "jsonl", "path": str(write_rows(tmp_path / "rows.jsonl", [*rows, "{broken"]))}],
        "teacher": {"model": "m", "base_url": url, "api_key_env": "none", "max_tokens": 200, "attempts": 2, **teacher},
        "synthesis": {
            "rows": 12,
            "domains": [{"name": "finance", "apps": ["Gojek", "DANA"], "tasks": ["reset the PIN"]}],
        },
        "rules": [],
        "anonymise": [],
    }
    path = tmp_path / "build.yaml"
    path.write_text(yaml.safe_dump(options))
    return path


def forecast(path: Path, capsys: pytest.CaptureFixture[str], *overrides: str) -> JSON:
    assert cli.main([*DRY_RUN, str(path), "--json", *overrides]) == 0
    shown: JSON = json.loads(capsys.readouterr().out)["preview"]
    return shown


def test_calls_tokens_and_money_are_told_before_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, price_in=1.0, price_out=2.0, max_cost=0.001)
    shown = forecast(
        path, capsys, "synthesis.judge_min_score=4", "balance.paraphrases=2", "test_share=0.25", "validation_share=0.25"
    )
    teacher = shown["teacher"]
    (source,) = shown["sources"]
    assert {name: source[name] for name in ("name", "rows", "left_out", "judged", "kept")} == {
        "name": "rows.jsonl",
        "rows": 30,
        "left_out": 1,
        "judged": 30,
        "kept": 30,
    }
    assert len(source["shown"]) == 20
    assert source["shown"][0]["output"].startswith("1. ")
    assert source["reasons"][0]["rows"] == 1
    assert [(phase["name"], phase["calls"]) for phase in teacher["phases"]] == [
        ("grid", 12),
        ("judge", 12),
        ("paraphrase", 21),
    ]
    assert (teacher["calls"], teacher["at_most"]["calls"], teacher["at_most"]["tokens_out"]) == (45, 90, 45 * 2 * 200)
    assert teacher["cost"] == pytest.approx((teacher["tokens_in"] + 2 * teacher["tokens_out"]) / 1e6, abs=1e-4)
    assert teacher["stops_at_budget"]
    assert cli.main([*DRY_RUN, str(path)]) == 0
    text = capsys.readouterr().out
    assert "rows.jsonl: 30 rows, 1 left out in reading" in text
    assert "  grid        12 calls, " in text
    assert "  budget      max_cost 0.001: stops the teacher before the end" in text


def test_without_a_teacher_or_prices_nothing_is_made_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path)
    assert forecast(path, capsys, "synthesis.rows=0")["teacher"] is None
    assert forecast(path, capsys)["teacher"]["cost"] is None


def test_sources_that_cannot_be_read_give_the_exit_code_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*DRY_RUN, str(config(tmp_path)), "strict=true"]) == 2
    assert "Preview: " in capsys.readouterr().out


@pytest.mark.slow  # three builds as their users start them
def test_the_build_makes_the_calls_that_were_told_and_none_twice(
    serve: Callable[[float], str],  # noqa: F811
    tmp_path: Path,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, answers = config(tmp_path, serve(0.0)), tmp_path / "answers.jsonl"
    kept = f"teacher.answers={answers}"
    told = forecast(path, capsys, kept)["teacher"]
    assert not answers.exists()

    def build(*overrides: str) -> int:
        argv = [sys.executable, "-P", "-m", "toolkit.cli", "run", "data-build", "-c", str(path), kept, *overrides]
        return subprocess.run(argv, capture_output=True, check=False).returncode

    assert build("teacher.max_total_tokens=1500") == 0  # stops at its budget, and ends well
    first = [call["key"] for call in read_growing_jsonl(answers) if call["state"] == "answered"]
    assert 0 < len(first) < told["calls"] == 12
    assert forecast(path, capsys, kept)["teacher"]["answered_already"] == len(first)
    assert build() == 0
    sent = [call["key"] for call in read_growing_jsonl(answers) if call["state"] == "sent"]
    assert len(sent) == len(set(sent)) == told["calls"]
    assert forecast(path, capsys, kept)["teacher"]["calls"] == 0
