"""The parts of the nine-minute session on a GPU, in the order of what matters. Started by gpu_session.py."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from benchmarks.gpu_session import ROOT, Part, Row, Session
from benchmarks.measured import measure, together
from benchmarks.train import Side, make_side, peak_bytes, random_rows
from toolkit.bundled import recipes_dir
from toolkit.errors import Cancelled
from toolkit.generation import merge_command
from toolkit.options.training import SftOptions
from toolkit.planning.plan import plan_launch
from toolkit.planning.training_memory import estimate_memory
from toolkit.planning.training_shape import GIB, TrainingShape, read_shape
from toolkit.records import read_growing_jsonl
from toolkit.runs.recorder import Recorder
from toolkit.settings import SftSettings
from toolkit.training import finetune as training
from toolkit.training.adapter import save_adapter
from toolkit.training.base_model import load_base_model
from toolkit.training.finetune import TrainedAdapter
from toolkit.training.hardware import detect_hardware
from toolkit.training.prepared import Prepared, prepare
from toolkit.training.record import TrainingRecord

SAMPLE = recipes_dir() / "sample" / "howto"
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "triton", "liger_kernel", "vllm")
# Keyword arguments of make_side by branch; each is compared with the same on the CPU.
BRANCHES: dict[str, dict[str, Any]] = {
    "nf4": {},
    "8bit": {"quantization": "8bit"},
    "none": {"quantization": "none"},
    "nf4, joined rows": {"joined": True},
    "nf4, DoRA": {"dora": True},
    "nf4, checkpointing": {"checkpointing": True},
}
SPEED_S = 10.0  # each side trains that long, after a first step that does not count
TOP_KERNELS = 20


def stack(session: Session) -> Iterator[Row]:
    """Versions, the card, and what `steptune doctor` says of the machine."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name.replace("_", "-"))
    card = {} if session.rehearsal else {"card": torch.cuda.get_device_name(), "capability": _capability()}
    yield Row("stack", shown={**card, "packages": found})
    done = _steptune(session, "doctor", check=False)
    yield Row("doctor", shown={"exit_code": done.returncode, "said": done.stdout.splitlines()})


def _capability() -> str:
    return ".".join(map(str, torch.cuda.get_device_capability()))


def branches(session: Session) -> Iterator[Row]:
    """Loss and gradient of every kind of training on a model of two layers, against the CPU's."""
    rows = rows_of((90, 110, 120, 130))
    for name, changes in BRANCHES.items():
        seconds, loss, norm = _one_step(session.small(), rows, changes, on_cpu=session.rehearsal)
        expected, expected_norm = loss, norm  # in a rehearsal the CPU is all there is
        if not session.rehearsal:
            _, expected, expected_norm = _one_step(session.small(), rows, changes, on_cpu=True)
        shown = {"loss": loss, "on the CPU": expected, "gradient": norm, "there": expected_norm, "seconds": seconds}
        yield Row(f"{name}: loss against the CPU's (relative)", abs(loss / expected - 1), shown)


def _one_step(model: Path, rows: list[dict[str, Any]], changes: dict[str, Any], on_cpu: bool) -> tuple[float, ...]:
    with mock.patch.dict(os.environ, {"ACCELERATE_USE_CPU": "true"} if on_cpu else {}):
        _release()
        side = make_side(True, **{"checkpointing": False, **changes}, model=str(model))
        done = side.step(rows)
        del side
    _release()
    return done


def stop_and_resume(session: Session) -> Iterator[Row]:
    """A training that is stopped at its second step, and goes on from the checkpoint that it saved then."""
    steps = 6 if session.rehearsal else 30
    options = _small_training(session, steps)
    prepared, run_dir = prepare(options), session.folder / "stopped"
    run_dir.mkdir()
    _release()
    recorder = _StopsAt(run_dir, 2)
    with contextlib.suppress(Cancelled):
        _finetune(options, prepared, run_dir, recorder)
    _release()
    trained = _finetune(options, prepared, run_dir, Recorder(run_dir))
    save_adapter(TrainingRecord(options, prepared, trained), run_dir / "adapter")
    _release()
    resumed = [event["step"] for event in read_growing_jsonl(run_dir / "events.jsonl") if event["event"] == "resumed"]
    yield Row("stop and resume: steps in all", trained.steps, {"stopped": recorder.stop_requested, "resumed": resumed})


class _StopsAt(Recorder):
    """A recorder that is asked to stop at a step, as by `steptune stop`."""

    def __init__(self, run_dir: Path, step: int) -> None:
        super().__init__(run_dir)
        self.step = step

    def metric(self, **values: Any) -> None:
        super().metric(**values)
        self.stop_requested = self.stop_requested or values.get("step", 0) >= self.step


