"""The recipe as a process of its own, and its settings and presets."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tests.unit.evaluation.evaluation_samples import numbered
from toolkit.commands.run import _thresholds
from toolkit.errors import UsageError
from toolkit.evaluation.results import RECORDED_OPTIONS
from toolkit.options.evaluation import MetricOptions
from toolkit.records import read_growing_jsonl, read_json
from toolkit.settings import EvaluateSettings

ROOT = Path(__file__).parents[3]
REFERENCES = [numbered("Open the app.", f"Wait {index}.") for index in range(4)]


def settings_for(folder: Path, model: Path) -> EvaluateSettings:
    return EvaluateSettings(
        predictions={"tuned": folder / "tuned"},
        data=folder / "dataset",
        bertscore_model=str(model),
        bootstrap_samples=200,
    )


def run(run_dir: Path, settings: EvaluateSettings) -> subprocess.CompletedProcess[str]:
    run_dir.mkdir()
    (run_dir / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    command = [sys.executable, str(ROOT / "recipes" / "evaluate" / "run.py"), "--run-dir", str(run_dir)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "STEPTUNE_CACHE": str(run_dir / "cache")},
        check=False,
    )


@pytest.mark.slow
def test_the_recipe_writes_the_report_and_ends_with_its_headline(
    test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path
) -> None:
    ended = run(tmp_path / "run", settings_for(test_set(REFERENCES, {"tuned": REFERENCES}), tiny_bert))
    assert (ended.returncode, ended.stderr) == (0, "")
    last = read_growing_jsonl(tmp_path / "run" / "events.jsonl")[-1]
    assert (last["kind"], last["outputs"], last["headline"]["rouge_l"]) == ("finished", {"report": "report"}, 1.0)
    phases = {row["phase"] for row in read_growing_jsonl(tmp_path / "run" / "metrics.jsonl")}
    assert phases == {"encode", "score"}
    assert (read_json(tmp_path / "run" / "report" / "results.json") or {})["schema"] == 1


@pytest.mark.slow
def test_a_user_mistake_is_one_sentence_and_exit_code_2(
    test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path
) -> None:
    ended = run(tmp_path / "run", settings_for(test_set(REFERENCES, {"tuned": REFERENCES[:2]}), tiny_bert))
    assert ended.returncode == 2
    assert "found 2 predictions, expected 4, one for each reference. Missing: q2, q3." in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_number_below_its_threshold_fails_the_run_after_the_report(
    test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path
) -> None:
    settings = settings_for(test_set(REFERENCES, {"tuned": REFERENCES[::-1]}), tiny_bert).model_copy(
        update={"fail_under": {"rouge_l": 0.999}}
    )
    ended = run(tmp_path / "run", settings)
    assert ended.returncode == 1
    assert "tuned: rouge_l is 0.8 (95 % interval " in ended.stderr
    assert "expected at least 0.999. The report is in" in ended.stderr
    assert (tmp_path / "run" / "report" / "report.html").exists()


def test_the_gate_of_the_command_line_is_an_option_of_evaluate(tmp_path: Path) -> None:
    assert _thresholds("evaluate", ["rouge_l=0.2"]) == ["fail_under.rouge_l=0.2"]
    assert _thresholds("pipeline", ["step_f1_difference=0"]) == ["evaluate.fail_under.step_f1_difference=0"]
    with pytest.raises(UsageError, match="belongs to evaluate and pipeline"):
        _thresholds("sft", ["rouge_l=0.2"])
    with pytest.raises(
        ValidationError, match="'rouge' is no number of an evaluation; there are: rouge_l, rouge_l_difference"
    ):
        EvaluateSettings(fail_under={"rouge": 0.2})
    with pytest.raises(ValidationError, match=r"no rouge_l can reach 1\.2; the largest possible is 1"):
        EvaluateSettings(fail_under={"rouge_l": 1.2})
    with pytest.raises(ValidationError, match="names no slice; expected rouge_l@PROPERTY:VALUE"):
        EvaluateSettings(fail_under={"rouge_l@language": 0.2})
    assert EvaluateSettings(fail_under={"order_tau_difference@language:id": 1.5}).fail_under


def test_results_record_every_option_that_changes_a_number() -> None:
    others = {"bertscore_batch_size", "bertscore_cache", "bootstrap_samples"}
    assert set(RECORDED_OPTIONS) == set(MetricOptions.model_fields) - others


@pytest.mark.parametrize("preset", ["default", "demo"])
def test_presets_are_valid_and_described(preset: str) -> None:
    text = (ROOT / "recipes" / "evaluate" / f"{preset}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    EvaluateSettings.model_validate(yaml.safe_load(text))


def test_an_empty_range_of_steps_is_refused() -> None:
    with pytest.raises(ValidationError, match="no answer could conform"):
        EvaluateSettings(min_steps=5, max_steps=4)
