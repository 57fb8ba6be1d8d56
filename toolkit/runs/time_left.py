"""How long a pipeline still takes: its stage, and what the stages to come took in this pipeline or an earlier one."""

from __future__ import annotations

from pathlib import Path

from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow

LOOKED_AT = 200  # of the runs before it


def whole_left(pipeline: RunRow, earlier: dict[str, float]) -> float | None:
    """Seconds until all is done; None as long as a stage's time is not known. A stage of the same recipe that is done
    already counts for one to come: the second system answers the same questions.
    """
    took = {stage.recipe: stage.seconds for stage in pipeline.stages if stage.seconds is not None}
    left = 0.0
    for stage in pipeline.stages:
        if stage.live:
            if stage.eta_s is None:
                return None
            left += stage.eta_s
        elif stage.state is State.WAITING:
            seconds = took.get(stage.stage.partition("-")[0]) or earlier.get(stage.stage)
            if seconds is None:
                return None
            left += seconds
    return left


def stage_times(pipeline: Path, model: str) -> dict[str, float]:
    """Seconds of the stages of the newest earlier pipeline of the same model that ran them all; {} without one."""
    before = (path for path in pipeline.parent.glob("*-pipeline-*") if path.name < pipeline.name)
    for path in sorted(before, key=lambda other: other.name, reverse=True)[:LOOKED_AT]:
        run = RunFolder(path)
        if run.exists() and (run.info.model or "") == model:
            results = {stage.path.name: stage.result for stage in run.stages()}
            times = {name: found.seconds for name, found in results.items() if found and found.seconds is not None}
            if run.result is not None and run.result.state is State.FINISHED and times:
                return times
    return {}
