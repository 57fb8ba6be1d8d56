"""In which precision a model is served, on cards of all sizes: chosen by memory, with the numbers, before anything is
loaded.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.generation.conftest import make_adapter, make_base
from tests.unit.generation.generate_recipe import events, run_generate, write_prompts
from tests.unit.generation.test_generation_model_files import add_consolidated
from toolkit.errors import PreflightError
from toolkit.generation import choice as choice_of_run
from toolkit.generation.choice import served_model
from toolkit.generation.engine import EngineModel
from toolkit.generation.vllm_engine import engine_arguments
from toolkit.options.generation import EngineOptions
from toolkit.planning import generation_checks
from toolkit.planning.generation_checks import check_generation, served_by
from toolkit.planning.generation_fit import EngineChoice, Served, ServingMachine, advice, choose_engine
from toolkit.planning.generation_memory import batched_tokens, read_served, weight_bytes
from toolkit.planning.model_configs import SHIPPED
from toolkit.planning.training_shape import GIB
from toolkit.settings import GenerateSettings, SftSettings

MISTRAL = read_served(SHIPPED["mistralai/Mistral-7B-Instruct-v0.2"])
CARDS = {
    "Tesla T4": 15360,
    "RTX 4080": 16376,
    "RTX A4000": 16376,
    "RTX 3090": 24576,
    "RTX 4090": 24564,
    "A100-80GB": 81920,
    "H100": 81559,
    "H200": 143771,
}


def card(
    name: str = "card", mib: float = 16376, used: float = 0, cards: int = 1, plugin: bool = True
) -> ServingMachine:
    return ServingMachine("cuda", name, mib * 2**20, (mib - used) * 2**20, cards, plugin)


def chosen(machine: ServingMachine, served: Served | None = None, **options: Any) -> EngineChoice:
    served = served or Served(MISTRAL, longest=1024, answer=512)
    return choose_engine(EngineOptions(**options), served, machine, "bfloat16")


def test_weights_of_mistral_are_those_of_its_files() -> None:
    assert MISTRAL is not None
    assert weight_bytes(MISTRAL, "none", "bfloat16") == 14_483_464_192  # total_size of its index
    assert weight_bytes(MISTRAL, "nf4", "bfloat16") == pytest.approx(4.15 * GIB, rel=0.01)


@pytest.mark.parametrize(("name", "mib"), CARDS.items())
def test_each_card_serves_mistral_in_what_fits(name: str, mib: int) -> None:
    found = chosen(card(name, mib), max_num_seqs=256)
    assert (found.options.backend, found.fits) == ("vllm", True)
    assert found.options.quantization == ("nf4" if mib < 20000 else "none")
    assert found.memory is not None
    assert found.memory.requests >= 32
    if found.options.quantization == "nf4":
        assert "NF4 in vLLM, adapter unmerged: 4.1 GiB of weights" in str(found)
        assert "16 bits would leave 0.0 GiB of cache for 0 requests, 32 are wanted" in str(found)


def test_what_vllm_cannot_serve_in_nf4_goes_to_transformers_with_the_reason() -> None:
    for machine, unservable, reason in (
        (card(plugin=False), None, "the package vllm-bnb-plugin is not installed"),
        (card(), "the adapter has rank 600 (at most 512)", r"the adapter has rank 600 (at most 512)"),
    ):
        found = chosen(machine, Served(MISTRAL, 1024, 512, unservable=unservable), max_num_seqs=256)
        assert (found.options.backend, found.options.quantization, found.fits) == ("transformers", "nf4", True)
        assert 1 < found.options.max_num_seqs < 256  # as many rows in a batch as fit
        assert f"not in vLLM: {reason}" in str(found)
    assert chosen(card(), Served(MISTRAL, 1024, 512), dtype="float32").options.backend == "transformers"


def test_what_the_user_says_is_judged_and_never_replaced() -> None:
    found = chosen(card(), quantization="none")
    assert (found.options.quantization, found.fits) == ("none", False)
    assert advice(found, card()) == "set generator.quantization=nf4, or take a smaller model."
    several = card(mib=16376, cards=4)
    assert "tensor_parallel_size=2" in advice(chosen(several, quantization="none"), several)
    assert "tensor_parallel_size" not in advice(found, card())  # one card cannot share
    assert chosen(several, quantization="none", tensor_parallel_size=2).fits
    only = Served(MISTRAL, 1024, 512, only_16_bits=True)
    assert not chosen(card(), only).fits


def test_long_requests_tip_a_24_gb_card_to_nf4() -> None:
    machine = card("RTX 3090", 24576)
    assert chosen(machine, Served(MISTRAL, 1024, 512)).options.quantization == "none"
    long = chosen(machine, Served(MISTRAL, 8192, 512))
    assert (long.options.quantization, long.memory and long.memory.requests) == ("nf4", 15)  # 1 GiB each


def test_a_pass_has_as_many_tokens_as_vllms_own_class_batches() -> None:
    cards = {"NVIDIA H100 80GB HBM3": 80, "NVIDIA A100-SXM4-80GB": 80, "NVIDIA GB10": 119, "NVIDIA B200": 180, "T4": 15}
    assert [batched_tokens(name, size * GIB) for name, size in cards.items()] == [16384, 8192, 8192, 16384, 8192]


def test_the_share_of_a_card_is_vllms_own() -> None:
    assert EngineOptions().gpu_memory_utilization == 0.92


def test_beside_other_programs_vllm_gets_what_they_leave() -> None:
    found = chosen(card("A100-80GB", 81920, used=50000))
    assert (found.options.quantization, found.options.gpu_memory_utilization) == ("none", 0.38)
    crowded = chosen(card("A100-80GB", 81920, used=70000))
    assert (crowded.options.quantization, crowded.fits) == ("nf4", True)
    assert not chosen(card("A100-80GB", 81920, used=80000)).fits


def test_unknown_models_and_machines_are_not_refused() -> None:
    unknown = chosen(card(), Served(None, 1024, 512))
    assert (unknown.options.quantization, unknown.fits, unknown.memory) == ("none", True, None)
    assert "not known before it is loaded" in str(unknown)
    silent = ServingMachine("cuda", "card", None, None, 1, True)
    assert chosen(silent).fits


def test_a_cpu_takes_nf4_where_16_bits_do_not_fit() -> None:
    for gib, quantization, backend in ((40, "none", "vllm"), (22, "nf4", "vllm"), (7, "nf4", "vllm")):
        machine = ServingMachine("cpu", "CPU", gib * GIB, gib * GIB, 0, True)
        found = choose_engine(EngineOptions(), Served(MISTRAL, 600, 512), machine, "float32")
        assert (found.options.quantization, found.options.backend, found.fits) == (quantization, backend, True), gib
    machine = ServingMachine("cpu", "CPU", 22 * GIB, 22 * GIB, 0, False)
    assert (
        choose_engine(EngineOptions(), Served(MISTRAL, 600, 512), machine, "float32").options.backend == "transformers"
    )


def test_a_folder_of_an_unknown_family_is_counted_by_its_files(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    known = served_model(base)
    config = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 64, "vocab_size": 130}
    assert known is not None
    unknown = read_served({**config, "model_type": "new"}, known.linear + known.rest)
    assert unknown is not None
    assert unknown.linear + unknown.rest == known.linear + known.rest
    assert read_served({**config, "model_type": "new"}) is None
    assert read_served(None) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"generator": {"quantization": "fp8", "backend": "transformers"}}, "fp8 needs backend vllm"),
        ({"generator": {"quantization": "nf4", "dtype": "float32"}}, "nf4 in vLLM computes in 16 bits"),
        (
            {"generator": {"quantization": "nf4"}, "merge_mode": "base16"},
            "nf4 rounds the base, and merge_mode is base16",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GenerateSettings.model_validate(settings)


def test_vllm_gets_the_loader_of_its_quantisation() -> None:
    def arguments(quantization: Any) -> dict[str, Any]:
        options = EngineOptions(dtype="bfloat16", quantization=quantization)
        return engine_arguments(EngineModel(Path("m"), False), options, 100, on_cpu=False)

    found = {name: (arguments(name)["load_format"], arguments(name)["quantization"]) for name in ("none", "nf4", "fp8")}
    assert found == {
        "none": ("safetensors", None),
        "nf4": ("bitsandbytes", "bitsandbytes"),
        "fp8": ("safetensors", "fp8_per_tensor"),
    }


def test_a_run_that_does_not_fit_ends_before_it_merges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make_base(tmp_path / "base", dtype="bfloat16")
    adapter = make_adapter(tmp_path / "adapter", base, training={"base_model": str(base), "quantization": "nf4"})
    data = write_prompts(tmp_path / "p.jsonl", "How?")
    monkeypatch.setattr(choice_of_run, "read_serving_machine", lambda on_cpu: card(mib=1))
    with pytest.raises(PreflightError, match=r"Not enough memory on card for .*take a smaller model"):
        run_generate(tmp_path / "run", model=str(base), adapter=adapter, data=data)
    assert events(tmp_path / "run", "merged") == []


def judged(mib: float = 16376, training: SftSettings | None = None, **settings: Any) -> list[tuple[str, str, str]]:
    found = check_generation(GenerateSettings.model_validate(settings), training, card("card", mib))
    return [(check.name, check.level, check.message) for check in found]


def test_preflight_names_the_engine_before_model_and_prompts_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation_checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**12))
    [(name, level, said)] = judged(training=SftSettings())
    assert (name, level) == ("serving", "ok")
    assert said.startswith("NF4 in vLLM, adapter unmerged: 4.1 GiB of weights, ")
    assert said.endswith("(prompts are not known yet; 512 tokens are counted on); card of 16 GiB")
    [(_, level, said)] = judged(generator={"quantization": "none"})
    assert level == "refused"
    assert "does not fit: set generator.quantization=nf4" in said
    [(_, level, said)] = judged(training=SftSettings(use_dora=True))
    assert (level, "not in vLLM: the adapter has DoRA" in said) == ("ok", True)
    assert judged(generator={"server": "http://localhost"}) == []
    assert judged(model="org/new")[0][1] == "warning"


def test_preflight_says_what_is_wrong_with_folder_adapter_plugin_and_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base(tmp_path / "base")
    high = make_adapter(tmp_path / "high", base, r=600, target_modules=["q_proj"])
    whole = make_adapter(tmp_path / "whole", base, modules_to_save=["lm_head"])
    for adapter, reason in ((high, "rank 600 (at most 512)"), (whole, "modules saved whole")):
        served = served_by(GenerateSettings(model=str(base), adapter=adapter), None)
        assert served.unservable == f"the adapter has {reason}"
    add_consolidated(base)
    [(name, level, said)] = judged(model=str(base))
    assert (name, level, "has model.safetensors and consolidated.safetensors" in said) == ("model", "refused", True)
    monkeypatch.setattr(generation_checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    space = judged(mib=24564, training=SftSettings())[-1]
    assert space[:2] == ("merge space", "refused")
    assert "takes 14.5 GB in " in space[2]
    assert [name for name, _, _ in judged(training=SftSettings())] == ["serving"]  # NF4 merges nothing
    settings = GenerateSettings.model_validate({"generator": {"quantization": "nf4"}})
    [check] = check_generation(settings, None, card(plugin=False))
    assert check.level == "refused"
    assert "pip install --no-deps vllm-bnb-plugin==0.0.3" in check.message
