"""Whether the installed libraries can compute on the visible cards: build of torch, driver, architecture, mode of use,
and the C compiler that Triton calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolkit.machine import packages
from toolkit.machine.gpus import Gpu, Gpus, pids_on
from toolkit.planning.check import Check

if TYPE_CHECKING:
    from toolkit.planning.plan import LaunchPlan

GIB = 1024**3
COMPILER = "on Debian and Ubuntu `apt-get install build-essential python3-dev` brings one"


def check_gpus(plan: LaunchPlan) -> Iterator[Check]:
    """What a plan's cards are, and what keeps it from computing on them."""
    if plan.accelerate.on_cpu:
        return
    if plan.gpus.cards:
        yield Check("GPU", "ok", ", ".join(map(describe, plan.gpus.cards)))
    yield from gpu_problems(plan.gpus)
    if plan.gpus.cards and _needs_triton(plan) and (missing := packages.compiler_missing()):
        yield Check("compiler", "refused", no_compiler(missing))


def gpu_problems(gpus: Gpus) -> Iterator[Check]:
    """What is wrong with the cards for any program of this environment."""
    if gpus.problem:
        yield Check(
            "GPU",
            "refused",
            f"{gpus.problem}; is the driver loaded? After an update of it restart the machine, or use --on cpu.",
        )
    torch = packages.torch_build()
    if torch is not None and gpus.cards:
        yield from _build_problems(torch, gpus.cards)
    for card in gpus.cards:
        if problem := _mode_problem(card):
            yield Check("GPU", "refused", problem)
        if card.free_bytes is None:
            yield Check("GPU", "warning", f"{describe(card)}: nothing can be planned by its memory.")


def describe(card: Gpu) -> str:
    """Index, name, memory and compute capability, for people."""
    total, free = card.total_bytes, card.free_bytes
    memory = "memory unknown" if total is None else f"{total / GIB:.0f} GiB"
    if total is not None and free is not None and free < 0.9 * total:
        memory += f" ({free / GIB:.0f} free)"
    return f"{card.index}: {card.name}, {memory}"


def no_compiler(missing: str) -> str:
    return f"no {missing}, which Triton needs at the first step on a GPU; {COMPILER}."


def _build_problems(torch: packages.TorchBuild, cards: tuple[Gpu, ...]) -> Iterator[Check]:
    if torch.cuda is None:
        yield Check(
            "torch",
            "refused",
            f"torch {torch.version} is built for the CPU alone; install the CUDA set (`STEPTUNE_DEVICE=cuda make"
            " setup`), or use --on cpu.",
        )
        return
    driver = cards[0].driver
    if driver and torch.oldest_driver and int(driver.split(".")[0]) < torch.oldest_driver:
        yield Check(
            "driver",
            "refused",
            f"driver {driver} is too old for torch {torch.version}: CUDA {torch.cuda} needs {torch.oldest_driver} or"
            " newer; update the driver, or use --on cpu.",
        )
    for card in cards:
        if card.compute_capability and card.compute_capability < (torch.oldest_capability or 0):
            yield Check(
                "GPU",
                "refused",
                f"{card.index}: {card.name} has compute capability {card.compute_capability}, torch {torch.version} is"
                f" compiled for {torch.oldest_capability} and newer (Turing on); hide it with CUDA_VISIBLE_DEVICES, or"
                " use --on cpu.",
            )


def _mode_problem(card: Gpu) -> str | None:
    if card.compute_mode == "Prohibited":
        return f"{describe(card)} is in compute mode Prohibited; `sudo nvidia-smi -c DEFAULT` opens it, or hide it."
    if card.compute_mode == "Exclusive_Process" and (pids := pids_on(card)):
        return (
            f"{describe(card)} is in exclusive mode and process {pids[0]} holds it; wait for it, choose another"
            " card with CUDA_VISIBLE_DEVICES, or `sudo nvidia-smi -c DEFAULT`."
        )
    return None


def _needs_triton(plan: LaunchPlan) -> bool:
    return any(
        settings.training or (settings.engine and settings.engine.engine == "vllm") for _, settings in plan.stages
    )
