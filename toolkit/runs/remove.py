"""Deleting the folder of a run that is over."""

from __future__ import annotations

import shutil

from toolkit.run_folder.folder import RunFolder
from toolkit.runs.refusals import RunAsItIs, require


def require_removable(run: RunFolder) -> None:
    """Raises UsageError for a run that goes on."""
    require(RunAsItIs.read(run).no_deletion)


def remove_run(run: RunFolder) -> None:
    """Delete the folder and everything in it; raises UsageError for a run that goes on."""
    require_removable(run)
    shutil.rmtree(run.path)
