"""Mistral-7B's whole path on this CPU with random weights: NF4 training, both merges with their proof, answers,
evaluation.

    make bench-7b            (python benchmarks/seven_b.py --layers 2 --hidden 2048 rehearses it in two minutes)

The user's own commands, one after the other; each row is printed when it is done, with its time, and its memory
against what steptune says beforehand. Needs 22 GB of memory and 45 GB of disk (STEPTUNE_BENCH_DIR: where). The weights
are drawn from a seed; the tokenizer is Mistral-7B-Instruct-v0.2's, from mistral_common.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.measured import Measured, measure, together
from benchmarks.mistral_shape import MISTRAL_7B, write_random_model
from benchmarks.report import finish, skip
from toolkit.bundled import recipes_dir
from toolkit.generation.adapter import MergeMode
from toolkit.generation.environment import choose_dtype
from toolkit.generation.memory import engine_bytes, fitting_dtype, merge_bytes, proof_bytes, weight_bytes
from toolkit.planning.model_configs import SHIPPED
from toolkit.records import iter_jsonl, read_json, write_jsonl

GIB = 1024**3
FULL_WIDTH, HEAD = 4096, 128
ROWS, ANSWERS, ANSWER_TOKENS = 8, 4, 8
CACHE_GIB, PROOF_ROWS = 1, 1
MEMORY_GIB, DISK_GIB = 20.0, 45.0
STEPTUNE = str(Path(sys.executable).with_name("steptune"))


@dataclass
class Bench:
    """A folder to work in, and what was measured so far."""

    folder: Path
    values: dict[str, float] = field(default_factory=dict)
    beside: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self, arguments: list[str]) -> list[Measured]:
        environment = {**os.environ, "STEPTUNE_RUNS": str(self.folder / "runs")}
        return measure([STEPTUNE, *arguments], environment, self.folder / "log.txt")

    def note(self, stage: str, done: Measured, estimate_gib: float | None, **more: Any) -> None:
        """Keep a stage's numbers and print them."""
        shown = {"seconds": done.seconds, "peak_gib": round(done.peak_gib, 2), **more}
        if estimate_gib is not None:
            what = f"{stage}: peak memory against the estimate (times)"
            self.values[what] = round(done.peak_gib / estimate_gib, 3)
            self.beside[what] = shown = {**shown, "estimate_gib": round(estimate_gib, 2)}
        print(json.dumps({"stage": stage, **shown}), file=sys.stderr, flush=True)
        self.values["largest peak of a stage (GiB)"] = max(
            self.values.get("largest peak of a stage (GiB)", 0.0), round(done.peak_gib, 2)
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=32, help="layers of the model; fewer than 32 rehearse the bench")
    parser.add_argument("--hidden", type=int, default=FULL_WIDTH, help="width of the model; the MLP stays as wide")
    asked = parser.parse_args()
    layers, hidden = asked.layers, asked.hidden
    heads = {"num_attention_heads": hidden // HEAD, "num_key_value_heads": max(1, hidden // HEAD // 4)}
    place = os.environ.get("STEPTUNE_BENCH_DIR") or tempfile.gettempdir()
    if lacking := _lacking(place, layers / 32 * hidden / FULL_WIDTH):
        return skip("7b", lacking)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="steptune-bench-", dir=place) as scratch:
        bench = Bench(Path(scratch))
        _run_all(bench, {**SHIPPED[MISTRAL_7B], "num_hidden_layers": layers, "hidden_size": hidden, **heads})
    bench.values["the whole path (minutes)"] = round((time.monotonic() - started) / 60, 1)
    return finish("7b", bench.values, bench.beside)


def _lacking(place: str, share: float) -> str | None:
    """What this machine has too little of for this share of the layers."""
    memory, disk = psutil.virtual_memory().total / GIB, shutil.disk_usage(place).free / GIB
    if memory < MEMORY_GIB * share:
        return f"{memory:.0f} GiB of memory, {MEMORY_GIB * share:.0f} are needed"
    if disk < DISK_GIB * share:
        return f"{disk:.0f} GiB free at {place}, {DISK_GIB * share:.0f} are needed"
    return None