def _small_training(session: Session, steps: int) -> SftOptions:
    return SftOptions(
        model=str(session.small()),
        data=SAMPLE,
        validation_share=0.02,
        max_steps=steps,
        eval_steps=steps,
        max_length=512,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=1,
        gradient_checkpointing=False,
        optim="adamw_torch" if session.rehearsal else "paged_adamw_8bit",
    )


def _finetune(options: SftOptions, prepared: Prepared, run_dir: Path, recorder: Recorder) -> TrainedAdapter:
    rows = prepared.train.rows, prepared.validation.rows
    return training.finetune(options, *rows, prepared.tokenizer, run_dir / "checkpoints", recorder)


def _optimiser(session: Session) -> list[str]:
    return ["optim=adamw_torch", "--on", "cpu"] if session.rehearsal else ["--on", "single_gpu"]


def half_precision(session: Session) -> Iterator[Row]:
    """fp16 with a loss scaler, as on cards without bf16: its first steps overflow, and are skipped."""
    if session.rehearsal:
        yield Row("fp16 with a loss scaler", skipped="a loss scaler needs a CUDA card")
        return
    options = _small_training(session, 12)
    prepared, run_dir = prepare(options), session.folder / "fp16"
    run_dir.mkdir()
    _release()
    in_fp16 = replace(detect_hardware(), compute_dtype=torch.float16)
    with mock.patch.object(training, "detect_hardware", return_value=in_fp16):
        done = _finetune(options, prepared, run_dir, Recorder(run_dir))
    _release()
    losses = [row["loss"] for row in read_growing_jsonl(run_dir / "metrics.jsonl") if "loss" in row]
    yield Row("fp16 with a loss scaler: steps", done.steps, {"losses": losses})


def merging(session: Session) -> Iterator[Row]:
    """The merge of the small model with its proof, answers by vLLM, and what stays on the card."""
    before = _used_bytes(session)
    adapter, out = session.folder / "stopped" / "adapter", session.folder / "merged"
    arguments = [str(adapter), "--out", str(out), "--verify", "--verify-rows", "2" if session.rehearsal else "16"]
    if code := merge_command.main(arguments):
        raise SystemExit(f"the merge ended with exit code {code}")
    proof = json.loads((out / "proof.json").read_text())["proof"]
    yield Row("merge: likeliest tokens that agree with base + adapter", proof["agreeing_tokens"], {"proof": proof})
    left = (_used_bytes(session) - before) / 2**20
    yield Row("merge: memory left behind on the card (MiB)", round(left, 1))
    backend = "transformers" if session.rehearsal else "vllm"  # vLLM on a CPU takes minutes to start
    if find_spec(backend) is None:
        yield Row(f"answers by {backend}", skipped=f"{backend} is not installed here")
        return
    run_dir, started = session.folder / "answers", time.monotonic()
    options = [f"model={out}", f"data={SAMPLE / 'finance.jsonl'}", "max_rows=16", "max_new_tokens=32"]
    options += [f"generator.backend={backend}"]
    _steptune(session, "run", "generate", *options, *_optimiser(session)[-2:], "--run-dir", str(run_dir))
    report = json.loads((run_dir / "generation.json").read_text())
    yield Row(f"answers by {backend}", report["answers"], {"seconds": round(time.monotonic() - started, 1)})


def _used_bytes(session: Session) -> int:
    if session.rehearsal:
        return 0
    _release()
    free, total = torch.cuda.mem_get_info()
    return int(total - free)


def seven_b(session: Session) -> Iterator[Row]:
    """The 7B shape, loaded once: speed against TRL, memory against the estimate, and where a step's time goes.

    TRL comes first, on a model that nothing of steptune has touched.
    """
    model = session.large()
    base = load_base_model(SftOptions(model=str(model)), detect_hardware())
    rows = real_rows(session)
    chosen = _chosen(session, max(len(row["input_ids"]) for row in rows))
    sides: dict[str, dict[str, Any]] = {
        "stock TRL": {"ours": False, "checkpointing": True, "batch": 8},
        "tuned TRL": {"ours": False, "checkpointing": chosen.checkpointing, "batch": chosen.rows_per_device},
        "steptune": {"ours": True, "checkpointing": chosen.checkpointing, "batch": chosen.rows_per_device},
    }
    speeds, kernels = {}, Row("kernels")
    for name, given in sides.items():
        # Stock TRL shuffles; the tuned script groups its rows by length, as steptune does.
        ordered = rows if name == "stock TRL" else sorted(rows, key=lambda row: -len(row["input_ids"]))
        batches = [ordered[start : start + given["batch"]] for start in range(0, len(ordered), given["batch"])]
        side = make_side(given["ours"], given["checkpointing"], model=str(model), base=base, r=chosen.lora_r)
        speeds[name] = tokens_per_second(side, batches, 1.0 if session.rehearsal else SPEED_S)
        if given["ours"]:
            kernels = top_kernels(side, batches[0], session)
        base = _without_adapter(side)
    shown = {"tokens/s": speeds, "batch": chosen.rows_per_device, "checkpointing": chosen.checkpointing}
    for peer in ("stock TRL", "tuned TRL"):
        yield Row(f"tokens/s against {peer} (times)", round(speeds["steptune"] / speeds[peer], 3), shown)
    yield from memory(session, model, base)
    yield kernels


