"""Stage keys and stage skipping: what makes a stage run again, and what does not."""

from __future__ import annotations

import fcntl
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from toolkit import config
from toolkit.catalog import STAGES
from toolkit.records import sha256_tree, write_json, write_text
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.runs import stop
from toolkit.runs.pipeline import Pipeline, Stage, StageResult, stage_key
from toolkit.runs.recorder import Recorder
from toolkit.runs.refusals import RunAsItIs
from toolkit.runs.row import read_row
from toolkit.settings import EvaluateSettings, GenerateSettings, PipelineSettings, SftSettings


def sft_stage(data: Path, **changes: object) -> Stage:
    settings = config.resolve(
        "sft", "demo", overrides=[f"data={data}", *(f"{key}={value}" for key, value in changes.items())]
    )
    assert isinstance(settings, SftSettings)
    return Stage("sft", settings)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    write_text(tmp_path / "data" / "train.jsonl", '{"prompt": "p", "output": "1. a"}\n')
    return tmp_path / "data"


def test_a_key_follows_contents_and_settings_and_not_paths_or_times(dataset: Path, tmp_path: Path) -> None:
    key = stage_key(sft_stage(dataset), None)
    copy = tmp_path / "elsewhere"
    write_text(copy / "train.jsonl", (dataset / "train.jsonl").read_text())
    assert stage_key(sft_stage(copy), None) == key
    assert stage_key(sft_stage(dataset, lora_r=32), None) != key
    write_text(copy / "train.jsonl", '{"prompt": "p", "output": "1. b"}\n')
    assert stage_key(sft_stage(copy), None) != key


def test_a_key_follows_the_accelerate_config(dataset: Path, tmp_path: Path) -> None:
    shape = tmp_path / "shape.yaml"
    write_text(shape, "num_processes: 1\n")
    one = stage_key(sft_stage(dataset), shape)
    write_text(shape, "num_processes: 2\n")
    assert stage_key(sft_stage(dataset), shape) != one


def finished_stage(pipeline_dir: Path, name: str, key: str) -> Path:
    folder = pipeline_dir / "stages" / name
    write_text(folder / "adapter" / "weights", "w")
    write_json(folder / "run.json", {"id": "x", "recipe": "sft"})
    write_json(folder / "stage.json", {"stage": name, "key": key})
    write_json(
        folder / "result.json",
        {"state": "finished", "outputs": {"adapter": {"path": "adapter", "sha256": sha256_tree(folder / "adapter")}}},
    )
    return folder


@pytest.mark.parametrize(("change", "found"), [("nothing", True), ("key", False), ("output", False), ("state", False)])
def test_an_earlier_stage_is_taken_only_if_key_outputs_and_state_are_right(
    runs: Path, change: str, found: bool
) -> None:
    earlier = finished_stage(runs / "first", "sft", "k1")
    if change == "output":
        write_text(earlier / "adapter" / "weights", "tampered")
    if change == "state":
        write_json(earlier / "result.json", {"state": "failed", "outputs": {}})
    settings = config.resolve("pipeline", "demo")
    pipeline = Pipeline(settings, runs / "second", "cpu", Recorder(None))  # type: ignore[arg-type]
    run = pipeline._find_finished("sft", "k2" if change == "key" else "k1")
    assert (run == RunFolder(earlier)) is found


def test_reuse_false_takes_nothing_from_earlier_pipelines(runs: Path) -> None:
    finished_stage(runs / "first", "sft", "k1")
    settings = config.resolve("pipeline", "demo", overrides=["reuse=false"])
    assert Pipeline(settings, runs / "second", "cpu", Recorder(None))._find_finished("sft", "k1") is None  # type: ignore[arg-type]


