"""The same small training by steptune and by other tools, and ten broken inputs: time, memory, held-out loss, what each
leaves. `make bench-peers`

    .venv/bin/python benchmarks/peers.py [--make] [--only PACKAGE ...]

Each other tool needs an environment of its own below $STEPTUNE_PEERS (.peers); `--make` makes those that are missing,
where packages can be fetched. One that is not there is left out, and the reason is a row.

SmolLM2-135M-Instruct in 32 bits, LoRA r 16, the bundled rows: 120 to train on, 40 others for the held-out loss, which
steptune's own rendering measures for all alike (mean over the tokens of the answers).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measured import measure, together
from benchmarks.peers_broken import try_all
from benchmarks.peers_tools import PACKAGES, Peer, Task, environment, peers
from benchmarks.report import finish
from toolkit.bundled import recipes_dir
from toolkit.models import resolve_model
from toolkit.records import JSON, iter_jsonl

MODEL = "embedded:smollm2-135m-instruct"
TRAINED, HELD_OUT, STEPS, BROKEN_ROWS = 120, 40, 60, 6
SENTENCES = "steptune: broken inputs refused with a sentence"
LOSS = "steptune: held-out loss against the best of the others (times)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", action="store_true", help="make the environments that are missing")
    parser.add_argument("--only", nargs="*", default=[], metavar="PACKAGE")
    asked = parser.parse_args()
    folder = Path(os.environ.get("STEPTUNE_PEERS", ".peers")).resolve()
    if asked.make:
        make_environments(folder)
    rows = _rows()
    task = Task(Path(resolve_model(MODEL)), rows[:TRAINED], STEPS)
    found: dict[str, JSON] = {}
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        untrained = held_out_loss(task.model, None, rows[TRAINED:])
        print(json.dumps({"untrained": untrained}), file=sys.stderr, flush=True)
        for peer in peers(folder):
            if not asked.only or peer.package in asked.only:
                found[peer.name] = _try(peer, task, rows[TRAINED:], Path(scratch))
                print(json.dumps({peer.name: found[peer.name]}), file=sys.stderr, flush=True)
    return finish("peers", *_table(found, untrained))


def make_environments(folder: Path) -> None:
    """One for each tool that is not steptune's own."""
    for name, calls in PACKAGES.items():
        if not (folder / name / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
            for arguments in calls:
                subprocess.run([str(folder / name / "bin" / "pip"), "install", "-q", *arguments], check=False)


def _rows() -> list[JSON]:
    """Bundled rows of all domains in turn, so that both parts hold of each."""
    files = [list(iter_jsonl(path)) for path in sorted((recipes_dir() / "sample" / "howto").glob("*.jsonl"))]
    longest = max(map(len, files))
    mixed = [file[at] for at in range(longest) for file in files if at < len(file)]
    return [{"prompt": row["prompt"], "output": row["output"]} for row in mixed[: TRAINED + HELD_OUT]]


def _try(peer: Peer, task: Task, held_out: list[JSON], scratch: Path) -> JSON:
    if not peer.is_there:
        return {"left out": f"no environment at {peer.bin.parent}; --make makes it where packages can be fetched"}
    folder = scratch / peer.package
    folder.mkdir()
    commands = peer.write(task, folder)
    try:
        done = [together(measure(command, environment(peer), folder / "log.txt")) for command in commands]
    except SystemExit as error:
        return {"left out": f"the training did not end: {error}"}
    adapter = folder / peer.adapter
    left = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    few = replace(task, rows=task.rows[:BROKEN_ROWS], steps=1)
    return {
        "version": _version(peer),
        "seconds": sum(part.seconds for part in done),
        "peak_gib": round(max(part.peak_gib for part in done), 2),
        "held_out_loss": held_out_loss(task.model, adapter, held_out),
        "commands": len(commands),
        "lines of config": sum(len((folder / file).read_text().splitlines()) for file in peer.config_files),
        "files left": len(left),
        "left": [file for file in left if "checkpoint" not in file][:60],
        "broken": try_all(peer, few, scratch),
    }


def _version(peer: Peer) -> str:
    name = peer.package.split("[")[0]
    ask = f"import importlib.metadata as m; print(m.version({name!r}))"
    return subprocess.run([peer.bin / "python", "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def held_out_loss(model: Path, adapter: Path | None, rows: list[JSON]) -> float:
    """Mean loss over the tokens of the answers and their end."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from toolkit.prompting import choose_format, render_example

    tokenizer = AutoTokenizer.from_pretrained(model)
    chosen = choose_format("auto", str(model), tokenizer)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    if adapter is not None:
        network = PeftModel.from_pretrained(network, str(adapter))
    network.eval()
    losses: list[float] = []
    with torch.inference_mode():
        for row in rows:
            rendered = render_example(row["prompt"], row["output"], chosen, tokenizer)
            ids = torch.tensor([[*rendered.prompt_ids, *rendered.completion_ids]])
            scores = torch.log_softmax(network(ids).logits[0, :-1].float(), -1)
            told = scores.gather(1, ids[0, 1:, None])[:, 0]
            losses += (-told[len(rendered.prompt_ids) - 1 :]).tolist()
    return round(statistics.fmean(losses), 4)


def _table(found: dict[str, JSON], untrained: float) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    own = found.get("steptune", {})
    broken = own.get("broken", {})
    values = {SENTENCES: float(sum(case["outcome"] == "refused" for case in broken.values()))} if broken else {}
    others = [peer["held_out_loss"] for name, peer in found.items() if name != "steptune" and "held_out_loss" in peer]
    if "held_out_loss" in own and others:
        values[LOSS] = round(own["held_out_loss"] / min(others), 4)
    return values, {LOSS: {"untrained": untrained, **found}, SENTENCES: broken}


if __name__ == "__main__":
    sys.exit(main())
