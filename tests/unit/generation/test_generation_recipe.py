"""The whole recipe on tiny models: systems, samples, proof, engines side by side, and what it refuses."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.generation.conftest import make_adapter, make_base
from tests.unit.generation.generate_recipe import events, rows, run_generate, write_prompts
from toolkit.errors import DataError, ModelError, PreflightError
from toolkit.generation import memory
from toolkit.generation.adapter import Adapter, read_adapter
from toolkit.generation.base_model import check_base
from toolkit.generation.data_parallel import shares, worker_environment
from toolkit.generation.engine import EngineModel
from toolkit.generation.prompts import Request
from toolkit.generation.unmerged import required_rank
from toolkit.generation.vllm_engine import engine_arguments
from toolkit.models import fingerprint_model
from toolkit.options.generation import EngineOptions, SystemOptions
from toolkit.planning.generation_memory import RANKS
from toolkit.records import read_json
from toolkit.settings import GenerateSettings

QUESTIONS = ("How?", "How do I open it?", "Where is it?")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_base(tmp_path / "base", dtype="bfloat16")


@pytest.fixture
def adapter(tmp_path: Path, base: Path) -> Path:
    training = {"base_model": str(base), "base_fingerprint": fingerprint_model(str(base)), "quantization": "nf4"}
    return make_adapter(tmp_path / "adapter", base, training=training)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return write_prompts(tmp_path / "p.jsonl", *QUESTIONS)


def test_both_systems_in_one_go_are_the_two_alone(tmp_path: Path, base: Path, adapter: Path, prompts: Path) -> None:
    both = tmp_path / "both"
    outcome = run_generate(
        both, model=str(base), adapter=adapter, data=prompts, systems=["baseline", "tuned"], proof_rows=2
    )
    run_generate(tmp_path / "baseline", model=str(base), data=prompts)
    run_generate(tmp_path / "tuned", model=str(base), adapter=adapter, data=prompts)
    assert {name: str(path.relative_to(both)) for name, path in outcome.outputs.items()} == {
        "predictions_baseline": "baseline/predictions.jsonl",
        "predictions_tuned": "tuned/predictions.jsonl",
        "generation_baseline": "baseline/generation.json",
        "generation_tuned": "tuned/generation.json",
    }
    for name in ("baseline", "tuned"):
        assert (both / name / "predictions.jsonl").read_bytes() == (tmp_path / name / "predictions.jsonl").read_bytes()
    assert rows(both / "baseline") != rows(both / "tuned")
    assert outcome.headline["answers"] == 6


def test_merged_model_is_measured_once_and_the_result_travels(
    tmp_path: Path, base: Path, adapter: Path, prompts: Path
) -> None:
    for name in ("first", "second"):
        run_generate(tmp_path / name, model=str(base), adapter=adapter, data=prompts, proof_rows=64)
        report = read_json(tmp_path / name / "generation.json")
        assert report is not None
        proof = report["proof"]
        assert (proof["rows"], proof["dtype"]) == (3, "float32")
        assert 0 < proof["max_logit_difference"] < 0.1  # the merged weights are rounded to bfloat16 once, and no more
        assert proof["agreeing_tokens"] > 0.9
    assert (
        events(tmp_path / "first", "proof")[0]["max_logit_difference"]
        == events(tmp_path / "second", "proof")[0]["max_logit_difference"]
    )


def test_wrong_merge_shows_in_the_proof(tmp_path: Path, base: Path, adapter: Path, prompts: Path) -> None:
    from safetensors.torch import load_file, save_file

    from toolkit.generation.reference import measure
    from toolkit.generation.system import tuned_system
    from toolkit.runs.recorder import Recorder

    system = tuned_system(SystemOptions(model=str(base), adapter=adapter), False, Recorder(None))
    good = measure(system, list(QUESTIONS)).proof
    weights = load_file(base / "model.safetensors")
    save_file(weights, system.folder / "model.safetensors", metadata={"format": "pt"})  # as if nothing had been merged
    bad = measure(system, list(QUESTIONS)).proof
    assert good is not None
    assert bad is not None
    assert good.max_logit_difference * 5 < bad.max_logit_difference
    assert bad.agreeing_tokens < good.agreeing_tokens


def test_n_gives_each_prompt_its_samples_each_with_its_own_repeatable_seed(
    tmp_path: Path, base: Path, prompts: Path
) -> None:
    drawn = {"model": str(base), "data": prompts, "temperature": 1.0}
    for name, n in (("one", 1), ("three", 3), ("again", 3)):
        run_generate(tmp_path / name, **drawn, n=n)
    three = rows(tmp_path / "three")
    assert [(row["id"], row["sample"]) for row in three] == [
        (f"q{number}", sample) for number in range(3) for sample in range(3)
    ]
    assert [row["output"] for row in three if row["sample"] == 0] == [row["output"] for row in rows(tmp_path / "one")]
    assert len({row["output"] for row in three}) > 3
    assert rows(tmp_path / "again") == three
    assert "sample" not in rows(tmp_path / "one")[0]


def test_prompts_of_control_characters_and_duplicates_are_answered_or_named(tmp_path: Path, base: Path) -> None:
    data = write_prompts(tmp_path / "p.jsonl", "\x00\x07\x1b[31m", "\u202e\ufeff", " \t\n", "x" * 200, "How?")
    run_generate(tmp_path / "run", model=str(base), data=data)
    assert [row["finish_reason"] for row in rows(tmp_path / "run")] == [
        "length",
        "length",
        "empty_prompt",
        "prompt_too_long",
        "length",
    ]
    assert rows(tmp_path / "run")[0]["prompt"] == "\x00\x07\x1b[31m"
    twice = tmp_path / "twice.jsonl"
    twice.write_text('{"id": "a", "prompt": "x"}\n{"id": "a", "prompt": "y"}\n')
    with pytest.raises(DataError, match=r"twice\.jsonl:2: the id 'a' occurs twice"):
        run_generate(tmp_path / "run2", model=str(base), data=twice)


def test_folder_of_another_run_gives_it_no_answers(tmp_path: Path, base: Path, prompts: Path) -> None:
    run_generate(tmp_path / "run", model=str(base), data=prompts)
    first = rows(tmp_path / "run")
    other = make_base(tmp_path / "other", dtype="bfloat16", seed=9)
    partial = tmp_path / "run" / "partial.jsonl"
    partial.write_bytes(partial.read_bytes() + b'{"key": "foreign"}\n{"torn')
    run_generate(tmp_path / "run", model=str(other), data=prompts)
    run_generate(tmp_path / "alone", model=str(other), data=prompts)
    assert rows(tmp_path / "run") == rows(tmp_path / "alone") != first


def test_memory_that_does_not_suffice_is_said_before_loading_with_the_numbers(
    tmp_path: Path, base: Path, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**28)
    with pytest.raises(
        PreflightError,
        match=r"1 engine\(s\) with 0\.000338 GiB of weights in float32, .* need 0\.5 GiB, 0\.25 GiB are available",
    ):
        run_generate(tmp_path / "run", model=str(base), data=prompts)
    assert events(tmp_path / "run", "engine_started") == []


def test_cache_smaller_than_the_longest_request_is_refused(base: Path) -> None:
    request = Request("1", "x", [1] * 1000, 1000, 0, "k")
    options = EngineOptions(backend="vllm", dtype="float32", quantization="none", cpu_kv_cache_gib=0.0005)
    with pytest.raises(
        PreflightError, match=r"cpu_kv_cache_gib is 0\.0005, and the longest request \(2000 tokens, .* needs 0\.00095"
    ):
        memory.require_memory(base, options, [request])
    # 2 layers x key and value x 1 head of 32 x 4 bytes, as the model's own cache has them
    assert memory.cache_bytes(base, "float32", 2000) == 2000 * 2 * 2 * 32 * 4
    weights = sum(parameter.numel() for parameter in _parameters(base))
    assert memory.weight_bytes(base, "float32") == weights * 4


def _parameters(base: Path) -> list:
    from transformers import AutoModelForCausalLM

    return list(AutoModelForCausalLM.from_pretrained(base).parameters())


@given(rank=st.integers(1, 512))
def test_rank_is_rounded_up_to_one_that_vllm_has_buffers_for(rank: int) -> None:
    adapter = Adapter(Path("a"), {"r": 1, "rank_pattern": {"q_proj": rank}}, {}, {})
    assert required_rank(adapter) == min(allowed for allowed in RANKS if allowed >= rank)


def test_ranks_are_the_installed_vllms() -> None:
    found = importlib.util.find_spec("vllm")
    if found is None or found.origin is None:
        pytest.skip("vLLM is not installed")
    source = (Path(found.origin).parent / "config" / "lora.py").read_text()  # importing vLLM takes ten seconds
    allowed = re.search(r"MaxLoRARanks = Literal\[([\d, ]+)\]", source)
    assert allowed is not None
    assert tuple(map(int, allowed[1].split(","))) == RANKS


def test_adapters_that_vllm_does_not_serve_are_refused_by_reason(tmp_path: Path, base: Path) -> None:
    kinds = {
        "DoRA": {"use_dora": True},
        "modules saved whole": {"modules_to_save": ["lm_head"]},
        r"an adapter on model\.embed_tokens\.weight": {"target_modules": ["embed_tokens", "o_proj"]},
        r"rank 600 \(at most 512\)": {"r": 600, "target_modules": ["q_proj"]},
    }
    for number, (reason, options) in enumerate(kinds.items()):
        folder = make_adapter(tmp_path / str(number), base, **options)
        with pytest.raises(ModelError, match=rf"has .*{reason}.* set generator\.quantization=none and"):
            required_rank(read_adapter(folder))


def test_adapter_of_another_revision_is_refused_with_both_named(tmp_path: Path, base: Path) -> None:
    training = {
        "base_model": "org/tiny",
        "base_fingerprint": fingerprint_model("org/tiny"),
        "revision": "v1",
        "quantization": "none",
    }
    adapter = read_adapter(make_adapter(tmp_path / "adapter", base, training=training))
    assert check_base(adapter, "org/tiny", "org/tiny", base, "v1") == "fingerprint"
    with pytest.raises(
        ModelError, match=r"trained on revision v1 of org/tiny, but model is org/tiny at revision v2; set revision=v1"
    ):
        check_base(adapter, "org/tiny", "org/tiny", base, "v2")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"systems": ["tuned"]}, "systems names tuned, which needs adapter"),
        ({"systems": ["baseline", "baseline"]}, "names one twice"),
        ({"n": 2}, "n is 2 with temperature 0"),
        ({"generator": {"server": "http://x", "unmerged": True}}, "unmerged needs backend vllm and no server"),
        ({"generator": {"backend": "transformers", "tensor_parallel_size": 2}}, "need backend vllm"),
        ({"generator": {"server": "localhost:8000"}}, "must be an address that begins with"),
        ({"generator": {"server_model": "m"}}, "give server as well"),
        ({"systems": ["baseline"], "generator": {"server": "http://x"}}, "a server answers with what it serves"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GenerateSettings.model_validate(settings)


def test_requests_are_dealt_evenly_and_each_worker_has_its_own_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [Request(str(length), "", [1] * length, 1, 0, str(length)) for length in (9, 7, 5, 4, 3)]
    assert [[request.id for request in share] for share in shares(requests, 2)] == [["9", "4"], ["7", "5", "3"]]
    assert [len(share) for share in shares(requests[:1], 4)] == [1]
    options = EngineOptions(backend="vllm", dtype="bfloat16", tensor_parallel_size=2)
    assert [worker_environment(number, 2, options, ["4", "5", "6", "7"]) for number in (0, 1)] == [
        {"CUDA_VISIBLE_DEVICES": "4,5"},
        {"CUDA_VISIBLE_DEVICES": "6,7"},
    ]
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    assert worker_environment(0, 3, options, []) == {"OMP_NUM_THREADS": "2"}


def test_executor_and_lora_reach_vllm() -> None:
    options = EngineOptions(
        dtype="bfloat16", quantization="none", pipeline_parallel_size=2, distributed_executor_backend="ray"
    )
    arguments = engine_arguments(EngineModel(Path("m"), False, 16), options, 100, on_cpu=False)
    assert (arguments["pipeline_parallel_size"], arguments["distributed_executor_backend"]) == (2, "ray")
    assert (arguments["enable_lora"], arguments["max_lora_rank"]) == (True, 16)
    assert "enable_lora" not in engine_arguments(EngineModel(Path("m"), False), options, 100, on_cpu=False)