def test_of_two_pipelines_in_the_queue_one_does_a_shared_stage_and_the_other_waits_for_it(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPTUNE_RUNS", str(runs))
    with QueueFolder(runs).locked():
        pass
    at_once, most = [], []

    def do(self: Pipeline, stage: Stage, plan: object, key: str) -> StageResult:
        if earlier := self._find_finished(stage.name, key):
            return StageResult(earlier, skipped=True)
        at_once.append(key)
        most.append(len(at_once))
        time.sleep(0.5)
        folder = finished_stage(self.run.path, stage.name, key)
        at_once.remove(key)
        return StageResult(RunFolder(folder), skipped=False)

    monkeypatch.setattr(Pipeline, "_run_or_take", do)
    monkeypatch.setattr("toolkit.runs.pipeline.plan_launch", lambda *_, **__: SimpleNamespace())
    monkeypatch.setattr("toolkit.runs.pipeline._accelerate_path", lambda _plan: None)
    settings = config.resolve("pipeline", "demo")
    assert isinstance(settings, PipelineSettings)
    found: list[StageResult] = []

    def run(name: str) -> None:
        found.append(Pipeline(settings, runs / name, "cpu", Recorder(None))._run_stage(Stage("sft", settings.sft)))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("first", "second", "third")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(result.skipped for result in found) == [False, True, True]
    assert most == [1]
    assert len({result.run.path for result in found}) == 1


def test_few_shot_answers_with_the_baseline_and_is_evaluated_before_tuned(dataset: Path) -> None:
    settings = config.resolve("pipeline", "demo", overrides=["few_shot=true", "generate.shots=2"])
    assert isinstance(settings, PipelineSettings)
    made = {"dataset": dataset, "adapter": dataset}
    generate = settings.stage("generate-baseline", made)
    assert isinstance(generate, GenerateSettings)
    assert (generate.wanted, generate.shots) == (["baseline", "few_shot"], 2)
    tuned = settings.stage("generate-tuned", made)
    assert isinstance(tuned, GenerateSettings)
    assert tuned.wanted == ["tuned"]
    predictions = {f"predictions_{name}": dataset for name in ("tuned", "few_shot", "baseline")}
    evaluate = settings.stage("evaluate", {**made, **predictions})
    assert isinstance(evaluate, EvaluateSettings)
    assert list(evaluate.predictions) == ["baseline", "few_shot", "tuned"]


def test_outputs_of_several_systems_are_recorded_each_under_its_own_name(tmp_path: Path) -> None:
    step = next(step for step in STAGES if step.name == "generate-baseline")
    one = SimpleNamespace(outputs=lambda: {"predictions": tmp_path, "generation": tmp_path})
    assert StageResult(one, False).made_as(step) == {"predictions_baseline": tmp_path}  # type: ignore[arg-type]
    names = ("predictions_baseline", "predictions_few_shot", "generation_baseline", "generation_few_shot")
    both = SimpleNamespace(outputs=lambda: dict.fromkeys(names, tmp_path))
    assert list(StageResult(both, False).made_as(step)) == list(names[:2])  # type: ignore[arg-type]


def test_the_guard_goes_from_both_generations_into_the_evaluation(dataset: Path, tmp_path: Path) -> None:
    settings = config.resolve("pipeline", "demo", overrides=["generate.guard_items=true"])
    assert isinstance(settings, PipelineSettings)
    step = next(step for step in STAGES if step.name == "generate-tuned")
    one = SimpleNamespace(outputs=lambda: dict.fromkeys(("predictions", "generation", "guard"), tmp_path))
    assert list(StageResult(one, False).made_as(step)) == ["predictions_tuned", "guard_tuned"]  # type: ignore[arg-type]
    names = ("predictions_baseline", "predictions_few_shot", "generation_baseline", "guard_baseline")
    several = SimpleNamespace(outputs=lambda: dict.fromkeys(names, tmp_path))
    of_baseline = StageResult(several, False).made_as(step)  # type: ignore[arg-type]
    assert list(of_baseline) == ["predictions_baseline", "predictions_few_shot", "guard_baseline"]
    made = {
        "dataset": dataset,
        "adapter": dataset,
        **of_baseline,
        "predictions_tuned": tmp_path,
        "guard_tuned": dataset,
    }
    generate = settings.stage("generate-tuned", made)
    assert isinstance(generate, GenerateSettings)
    assert generate.guard_items
    evaluate = settings.stage("evaluate", made)
    assert isinstance(evaluate, EvaluateSettings)
    assert evaluate.guard == {"baseline": tmp_path, "tuned": dataset}
    plain = config.resolve("pipeline", "demo")
    assert isinstance(plain, PipelineSettings)
    unguarded = plain.stage("evaluate", made)
    assert isinstance(unguarded, EvaluateSettings)
    assert not unguarded.guard


def own_stage(runs: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Pipeline, Path, list[str]]:
    """A pipeline whose stage sft has finished under the key k1, and what is started or resumed from here on."""
    folder = finished_stage(runs / "own", "sft", "k1")
    write_json(runs / "own" / "run.json", {"id": "own", "recipe": "pipeline"})
    done: list[str] = []
    monkeypatch.setattr("toolkit.runs.pipeline.start_key", lambda *_given: "s1")
    monkeypatch.setattr(
        "toolkit.runs.pipeline.launch.start",
        lambda _plan, path, parent: (done.append("started"), write_json(path / "run.json", {"id": "new"})),
    )
    monkeypatch.setattr("toolkit.runs.pipeline.launch.resume", lambda *_given: done.append("resumed"))
    settings = config.resolve("pipeline", "demo")
    return Pipeline(settings, runs / "own", "cpu", Recorder(runs / "own")), folder, done  # type: ignore[arg-type]


def test_a_stage_whose_outputs_were_changed_is_done_again_and_the_old_one_kept(
    runs: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, folder, done = own_stage(runs, monkeypatch)
    write_text(folder / "adapter" / "weights", "changed")
    assert pipeline._find_finished("sft", "k1") is None
    pipeline._start_or_resume(sft_stage(dataset), None, "k1")  # type: ignore[arg-type]
    assert done == ["started"]
    kept = [path for path in folder.parent.glob("sft.before-*") if (path / "adapter" / "weights").exists()]
    assert len(kept) == 1
    told = [event for event in RunFolder(runs / "own").events() if event.name == "stage_set_aside"]
    assert [event.fields["stage"] for event in told] == ["sft"]


def held(folder: Path) -> IO[bytes]:
    """The stage's lock, as its supervisor holds it."""
    (folder / "result.json").unlink()
    lock = (folder / "run.lock").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


@pytest.mark.parametrize(("key", "stopped"), [("k1", False), ("k2", True)])
def test_a_stage_that_outlived_its_pipeline_is_followed_or_stopped_where_its_settings_changed(
    runs: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, key: str, stopped: bool
) -> None:
    pipeline, folder, done = own_stage(runs, monkeypatch)
    asked: list[str] = []
    with held(folder) as lock:

        def let_go(run: RunFolder) -> None:
            asked.append(run.id)
            fcntl.flock(lock, fcntl.LOCK_UN)

        monkeypatch.setattr("toolkit.runs.pipeline._stop", let_go)
        assert pipeline._start_or_resume(sft_stage(dataset), None, key).path == folder  # type: ignore[arg-type]
    assert (bool(asked), done) == (stopped, ["started"] if stopped else [])


def test_a_lost_pipeline_whose_stage_goes_on_can_be_stopped_and_not_deleted(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder, _ = own_stage(runs, monkeypatch)
    pipeline = RunFolder(runs / "own")
    write_json(pipeline.result_file, {"state": "failed", "outputs": {}})
    assert RunAsItIs.read(pipeline).no_stop
    asked: list[str] = []
    with held(folder) as lock:
        assert read_row(pipeline.path).no_deletion == RunAsItIs.read(pipeline).no_deletion
        assert "its stage x goes on" in RunAsItIs.read(pipeline).no_deletion
        assert not RunAsItIs.read(pipeline).no_stop
        really_ask = stop.ask_to_stop

        def ask(run: RunFolder) -> None:
            if run.path == folder:
                asked.append(run.id)
                fcntl.flock(lock, fcntl.LOCK_UN)
                write_json(run.result_file, {"state": "cancelled", "outputs": {}})
            else:
                really_ask(run)

        monkeypatch.setattr(stop, "ask_to_stop", ask)
        stop.ask_to_stop(pipeline)
    assert asked == ["x"]
