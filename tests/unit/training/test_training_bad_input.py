"""What users give that cannot train: each is refused, or ends, with what was found and what to do; nothing good is
lost.
"""

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.unit.training.test_training_run import ON_CPU, SHORT, train
from toolkit import config
from toolkit.errors import ConfigError, DataError, DiskFullError, ModelError, OutOfMemoryError, SteptuneError
from toolkit.machine.processes import RUN_ID_VARIABLE
from toolkit.options.shared import ModelOptions
from toolkit.options.training import SftOptions
from toolkit.records import read_growing_jsonl, write_jsonl
from toolkit.training import hardware
from toolkit.training.attention import ROWS_ATTENTION
from toolkit.training.base_model import load_tokenizer
from toolkit.training.checkpoints import complete_checkpoints
from toolkit.training.hardware import Hardware, attention_kernel, detect_hardware, out_of_memory_named
from toolkit.training.loss_guard import SKIPPED_IN_A_ROW, MicroStep, StepGuard
from toolkit.training.prepared import prepare
from toolkit.training.rows import load_rows
from toolkit.training.trainer import CompletionTrainer

CPU = Hardware("cpu", torch.float32, sharded=False)


def test_rank_of_zero_is_refused_with_the_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lora_r: found 0, must be 1 or more"):
        config.resolve("sft", "demo", overrides=["lora_r=0"])


def test_empty_split_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(DataError, match="has no rows to train on"):
        load_rows(tmp_path, 0.1)


def test_one_row_trains_without_validation_and_is_refused_with_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "one.jsonl", [{"prompt": "How?", "output": "1. So."}])
    assert [
        len(load_rows(tmp_path / "one.jsonl", 0.0).train),
        len(load_rows(tmp_path / "one.jsonl", 0.0).validation),
    ] == [1, 0]
    with pytest.raises(DataError, match="set validation_share to 0"):
        load_rows(tmp_path / "one.jsonl", 0.1)


def test_rows_all_longer_than_max_length_are_refused_with_the_shortest(tiny_model: Path, shared_dataset: Path) -> None:
    with pytest.raises(
        DataError, match=r"All 24 training rows are longer than max_length=16 tokens \(the shortest has \d+\)"
    ):
        prepare(SftOptions(model=str(tiny_model), data=shared_dataset, prompt_format="mistral_v0.2", max_length=16))


def test_tokenizer_without_pad_gets_one_that_is_never_learned(tiny_model: Path) -> None:
    assert load_tokenizer(ModelOptions(model=str(tiny_model))).pad_token == "<unk>"


def test_adapter_given_as_the_model_names_its_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    with pytest.raises(
        ModelError,
        match=r"is an adapter of org/base; give the base model, or merge the two first with `steptune merge`",
    ):
        load_tokenizer(ModelOptions(model=str(tmp_path)))


def test_model_with_pickled_weights_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    torch.save({"weight": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"neither model\.safetensors nor model\.safetensors\.index\.json"):
        load_tokenizer(ModelOptions(model=str(tmp_path)))


def test_remote_code_is_refused_unless_allowed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "odd", "auto_map": {"AutoConfig": "odd.Config"}}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="set trust_remote_code=true if you trust it"):
        load_tokenizer(ModelOptions(model=str(tmp_path)))


