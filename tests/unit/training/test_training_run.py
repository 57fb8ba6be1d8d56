"""Whole runs of a tiny random Mistral in NF4 on CPU: the best step is kept, and a resumed run ends where the unbroken
one does.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from toolkit.errors import Cancelled, PreflightError, SteptuneError
from toolkit.options.training import SftOptions
from toolkit.prompting import MISTRAL_V02
from toolkit.records import read_growing_jsonl, read_json, write_json
from toolkit.runs.recorder import Recorder
from toolkit.training import record
from toolkit.training.adapter import save_adapter
from toolkit.training.checkpoints import (
    checkpoint_dir,
    complete_checkpoints,
    is_complete,
    keep_newest,
    last_complete,
    mark_complete,
)
from toolkit.training.finetune import TrainedAdapter, finetune, sft_config
from toolkit.training.hardware import Hardware, require_possible
from toolkit.training.labelled_head import SummedLoss
from toolkit.training.order import LengthGroupedOrder
from toolkit.training.prepared import prepare
from toolkit.training.progress import evaluations_since_best
from toolkit.training.rows import load_rows
from toolkit.training.tokens import tokenise

ON_CPU = SftOptions(optim="adamw_torch", lora_r=4, per_device_train_batch_size=1, gradient_checkpointing="false")
SHORT = ON_CPU.with_options(
    SftOptions(
        learning_rate=5e-3,
        num_train_epochs=2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        eval_steps=4,
        save_total_limit=9,
    )
)


def train(
    model: Path,
    dataset: Path,
    tokenizer,
    run_dir: Path,
    options: SftOptions = SHORT,
    recorder: Recorder | None = None,
) -> TrainedAdapter:
    run_dir.mkdir(exist_ok=True)
    rows = load_rows(dataset, 0.1)
    train_rows = tokenise(rows.train, MISTRAL_V02, tokenizer, 128, "training").rows
    validation_rows = tokenise(rows.validation, MISTRAL_V02, tokenizer, 128, "validation").rows
    return finetune(
        options.with_options(SftOptions(model=str(model))),
        train_rows,
        validation_rows,
        tokenizer,
        run_dir / "checkpoints",
        recorder or Recorder(run_dir),
    )


def adapter(trained: TrainedAdapter) -> dict[str, torch.Tensor]:
    return load_file(trained.checkpoint / "adapter_model.safetensors")


class StopsAfter(Recorder):
    """A recorder that is asked to stop once a step has been reported."""

    def __init__(self, run_dir: Path, step: int) -> None:
        super().__init__(run_dir)
        self.step = step

    def progress(self, phase: str, done: float, total: float, **fields: object) -> None:
        super().progress(phase, done, total, **fields)
        self.stop_requested = done >= self.step


@pytest.mark.slow
def test_stopped_and_resumed_run_equals_the_unbroken_one(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path
) -> None:
    whole = train(tiny_model, dataset, mistral_tokenizer, tmp_path / "whole")
    with pytest.raises(Cancelled, match="Stopped at step 5 of 12 with a checkpoint saved"):
        train(tiny_model, dataset, mistral_tokenizer, tmp_path / "broken", recorder=StopsAfter(tmp_path / "broken", 5))
    half_written = tmp_path / "broken" / "checkpoints" / "checkpoint-7"
    half_written.mkdir()
    (half_written / "trainer_state.json").write_text("{")
    resumed = train(tiny_model, dataset, mistral_tokenizer, tmp_path / "broken")

    assert (resumed.best_step, resumed.eval_loss, resumed.eval_loss_before) == (
        whole.best_step,
        whole.eval_loss,
        whole.eval_loss_before,
    )
    assert resumed.train_loss == pytest.approx(whole.train_loss, abs=1e-12)
    for step in (8, 12):
        ours = load_file(checkpoint_dir(tmp_path / "broken" / "checkpoints", step) / "adapter_model.safetensors")
        theirs = load_file(checkpoint_dir(tmp_path / "whole" / "checkpoints", step) / "adapter_model.safetensors")
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    events = [(row["event"], row.get("step")) for row in read_growing_jsonl(tmp_path / "broken" / "events.jsonl")]
    assert events == [
        ("checkpoint_saved", 4),
        ("checkpoint_saved", 5),
        ("checkpoint_removed", None),
        ("resumed", 5),
        ("checkpoint_saved", 8),
        ("checkpoint_saved", 12),
        ("best_step", resumed.best_step),
    ]


@pytest.mark.slow
def test_run_learns_reports_and_keeps_the_best_step(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path
) -> None:
    write_json(tmp_path / "checkpoint.request", {})
    trained = train(tiny_model, dataset, mistral_tokenizer, tmp_path)
    metrics = [row for row in read_growing_jsonl(tmp_path / "metrics.jsonl") if "step" in row]
    losses = [row for row in metrics if "loss" in row]
    evaluations = {row["step"]: row["eval_loss"] for row in metrics if "eval_loss" in row}
    assert [row["step"] for row in losses] == list(range(1, 13))
    reported = {"loss", "learning_rate", "grad_norm", "tokens_per_second", "labelled_tokens_per_second"}
    assert losses[0].keys() == {"time", "step", "total_steps", "epoch", "eta_s", *reported}
    assert 0 < losses[0]["labelled_tokens_per_second"] < losses[0]["tokens_per_second"]
    assert list(evaluations) == [0, 4, 8, 12]
    assert trained.best_step == min(list(evaluations)[1:], key=evaluations.__getitem__)
    assert trained.eval_loss == pytest.approx(evaluations[trained.best_step], abs=1e-6)
    assert trained.eval_loss < trained.eval_loss_before - 0.3
    saved = [
        (row["step"], row.get("asked"))
        for row in read_growing_jsonl(tmp_path / "events.jsonl")
        if row["event"] == "checkpoint_saved"
    ]
    assert saved == [(1, True), (4, None), (8, None), (12, None)]
    assert is_complete(tmp_path / "checkpoints" / "checkpoint-1")
    assert not (tmp_path / "checkpoint.request").exists()


@pytest.mark.slow
def test_training_stops_early_and_keeps_the_best_step(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path
) -> None:
    unmoved = SftOptions(
        learning_rate=1e-30,  # the first evaluation stays the best
        per_device_train_batch_size=8,
        gradient_accumulation_steps=1,
        eval_steps=1,
        early_stopping_patience=2,
    )
    trained = train(tiny_model, dataset, mistral_tokenizer, tmp_path, ON_CPU.with_options(unmoved))
    assert (trained.early_stopped, trained.best_step, trained.steps) == (True, 1, 3)
    assert is_complete(trained.checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize(
    "other",
    [
        SftOptions(quantization="8bit"),
        SftOptions(quantization="none"),
        SftOptions(use_dora=True, use_rslora=True, target_modules=("q_proj",)),
    ],
)
def test_other_precisions_and_adapters_train(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path, other: SftOptions
) -> None:
    options = SftOptions(
        max_steps=2, per_device_train_batch_size=4, gradient_accumulation_steps=1, gradient_checkpointing="true"
    )
    trained = train(tiny_model, dataset, mistral_tokenizer, tmp_path, ON_CPU.with_options(options, other))
    assert len([name for name in adapter(trained) if "magnitude" in name]) == (2 if other.use_dora else 0)
    assert trained.steps == 2
    assert 9 < trained.train_loss < 12  # ln 32000 = 10.4: nothing is known yet


@pytest.mark.slow
def test_recomputing_part_of_the_layers_trains_the_same_adapter(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    enable = PreTrainedModel.gradient_checkpointing_enable

    def noted(model: PreTrainedModel, **options: Any) -> None:
        asked.append(options["every_n_layers"])
        enable(model, **options)

    monkeypatch.setattr(PreTrainedModel, "gradient_checkpointing_enable", noted)
    trained = {}
    for every in ("false", 2):
        options = ON_CPU.with_options(
            SftOptions(max_steps=2, gradient_accumulation_steps=2, gradient_checkpointing=every)
        )
        trained[every] = adapter(train(tiny_model, dataset, mistral_tokenizer, tmp_path / str(every), options))
    assert asked == [2]
    for name, matrix in trained["false"].items():
        assert torch.allclose(matrix, trained[2][name], atol=1e-6), name


@pytest.mark.slow
def test_loss_that_is_not_a_number_names_its_step(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = SummedLoss.apply

    def broken(*args):
        calls.append(1)
        return real(*args) * (float("nan") if len(calls) > 3 + 2 else 1.0)  # 3 batches of validation, 2 micro-steps

    monkeypatch.setattr(SummedLoss, "apply", broken)
    with pytest.raises(SteptuneError, match=r"Step 2: the loss became nan on row\(s\) train-\d+, train-\d+\. Nothing"):
        train(tiny_model, dataset, mistral_tokenizer, tmp_path)


@pytest.mark.slow
def test_adapter_folder_names_the_base_model_as_given(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ON_CPU.with_options(
        SftOptions(data=dataset, prompt_format="mistral_v0.2", max_steps=1, gradient_accumulation_steps=1)
    )
    trained = train(tiny_model, dataset, mistral_tokenizer, tmp_path, options)
    prepared = prepare(options.with_options(SftOptions(model=str(tiny_model))))
    monkeypatch.setattr(record, "resolve_model", lambda model: str(tiny_model))
    training = record.TrainingRecord(
        options.with_options(SftOptions(model="embedded:tiny")), prepared, replace(trained, eval_loss=9.5)
    )
    folder = tmp_path / "adapter"
    save_adapter(training, folder)
    card = (folder / "README.md").read_text()
    assert "base_model:" not in card  # the hub knows no embedded models
    assert "| Validation loss, kept step | 9.5000 |" in card
    assert "| lora_r | 4 |" in card
    assert (read_json(folder / "training.json") or {})["settings"]["lora_r"] == 4
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "embedded:tiny"
    assert read_json(folder / "prompt_format.json") == {
        "name": "mistral_v0.2",
        "prefix": "[INST] ",
        "suffix": " [/INST]",
        "answer_prefix": "",
        "end": "",
        "bos": True,
        "trims": True,
    }
    assert {file.name for file in folder.iterdir()} >= {
        "adapter_model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    }


@pytest.mark.parametrize("softcap", [None, 3.0])
def test_loss_on_labelled_positions_equals_pytorchs_cross_entropy(softcap: float | None) -> None:
    torch.manual_seed(0)
    hidden, weight, labels = (
        torch.randn(300, 8, dtype=torch.float64, requires_grad=True),
        torch.randn(50, 8, dtype=torch.float64),
        torch.randint(50, (300,)),
    )
    logits = hidden @ weight.T
    expected = torch.nn.functional.cross_entropy(
        softcap * torch.tanh(logits / softcap) if softcap else logits, labels, reduction="sum"
    )
    (expected / 7).backward()
    theirs, hidden.grad = hidden.grad, None
    ours = SummedLoss.apply(hidden, weight, labels, softcap)
    (ours / 7).backward()
    assert ours.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.allclose(hidden.grad, theirs, atol=2e-6)


def test_only_complete_checkpoints_are_resumed_from(tmp_path: Path) -> None:
    for step in (4, 8, 12):
        checkpoint_dir(tmp_path, step).mkdir()
        (checkpoint_dir(tmp_path, step) / "optimizer.pt").write_bytes(b"state")
    mark_complete(checkpoint_dir(tmp_path, 4), 4)
    mark_complete(checkpoint_dir(tmp_path, 8), 8)
    assert last_complete(tmp_path) == checkpoint_dir(tmp_path, 8)
    (checkpoint_dir(tmp_path, 8) / "optimizer.pt").write_bytes(b"sta")  # cut off after it was marked
    assert last_complete(tmp_path) == checkpoint_dir(tmp_path, 4)


def test_rotation_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    for step in (2, 4, 6, 8, 10):
        checkpoint_dir(tmp_path, step).mkdir()
        mark_complete(checkpoint_dir(tmp_path, step), step)
    keep_newest(tmp_path, 2, checkpoint_dir(tmp_path, 4))
    assert [folder.name for folder in complete_checkpoints(tmp_path)] == ["checkpoint-4", "checkpoint-10"]


def test_order_is_a_function_of_seed_and_epoch_and_groups_lengths() -> None:
    lengths = [5, 90, 7, 80, 6, 85, 8]
    order = LengthGroupedOrder(lengths, micro_batch=2, rows_per_step=4, seed=1)
    first = list(order)
    assert sorted(first) == list(range(7))
    assert list(LengthGroupedOrder(lengths, 2, 4, 1)) == first
    order.set_epoch(1)
    assert list(order) != first
    pairs = {frozenset(first[start : start + 2]) for start in (0, 2, 4)}
    assert pairs == {frozenset({1, 5}), frozenset({3, 6}), frozenset({2, 4})}


def test_patience_counts_from_the_best_evaluation_and_skips_the_untrained_model() -> None:
    history = [
        {"eval_loss": 1.0, "step": 0},
        {"eval_loss": 3.0, "step": 4},
        {"loss": 2.0, "step": 5},
        {"eval_loss": 2.5, "step": 8},
        {"eval_loss": 2.6, "step": 12},
    ]
    assert (evaluations_since_best(history), evaluations_since_best(history[:3]), evaluations_since_best([])) == (
        1,
        0,
        0,
    )


def test_trackers_are_passed_through(tmp_path: Path) -> None:
    cpu = Hardware("cpu", torch.float32, sharded=False)
    given = [
        sft_config(ON_CPU.with_options(SftOptions(report_to=trackers)), cpu, tmp_path, [], []).report_to
        for trackers in (("wandb", "trackio"), ())
    ]
    assert given == [["wandb", "trackio"], []]


def test_paged_optimiser_and_absent_flash_attention_are_refused_without_cuda() -> None:
    cpu = Hardware("cpu", torch.float32, sharded=False)
    with pytest.raises(PreflightError, match="use optim=adamw_torch"):
        require_possible(cpu, SftOptions())
    with pytest.raises(PreflightError, match="use attn_implementation=auto"):
        require_possible(cpu, ON_CPU.with_options(SftOptions(attn_implementation="flash_attention_2")))
