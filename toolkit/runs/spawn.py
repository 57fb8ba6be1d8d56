"""Starting the supervisor process of a run: by a command, or by the supervisor of the run before it in the queue."""

from __future__ import annotations

import os
import subprocess
import sys

from toolkit.machine.processes import RUN_ID_VARIABLE
from toolkit.run_folder.folder import RunFolder

SUPERVISOR_TIMEOUT_S = 30.0


def spawn_supervisor(run: RunFolder, token: str = "") -> subprocess.Popen[bytes]:
    """The supervisor in a session of its own, with output to the run's log. With a token it starts the recipe only if
    the ticket is still claimed under it.
    """
    environment = {name: value for name, value in os.environ.items() if name != RUN_ID_VARIABLE}
    with run.log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "toolkit.runs.supervisor", str(run.path), *([token] if token else [])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=run.path,
            env=environment,
        )
