"""Keys and tokens are in no file of a run and in nothing that is printed, also where a run fails and where the server
that got the key says it back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.data.data_build_case import pair, write_rows
from tests.unit.generation.conftest import make_base
from tests.unit.generation.generate_recipe import run_generate, write_prompts
from tests.unit.security.hostile_server import hostile_server
from toolkit.errors import SteptuneError
from toolkit.generation import server_engine

ROOT = Path(__file__).resolve().parents[3]
CANARY = "sk-CANARY7f3aXYZ"
SECRETS = ("OPENAI_API_KEY", "HF_TOKEN", "VLLM_API_KEY", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY")
SAID_BACK = json.dumps({"error": {"message": f"Incorrect API key provided: {CANARY}."}}).encode()


def written(folder: Path) -> list[str]:
    """Files below the folder that hold the canary."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if CANARY.encode() in file.read_bytes()]


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **dict.fromkeys(SECRETS, CANARY), "PYTHONPATH": str(ROOT), "STEPTUNE_RUNS": str(cwd)}
    return subprocess.run(
        [sys.executable, "-m", "toolkit.cli", *command], capture_output=True, text=True, cwd=cwd, env=environment
    )


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 302])
def test_a_build_whose_teacher_fails_and_says_the_key_back_keeps_it_nowhere(status: int, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", [{**pair(n), "language": "en"} for n in range(12)])
    with hostile_server() as teacher:
        teacher.status, teacher.body = status, SAID_BACK
        teacher.headers = {"Content-Type": "application/json", "Location": f"{teacher.url}/?key={CANARY}"}
        options = {
            "sources": [{"type": "jsonl", "path": str(rows)}],
            "teacher": {"model": "m", "base_url": f"{teacher.url}/v1", "retries": 1, "attempts": 1},
            "synthesis": {"rows": 2, "domains": [{"name": "finance", "tasks": ["reset the PIN"]}]},
        }
        config = tmp_path / "build.yaml"
        config.write_text(yaml.safe_dump(options))
        runs = tmp_path / "runs"
        runs.mkdir()
        done = run(["run", "data-build", "-c", str(config)], runs)
        assert teacher.asked
        assert {key for _, _, key in teacher.asked} == {f"Bearer {CANARY}"}
    ids = [path.name for path in runs.iterdir() if (path / "run.json").exists()]
    assert len(ids) == 1, done.stdout + done.stderr
    shown = [run([*command, "--json"], runs) for command in (["show", ids[0]], ["runs"])] if status == 401 else []
    assert written(tmp_path) == []
    for said in (done, *shown):
        assert CANARY not in said.stdout + said.stderr


@pytest.mark.parametrize("status", [401, 302, 503])
def test_answers_of_a_server_that_fails_and_says_the_key_back_keep_it_nowhere(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_engine, "RETRY_AFTER_S", ())
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    data = write_prompts(tmp_path / "p.jsonl", "How?")
    with hostile_server() as server:
        server.answers["/v1/models"] = json.dumps({"data": [{"id": "m", "owned_by": "x"}]}).encode()
        server.status, server.body = status, SAID_BACK
        with pytest.raises(SteptuneError) as refused:
            run_generate(
                tmp_path / "run", model=str(make_base(tmp_path / "base")), data=data, generator={"server": server.url}
            )
        assert {key for _, _, key in server.asked} == {f"Bearer {CANARY}"}
    assert CANARY not in str(refused.value)
    assert written(tmp_path) == []


@pytest.mark.slow
def test_what_describes_a_run_or_this_machine_shows_no_key(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(pair(1)) + "\n")
    for command in (["doctor"], ["run", "sft", f"data={tmp_path / 'a.jsonl'}", "--dry-run"]):
        done = run([*command, "--json"], tmp_path)
        assert done.stdout
        assert CANARY not in done.stdout + done.stderr
