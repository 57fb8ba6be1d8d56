"""The streaming merge against PEFT's load, merge and save, against explicit arithmetic, and against `cp` on a large
sharded base.

    make bench-merge

Each measurement is a process of its own (`merge.py SIDE ...` prints JSON): the two sides alternate, times are of the
operation without imports, memory is the process's peak. The base is the embedded 270M model, the adapter LoRA r 16 on
all linear layers with random matrices.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.report import finish, machine

ROUNDS = 3
# The largest base that a short run takes: layers of 7B's shape (hidden 4096, MLP 14336, 8 key-value heads), as many as
# make this size, in shards of about 1 GB.
LARGE_BASE_LAYERS = 8
COMPARED_TEXTS = (
    "How do I change my profile picture?",
    "How do I block a lost card?",
    "How do I reset my router?",
    "How do I track a parcel?",
)


def main() -> int:
    from toolkit.models import resolve_model

    with tempfile.TemporaryDirectory(prefix="steptune-bench-", dir=os.environ.get("STEPTUNE_BENCH_DIR")) as scratch:
        folder = Path(scratch)
        base = Path(resolve_model("embedded:gemma-3-270m"))
        _side("make-adapter", base, folder / "adapter")
        small, beside = _against_peft(base, folder)
        fidelity = _side("fidelity", base, folder / "adapter", folder)
        large = _large_base(folder)
    values = {
        **small,
        "merge base16 against PEFT: elements that differ": fidelity["elements_that_differ"],
        "merge dequantised: logit difference to explicit base + adapter, in units of the bf16 rounding": fidelity[
            "dequantised_rounding_ratio"
        ],
        "merge dequantised: embeddings, head and norms that are not byte-identical": fidelity["untouched_that_differ"],
        "large sharded base: peak memory (GB)": large["peak_gb"],
        "large sharded base: time against cp, both on the disk": large["against_cp"],
    }
    beside |= {
        "merge dequantised: logit difference to explicit base + adapter, in units of the bf16 rounding": fidelity
    }
    beside |= {"large sharded base: time against cp, both on the disk": large}
    return finish("merge", values, beside)


def _against_peft(base: Path, folder: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Both sides in turn, once with files left to the page cache and once with both on the disk at the end."""
    runs: dict[str, list[dict[str, float]]] = {}
    for number in range(ROUNDS):
        for side in ("stream", "peft", "stream-durable", "peft-durable") if number < 2 else ("stream", "peft"):
            out = folder / side
            os.sync()  # what the run before left unwritten would be on this one's bill
            runs.setdefault(side, []).append(_side(side, base, folder / "adapter", out))
            shutil.rmtree(out)
    seconds = {side: statistics.median(run["seconds"] for run in found) for side, found in runs.items()}
    process = {side: statistics.median(run["process_s"] for run in found) for side, found in runs.items()}
    peaks = {side: statistics.median(run["peak_gb"] for run in found) for side, found in runs.items()}
    what = "merge base16 against PEFT load + merge + save: times as fast"
    memory = "merge base16 against PEFT load + merge + save: share of its peak memory"
    return (
        {what: round(seconds["peft"] / seconds["stream"], 2), memory: round(peaks["stream"] / peaks["peft"], 3)},
        {
            what: {
                "seconds": seconds,
                "seconds with imports": process,
                "times as fast, both on the disk": round(seconds["peft-durable"] / seconds["stream-durable"], 2),
                "times as fast, with imports": round(process["peft"] / process["stream"], 2),
            },
            memory: {"peak_gb": peaks},
        },
    )


