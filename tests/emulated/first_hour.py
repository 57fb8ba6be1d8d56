"""Writes docs/first-hour-on-a-gpu.md: what a person types on a server with a card, and what steptune says there.

Every shown output is what the program says on an emulated machine; what no card has run is said. `make gpu-pages`
writes it with docs/gpus.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.emulated.emulate import ROOT
from tests.emulated.look import Found, Look

FIRST_HOUR = ROOT / "docs" / "first-hour-on-a-gpu.md"
# Machine, heading, and what is particular about it.
MACHINES_SHOWN = (
    ("a4000", "One card of 16 GB", "The promise of this project: question to report on this card."),
    ("rtx4090", "One card of 24 GB", "The same command; no activation is computed twice."),
    ("a100", "One card of 80 GB", "The same command; more rows at once."),
    (
        "8xh100",
        "Eight cards",
        "`--on multi_gpu` trains on all of them. The rows of an optimiser step stay what the config says, so that the"
        " result stays comparable.",
    ),
)
SHOWN_CHECKS = (
    "GPU",
    "model",
    "training memory",
    "batch",
    "rows of a step",
    "engine",
    "serving",
    "generator",
    "download",
)

HEAD = """# The first hour on a GPU server

Written by `make gpu-pages` from emulated machines: every output below is what steptune itself says where a fake
`nvidia-smi` and the versions of `constraints/cuda.txt` stand for the server. **No part of this page has run on
a card yet**: memory is estimated, times are left out, and the training, the merge and the answers by vLLM on a
card are proven on CPUs alone, by the same code. `make bench-gpu` measures the rest in nine minutes on a card.
All cards: [gpus.md](gpus.md).

## 1. Clone and set up

    git clone … steptune && cd steptune
    make setup

`make setup` makes `.venv`, takes the CUDA packages where `nvidia-smi` answers, shows each download with its
size, and says in a sentence what is missing. CUDA 13 needs a driver from 580 on, and Triton a C compiler
(`build-essential`) and Python's headers at the first step.

## 2. Ask the machine

    .venv/bin/steptune doctor

names the cards that you may use (`CUDA_VISIBLE_DEVICES` by index, UUID or MIG slice), driver, compiler and
packages, and for each recipe whether it can run. On a server with one card of 16 GB:

"""

DRY = """## 3. Ask before anything is downloaded

    .venv/bin/steptune run pipeline --dry-run

shows config, command lines and preflight: which commit of the model would be fetched and how many bytes,
whether the training fits, which rows are taken at once and why, and by which engine it answers. Exit code 3
means that this machine cannot run it; every refusal says what to change. Mistral-7B-Instruct-v0.2 is public.
For a gated model accept its terms on its page, then `hf auth login` or `HF_TOKEN=…`: preflight names what is
missing.

"""

TAIL = """## 4. Start it, and leave

    .venv/bin/steptune run pipeline data.sources='[{type: jsonl, path: mine.jsonl}]' --detach
    .venv/bin/steptune logs -f latest

The run belongs to its supervisor: the SSH connection may end. It builds the data set, trains, answers with the
base model and with the tuned one, and evaluates; sft begins with the download, which shows bytes and time left.
`.venv/bin/steptune` without arguments shows the same on screens. `steptune stop latest` saves where it is,
`steptune resume latest` goes on from there, with changed options after the run's name where memory ran out.

## 5. Read the report

    .venv/bin/steptune show latest

ends in plain words, with a table of both systems, and names `report.html`, the adapter, and the predictions.
`steptune merge ADAPTER --out DIR --verify` makes a model folder for other programs ([export.md](export.md)).

## What can go wrong

| what you see | what to do |
|---|---|
| preflight refuses driver, compiler or card | as it says; [gpus.md](gpus.md#what-a-machine-cannot) shows each |
| `out_of_memory` | the message names the option; `steptune resume RUN OPTION=VALUE` |
| a card vanishes | the run ends and names it; `steptune resume` takes the cards that are there, never the CPU |
| the hub does not answer, wants a token or terms accepted | preflight says which, within seconds |
| no space (`disk_full`) | `HF_HOME`, `STEPTUNE_CACHE` and `STEPTUNE_RUNS` name folders on other disks |
"""


def first_hour(found: Iterable[Found]) -> str:
    """The page."""
    by_name = {one.machine.name: one for one in found}
    smallest = by_name[MACHINES_SHOWN[0][0]]
    parts = [HEAD, _block(line for line in smallest.doctor.splitlines() if line.strip()), DRY]
    for name, heading, particular in MACHINES_SHOWN:
        one = by_name[name]
        parts.append(f"### {heading}\n\n{one.machine.what[0].upper()}{one.machine.what[1:]}. {particular}\n\n")
        several = len(one.machine.cards) > 1
        look = one.look("pipeline", "default", "multi_gpu" if several else None)
        parts += [f"    $ steptune run pipeline --dry-run{' --on multi_gpu' if several else ''}\n", _block(_said(look))]
    return "".join([*parts, TAIL])


def _said(look: Look) -> Iterable[str]:
    if look.problem:
        yield look.problem
    for check in look.checks:
        if check.name in SHOWN_CHECKS or check.level != "ok":
            yield f"{check.level:<8} {check.name}: {check.message}"


def _block(lines: Iterable[str]) -> str:
    return "".join(f"    {line.rstrip()}\n" for line in lines) + "\n"