def real_rows(session: Session) -> list[dict[str, Any]]:
    """Rows of the bundled sample, 16 in a rehearsal."""
    found = prepare(SftOptions(model=str(session.small()), data=SAMPLE, max_length=512)).train.rows
    rows = [{"input_ids": row.input_ids, "labels": row.labels, "row": 0} for row in found]
    return rows[:16] if session.rehearsal else rows


def _chosen(session: Session, longest: int) -> SftOptions:
    """What steptune chooses for rows of this length on this machine."""
    asked = SftSettings(model=str(session.large()), data=SAMPLE, max_length=longest, lora_dropout=0.0)
    chosen = plan_launch(asked, "cpu" if session.rehearsal else "single_gpu", planning_only=True).settings.training
    assert chosen is not None
    return chosen


def tokens_per_second(side: Side, batches: list[list[dict[str, Any]]], seconds: float) -> float:
    """Tokens without padding, over whole batches until the time is over; the first batch does not count."""
    side.step(batches[0], update=True)
    speeds, started = [], time.monotonic()
    while time.monotonic() - started < seconds:
        for batch in batches:
            taken, *_ = side.step(batch, update=True)
            speeds.append((sum(len(row["input_ids"]) for row in batch), taken))
            if time.monotonic() - started >= seconds:
                break
    return round(sum(tokens for tokens, _ in speeds) / sum(taken for _, taken in speeds), 1)


def memory(session: Session, model: Path, base: Any) -> Iterator[Row]:
    """Peak reserved memory of a step against the estimate, for ranks, lengths, batches and checkpointing that fit."""
    shape = read_shape(session.shape(3 if session.rehearsal else 32))
    assert shape is not None
    precision, table = 4 if session.rehearsal else 2, []
    for rank in (16,) if session.rehearsal else (16, 64):
        side = make_side(True, False, model=str(model), base=base, r=rank)
        for tokens, batch, checkpointing in _settings(session):
            options = SftOptions(
                lora_r=rank,
                lora_dropout=0.0,
                optim="adamw_torch",
                per_device_train_batch_size=batch,
                max_length=tokens,
                gradient_checkpointing=checkpointing,
            )
            training = TrainingShape(options, precision, session.device, labelled=batch * round(tokens * 0.6))
            estimated = estimate_memory(shape, training).tensors
            if not session.rehearsal and estimated * 1.2 > torch.cuda.get_device_properties(0).total_memory:
                continue
            _checkpoint(side, checkpointing)
            measured = _peak(session, side, rows_of((tokens,) * batch))
            table.append(
                {"r": rank, "tokens": tokens, "batch": batch, "checkpointing": checkpointing}
                | {"estimated GiB": round(estimated / GIB, 3), "measured GiB": round(measured / GIB, 3)}
            )
        base = _without_adapter(side)
    off = [abs(row["estimated GiB"] / row["measured GiB"] - 1) for row in table if row["measured GiB"]]
    yield Row("memory estimate against peak reserved memory (relative)", round(max(off), 3), {"settings": table})
    longest = [row["measured GiB"] for row in table if (row["r"], row["tokens"], row["batch"]) == (64, 4096, 1)]
    if longest:
        yield Row("peak reserved memory, 4096 tokens, r 64 (GiB)", min(longest))


def _settings(session: Session) -> list[tuple[int, int, bool]]:
    if session.rehearsal:
        return [(128, 2, False), (128, 2, True)]
    lengths = (259, 512, 1024, 2048, 4096)
    return [(tokens, batch, kept) for tokens in lengths for batch in (1, 4, 16) for kept in (False, True)]


def _checkpoint(side: Side, wanted: bool) -> None:
    if wanted:
        side.trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    else:
        side.trainer.model.gradient_checkpointing_disable()


def _peak(session: Session, side: Side, rows: list[dict[str, Any]]) -> int:
    if session.rehearsal:
        return peak_bytes(side, rows)
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    side.step(rows, update=True)
    return int(torch.cuda.max_memory_reserved())