def _side(name: str, *paths: Path) -> dict[str, Any]:
    started = time.monotonic()
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # as steptune sets it; the peer gets it as well
    done = subprocess.run(
        [sys.executable, __file__, name, *map(str, paths)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise SystemExit(f"bench-merge: {name} failed with exit code {done.returncode}")
    result = {**json.loads(done.stdout.splitlines()[-1]), "process_s": round(time.monotonic() - started, 2)}
    print(json.dumps({"side": name, **result}), file=sys.stderr, flush=True)
    return result


def make_adapter(base: Path, out: Path) -> dict[str, Any]:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    tuned = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.02)
    tuned.save_pretrained(out)
    return {}


def stream(base: Path, adapter: Path, out: Path, durable: bool = False) -> dict[str, Any]:
    import safetensors
    import torch

    from toolkit.generation.adapter import read_adapter
    from toolkit.generation.merge import merge_adapter

    assert torch
    assert safetensors
    read = read_adapter(adapter)
    started = time.monotonic()
    merge_adapter(read, base, out, "base16", durable=durable)
    return {"seconds": round(time.monotonic() - started, 3)}


def peft(base: Path, adapter: Path, out: Path, durable: bool = False) -> dict[str, Any]:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    started = time.monotonic()
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out)
    if durable:
        for path in out.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    return {"seconds": round(time.monotonic() - started, 3)}


def fidelity(base: Path, adapter: Path, folder: Path) -> dict[str, Any]:
    """Weights of base16 against PEFT's, and logits of dequantised against base (explicitly rounded) + adapter in
    float32.
    """
    import torch
    from safetensors import safe_open
    from transformers import AutoTokenizer

    from toolkit.generation import nf4
    from toolkit.generation.adapter import read_adapter
    from toolkit.generation.merge import merge_adapter
    from toolkit.generation.reference import reference_model

    read = read_adapter(adapter)
    merge_adapter(read, base, folder / "base16", "base16", durable=False)
    merge_adapter(read, base, folder / "dequantised", "dequantised", durable=False)
    peft(base, adapter, folder / "peft")
    with (
        safe_open(folder / "base16" / "model.safetensors", "pt") as ours,
        safe_open(folder / "peft" / "model.safetensors", "pt") as theirs,
    ):
        differ = {name: int((ours.get_tensor(name) != theirs.get_tensor(name)).sum()) for name in ours.keys()}  # noqa: SIM118
    rounded = nf4.quantised_layers(base)
    with (
        safe_open(base / "model.safetensors", "pt") as before,
        safe_open(folder / "dequantised" / "model.safetensors", "pt") as after,
    ):
        kept = [name for name in before.keys() if name not in rounded]  # noqa: SIM118
        touched = sum(
            not torch.equal(before.get_tensor(name).view(torch.int16), after.get_tensor(name).view(torch.int16))
            for name in kept
        )
    tokenizer = AutoTokenizer.from_pretrained(base)
    explicit = reference_model(base, adapter, "dequantised", "float32")
    # The yardstick: the same float32 weights, merged in float32 and rounded to bf16 once by PyTorch itself.
    logits = {"explicit": _logits(explicit, tokenizer)}
    merged = explicit.merge_and_unload()
    logits["merged in float32"] = _logits(merged, tokenizer)
    with torch.no_grad():
        for parameter in merged.parameters():  # not the buffers: a rounded embedding scale would be another model
            parameter.copy_(parameter.to(torch.bfloat16))
    logits["rounded once to bf16"] = _logits(merged, tokenizer)
    from transformers import AutoModelForCausalLM

    logits["streamed"] = _logits(
        AutoModelForCausalLM.from_pretrained(folder / "dequantised", dtype=torch.float32), tokenizer
    )
    difference = {
        name: float((values - logits["explicit"]).abs().max()) for name, values in logits.items() if name != "explicit"
    }
    for name in ("base16", "dequantised", "peft"):
        shutil.rmtree(folder / name)
    return {
        "elements_that_differ": sum(differ.values()),
        "elements": sum(_elements(base).values()),
        "untouched": len(kept),
        "untouched_that_differ": touched,
        "max_logit_difference": {name: round(value, 5) for name, value in difference.items()},
        "dequantised_rounding_ratio": round(difference["streamed"] / difference["rounded once to bf16"], 3),
    }


def _elements(base: Path) -> dict[str, int]:
    from math import prod

    from toolkit.generation.tensor_stream import read_header

    return {entry.name: prod(entry.shape) for path in base.glob("*.safetensors") for entry in read_header(path)[1]}


def _logits(model: Any, tokenizer: Any) -> Any:
    import torch

    with torch.inference_mode():
        return torch.cat([model(torch.tensor([tokenizer.encode(text)])).logits[0].float() for text in COMPARED_TEXTS])


