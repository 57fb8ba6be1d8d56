"""sft against TRL's SFTTrainer with its defaults on this CPU: speed, memory, loss, resume, and what the bookkeeping
costs.

    make bench-train            (or: python benchmarks/train.py --only speed_30 memory)

The 270M model in NF4 with LoRA r 16, both sides in one process and in the same precision, their steps in turn. TRL's
defaults: gradient checkpointing, every position scored, scores computed again for the gradient. About half an hour.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import yaml
from safetensors.torch import load_file

from benchmarks.report import finish
from toolkit.bundled import recipes_dir
from toolkit.catalog import accelerate_config_path
from toolkit.options.training import BaseModelOptions, LoraOptions, SftOptions
from toolkit.planning.model_configs import find_model_config
from toolkit.planning.training_memory import estimate_memory
from toolkit.planning.training_shape import TrainingShape, read_shape
from toolkit.records import read_growing_jsonl, sha256_file
from toolkit.runs.recorder import Recorder
from toolkit.settings import SftSettings
from toolkit.training.base_model import load_base_model, load_tokenizer, lora_config
from toolkit.training.batches import BatchRows
from toolkit.training.hardware import detect_hardware
from toolkit.training.order import LengthGroupedOrder
from toolkit.training.prepared import prepare
from toolkit.training.tokens import IGNORED
from toolkit.training.trainer import CompletionTrainer

MODEL = "embedded:gemma-3-270m"
MIB = 1024**2
STEPS = 3
NF4_STEPS = 8
Values = dict[str, float]
Beside = dict[str, dict[str, Any]]
Row = dict[str, Any]


@dataclass
class Side:
    """One trainer, stepped by hand so that two of them can take turns."""

    trainer: Any
    optimizer: torch.optim.Optimizer

    def step(self, rows: list[Row], update: bool = False) -> tuple[float, float, float]:
        """Seconds of forward and backward, loss, and gradient norm of one micro-step."""
        batch = self.trainer._prepare_inputs(self.trainer.data_collator(rows))
        labelled = torch.tensor(sum(label != IGNORED for row in rows for label in row["labels"][1:]))
        started = time.perf_counter()
        loss = self.trainer.training_step(self.trainer.model, batch, labelled)
        if loss.is_cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        norm = torch.nn.utils.clip_grad_norm_(
            [p for p in self.trainer.model.parameters() if p.requires_grad], 1.0 if update else 1e9
        )
        if update:
            self.optimizer.step()
        self.optimizer.zero_grad()
        return seconds, loss.item(), norm.item()

    def held_out_loss(self, rows: list[Row]) -> float:
        """Mean over the labelled tokens, one row at a time."""
        model, total, tokens = self.trainer.model, 0.0, 0
        model.eval()
        with torch.no_grad():
            for row in rows:
                batch = BatchRows(0)([row])
                total += model(batch["input_ids"], labelled=batch["labelled"], targets=batch["targets"]).item()
                tokens += len(batch["targets"])
        model.train()
        return total / tokens


def make_side(
    ours: bool,
    checkpointing: bool,
    dropout: float = 0.0,
    quantization: str = "nf4",
    joined: bool = False,
    r: int = 16,
    model: str = MODEL,
    dora: bool = False,
    base: Any = None,
) -> Side:
    """A trainer on a fresh model, or on `base` that is loaded already. LoRA starts from the same random numbers on
    every side and device, B too, so that all gradients count.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    options, hardware = BaseModelOptions(model=model, quantization=quantization), detect_hardware()
    tokenizer = load_tokenizer(options)
    args = SFTConfig(
        output_dir=tempfile.gettempdir(),
        use_cpu=hardware.on_cpu,
        bf16=hardware.compute_dtype is torch.bfloat16,
        fp16=hardware.compute_dtype is torch.float16,
        gradient_checkpointing=checkpointing,
        report_to="none",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
    )
    trainer = (CompletionTrainer if ours else SFTTrainer)(
        load_base_model(options, hardware, "auto" if ours else "sdpa") if base is None else base,
        args=args,
        data_collator=BatchRows(0, joined) if ours else _for_trl,
        train_dataset=Dataset.from_list([{"input_ids": [1, 2], "labels": [1, 2], "row": 0}]),
        processing_class=tokenizer,
        peft_config=lora_config(LoraOptions(lora_r=r, lora_dropout=dropout, use_dora=dora)),
    )
    generator = torch.Generator().manual_seed(1)
    for name, parameter in trainer.model.named_parameters():
        if parameter.requires_grad:
            if hardware.compute_dtype is not torch.bfloat16:
                parameter.data = parameter.data.float()
            if "lora_A" in name or "lora_B" in name:
                std = 0.01 if "lora_B" in name else (3 * parameter.shape[1]) ** -0.5  # of PEFT's own A
                parameter.data.copy_(torch.empty(parameter.shape).normal_(std=std, generator=generator))
    if checkpointing:
        trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    return Side(trainer, torch.optim.AdamW([p for p in trainer.model.parameters() if p.requires_grad], lr=4e-4))


