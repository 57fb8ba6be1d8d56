"""Several machines in one training: how the others join the first one's run folder."""

from __future__ import annotations

import time
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.planning.nodes import Nodes
from toolkit.run_folder.folder import RunFolder

JOIN_TIMEOUT_S = 300.0


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
    while not RunFolder(run_dir).config_file.exists():
        if time.monotonic() > deadline:
            raise UsageError(
                f"The first machine made no run in {run_dir} within {JOIN_TIMEOUT_S:.0f} s; start machine 0 too, with"
                " the same --run-dir."
            )
        time.sleep(0.2)
    return RunFolder(run_dir.absolute()).node(nodes.rank).path
