"""What preflight knows of a training: memory by item, what `auto` becomes, which strategies go with which weights."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.emulated.emulate import install
from tests.emulated.look import SAMPLE
from tests.emulated.machines import BY_NAME
from toolkit import config
from toolkit.errors import EXIT_PREFLIGHT
from toolkit.machine import packages
from toolkit.options.base import Options
from toolkit.options.training import MemoryOptions, SftOptions
from toolkit.planning import preflight, training_fit
from toolkit.planning.batch_choice import RowLengths
from toolkit.planning.model_configs import SHIPPED, find_model_config
from toolkit.planning.plan import plan_launch
from toolkit.planning.strategies import QUANTIZATIONS, STRATEGIES, Strategy, refusal, table
from toolkit.planning.training_fit import USABLE, judge_rows, judge_training, machine_choice
from toolkit.planning.training_machine import Machine
from toolkit.planning.training_memory import MemoryEstimate, estimate_memory, evaluation_rows
from toolkit.planning.training_shape import GIB, TrainingShape, read_shape
from toolkit.settings import SftSettings

MISTRAL = read_shape(SHIPPED["mistralai/Mistral-7B-Instruct-v0.2"])
QLORA = TrainingShape(SftOptions(per_device_train_batch_size=1, gradient_checkpointing=True), 2)
T4 = Machine("cuda", 14.5 * GIB, "single", 1, "NVIDIA T4", precision="fp16")


def decided(settings: SftOptions, machine: Machine, lengths: RowLengths | None = None) -> SftOptions:
    return machine_choice(settings, machine, lengths).options


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


def test_automatic_batch_is_one_that_fits_and_keeps_the_rows_of_a_step() -> None:
    chosen = decided(SftSettings(max_length=512), T4)
    assert chosen.per_device_train_batch_size > 1
    assert chosen.per_device_train_batch_size * chosen.gradient_accumulation_steps == 16


HOWTO = RowLengths(**SAMPLE)


@pytest.mark.parametrize(("free_gib", "max_length"), [(14.5, 2048), (22.5, 2048), (22.5, 8192), (75, 2048)])
def test_auto_is_decided_by_the_rows_and_not_by_what_max_length_allows(free_gib: float, max_length: int) -> None:
    machine = replace(T4, free=free_gib * GIB)
    by_rows = decided(SftSettings(max_length=max_length), machine, HOWTO)
    assert by_rows == decided(SftSettings(max_length=HOWTO.longest), machine, HOWTO).with_options(
        MemoryOptions(
            max_length=max_length,
            per_device_train_batch_size=by_rows.per_device_train_batch_size,
            gradient_accumulation_steps=by_rows.gradient_accumulation_steps,
            gradient_checkpointing=by_rows.gradient_checkpointing,
        )
    )
    assert by_rows.gradient_checkpointing == "false"
    assert (
        by_rows.per_device_train_batch_size
        >= decided(SftSettings(max_length=max_length), machine).per_device_train_batch_size
        or not by_rows.checkpointing
    )


def test_small_batches_without_checkpointing_are_compared_with_large_ones_with_it() -> None:
    """Three passes in place of two pay only where without them a micro-step has few tokens."""
    assert MISTRAL is not None
    short, long = RowLengths(100, 100 * 30, 40), RowLengths(100, 100 * 900, 1000)
    for lengths, checkpointing in ((short, "true"), (long, "false")):
        one_row = estimate(MemoryOptions(gradient_checkpointing=False, max_length=lengths.longest)).total
        machine = replace(T4, precision="bf16", free=(one_row + 1) / USABLE)
        found = machine_choice(SftSettings(), machine, lengths)
        assert found.options.gradient_checkpointing == checkpointing
        assert found.why
        assert "reckoned the fastest that fits (1 in time a token; " in found.why


def test_part_of_the_layers_is_recomputed_where_all_would_take_longer() -> None:
    """Without checkpointing there is no room for a row, and with it in all layers there is more than is needed."""
    assert MISTRAL is not None
    lengths = RowLengths(100, 100 * 1900, 2000)
    sizes = {
        every: estimate(MemoryOptions(gradient_checkpointing=every, max_length=2000)).total
        for every in ("false", 4, 2, "true")
    }
    assert sizes["false"] > sizes[4] > sizes[2] > sizes["true"]
    for every in (4, 2):
        machine = replace(T4, precision="bf16", free=(sizes[every] + 1) / USABLE)
        found = machine_choice(SftSettings(), machine, lengths)
        assert found.options.gradient_checkpointing == every
        assert found.why
        assert found.why.startswith(f"1 row with checkpointing in one layer of {every}, reckoned the fastest")
        assert " rows with checkpointing)" in found.why


def test_validation_takes_more_rows_at_once_within_the_memory_of_a_step() -> None:
    assert MISTRAL is not None
    step = replace(QLORA, options=QLORA.options.with_options(MemoryOptions(gradient_checkpointing=False)), longest=259)
    assert evaluation_rows(MISTRAL, step, 259) >= 8
    assert evaluation_rows(MISTRAL, step, 2048) < evaluation_rows(MISTRAL, step, 259)
    four = step.options.with_options(MemoryOptions(per_device_train_batch_size=4))
    assert evaluation_rows(MISTRAL, step.with_options(four), 100_000) == 4


LLAMA_70B = {
    "model_type": "llama",
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
}


@pytest.mark.parametrize("strategy", ["zero3", "fsdp"])
def test_a_model_that_one_card_cannot_load_is_refused_however_many_there_are(
    strategy: Strategy, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_70B))
    settings = SftSettings(
        model=str(tmp_path), optim="adamw_torch", per_device_train_batch_size=1, gradient_checkpointing=True
    )
    machine = Machine("cuda", 23 * GIB, strategy, 4, "NVIDIA A10G", 4)
    (found,) = judge_training(settings, machine)
    assert found.level == "refused"
    assert "GiB estimated for loading" in found.message
    assert "several cards do not help" in found.message
    # Split, it would have fitted: loading alone is the reason.
    shape = training_fit.training_shape(settings, machine)
    split = estimate_memory(read_shape(LLAMA_70B) or pytest.fail("shape"), shape)
    assert split.total < machine.free < split.loading
    assert not [
        found for found in judge_training(settings, replace(machine, free=60 * GIB)) if found.level == "refused"
    ]


def test_16_bit_weights_that_are_to_be_split_lie_on_the_host_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_70B))
    monkeypatch.setattr(training_fit.psutil, "virtual_memory", lambda: SimpleNamespace(available=500 * GIB))
    settings = SftSettings(
        model=str(tmp_path),
        optim="adamw_torch",
        quantization="none",
        per_device_train_batch_size=1,
        gradient_checkpointing=True,
        max_length=512,
    )
    machine = Machine("cuda", 79 * GIB, "zero3", 8, "NVIDIA H100", 8)
    refused = [found for found in judge_training(settings, machine) if found.level == "refused"]
    assert [found.name for found in refused] == ["host memory"]
    assert "8 processes that each load the 16-bit weights" in refused[0].message


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
    chosen = decided(asked, machine)
    assert chosen.rows_per_device * chosen.gradient_accumulation_steps * processes == rows
    (found,) = judge_rows(asked, chosen, machine)
    assert found.level == level
    assert re.match(said, found.message)


def test_a_batch_size_that_is_given_is_taken_as_each_process_has_it_and_preflight_says_so() -> None:
    given = SftSettings(per_device_train_batch_size=2, gradient_accumulation_steps=8)
    machine = replace(T4, free=75 * GIB, strategy="ddp", processes=4)
    chosen = decided(given, machine)
    (found,) = judge_rows(given, chosen, machine)
    assert (found.level, found.message[:71]) == (
        "warning",
        "64 rows in an optimiser step (2 x 8 x 4 processes), where one process h",
    )
    assert list(judge_rows(given, chosen, T4)) == []


def test_unknown_models_share_the_rows_of_a_step_as_well() -> None:
    chosen = decided(SftSettings(model="someone/unknown-model"), replace(T4, processes=4))
    assert (chosen.per_device_train_batch_size, chosen.gradient_accumulation_steps) == (1, 4)


def test_checkpointing_is_switched_on_only_where_memory_needs_it() -> None:
    small = decided(SftSettings(max_length=2048), T4)
    large = decided(SftSettings(max_length=2048), replace(T4, free=75 * GIB))
    given = decided(SftSettings(gradient_checkpointing=True, per_device_train_batch_size=2), replace(T4, free=75 * GIB))
    assert (small.gradient_checkpointing, large.gradient_checkpointing) == ("true", "false")
    assert (given.gradient_checkpointing, given.per_device_train_batch_size, given.gradient_accumulation_steps) == (
        "true",
        2,
        16,
    )


def test_unknown_models_train_row_by_row_with_a_warning() -> None:
    settings = decided(SftSettings(model="someone/unknown-model"), T4)
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
    monkeypatch.setattr(packages, "is_installed", lambda _name: False)
    (found, _) = judge_training(SftSettings(attn_implementation="flash_attention_2"), T4)
    assert (
        found.message
        == "attn_implementation=flash_attention_2 needs the package flash-attn; use attn_implementation=auto."
    )


def test_tracker_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "is_installed", lambda name: name == "wandb")
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
    install(BY_NAME["busy"], tmp_path / "machine", monkeypatch)
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