def _for_trl(rows: list[Row]) -> dict[str, torch.Tensor]:
    """The padded batch with an attention mask, as TRL's own collator makes it."""
    batch = BatchRows(0)(rows)
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    mask = torch.arange(batch["input_ids"].shape[1]) < lengths[:, None]
    return {"input_ids": batch["input_ids"], "labels": batch["labels"], "attention_mask": mask.long()}


def random_rows(share: float, lengths: tuple[int, ...] = (90, 110, 120, 130)) -> list[Row]:
    """Rows of random tokens, the last `share` of each labelled."""
    chance, rows = random.Random(1), []
    for number, length in enumerate(lengths):
        ids = [2, *(chance.randrange(1000, 200_000) for _ in range(length - 1))]
        masked = max(1, round(length * (1 - share)))
        rows.append({"input_ids": ids, "labels": [IGNORED] * masked + ids[masked:], "row": number})
    return rows


def speed(share: float) -> tuple[Values, Beside]:
    """Seconds a step on the same batch; loss and gradient of both sides."""
    rows = random_rows(share)
    ours, trl = make_side(ours=True, checkpointing=False), make_side(ours=False, checkpointing=True)
    ours.step(rows), trl.step(rows)  # the first call packs weights
    taken = [(ours.step(rows), trl.step(rows)) for _ in range(STEPS)]
    ratios = [theirs[0] / mine[0] for mine, theirs in taken]
    (_, loss, norm), (_, their_loss, their_norm) = taken[-1]
    tokens = sum(len(row["input_ids"]) for row in rows)
    name = f"{share:.0%} labelled"
    values = {f"tokens/s against TRL defaults, {name} (times)": round(statistics.median(ratios), 2)}
    if share < 1:
        values |= {
            "loss difference to TRL": abs(loss - their_loss),
            "gradient norm difference to TRL (relative)": abs(norm - their_norm) / their_norm,
        }
    seconds = [statistics.median(pair[side][0] for pair in taken) for side in (0, 1)]
    speeds = {"steptune tokens/s": round(tokens / seconds[0], 1), "trl tokens/s": round(tokens / seconds[1], 1)}
    return values, {
        f"tokens/s against TRL defaults, {name} (times)": {**speeds, "all": [round(ratio, 2) for ratio in ratios]}
    }


def speed_30() -> tuple[Values, Beside]:
    return speed(0.3)


def speed_100() -> tuple[Values, Beside]:
    return speed(1.0)


def epoch() -> tuple[Values, Beside]:
    """One epoch of every second row of the sample in steps of 8 rows: grouped by length, and joined, against padded
    random batches of the same trainer.
    """
    prepared = prepare(SftOptions(model=MODEL, data=recipes_dir() / "sample" / "howto", max_length=512))
    rows: list[dict[str, Any]] = [
        {"input_ids": row.input_ids, "labels": row.labels, "row": 0} for row in prepared.train.rows[::2]
    ]
    held_out = [{"input_ids": row.input_ids, "labels": row.labels, "row": 0} for row in prepared.validation.rows[::4]]
    lengths = [len(row["input_ids"]) for row in rows]
    shuffled = random.Random(5).sample(range(len(rows)), len(rows))
    grouped = list(LengthGroupedOrder(lengths, 8, 8, 5))
    orders = {"grouped": grouped, "joined": grouped, "random": shuffled}
    sides = {name: make_side(True, False, joined=name == "joined") for name in orders}
    seconds = dict.fromkeys(orders, 0.0)
    for start in range(0, len(rows), 8):
        for name, side in sides.items():
            seconds[name] += side.step([rows[index] for index in orders[name][start : start + 8]], update=True)[0]
    losses = {name: side.held_out_loss(held_out) for name, side in sides.items()}
    padding = {
        name: sum(max(lengths[i] for i in order[s : s + 8]) * len(order[s : s + 8]) for s in range(0, len(rows), 8))
        / sum(lengths)
        for name, order in orders.items()
        if name != "joined"
    }
    what = "one epoch, grouped rows against padded random batches (times)"
    values = {
        what: round(seconds["random"] / seconds["grouped"], 3),
        "held-out loss after it (relative difference)": round(abs(losses["grouped"] / losses["random"] - 1), 5),
    }
    return values, {
        what: {
            "seconds": seconds,
            "joined (times)": round(seconds["random"] / seconds["joined"], 3),
            "padded to real": padding,
            "loss": losses,
        }
    }


