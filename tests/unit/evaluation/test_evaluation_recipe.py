"""The recipe as a process of its own, and its settings and presets."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from evaluation_samples import numbered
from pydantic import ValidationError

from toolkit.records import read_growing_jsonl, read_json
from toolkit.settings import EvaluateSettings

ROOT = Path(__file__).parents[3]
REFERENCES = [numbered("Open the app.", f"Wait {index}.") for index in range(4)]


def settings_for(folder: Path, model: Path) -> EvaluateSettings:
    return EvaluateSettings(predictions={"tuned": folder / "tuned"}, data=folder / "dataset", bertscore_model=str(model), bootstrap_samples=200)


def run(run_dir: Path, settings: EvaluateSettings, rank: int = 0) -> subprocess.CompletedProcess[str]:
    run_dir.mkdir()
    (run_dir / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    command = [sys.executable, str(ROOT / "recipes" / "evaluate" / "run.py"), "--run-dir", str(run_dir)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1", "RANK": str(rank)}, check=False)


@pytest.mark.slow
def test_the_recipe_writes_the_report_and_ends_with_its_headline(test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path) -> None:
    ended = run(tmp_path / "run", settings_for(test_set(REFERENCES, {"tuned": REFERENCES}), tiny_bert))
    assert (ended.returncode, ended.stderr) == (0, "")
    last = read_growing_jsonl(tmp_path / "run" / "events.jsonl")[-1]
    assert (last["kind"], last["outputs"], last["headline"]["rouge_l"]) == ("finished", {"report": "report"}, 1.0)
    phases = {row["phase"] for row in read_growing_jsonl(tmp_path / "run" / "metrics.jsonl")}
    assert phases == {"encode", "score"}
    assert (read_json(tmp_path / "run" / "report" / "results.json") or {})["schema"] == 1


@pytest.mark.slow
def test_a_rank_other_than_0_ends_without_writing(test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path) -> None:
    ended = run(tmp_path / "run", settings_for(test_set(REFERENCES, {"tuned": REFERENCES}), tiny_bert), rank=1)
    assert ended.returncode == 0
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]


@pytest.mark.slow
def test_a_user_mistake_is_one_sentence_and_exit_code_2(test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path) -> None:
    ended = run(tmp_path / "run", settings_for(test_set(REFERENCES, {"tuned": REFERENCES[:2]}), tiny_bert))
    assert ended.returncode == 2
    assert "found 2 predictions, expected 4, one for each reference. Missing: q2, q3." in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("preset", ["default", "demo"])
def test_presets_are_valid_and_described(preset: str) -> None:
    text = (ROOT / "recipes" / "evaluate" / f"{preset}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    EvaluateSettings.model_validate(yaml.safe_load(text))


def test_an_empty_range_of_steps_is_refused() -> None:
    with pytest.raises(ValidationError, match="no answer could conform"):
        EvaluateSettings(min_steps=5, max_steps=4)
