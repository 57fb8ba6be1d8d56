"""The pipeline: data-build, sft, generate twice, evaluate, each as a run of its own under `stages/`.

A stage is skipped when a finished run of the same stage has the same key: a hash over its settings, the contents of its
inputs, the accelerate config, steptune's version and the code that it reaches (toolkit.runs.stage_code). Nothing
depends on time stamps, nor on the versions of other libraries.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit import __version__, catalog, config
from toolkit.errors import Cancelled, SteptuneError
from toolkit.guard import GUARD_FOLDER
from toolkit.planning.plan import LaunchPlan, plan_launch
from toolkit.records import sha256_file, sha256_json, sha256_tree, write_json
from toolkit.run_folder.documents import EventName, Progress, Result, StageKey
from toolkit.run_folder.find import runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs import launch
from toolkit.runs.recorder import Recorder
from toolkit.runs.stage_code import code_of
from toolkit.runs.stop import ask_to_stop, wait_until_ended
from toolkit.settings import PipelineSettings, Settings

POLL_S = 0.3


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline: a recipe's settings, complete, to be run as `name`."""

    name: str
    settings: Settings


@dataclass(frozen=True)
class StageResult:
    """The run that holds a stage's outputs, from this pipeline or an earlier one."""

    run: RunFolder
    skipped: bool

    def output(self, name: str) -> Path:
        """Absolute path of an output. Raises SteptuneError if the stage did not write it."""
        outputs = self.run.outputs()
        if name not in outputs:
            raise SteptuneError(
                f"The stage run {self.run.path} recorded no output {name!r}; found: {', '.join(outputs) or 'none'}."
            )
        return outputs[name]

    def made_as(self, step: catalog.PipelineStage) -> dict[str, Path]:
        """The stage's output by the name that it is recorded under, of several systems each under its own; answers to
        the guard's items beside it.
        """
        name = catalog.RECIPES[step.recipe].output
        found = self.run.outputs()
        if name in found or not any(other.startswith(f"{name}_") for other in found):
            guard = {step.kept_as.replace(name, GUARD_FOLDER): found[GUARD_FOLDER]} if GUARD_FOLDER in found else {}
            return {step.kept_as: self.output(name), **guard}
        return {other: path for other, path in found.items() if other.startswith((f"{name}_", f"{GUARD_FOLDER}_"))}


class Pipeline:
    """Runs the stages in order inside `run_dir`; what ran before the last stop is taken up where it was."""

    def __init__(self, settings: PipelineSettings, run_dir: Path, on: str, recorder: Recorder) -> None:
        self.settings = settings
        self.run = RunFolder(run_dir)
        self.on = on
        self.recorder = recorder

    def run_all(self) -> tuple[dict[str, Path], Result | None]:
        """The stages' outputs by the names that the pipeline records them under, and the last stage's result. Raises
        the failed stage's error, or Cancelled.
        """
        made: dict[str, Path] = {}
        for step in catalog.STAGES:
            self.recorder.check_stop()
            done = self._run_stage(Stage(step.name, self.settings.stage(step.name, made)))
            made |= done.made_as(step)
        return made, done.run.result

    def _run_stage(self, stage: Stage) -> StageResult:
        plan = plan_launch(stage.settings, self.on, count_rows=True)
        key = stage_key(stage, _accelerate_path(plan))
        with self._alone_with(stage.name, key):
            return self._run_or_take(stage, plan, key)

    @contextlib.contextmanager
    def _alone_with(self, name: str, key: str) -> Iterator[None]:
        """Of several pipelines at once, one does a stage that they share; the others wait for it."""
        queue = QueueFolder(self.run.path.parent)
        if not self.settings.reuse or not queue.exists():
            yield
            return
        path = queue.stage_lock_file(key)
        with path.open("ab") as lock:
            while not _try_lock(lock.fileno()):
                self.recorder.check_stop()
                self.recorder.progress(f"waiting for {name} of another run", 0, 0)
                time.sleep(POLL_S)
            yield
            path.unlink(missing_ok=True)  # who waits has it open, and finds the stage done

    def _run_or_take(self, stage: Stage, plan: LaunchPlan, key: str) -> StageResult:
        if earlier := self._find_finished(stage.name, key):
            self.recorder.event(EventName.STAGE_SKIPPED, stage=stage.name, run=str(earlier.path), key=key)
            return StageResult(earlier, skipped=True)
        run = self._start_or_resume(stage, plan, key)
        self.recorder.event(EventName.STAGE_STARTED, stage=stage.name, run=str(run.path), key=key)
        result = self._follow(stage, run)
        self.recorder.event(
            EventName.STAGE_ENDED,
            stage=stage.name,
            state=result.state,
            seconds=result.seconds,
            headline=dict(result.headline),
        )
        if result.state is State.CANCELLED:
            raise Cancelled(f"The stage {stage.name} was stopped.")
        if result.state is not State.FINISHED:
            raise _stage_error(stage.name, result, self.run.id)
        return StageResult(run, skipped=False)

    def _find_finished(self, name: str, key: str) -> RunFolder | None:
        """A finished run of this stage with this key whose outputs are as they were recorded; this pipeline's own
        first.
        """
        own = self.run.stage(name)
        others = _earlier_stage_runs(name, {self.run.path.parent, runs_root()}) if self.settings.reuse else iter(())
        for run in [own, *(other for other in others if other != own)]:
            if run.stage_key == key and run.state() is State.FINISHED and _outputs_are_intact(run):
                return run
        return None

    def _start_or_resume(self, stage: Stage, plan: LaunchPlan, key: str) -> RunFolder:
        run = self.run.stage(stage.name)
        started = StageKey(stage.name, key, start_key(stage, plan))
        if run.is_locked():  # it has outlived the pipeline, which was killed
            if run.stage_key == key:
                return run
            _stop(run)
        elif run.stage_key == key and run.state() is State.FINISHED:
            message = "what it made was changed or is gone since; it is done again, the old one is kept beside it"
            self.recorder.event(EventName.STAGE_SET_ASIDE, stage=stage.name, message=message)
            run.set_aside()
        if run.stage_key == key and run.exists():
            launch.resume(run)
            return run
        if run.exists() and run.start_key == started.start_key and run.state().can_be_resumed:
            launch.resume(run, plan)  # resumed with other options, under which its own steps go on
            write_json(run.stage_file, started.to_json())
            return run
        if run.path.exists():  # the same stage under other settings, from before this pipeline was resumed
            run.set_aside()
        launch.start(plan, run.path, parent=self.run.id)
        write_json(run.stage_file, started.to_json())
        return run

    def _follow(self, stage: Stage, run: RunFolder) -> Result:
        """Mirror the stage's progress into this run until the stage has ended; pass a stop request on."""
        shown: Progress | None = None
        while (result := run.result) is None:
            if run.state() is State.LOST:
                raise SteptuneError(
                    f"The stage {stage.name} was lost (its supervisor is gone); `steptune resume {self.run.id}`"
                    " continues it."
                )
            if self.recorder.stop_requested:
                _stop(run)
            if (progress := run.progress()) and progress != shown:
                shown = progress
                values = {key: value for key, value in progress.values.items() if key != "time"}
                self.recorder.metric(stage=stage.name, **values)
            time.sleep(POLL_S)
        return result


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: the stage may be done twice
        return True
    return True