def nf4() -> tuple[Values, Beside]:
    """Held-out loss after the same steps on the same rows: NF4 base against 16-bit base (computed in this CPU's
    precision).
    """
    prepared = prepare(SftOptions(model=MODEL, data=recipes_dir() / "sample" / "howto", max_length=512))
    rows = [{"input_ids": row.input_ids, "labels": row.labels, "row": 0} for row in prepared.train.rows]
    held_out = [{"input_ids": row.input_ids, "labels": row.labels, "row": 0} for row in prepared.validation.rows[::4]]
    random.Random(3).shuffle(rows)
    losses = {}
    for quantization in ("nf4", "none"):
        side = make_side(True, False, quantization=quantization)
        for start in range(0, NF4_STEPS * 4, 4):
            side.step(rows[start : start + 4], update=True)
        losses[quantization] = side.held_out_loss(held_out)
        del side
        gc.collect()
    what = "held-out loss, NF4 to 16-bit LoRA (ratio)"
    return {what: round(losses["nf4"] / losses["none"], 4)}, {what: losses}


def memory() -> tuple[Values, Beside]:
    """Peak of tensor bytes in a step of 8 rows (TRL's default batch), both with checkpointing, TRL's default."""
    rows = random_rows(0.3, lengths=(128,) * 8)
    peaks = {}
    for name, ours, checkpointing in (
        ("steptune", True, True),
        ("trl", False, True),
        ("steptune without checkpointing", True, False),
    ):
        side = make_side(ours, checkpointing)
        peaks[name] = peak_bytes(side, rows)
        del side
        gc.collect()
    what = "peak memory against TRL defaults (ratio)"
    return {what: round(peaks["steptune"] / peaks["trl"], 3)}, {
        what: {name: round(peak / MIB) for name, peak in peaks.items()}
    }


def estimate() -> tuple[Values, Beside]:
    """The estimate that preflight makes, against the measured peak of tensor bytes, in five settings."""
    config = find_model_config(MODEL)
    shape = read_shape(config) if config else None
    assert shape is not None
    first = SftOptions(
        lora_dropout=0.0,
        optim="adamw_torch",
        per_device_train_batch_size=4,
        max_length=96,
        gradient_checkpointing=False,
    )
    settings = {
        "nf4, r 16, 4x96": SftOptions(),
        "nf4, r 16, 4x192, checkpointing": SftOptions(max_length=192, gradient_checkpointing=True),
        "nf4, r 64, dropout, 2x128": SftOptions(
            lora_r=64, lora_dropout=0.05, per_device_train_batch_size=2, max_length=128
        ),
        "16-bit weights, r 16, 1x256": SftOptions(quantization="none", per_device_train_batch_size=1, max_length=256),
        "8-bit weights, r 32, 2x96, checkpointing": SftOptions(
            quantization="8bit", lora_r=32, per_device_train_batch_size=2, gradient_checkpointing=True
        ),
    }
    off: dict[str, float] = {}
    shown: dict[str, Any] = {}
    for name, changes in settings.items():
        options = first.with_options(changes)
        rows = random_rows(0.5, (options.max_length,) * options.rows_per_device)
        labelled = sum(label != IGNORED for row in rows for label in row["labels"])
        side = make_side(True, options.checkpointing, options.lora_dropout, options.quantization, r=options.lora_r)
        measured, estimated = (
            peak_bytes(side, rows),
            estimate_memory(shape, TrainingShape(options, 4, device="cpu", labelled=labelled)).tensors,
        )
        off[name] = abs(estimated / measured - 1)
        shown[name] = {"estimated MiB": round(estimated / MIB), "measured MiB": round(measured / MIB)}
        del side
        gc.collect()
    what = "memory estimate, largest error of five settings (relative)"
    return {what: round(max(off.values()), 3)}, {what: shown}


def peak_bytes(side: Side, rows: list[Row]) -> int:
    """Largest sum of live tensor bytes in the second of two steps, by the allocator's own reports; model and optimiser
    included.
    """
    side.step(rows, update=True)
    gc.collect()
    model, states = (
        side.trainer.model,
        [value for state in side.optimizer.state.values() for value in state.values() if torch.is_tensor(value)],
    )
    standing = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in (*_tensors(model), *states)
    }
    # Adapters' gradients live through a run's micro-steps; here they are allocated inside of the profiled step.
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        side.step(rows)
    changes = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    level = peak = 0
    for event in sorted(changes, key=lambda event: event.start_ns()):
        level += event.nbytes()
        peak = max(peak, level)
    return int(sum(standing.values()) + peak)


