"""Several machines in one training: what each gets from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from toolkit.errors import UsageError
from toolkit.planning.accelerate_config import AccelerateConfig

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
        """The arguments of `accelerate launch` besides its config file."""
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


def read_nodes(accelerate: AccelerateConfig, gpus: int, planning_only: bool) -> Nodes | None:
    """This machine's place by MACHINE_RANK, MASTER_ADDR, MASTER_PORT and NUM_MACHINES, or Slurm's variables; None for
    one machine.

    `planning_only`: rank 0 and the name of the variable stand in for what is not set.

    Raises:
        UsageError: rank or address is missing.
    """
    if accelerate.machines < 2:
        return None
    machines = int(os.environ.get("NUM_MACHINES") or os.environ.get("SLURM_NNODES") or accelerate.machines)
    rank = os.environ.get("MACHINE_RANK") or os.environ.get("SLURM_NODEID")
    address = os.environ.get("MASTER_ADDR")
    if (rank is None or address is None) and not planning_only:
        raise UsageError(
            f"{accelerate.path.stem} is for {machines} machines: set MACHINE_RANK (0 on the first) and MASTER_ADDR"
            " (the first machine's address) on each."
        )
    return Nodes(
        machines,
        int(rank or 0),
        address or UNKNOWN_ADDRESS,
        os.environ.get("MASTER_PORT", "29500"),
        machines * gpus or None,
    )