def make_large_base(folder: Path) -> dict[str, Any]:
    """A sharded random base of Mistral-7B's layer shapes and an adapter for it, written tensor by tensor."""
    import torch
    from safetensors.torch import save_file

    base, adapter = folder / "large", folder / "large-adapter"
    base.mkdir()
    adapter.mkdir()
    shapes = {
        "self_attn.q_proj": (4096, 4096),
        "self_attn.k_proj": (1024, 4096),
        "self_attn.v_proj": (1024, 4096),
        "self_attn.o_proj": (4096, 4096),
        "mlp.gate_proj": (14336, 4096),
        "mlp.up_proj": (14336, 4096),
        "mlp.down_proj": (4096, 14336),
    }
    # The same numbers everywhere: only their bytes count.
    noise = torch.empty(14336 * 4096, dtype=torch.bfloat16).normal_(std=0.02)
    index: dict[str, str] = {}
    matrices = {}
    for shard in range(0, LARGE_BASE_LAYERS, 2):
        name = f"model-{shard // 2 + 1:05}-of-{LARGE_BASE_LAYERS // 2:05}.safetensors"
        tensors = {}
        for layer in (shard, shard + 1):
            for part, (rows, columns) in shapes.items():
                tensors[f"model.layers.{layer}.{part}.weight"] = noise[: rows * columns].reshape(rows, columns).clone()
                matrices[f"base_model.model.model.layers.{layer}.{part}.lora_A.weight"] = (
                    torch.randn(16, columns) * 0.02
                )
                matrices[f"base_model.model.model.layers.{layer}.{part}.lora_B.weight"] = torch.randn(rows, 16) * 0.02
        if shard == 0:
            tensors |= {
                "model.embed_tokens.weight": noise[: 32000 * 1024].reshape(8000, 4096).clone(),
                "model.norm.weight": noise[:4096].clone(),
            }
        save_file(tensors, base / name, metadata={"format": "pt"})
        index |= dict.fromkeys(tensors, name)
    (base / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (base / "config.json").write_text(json.dumps({"model_type": "mistral"}))
    save_file(matrices, adapter / "adapter_model.safetensors")
    (adapter / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 16, "lora_alpha": 32, "target_modules": "all-linear"})
    )
    return {"gb": round(sum(path.stat().st_size for path in base.iterdir()) / 1e9, 2)}


def _large_base(folder: Path) -> dict[str, Any]:
    """`cp` and the merge in turn, twice each: until all is on the disk (as `steptune merge` leaves it), and to the page
    cache only.
    """
    size = _side("make-large-base", folder)
    times: dict[str, list[float]] = {}
    peaks = []
    for durable in (True, True, False):
        for side in ("cp", "stream"):
            os.sync()
            out = folder / side
            name = f"{side}, on the disk" if durable else side
            if side == "cp":
                started = time.monotonic()
                subprocess.run(["cp", "-r", folder / "large", out], check=True)
                if durable:
                    os.sync()
                times.setdefault(name, []).append(round(time.monotonic() - started, 2))
            else:
                done = _side("stream-durable" if durable else "stream", folder / "large", folder / "large-adapter", out)
                times.setdefault(name, []).append(done["seconds"])
                peaks.append(done["peak_gb"])
            shutil.rmtree(out)
    best = {name: min(found) for name, found in times.items()}
    return {
        "gb": size["gb"],
        "peak_gb": max(peaks),
        "against_cp": round(best["stream, on the disk"] / best["cp, on the disk"], 2),
        "against_cp_to_the_page_cache": round(best["stream"] / best["cp"], 2),
        "seconds": times,
    }


SIDES: dict[str, Callable[..., dict[str, Any]]] = {
    "make-adapter": make_adapter,
    "stream": stream,
    "stream-durable": partial(stream, durable=True),
    "peft": peft,
    "peft-durable": partial(peft, durable=True),
    "fidelity": fidelity,
    "make-large-base": make_large_base,
}


def run_side(name: str, paths: list[Path]) -> int:
    result = SIDES[name](*paths)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({**result, "peak_gb": round(peak_gb, 3), "cpu": machine()["cpu"]}))
    return 0


if __name__ == "__main__":
    sys.exit(run_side(sys.argv[1], [Path(path) for path in sys.argv[2:]]) if len(sys.argv) > 1 else main())