def _run_all(bench: Bench, shape: dict[str, Any]) -> None:
    base, data = bench.folder / "model", bench.folder / "data"
    started = time.monotonic()
    write_random_model(base, shape)
    write_rows(data)
    bytes_written = sum(file.stat().st_size for file in base.iterdir())
    print(
        json.dumps({"stage": "weights", "seconds": round(time.monotonic() - started), "gb": bytes_written / 1e9}),
        file=sys.stderr,
        flush=True,
    )
    adapter = train(bench, base, data)
    shutil.rmtree(merge(bench, base, adapter, "base16"))
    answer_and_evaluate(bench, merge(bench, base, adapter, "dequantised"), data)


def write_rows(data: Path) -> None:
    """The shortest bundled rows: eight to train on, one to validate with, four to answer."""
    rows = [row for path in sorted((recipes_dir() / "sample" / "howto").glob("*.jsonl")) for row in iter_jsonl(path)]
    rows.sort(key=lambda row: len(row["prompt"] + row["output"]))
    data.mkdir()
    write_jsonl(data / "train.jsonl", rows[:ROWS])
    write_jsonl(data / "validation.jsonl", rows[ROWS : ROWS + 1])
    write_jsonl(data / "test.jsonl", rows[ROWS + 1 : ROWS + 1 + ANSWERS])


def train(bench: Bench, base: Path, data: Path) -> Path:
    """Two optimiser steps of four rows; batch size and checkpointing are steptune's own choice."""
    options = [f"model={base}", f"data={data}", "max_length=128", "gradient_accumulation_steps=4", "max_steps=2"]
    run_dir = bench.folder / "sft"
    command = ["run", "sft", *options, "optim=adamw_torch", "eval_steps=2", "--on", "cpu", "--json"]
    plan = json.loads(together(bench.run([*command, "--dry-run"])).output)
    done = together(bench.run([*command, "--run-dir", str(run_dir)]))
    chosen = {name: plan["config"][name] for name in ("per_device_train_batch_size", "gradient_checkpointing")}
    bench.note("sft", done, plan["memory_bytes"]["together"] / GIB, **chosen, items=_gib(plan["memory_bytes"]))
    return run_dir / "adapter"


def _gib(items: dict[str, int]) -> dict[str, float]:
    return {name: round(size / GIB, 2) for name, size in items.items()}


def merge(bench: Bench, base: Path, adapter: Path, mode: MergeMode) -> Path:
    """The merged model; the streaming merge, and its proof against base + adapter."""
    out = bench.folder / f"merged-{mode}"
    command = ["merge", str(adapter), "--out", str(out), "--mode", mode, "--verify", f"--verify-rows={PROOF_ROWS}"]
    merged, *rest = bench.run(command)
    bench.note(f"merge {mode}", merged, merge_bytes(base, mode) / GIB)
    proof = together(rest)
    needed = proof_bytes(base, mode, fitting_dtype(base, mode, choose_dtype("auto")))
    bench.note(f"proof {mode}", proof, needed / GIB, said=proof.output.strip())
    return out


def answer_and_evaluate(bench: Bench, merged: Path, data: Path) -> None:
    """Four answers of the merged model by vLLM, and their evaluation. In bfloat16: float32 would need 29 GB."""
    run_dir = bench.folder / "generate"
    options = [f"model={merged}", f"data={data}", f"max_new_tokens={ANSWER_TOKENS}"]
    options += ["generator.dtype=bfloat16", f"generator.cpu_kv_cache_gib={CACHE_GIB}", "generator.enforce_eager=true"]
    done = together(bench.run(["run", "generate", *options, "--on", "cpu", "--run-dir", str(run_dir)]))
    report = read_json(run_dir / "generation.json") or {}
    estimate = engine_bytes(weight_bytes(merged, "bfloat16"), CACHE_GIB * GIB)
    bench.note("generate", done, estimate / GIB, throughput=report["this_process"], engine=report["engine"]["backend"])
    predictions = f"predictions.tuned={run_dir / 'predictions.jsonl'}"
    options = ["--preset", "demo", predictions, f"data={data}", "--run-dir", str(bench.folder / "evaluate")]
    bench.note("evaluate", together(bench.run(["run", "evaluate", *options, "--on", "cpu"])), None)


if __name__ == "__main__":
    sys.exit(main())
