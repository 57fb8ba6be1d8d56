"""Several processes of one evaluation, as `accelerate launch` starts them: rank 0 asks, everyone encodes a share."""

from __future__ import annotations

import os
from typing import Any

from toolkit.device import device_kind


def count() -> int:
    """Processes of this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Which GPU of this machine is ours."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def share(things: list[str]) -> list[str]:
    """This rank's part of a list that all ranks hold."""
    return things[_state().process_index :: count()]


def broadcast(thing: Any) -> Any:
    """Rank 0's `thing`, on every rank; None from rank 0 ends the others' work."""
    from accelerate.utils import broadcast_object_list

    _state()
    box = [thing]
    broadcast_object_list(box, from_process=0)
    return box[0]


def gather(part: Any) -> list[Any]:
    """Every rank's part, in order of rank."""
    from accelerate.utils import gather_object

    _state()
    found: list[Any] = gather_object([part])
    return found


def finish() -> None:
    """Let the other ranks go (called by rank 0), or leave the group."""
    import torch.distributed

    if count() > 1:
        if _state().is_main_process:
            broadcast(None)
        torch.distributed.destroy_process_group()


def _state() -> Any:
    """accelerate's view of the processes; if it knows of a CPU, it uses gloo (otherwise it would believe in a single
    process).
    """
    from accelerate import PartialState

    return PartialState(cpu=device_kind() == "cpu")
