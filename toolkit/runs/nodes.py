"""Several machines in one training: what each is told, from the environment, and how the others join the first one's
run folder.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError

JOIN_TIMEOUT_S = 300.0
UNKNOWN_ADDRESS = "MASTER_ADDR"


@dataclass(frozen=True)
class Nodes:
    """One machine's place among several. `processes` counts those of all machines; None leaves it to the accelerate
    config.
    """

    machines: int
    rank: int
    address: str
    port: str
    processes: int | None = None

    def arguments(self) -> tuple[str, ...]:
        """What `accelerate launch` is told beside its config file."""
        counts = (
            "--num_machines",
            str(self.machines),
            *(("--num_processes", str(self.processes)) if self.processes else ()),
        )
        return (
            *counts,
            "--machine_rank",
            str(self.rank),
            "--main_process_ip",
            self.address,
            "--main_process_port",
            self.port,
        )

    def at(self, rank: int) -> Nodes:
        return replace(self, rank=rank)


def read_nodes(shape: dict[str, Any], name: str, gpus: int, planning_only: bool) -> Nodes | None:
    """This machine's place by MACHINE_RANK, MASTER_ADDR, MASTER_PORT and NUM_MACHINES, or Slurm's variables; None for
    one machine.

    `planning_only`: rank 0 and the name of the variable stand in for what is not set.

    Raises:
        UsageError: rank or address is missing.
    """
    machines = int(shape.get("num_machines", 1))
    if machines < 2:
        return None
    machines = int(os.environ.get("NUM_MACHINES") or os.environ.get("SLURM_NNODES") or machines)
    rank = os.environ.get("MACHINE_RANK") or os.environ.get("SLURM_NODEID")
    address = os.environ.get("MASTER_ADDR")
    if (rank is None or address is None) and not planning_only:
        raise UsageError(
            f"{name} is for {machines} machines: set MACHINE_RANK (0 on the first) and MASTER_ADDR (the first machine's"
            " address) on each."
        )
    return Nodes(
        machines,
        int(rank or 0),
        address or UNKNOWN_ADDRESS,
        os.environ.get("MASTER_PORT", "29500"),
        machines * gpus or None,
    )


def node_folder(run_dir: Path | None, nodes: Nodes) -> Path:
    """Where this machine keeps its own log and process record: the run folder on the first, `nodes/RANK` in it on the
    others.

    Raises:
        UsageError: no --run-dir (the machines could not find one another's folder), or the first machine made none in
            time.
    """
    if run_dir is None:
        raise UsageError(
            "A run on several machines needs the same --run-dir on each, on a file system that all of them see."
        )
    if nodes.rank == 0:
        return run_dir.absolute()
    deadline = time.monotonic() + JOIN_TIMEOUT_S
    while not (run_dir / "config.yaml").exists():
        if time.monotonic() > deadline:
            raise UsageError(
                f"The first machine made no run in {run_dir} within {JOIN_TIMEOUT_S:.0f} s; start machine 0 too, with"
                " the same --run-dir."
            )
        time.sleep(0.2)
    return run_dir.absolute() / "nodes" / str(nodes.rank)
