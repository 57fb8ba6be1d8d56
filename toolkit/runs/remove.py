"""Deleting the folder of a run that is over."""

from __future__ import annotations

import shutil

from toolkit.errors import UsageError
from toolkit.run_folder.folder import RunFolder


def require_removable(run: RunFolder) -> None:
    """Raises UsageError for a run that goes on."""
    if not (state := run.state()).is_over:
        raise UsageError(f"The run {run.id} is {state}; stop it with `steptune stop {run.id}` before deleting it.")


def remove_run(run: RunFolder) -> None:
    """Delete the folder and everything in it; raises UsageError for a run that goes on."""
    require_removable(run)
    shutil.rmtree(run.path)
