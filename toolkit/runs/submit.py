"""Handing a run to Slurm: its folder, its ticket, and the job. What it needs is planned on the machine that it gets."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from toolkit import catalog, config
from toolkit.errors import UsageError
from toolkit.planning.accelerate_config import read_accelerate_config
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import slurm
from toolkit.runs.enqueue import Order
from toolkit.runs.launch import take_up_command, write_command


def submit(order: Order, options: Mapping[str, str]) -> tuple[RunFolder, str]:
    """Hand a run to Slurm with options of sbatch. Returns the run and the number of its job.

    Raises:
        PreflightError: sbatch refuses, or there is none; no run is left.
        UsageError: it is for several machines.
    """
    accelerate = read_accelerate_config(order.on or "single_gpu")
    if accelerate.machines > 1:
        raise UsageError(f"--on {accelerate.name} is for several machines; docs/multi-node.md has a job for that.")
    cards = {"gres": "gpu:1"} if not accelerate.on_cpu and accelerate.processes == 1 else {}
    asked = any(name in options for name in ("gres", "gpus", "gpus-per-node", "gpus-per-task"))
    ticket = Ticket(
        accelerate_args=order.accelerate_args, submitted=True, slurm={**({} if asked else cards), **options}
    )
    recipe, model = catalog.recipe_of(type(order.settings)), order.settings.trained_or_asked_model
    run = create_run(recipe.name, config.dump(order.settings), order.run_dir, None, model)
    try:
        write_command(run, take_up_command(run), {}, accelerate.name)
        return run, slurm.submit(run, ticket)
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