def _tensors(model: torch.nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers, and the constants that bitsandbytes keeps beside its weights."""
    found = [*model.parameters(), *model.buffers()]
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            nested = state.state2
            found += [state.absmax, state.code, *([nested.absmax, nested.code] if nested is not None else [])]
        found += [tensor for name in ("SCB", "CB") if torch.is_tensor(tensor := getattr(parameter, name, None))]
    return found


def resume() -> tuple[Values, Beside]:
    """An unbroken run against one that is killed with SIGKILL after its first checkpoint and started again: differing
    bytes.
    """
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        whole, broken = Path(scratch) / "whole", Path(scratch) / "broken"
        _start(whole).wait()
        process = _start(broken)
        while not any(event["event"] == "checkpoint_saved" for event in read_growing_jsonl(broken / "events.jsonl")):
            time.sleep(0.1)
            assert process.poll() is None, (broken / "log.txt").read_text()[-2000:]
        time.sleep(1.0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _start(broken).wait()
        adapters = [load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (whole, broken)]
        differing = sum(not torch.equal(adapters[0][name], adapters[1][name]) for name in adapters[0])
        hashes = [sha256_file(folder / "adapter" / "adapter_model.safetensors")[:12] for folder in (whole, broken)]
    what = "kill -9 and resume, adapter tensors that differ"
    return {what: differing}, {what: {"tensors": len(adapters[0]), "sha256": hashes}}


def _start(run_dir: Path) -> subprocess.Popen:
    if not run_dir.exists():
        run_dir.mkdir()
        options: dict[str, Any] = {
            "model": MODEL,
            "data": str(recipes_dir() / "sample" / "howto"),
            "optim": "adamw_torch",
            "max_steps": 6,
        }
        options |= {
            "eval_steps": 3,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 1,
            "gradient_checkpointing": False,
        }
        settings = SftSettings.model_validate({**options, "max_length": 128, "validation_share": 0.02})
        (run_dir / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(accelerate_config_path("cpu"))]
    environment = {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    with (run_dir / "log.txt").open("ab") as log:
        command = [*launcher, str(recipes_dir() / "sft" / "run.py"), "--run-dir", str(run_dir)]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)


def overhead() -> tuple[Values, Beside]:
    """Time of the run's own bookkeeping for a step (metrics, progress, checkpoint request, stop flag), against the
    demo's shortest step.
    """
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from toolkit.training.progress import RunReport

    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        report, arguments = (
            RunReport(Recorder(Path(scratch)), 3),
            TrainingArguments(output_dir=scratch, use_cpu=True, report_to="none"),
        )
        state, control = TrainerState(max_steps=10_000), TrainerControl()
        stdout, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115
        try:
            report.on_train_begin(arguments, state, control)
            started = time.perf_counter()
            for step in range(1, 501):
                state.global_step = step
                report.on_step_end(arguments, state, control)
                report.on_log(arguments, state, control, {"loss": 1.0, "learning_rate": 1e-4, "grad_norm": 1.0})
            seconds = (time.perf_counter() - started) / 500
        finally:
            sys.stdout = stdout
    side = make_side(True, False)
    rows = random_rows(1.0, (32,))
    side.step(rows)
    step_s = min(side.step(rows)[0] for _ in range(3))
    what = "metrics and journals (% of a step)"
    return {what: round(100 * seconds / step_s, 3)}, {
        what: {"ms": round(1000 * seconds, 3), "step of one row of 32 tokens (s)": round(step_s, 3)}
    }


PARTS: tuple[Callable[[], tuple[Values, Beside]], ...] = (
    speed_30,
    speed_100,
    epoch,
    nf4,
    memory,
    estimate,
    resume,
    overhead,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[part.__name__ for part in PARTS],
        help="measure these parts; the other bars count as not met",
    )
    only = parser.parse_args().only
    os.environ |= {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
    values: Values = {}
    beside: Beside = {}
    for part in PARTS:
        if only is None or part.__name__ in only:
            started = time.monotonic()
            found, extra = part()
            values |= found
            beside |= extra
            print(f"{part.__name__}: {time.monotonic() - started:.0f} s {found} {extra}", file=sys.stderr, flush=True)
            gc.collect()
    return finish("train", values, beside)


if __name__ == "__main__":
    sys.exit(main())
