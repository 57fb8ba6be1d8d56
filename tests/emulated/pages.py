"""Writes what the emulated machines show: one golden a machine, docs/gpus.md and docs/first-hour-on-a-gpu.md.

python -m tests.emulated.pages          (`make gpu-pages`; after a change of what preflight or doctor say)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.emulated.emulate import ROOT
from tests.emulated.first_hour import FIRST_HOUR, first_hour
from tests.emulated.look import SAMPLE, Found, Look, look_at
from tests.emulated.machines import MACHINES

GOLDENS = Path(__file__).parent / "goldens"
PAGE = ROOT / "docs" / "gpus.md"
WRONG = ("old-driver", "very-old-driver", "no-compiler", "exclusive", "v100", "cpu-torch", "smi-fails", "no-gpu")
SHOWN = ("by-index", "by-uuid", "mig", "busy", "unknown-memory")

MEAN = SAMPLE["tokens"] // SAMPLE["rows"]
HEAD = f"""# What each card does

Written by `make gpu-pages` from emulated machines (`tests/emulated`): a fake `nvidia-smi`, the versions of
`constraints/cuda.txt`, and steptune's own doctor and preflight. No card was at hand: memory is estimated, and nothing
here is a measured speed. `steptune doctor` and `steptune run RECIPE --dry-run` say the same on your machine.

Mistral-7B-Instruct-v0.2 on the bundled sample, whose training rows have {MEAN} tokens in the mean and
{SAMPLE["longest"]} at most, 16 rows in an optimiser step. `auto` takes, of what fits the free memory, the way that is
reckoned to take the least time a token: fewer rows without gradient checkpointing, or more with it in a fourth, in
half, or in all of the layers.

"""


def page(found: Iterable[Found]) -> str:
    """docs/gpus.md."""
    by_name = {one.machine.name: one for one in found}
    cards = [one for name, one in by_name.items() if name not in (*WRONG, *SHOWN)]
    parts = [HEAD, "## Training: `steptune run sft`\n\n", _training(cards)]
    parts += ["\n## Several GPUs\n\n", _several(cards)]
    parts += ["\n## The whole chain: `steptune run pipeline`\n\n", _pipeline(cards)]
    parts += ["\n## Which card is taken\n\n", WHICH, _taken([by_name[name] for name in SHOWN])]
    parts += ["\n## What a machine cannot\n\n", CANNOT, _wrong([by_name[name] for name in WRONG])]
    return "".join(parts)


WHICH = """`CUDA_VISIBLE_DEVICES` decides, by index (as in `nvidia-smi`), UUID or MIG slice; a run sets
`CUDA_DEVICE_ORDER=PCI_BUS_ID`, so that the indexes are those. What runs in one process gets the card with the most free
memory. CUDA shows one MIG slice to a program.

"""
CANNOT = """Said by doctor and by preflight, which ends with exit code 3 before anything is started or downloaded. A run
whose card is gone when it starts ends and names the card's UUID; `steptune resume` takes the cards that are there. It
never goes on on the CPU.

"""


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _training(cards: list[Found]) -> str:
    rows = []
    for one in cards:
        looks = [one.look("sft", preset) for preset in ("default", "quality", "fast")]
        machine = looks[0].plan.machine if looks[0].plan else None
        rows.append([one.machine.what, machine.precision if machine else "", *map(_chosen, looks)])
    head = ["machine", "computes in", "`default` (r 16)", "`quality` (r 64)", "`fast` (joined rows)"]
    return (
        _table(head, rows) + "\nRows of a micro-step, checkpointing, and the estimated peak of memory in one process.\n"
    )


def _chosen(look: Look) -> str:
    if look.plan is None or look.plan.training is None:
        return look.problem
    if look.refused:
        return "no: " + "; ".join(check.message for check in look.refused)
    options = look.plan.training.options
    checkpointing = f" {options.checkpointing_words}" if options.checkpointing else ""
    return f"{options.rows_per_device}{checkpointing}, {look.message('training memory').split(' estimated')[0]}"


def _several(cards: list[Found]) -> str:
    several = [one for one in cards if len(one.machine.cards) > 1]
    ways = (
        ("default", "multi_gpu"),
        ("default", "deepspeed_zero2"),
        ("zero3", "deepspeed_zero3"),
        ("fsdp", "fsdp_qlora"),
    )
    rows = [
        [one.machine.what, f"`--on {on}`", _chosen(look), look.message("rows of a step") or "-"]
        for one in several
        for preset, on in ways
        for look in [one.look("sft", preset, on)]
    ]
    return _table(["machine", "how", "each process", "rows of an optimiser step"], rows) + NOT_LARGER


NOT_LARGER = """
ZeRO-3 and FSDP do not make a larger model fit in 4 bits: transformers puts the quantised model whole on every card
before it is split, and preflight counts that peak. A 70B model in NF4 (38 GiB) needs cards of 48 GB and more, however
many there are. What is saved comes after: room for longer rows. 16-bit weights are loaded on the host first, once a
process, which preflight counts as well.
"""


def _pipeline(cards: list[Found]) -> str:
    rows = []
    for one in cards:
        look = one.look("pipeline", "default")
        said = [check for check in look.checks if check.name in ("engine", "serving", "generator", "quantization")]
        shown = "; ".join(check.message for check in said if check.level == "ok")
        verdict = "no: " + "; ".join(check.message for check in look.refused) if look.refused else "yes"
        rows.append([one.machine.what, verdict, shown])
    return _table(["machine", "runs", "answers by"], rows)


def _taken(found: list[Found]) -> str:
    rows = []
    for one in found:
        look = one.look("sft", "default")
        taken = look.plan.environment.get("CUDA_VISIBLE_DEVICES", "") if look.plan else ""
        rows.append([one.machine.what, one.machine.visible or "-", taken, look.message("training memory")])
    return _table(["machine", "`CUDA_VISIBLE_DEVICES`", "the run gets", "preflight of sft"], rows)


def _wrong(found: list[Found]) -> str:
    rows = []
    for one in found:
        look = one.look("pipeline", "default")
        rows.append([one.machine.what, f"`--on {look.on}`", "<br>".join(check.message for check in look.refused)])
    return _table(["machine", "", "what is said"], rows)


def main() -> int:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    found = [look_at(machine) for machine in MACHINES]
    GOLDENS.mkdir(exist_ok=True)
    for old in GOLDENS.glob("*.txt"):
        old.unlink()
    for one in found:
        (GOLDENS / f"{one.machine.name}.txt").write_text(one.golden, encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    FIRST_HOUR.write_text(first_hour(found), encoding="utf-8")
    print(f"{len(found)} machines in {GOLDENS} and {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