def _stop(run: RunFolder) -> None:
    try:
        ask_to_stop(run)
    except SteptuneError:
        return  # it ended in between
    wait_until_ended(run)


def _stage_error(name: str, result: Result, pipeline: str) -> SteptuneError:
    section = next(stage.section for stage in catalog.STAGES if stage.name == name)
    advice = (
        f" In this pipeline the change is given as `steptune resume {pipeline} {section}.KEY=VALUE`."
        if result.state is State.OUT_OF_MEMORY
        else ""
    )
    error = SteptuneError(f"The stage {name} failed: {result.message}{advice}")
    error.exit_code = result.exit_code
    error.kind = result.kind or "stage"
    return error


def stage_key(stage: Stage, accelerate_config: Path | None) -> str:
    """SHA-256 over everything that a stage's outputs depend on, short of the machine itself."""
    recipe = catalog.recipe_of(type(stage.settings))
    return sha256_json(
        {
            "recipe": recipe.name,
            "steptune": __version__,
            "code": code_of(recipe.script),
            "accelerate": sha256_file(accelerate_config) if accelerate_config else None,
            "settings": _by_content(config.to_json(stage.settings)),
        }
    )


def start_key(stage: Stage, plan: LaunchPlan) -> str:
    """The key with all options that may change when the stage is resumed left as they are by default: what has this key
    goes on from what was saved.
    """
    settings = stage.settings
    kept = {name: getattr(settings, name) for name in settings.model_fields_set - set(settings.changeable or ())}
    return stage_key(Stage(stage.name, type(settings).model_validate(kept)), _accelerate_path(plan))


def _accelerate_path(plan: LaunchPlan) -> Path | None:
    return plan.accelerate.path if plan.recipe.by_accelerate else None


def _by_content(value: Any) -> Any:
    """Settings with every existing absolute path replaced by the hash of what it holds."""
    if isinstance(value, dict):
        return {key: _by_content(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_by_content(item) for item in value]
    if isinstance(value, str) and value.startswith("/") and Path(value).exists():
        return {"sha256": sha256_tree(Path(value))}
    return value


def _earlier_stage_runs(name: str, roots: set[Path]) -> Iterator[RunFolder]:
    """The stage in every pipeline below the roots, newest pipelines first."""
    for root in sorted(roots):
        for pipeline in sorted(root.glob("*"), reverse=True):
            if (stage := RunFolder(pipeline).stage(name)).stage_file.exists():
                yield stage


def _outputs_are_intact(run: RunFolder) -> bool:
    outputs = run.result.outputs if run.result else {}
    return all(
        (run.path / output.path).exists() and sha256_tree(run.path / output.path) == output.sha256
        for output in outputs.values()
    )
