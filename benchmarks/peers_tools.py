"""The peers of `make bench-peers`: how each is told to do the same training, and where it leaves the adapter.

A peer lives in an environment of its own, so that its versions and steptune's do not meet. What is written for it here
is the least that its own documentation asks for; its lines and commands are counted as they stand.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolkit.records import JSON, write_json, write_jsonl

# What `pip install` is called with. LLaMA-Factory without its dependencies on sound and pictures, whose packages do not
# fit torch's build for CPUs.
PACKAGES = {
    "llamafactory": (
        [
            *("torch==2.13.0+cpu", "transformers==5.6.0", "datasets==4.0.0", "accelerate==1.11.0", "peft==0.18.1"),
            *("trl==0.24.0", "omegaconf", "fire", "tyro<0.9.0", "scipy", "sentencepiece", "protobuf", "einops"),
            *("pandas", "matplotlib", "tiktoken", "hf-transfer", "av<=16.0.0", "modelscope", "fastapi", "uvicorn"),
            "sse-starlette",
        ],
        ["--no-deps", "llamafactory==0.9.5"],
    ),
    "soup": (["torch==2.13.0+cpu", "soup-cli[train]==0.77.0"],),
}
Write = Callable[["Task", Path], list[list[str]]]


@dataclass(frozen=True)
class Task:
    """One training: `rows` have prompt and output; `max_length` is in tokens, and a step has `batch` rows."""

    model: Path
    rows: list[JSON]
    steps: int
    batch: int = 2
    max_length: int = 256
    learning_rate: float = 1e-3
    lora_r: int = 16
    misspelt: bool = False  # a broken input: the learning rate under a name that does not exist

    @property
    def rate_name(self) -> str:
        return "learning_rat" if self.misspelt else "learning_rate"


@dataclass(frozen=True)
class Peer:
    """A tool: its package, the folder of its environment, and what a user writes and types.

    `write` puts the files of a task into a folder and gives the commands; `adapter` lies below that folder then.
    """

    name: str
    package: str
    bin: Path
    write: Write
    adapter: str
    data_file: str
    config_files: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        return (self.bin / "python").exists()


def peers(folder: Path) -> list[Peer]:
    """steptune and TRL of this environment, the others of the environments below `folder`."""
    own = Path(sys.executable).parent
    return [
        Peer("steptune", "steptune", own, _steptune, "run/adapter", "rows.jsonl"),
        Peer("TRL", "trl", own, _trl, "out", "data/train.jsonl", ("config.yaml",)),
        Peer(
            "LLaMA-Factory",
            "llamafactory",
            folder / "llamafactory" / "bin",
            _llama_factory,
            "out",
            "rows.json",
            ("config.yaml", "dataset_info.json"),
        ),
        Peer("Soup", "soup-cli[train]", folder / "soup" / "bin", _soup, "out", "rows.jsonl", ("soup.yaml",)),
    ]


def environment(peer: Peer) -> dict[str, str]:
    """Without network, and with the peer's programs first."""
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PATH": f"{peer.bin}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "2",
        "CUDA_VISIBLE_DEVICES": "",
        "DISABLE_VERSION_CHECK": "1",  # LLaMA-Factory's, of libraries newer than it knows
    }


def _steptune(task: Task, folder: Path) -> list[list[str]]:
    write_jsonl(folder / "rows.jsonl", task.rows)
    options = {
        "model": task.model,
        "data": folder / "rows.jsonl",
        "validation_share": 0,
        "quantization": "none",
        "optim": "adamw_torch",
        "lora_r": task.lora_r,
        task.rate_name: task.learning_rate,
        "per_device_train_batch_size": task.batch,
        "gradient_accumulation_steps": 1,
        "max_length": task.max_length,
        "max_steps": task.steps,
    }
    given = [f"{name}={value}" for name, value in options.items()]
    return [["steptune", "run", "sft", *given, "--on", "cpu", "--run-dir", str(folder / "run")]]


def _trl(task: Task, folder: Path) -> list[list[str]]:
    (folder / "data").mkdir(parents=True)
    rows = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "completion": [{"role": "assistant", "content": row["output"]}] if "output" in row else [],
        }
        for row in task.rows
    ]
    write_jsonl(folder / "data" / "train.jsonl", rows)
    _write_yaml(
        folder / "config.yaml",
        model_name_or_path=task.model,
        dataset_name=folder / "data",
        output_dir=folder / "out",
        use_peft="true",
        lora_r=task.lora_r,
        lora_alpha=2 * task.lora_r,
        lora_target_modules="all-linear",
        **{task.rate_name: task.learning_rate},
        lr_scheduler_type="cosine",
        per_device_train_batch_size=task.batch,
        max_length=task.max_length,
        max_steps=task.steps,
        dtype="float32",
        bf16="false",
        use_cpu="true",
        report_to="none",
    )
    return [["trl", "sft", "--config", str(folder / "config.yaml")]]


def _llama_factory(task: Task, folder: Path) -> list[list[str]]:
    rows = [
        {"instruction": row["prompt"], **({"output": row["output"]} if "output" in row else {})} for row in task.rows
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    write_json(folder / "dataset_info.json", {"rows": {"file_name": "rows.json"}})
    _write_yaml(
        folder / "config.yaml",
        model_name_or_path=task.model,
        stage="sft",
        do_train="true",
        finetuning_type="lora",
        lora_rank=task.lora_r,
        lora_alpha=2 * task.lora_r,
        lora_target="all",
        dataset="rows",
        dataset_dir=folder,
        template="chatml",
        cutoff_len=task.max_length,
        output_dir=folder / "out",
        per_device_train_batch_size=task.batch,
        **{task.rate_name: task.learning_rate},
        lr_scheduler_type="cosine",
        max_steps=task.steps,
        use_cpu="true",
        report_to="none",
    )
    return [["llamafactory-cli", "train", str(folder / "config.yaml")]]


def _soup(task: Task, folder: Path) -> list[list[str]]:
    rows = [
        {"instruction": row["prompt"], "input": "", **({"output": row["output"]} if "output" in row else {})}
        for row in task.rows
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(folder / "rows.jsonl", rows)
    epochs = max(1, round(task.steps * task.batch / max(1, len(rows))))
    (folder / "soup.yaml").write_text(
        f"""base: {task.model}
task: sft
data:
  train: {folder / "rows.jsonl"}
  format: alpaca
  max_length: {task.max_length}
training:
  epochs: {epochs}
  {"l" if task.misspelt else "lr"}: {task.learning_rate}
  batch_size: {task.batch}
  gradient_accumulation_steps: 1
  quantization: none
  lora:
    r: {task.lora_r}
    alpha: {2 * task.lora_r}
output: {folder / "out"}
""",
        encoding="utf-8",
    )
    return [["soup", "train", "--config", str(folder / "soup.yaml"), "--yes"]]


def _write_yaml(path: Path, **values: object) -> None:
    path.write_text("".join(f"{name}: {value}\n" for name, value in values.items()), encoding="utf-8")
