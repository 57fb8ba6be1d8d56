"""What preflight knows of a training: memory by item, what `auto` becomes, which strategies go with which weights."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from toolkit import config
from toolkit.errors import EXIT_PREFLIGHT
from toolkit.options.base import Options
from toolkit.options.training import MemoryOptions, SftOptions
from toolkit.planning import plan, preflight, training_fit
from toolkit.planning.model_configs import SHIPPED, find_model_config
from toolkit.planning.plan import plan_launch
from toolkit.planning.strategies import QUANTIZATIONS, STRATEGIES, refusal, table
from toolkit.planning.training_fit import Machine, judge_rows, judge_training, with_machine_choices
from toolkit.planning.training_memory import (
    GIB,
    MemoryEstimate,
    TrainingShape,
    estimate_memory,
    largest_batch,
    read_shape,
)
from toolkit.settings import SftSettings

MISTRAL = read_shape(SHIPPED["mistralai/Mistral-7B-Instruct-v0.2"])
QLORA = TrainingShape(SftOptions(per_device_train_batch_size=1, gradient_checkpointing=True), 2)
T4 = Machine("cuda", 14.5 * GIB, 2, "single", 1, "NVIDIA T4")


def estimate(*changes: Options, **place: object) -> MemoryEstimate:
    assert MISTRAL is not None
    return estimate_memory(MISTRAL, replace(QLORA, options=QLORA.options.with_options(*changes), **place))


def test_mistral_7b_in_nf4_has_its_known_sizes() -> None:
    items = estimate().items
    # 32 layers x 218,103,808 linear weights, half a byte each; 2 x 32,000 x 4,096 words in 16 bits.
    assert items["weights"] == 32 * 218_103_808 // 2 + 32 * 2 * 4096 * 2
    assert items["embeddings and head"] == 2 * 32_000 * 4096 * 2
    assert items["adapters"] == 41_943_040 * 2  # as PEFT counts r 16 on all linear layers of this model
    assert items["optimiser"] == pytest.approx(41_943_040 * 2, rel=0.02)
    # 0.127 bits a weight (Dettmers et al. 2023).
    assert 0.125 < items["quantisation constants"] * 8 / (32 * 218_103_808) < 0.13


def test_checkpointing_and_shorter_rows_take_less() -> None:
    assert (
        estimate(MemoryOptions(gradient_checkpointing=False)).items["activations"]
        > 10 * estimate().items["activations"]
    )
    assert (
        estimate(MemoryOptions(max_length=512)).total
        < estimate().total
        < estimate(MemoryOptions(max_length=8192)).total
    )


def test_sharding_splits_weights_and_optimiser() -> None:
    plain = MemoryOptions(optim="adamw_torch")
    whole, shared = (
        estimate(plain, strategy="ddp", processes=4),
        estimate(plain, strategy="fsdp", processes=4),
    )
    assert shared.items["weights"] == whole.items["weights"] // 4
    assert shared.items["optimiser"] == whole.items["optimiser"] // 4
    assert estimate(strategy="zero2", processes=4).items["weights"] == whole.items["weights"]


def test_automatic_batch_is_the_largest_that_fits_and_keeps_the_rows_of_a_step() -> None:
    assert MISTRAL is not None
    sizes = {batch: estimate(MemoryOptions(per_device_train_batch_size=batch)).total for batch in (1, 2, 4, 8, 16)}
    assert largest_batch(MISTRAL, QLORA, sizes[4] + 1, 16) == 4
    assert largest_batch(MISTRAL, QLORA, 1.0, 16) == 1
    chosen = with_machine_choices(SftSettings(max_length=512), T4)
    assert chosen.per_device_train_batch_size > 1
    assert chosen.per_device_train_batch_size * chosen.gradient_accumulation_steps == 16


@pytest.mark.parametrize(
    ("processes", "rows", "level", "said"),
    [
        (8, 16, "ok", r"16 rows in an optimiser step \(2 x 1 x 8 processes\), as many as with one process"),
        (6, 18, "warning", "18 rows .* in place of 16, which 6 processes cannot share evenly; .* a multiple of 6"),
        (32, 32, "warning", "32 rows .* in place of 16"),
    ],
)
def test_the_rows_of_a_step_stay_whatever_the_number_of_processes(
    processes: int, rows: int, level: str, said: str
) -> None:
    machine = replace(T4, free=75 * GIB, strategy="ddp", processes=processes)
    asked = SftSettings(max_length=512)
    chosen = with_machine_choices(asked, machine)
    assert chosen.rows_per_device * chosen.gradient_accumulation_steps * processes == rows
    (found,) = judge_rows(asked, chosen, machine)
    assert found.level == level
    assert re.match(said, found.message)


def test_a_batch_size_that_is_given_is_taken_as_each_process_has_it_and_preflight_says_so() -> None:
    given = SftSettings(per_device_train_batch_size=2, gradient_accumulation_steps=8)
    machine = replace(T4, free=75 * GIB, strategy="ddp", processes=4)
    chosen = with_machine_choices(given, machine)
    (found,) = judge_rows(given, chosen, machine)
    assert (found.level, found.message[:71]) == (
        "warning",
        "64 rows in an optimiser step (2 x 8 x 4 processes), where one process h",
    )
    assert list(judge_rows(given, chosen, T4)) == []


def test_unknown_models_share_the_rows_of_a_step_as_well() -> None:
    chosen = with_machine_choices(SftSettings(model="someone/unknown-model"), replace(T4, processes=4))
    assert (chosen.per_device_train_batch_size, chosen.gradient_accumulation_steps) == (1, 4)


def test_checkpointing_is_switched_on_only_where_memory_needs_it() -> None:
    small = with_machine_choices(SftSettings(max_length=2048), T4)
    large = with_machine_choices(SftSettings(max_length=2048), replace(T4, free=75 * GIB))
    given = with_machine_choices(
        SftSettings(gradient_checkpointing=True, per_device_train_batch_size=2), replace(T4, free=75 * GIB)
    )
    assert (small.gradient_checkpointing, large.gradient_checkpointing) == ("true", "false")
    assert (given.gradient_checkpointing, given.per_device_train_batch_size, given.gradient_accumulation_steps) == (
        "true",
        2,
        16,
    )


def test_unknown_models_train_row_by_row_with_a_warning() -> None:
    settings = with_machine_choices(SftSettings(model="someone/unknown-model"), T4)
    assert (settings.per_device_train_batch_size, settings.gradient_checkpointing) == (1, "true")
    assert [found.level for found in judge_training(settings, T4)] == ["warning"]


def test_a_training_that_does_not_fit_is_refused_with_what_would_fit() -> None:
    settings = SftSettings(max_length=2048, per_device_train_batch_size=8, gradient_checkpointing=False)
    (found,) = judge_training(settings, T4)
    assert found.level == "refused"
    assert found.message.endswith(
        ("set gradient_checkpointing=true.", "set per_device_train_batch_size=1 and gradient_checkpointing=true.")
    )


def test_model_that_brings_code_is_refused_unless_allowed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "odd", "auto_map": {"AutoModelForCausalLM": "odd.Model"}})
    )
    refused = [
        found.message for found in judge_training(SftSettings(model=str(tmp_path)), T4) if found.level == "refused"
    ]
    assert refused == [
        f"{tmp_path} runs Python code of its own; read that code, and set trust_remote_code=true if you trust it."
    ]
    assert not [
        found
        for found in judge_training(SftSettings(model=str(tmp_path), trust_remote_code=True), T4)
        if found.level == "refused"
    ]


def test_flash_attention_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_fit.importlib.util, "find_spec", lambda _name: None)
    (found, _) = judge_training(SftSettings(attn_implementation="flash_attention_2"), T4)
    assert (
        found.message
        == "attn_implementation=flash_attention_2 needs the package flash-attn; use attn_implementation=auto."
    )


def test_tracker_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_fit.importlib.util, "find_spec", lambda name: object() if name == "wandb" else None)
    (found, _) = judge_training(SftSettings(report_to=("wandb", "trackio")), T4)
    assert (found.level, found.message.split(";")[0]) == ("refused", "report_to names trackio, which is not installed")


def test_hub_configs_are_found_in_the_cache_of_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--org--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "llama"}')
    assert find_model_config("org/name") == {"model_type": "llama"}
    assert find_model_config("org/other") is None


def test_every_refusal_names_a_setting_that_works() -> None:
    for strategy in STRATEGIES:
        for quantization in QUANTIZATIONS:
            for optim in ("adamw_torch", "paged_adamw_8bit"):
                for on_cpu in (False, True):
                    found = refusal(strategy, quantization, optim, on_cpu)
                    if found is None:
                        continue
                    option, _, value = found.instead.split(",")[0].partition("=")
                    changed = {"quantization": quantization, "optim": optim, option: value}
                    again = refusal(strategy, changed["quantization"], changed["optim"], on_cpu)
                    assert again is None or again.instead != found.instead, (strategy, quantization, optim, on_cpu)


def test_the_table_of_the_documentation_is_that_of_the_code() -> None:
    page = Path(__file__).parents[3] / "docs" / "sft.md"
    assert table() in page.read_text(encoding="utf-8")


def test_a_refused_combination_ends_with_exit_code_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = {
        "index": 0,
        "name": "A",
        "memory_used_mib": 0,
        "memory_total_mib": 81920,
        "utilization_percent": 0,
        "compute_capability": 8.0,
    }
    for module in (plan, preflight, training_fit):
        monkeypatch.setattr(module, "sample_gpus", lambda: [card, card])
    settings = config.resolve("sft", "zero3", overrides=["quantization=8bit", f"data={tmp_path}"])
    with pytest.raises(preflight.PreflightError, match="use quantization=nf4") as caught:
        preflight.require(preflight.check_launch(plan_launch(settings, "deepspeed_zero3"), tmp_path))
    assert caught.value.exit_code == EXIT_PREFLIGHT


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"target_modules": ("q_proj", "v_porj")}, r"target_modules names v_porj, .*; did you mean v_proj\?"),
        ({"target_modules": ("self_attn.norm",)}, r"names self_attn\.norm, .*; there are: q_proj, v_proj"),
        ({"lora_r": 33}, r"lora_r=33 is more than any matrix of .* has \(32\); give at most 32"),
    ],
)
def test_modules_and_ranks_that_the_model_does_not_have_are_refused(
    tmp_path: Path, options: dict[str, object], complaint: str
) -> None:
    shapes = {"q_proj.weight": [64, 32], "v_proj.weight": [16, 32], "norm.weight": [32]}
    header = json.dumps(
        {
            f"model.layers.0.self_attn.{name}": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
            for name, shape in shapes.items()
        }
    ).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (tmp_path / "config.json").write_text("{}")
    refused = [
        found.message
        for found in judge_training(SftSettings(model=str(tmp_path), **options), T4)  # type: ignore[arg-type]
        if found.name == "LoRA"
    ]
    assert len(refused) == 1
    assert re.search(complaint, refused[0])
    fitting = SftSettings(model=str(tmp_path), target_modules=("q_proj", "self_attn.v_proj"), lora_r=32)
    assert not [found for found in judge_training(fitting, T4) if found.name == "LoRA"]
