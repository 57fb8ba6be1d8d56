"""Finding runs: all of a runs folder, or one by what a person calls it."""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.run_folder.folder import RunFolder


def runs_root() -> Path:
    """`$STEPTUNE_RUNS`, or `runs` in the current folder."""
    return Path(os.environ.get("STEPTUNE_RUNS") or "runs").absolute()


def list_runs(root: Path | None = None) -> list[RunFolder]:
    """The runs of the runs folder, newest first; stages of a pipeline are inside their pipeline and not listed here."""
    found = [run for path in (root or runs_root()).glob("*") if (run := RunFolder(path)).exists()]
    return sorted(found, key=lambda run: run.path.name, reverse=True)


def find_run(name: str) -> RunFolder:
    """The run of that id, unique part of an id, `latest`, either with `/STAGE`, or path.

    Raises:
        UsageError: none or several match.
    """
    if RunFolder(Path(name)).exists():
        return RunFolder(Path(name).absolute())
    runs = list_runs()
    run_part, _, stage = name.partition("/")
    matches = runs[:1] if run_part == "latest" else _called(run_part, runs)
    if len(matches) > 1:
        raise UsageError(
            f"{name!r} fits {len(matches)} runs ({', '.join(run.id for run in matches[:3])} ...); give more of the id."
        )
    if not matches:
        raise UsageError(
            f"There is no run {name!r} in {runs_root()}; `steptune runs` lists them, and a path of a run folder works"
            " as well."
        )
    if not stage:
        return matches[0]
    stages = {folder.path.name: folder for folder in matches[0].stages()}
    if stage not in stages:
        raise UsageError(f"The run {matches[0].id} has no stage {stage!r}; it has: {', '.join(stages) or 'none yet'}.")
    return stages[stage]


def _called(name: str, runs: list[RunFolder]) -> list[RunFolder]:
    """Those with that name or id, else with it as a part of their id. Somebody may have renamed a folder, so that ids
    have to be read wherever the name is not a folder's.
    """
    if not name:
        return []
    if found := [run for run in runs if run.path.name == name]:
        return found
    ids = [(run.id, run) for run in runs]
    return [run for id_, run in ids if id_ == name] or [run for id_, run in ids if name in id_]


def run_around(path: Path) -> RunFolder | None:
    """The run in whose folder a file lies: of a pipeline's stage the stage."""
    return next((RunFolder(folder) for folder in path.absolute().parents if RunFolder(folder).exists()), None)