def _without_adapter(side: Side) -> Any:
    """The base model for the next trainer."""
    side.trainer.model.gradient_checkpointing_disable()
    base = side.trainer.model.unload()
    side.optimizer.state.clear()
    del side.trainer
    _release()
    return base


def top_kernels(side: Side, rows: list[dict[str, Any]], session: Session) -> Row:
    """The kernels of a step that take the most time of their own, in milliseconds and as shares."""
    activity = torch.profiler.ProfilerActivity
    kinds = [activity.CPU] if session.rehearsal else [activity.CPU, activity.CUDA]
    with torch.profiler.profile(activities=kinds) as profile:
        side.step(rows)
    name = "self_cpu_time_total" if session.rehearsal else "self_device_time_total"
    found = sorted(profile.key_averages(), key=lambda event: -getattr(event, name))
    total = sum(getattr(event, name) for event in found)
    top = [(event.key[:100], getattr(event, name) / 1000, getattr(event, name) / total) for event in found]
    shown = [{"kernel": key, "ms": round(ms, 2), "share": round(share, 3)} for key, ms, share in top[:TOP_KERNELS]]
    return Row("top kernels of a step", shown={"kernels": shown})


def sft_command(session: Session) -> Iterator[Row]:
    """`steptune run sft` on the 7B shape, from the command to the adapter."""
    run_dir = session.folder / "sft"
    options = [f"model={session.large()}", f"data={SAMPLE}", "max_steps=2", "eval_steps=2", "max_length=512"]
    more = ["validation_share=0.02", *_optimiser(session)]
    command = [sys.executable, "-m", "toolkit.cli", "run", "sft", *options, *more, "--run-dir", str(run_dir)]
    done = together(measure(command, _environment(session), session.folder / "log.txt"))
    result = json.loads((run_dir / "result.json").read_text())
    cards = [gpu for row in read_growing_jsonl(run_dir / "hardware.jsonl") for gpu in row.get("gpus", [])]
    shown = {"host peak (GiB)": round(done.peak_gib, 2), "headline": result.get("headline")}
    shown |= {"card peak (MiB)": max((gpu["memory_used_mib"] for gpu in cards), default=None)}
    yield Row("steptune run sft on the 7B shape (s)", done.seconds, shown)


def large_merge(session: Session) -> Iterator[Row]:
    """The streaming merge of the 7B shape, both modes as far as the time goes."""
    size = sum(file.stat().st_size for file in session.large().glob("*.safetensors"))
    for mode in ("base16",) if session.rehearsal else ("dequantised", "base16"):
        if session.left_s < 60:
            yield Row(f"merge of the 7B shape, {mode}", skipped=f"{session.left_s:.0f} s are left")
            continue
        out = session.folder / f"large-{mode}"
        command = [sys.executable, "-m", "toolkit.cli", "merge", str(session.folder / "sft" / "adapter")]
        command += ["--out", str(out), "--mode", mode]
        done = together(measure(command, _environment(session), session.folder / "log.txt"))
        shown = {"GB/s": round(size / 1e9 / done.seconds, 2), "host peak (GiB)": round(done.peak_gib, 2)}
        yield Row(f"merge of the 7B shape, {mode} (s)", done.seconds, shown)


def rows_of(lengths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Rows with 60 % of their tokens labelled, within the vocabulary of the shape."""
    rows = random_rows(0.6, lengths)
    folded = partial(map, lambda token: token if token < 0 else 1 + token % 31_000)
    return [{**row, "input_ids": list(folded(row["input_ids"])), "labels": list(folded(row["labels"]))} for row in rows]


def _steptune(session: Session, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolkit.cli", *arguments]
    done = subprocess.run(command, env=_environment(session), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {done.returncode}: {done.stderr[-600:]}")
    return done


def _environment(session: Session) -> dict[str, str]:
    paths = {"STEPTUNE_RUNS": str(session.folder / "runs"), "STEPTUNE_CACHE": str(session.folder / "cache")}
    return {"PYTHONPATH": str(ROOT), **os.environ, **paths}


def _release() -> None:
    """Memory and accelerate's state: the next trainer may have another device or precision."""
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


PARTS = (
    Part("stack and doctor", stack, 5),
    Part("branches", branches, 30),
    Part("stop and resume", stop_and_resume, 60),
    Part("fp16", half_precision, 20),
    Part("merge and verify", merging, 30),
    Part("7B in one process", seven_b, 120),
    Part("sft of 7B", sft_command, 60),
    Part("merge of 7B", large_merge, 60),
)
