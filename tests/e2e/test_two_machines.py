"""Two machines in one training, as docs/multi-node.md starts them; both are this computer, one CPU process each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.training.conftest import mistral_tokenizer, shared_dataset, tiny_model  # noqa: F401
from toolkit.records import read_json

STEPTUNE = Path(sys.executable).with_name("steptune")
SHAPE = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "MULTI_GPU",
    "num_machines": 2,
    "num_processes": 2,
    "mixed_precision": "no",
}


def start(rank: int, port: int, on: Path, run_dir: Path, *options: str) -> subprocess.Popen:
    place = {"MACHINE_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [str(STEPTUNE), "run", "sft", "--preset", "demo", "--on", str(on), "--run-dir", str(run_dir), *options]
    return subprocess.Popen(
        command,
        env={**os.environ, **place, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.long
def test_two_machines_train_one_adapter_in_one_run_folder(
    tiny_model: Path,  # noqa: F811
    shared_dataset: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    on = tmp_path / "two_machines.yaml"
    on.write_text(yaml.safe_dump({**SHAPE, "same_network": True, "use_cpu": True}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run_dir = tmp_path / "run"
    options = (f"model={tiny_model}", f"data={shared_dataset}", "max_steps=2", "prompt_format=mistral_v0.2")
    # The second machine comes first, and waits.
    machines = [start(rank, port, on, run_dir, *options) for rank in (1, 0)]
    for machine in machines:
        output = machine.communicate(timeout=300)[0]
        assert machine.returncode == 0, output
    assert read_json(run_dir / "adapter" / "training.json")["steps"] == 2
    assert read_json(run_dir / "nodes" / "1" / "run.json")["parent"] == read_json(run_dir / "run.json")["id"]
    assert not (run_dir / "nodes" / "1" / "metrics.jsonl").exists()
