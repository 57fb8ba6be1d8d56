"""The generate recipe in the tests' own process, on tiny models with the transformers backend."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from toolkit.bundled import recipes_dir
from toolkit.records import read_growing_jsonl
from toolkit.runs.recipe import Outcome, Run
from toolkit.runs.recorder import Recorder
from toolkit.settings import GenerateSettings


def run_generate(run_dir: Path, recorder: Recorder | None = None, **settings: Any) -> Outcome:
    """The recipe's `main` with these settings; `generator` is completed with the transformers backend in float32."""
    run_dir.mkdir(exist_ok=True)
    generator = {"backend": "transformers", "dtype": "float32", "max_num_seqs": 3, **settings.pop("generator", {})}
    specification = importlib.util.spec_from_file_location(
        "generate_recipe_under_test", recipes_dir() / "generate" / "run.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    resolved = GenerateSettings.model_validate(
        {"max_new_tokens": 6, "proof_rows": 0, **settings, "generator": generator}
    )
    outcome: Outcome = module.main(resolved, Run(run_dir, recorder or Recorder(run_dir)))
    return outcome


def write_prompts(path: Path, *texts: str) -> Path:
    path.write_text(
        "".join(json.dumps({"id": f"q{number}", "prompt": text}) + "\n" for number, text in enumerate(texts))
    )
    return path


def rows(folder: Path) -> list[dict[str, Any]]:
    return read_growing_jsonl(folder / "predictions.jsonl")


def events(run_dir: Path, name: str) -> list[dict[str, Any]]:
    return [event for event in read_growing_jsonl(run_dir / "events.jsonl") if event["event"] == name]