@pytest.mark.parametrize(("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16)])
def test_cards_without_bf16_compute_in_fp16(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: torch.dtype
) -> None:
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert detect_hardware() == Hardware("cuda:0", dtype, sharded=False)


def test_flash_attention_is_taken_for_joined_rows_of_odd_models_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Hardware("cuda:0", torch.bfloat16, sharded=False)
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda _name: object())
    kernels = [attention_kernel("auto", packing, where, "gemma2") for packing in (True, False) for where in (card, CPU)]
    assert kernels == ["flash_attention_2", "sdpa", "sdpa", "sdpa"]
    assert (
        attention_kernel("auto", True, card, "llama") == attention_kernel("auto", False, CPU, "qwen3") == ROWS_ATTENTION
    )
    assert attention_kernel("sdpa", True, card, "llama") == "sdpa"


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (
            SftOptions(per_device_train_batch_size=4, gradient_accumulation_steps=2),
            "steptune resume one per_device_train_batch_size=2 gradient_accumulation_steps=4`: the same rows a step",
        ),
        (
            SftOptions(per_device_train_batch_size=9, gradient_accumulation_steps=1),
            "per_device_train_batch_size=3 gradient_accumulation_steps=3`",
        ),
        (SftOptions(gradient_checkpointing="false"), "steptune resume one gradient_checkpointing=true`"),
        (SftOptions(quantization="none"), "a new run with quantization=nf4"),
        (SftOptions(), "steptune resume one max_length=1024`"),
    ],
)
def test_memory_running_out_says_what_to_change(
    given: SftOptions, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "one")
    options = ON_CPU.with_options(SftOptions(gradient_checkpointing="true"), given)
    with pytest.raises(OutOfMemoryError, match=advice), out_of_memory_named(options, CPU):
        torch.empty(1 << 60)  # PyTorch's own complaint
    with (
        pytest.raises(OutOfMemoryError, match="the memory of the GPU ran out"),
        out_of_memory_named(options, replace(CPU, device="cuda:0")),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    for words in ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"):
        with pytest.raises(OutOfMemoryError), out_of_memory_named(options, CPU):
            raise RuntimeError(words)


def test_other_errors_of_torch_keep_their_name() -> None:
    with (
        pytest.raises(RuntimeError, match="size mismatch"),
        out_of_memory_named(ON_CPU, CPU),
    ):
        raise RuntimeError("size mismatch")


def guard(*rows: str, fp16: bool = False) -> StepGuard:
    return StepGuard(32000, fp16, [MicroStep(torch.zeros(()), 4, ["before"]), MicroStep(torch.zeros(()), 2, [*rows])])


def test_exploded_loss_and_endless_gradient_name_their_rows() -> None:
    # The loss was divided by 8 labelled tokens: 7.5 is 30 a token where 2 of them are this micro-step's.
    guard("a").check_losses(3, 8.0, [2.0, 7.5])
    with pytest.raises(
        SteptuneError,
        match=r"Step 3: the loss exploded to 40\.0 a token \(a blind guess has 10\.4\) on row\(s\) a, b\. Nothing",
    ):
        guard("a", "b").check_losses(3, 8.0, [2.0, 10.0])
    with pytest.raises(SteptuneError, match=r"Step 3: the loss became inf on row\(s\) r0, .*, r7 and 2 more"):
        guard(*(f"r{number}" for number in range(10))).check_losses(3, 8.0, [2.0, float("inf")])
    with pytest.raises(SteptuneError, match=r"Step 4: the gradient became nan on row\(s\) before, a"):
        guard("a").check_gradient(4, float("nan"), None)


def test_a_loss_that_is_no_number_in_fp16_says_that_the_model_may_not_fit_fp16() -> None:
    with pytest.raises(
        SteptuneError, match=r"the loss became nan on row\(s\) a\. .*computes in fp16.*another base model"
    ):
        guard("a", fp16=True).check_losses(3, 8.0, [2.0, float("nan")])


def test_an_overflow_of_the_loss_scaler_is_a_skipped_step_and_many_in_a_row_end_the_run() -> None:
    steps = guard("a", fp16=True)
    assert [steps.check_gradient(1, float("inf"), 65536.0), steps.check_gradient(2, 3.0, None)] == [False, True]
    for number in range(SKIPPED_IN_A_ROW - 1):  # the count began anew
        assert not steps.check_gradient(3 + number, float("nan"), 2.0**30)
    with pytest.raises(SteptuneError, match=r"overflowed fp16 16 step\(s\) in a row, .*computes in fp16"):
        steps.check_gradient(40, float("inf"), 2.0**14)
    with pytest.raises(SteptuneError, match=r"overflowed fp16 1 step.* with a loss scale of 1 on row"):
        guard("a", fp16=True).check_gradient(5, float("inf"), 1.0)


@pytest.mark.slow
def test_a_training_with_a_loss_scaler_goes_on_after_overflows_and_says_so(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CompletionTrainer.create_accelerator_and_postprocess

    def with_scaler(trainer: CompletionTrainer) -> None:
        real(trainer)
        trainer.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)  # float32 overflows
        trainer.accelerator.native_amp = True
        trainer.accelerator.unscale_gradients = lambda optimizer=None: trainer.accelerator.scaler.unscale_(
            trainer.optimizer.optimizer
        )

    monkeypatch.setattr(CompletionTrainer, "create_accelerator_and_postprocess", with_scaler)
    options = SHORT.with_options(SftOptions(max_steps=6))
    trained = train(tiny_model, dataset, mistral_tokenizer, tmp_path, options)
    skipped = [row for row in read_growing_jsonl(tmp_path / "events.jsonl") if row["event"] == "step_skipped"]
    assert trained.steps == 6
    assert [(row["step"], row["loss_scale"]) for row in skipped][:2] == [(1, 2.0**127), (2, 2.0**126)]
    assert 2 <= len(skipped) < 6
    losses = [row for row in read_growing_jsonl(tmp_path / "metrics.jsonl") if "loss" in row]
    assert ["grad_norm" in row for row in losses] == [False] * len(skipped) + [True] * (6 - len(skipped))


@pytest.mark.slow
def test_full_disk_at_a_checkpoint_leaves_the_last_good_one_which_another_base_or_rank_cannot_resume(
    tiny_model: Path, dataset: Path, mistral_tokenizer, tmp_path: Path
) -> None:
    short = SHORT.with_options(SftOptions(max_steps=2, eval_steps=1))
    train(tiny_model, dataset, mistral_tokenizer, tmp_path, short.with_options(SftOptions(max_steps=1)))
    largest = max(file.stat().st_size for file in (tmp_path / "checkpoints" / "checkpoint-1").iterdir())
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses larger files, as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 1, limit[1]))
    try:
        with pytest.raises(
            DiskFullError, match=r"The checkpoint of step 2 could not be written .*; checkpoint-1 is whole and stays"
        ):
            train(tiny_model, dataset, mistral_tokenizer, tmp_path, short)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [folder.name for folder in complete_checkpoints(tmp_path / "checkpoints")] == ["checkpoint-1"]
    assert not (tmp_path / "checkpoints" / "checkpoint-2").exists()

    saved = tmp_path / "checkpoints" / "checkpoint-1" / "adapter_config.json"
    for name, other in (("base_model_name_or_path", "other/base"), ("r", 8)):
        saved.write_text(json.dumps({**json.loads(saved.read_text()), name: other}))
        marker = saved.with_name("complete.json")
        complete = json.loads(marker.read_text())
        complete["files"][saved.name] = saved.stat().st_size
        marker.write_text(json.dumps(complete))
        with pytest.raises(ModelError, match=f"was trained otherwise .*{name} {other} in place of"):
            train(tiny_model, dataset, mistral_tokenizer, tmp_path, short)
