"""The two backends: same files, same greedy text, draws that do not depend on the batch, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.unit.generation.conftest import make_adapter, make_base
from tests.unit.generation.test_generation_model_files import add_consolidated
from toolkit.bundled import recipes_dir
from toolkit.errors import Cancelled, PreflightError
from toolkit.generation.answers import Job, answer_requests
from toolkit.generation.engine import EngineModel
from toolkit.generation.environment import choose_dtype
from toolkit.generation.journal import Journal
from toolkit.generation.prompts import Prompt, build_requests
from toolkit.generation.report import write_generation
from toolkit.generation.system import base_system, context_limit, load_codec, tuned_system
from toolkit.generation.vllm_engine import engine_arguments
from toolkit.models import fingerprint_model
from toolkit.options.generation import EngineOptions, SamplingOptions, SystemOptions
from toolkit.options.shared import ModelOptions
from toolkit.records import read_growing_jsonl, read_json
from toolkit.runs.recorder import Recorder
from toolkit.settings import GenerateSettings

OPTIONS = EngineOptions(backend="transformers", dtype="float32", quantization="none", max_num_seqs=3)
PROMPTS = [Prompt(str(number), "word " * number + "?") for number in (4, 1, 3, 2, 0)] + [
    Prompt("empty", ""),
    Prompt("long", "x" * 90),
]


def run_system(
    run_dir: Path,
    model: str,
    recorder: Recorder,
    sampling: SamplingOptions,
    options: EngineOptions = OPTIONS,
    adapter: Path | None = None,
    prompts: list[Prompt] = PROMPTS,
) -> list[Any]:
    """The recipe's chapters with a system of the tests' own."""
    run_dir.mkdir(exist_ok=True)
    source = SystemOptions(model=model, adapter=adapter)
    system = tuned_system(source, False, recorder) if adapter else base_system(source)
    codec = load_codec(system, "auto")
    job = Job(
        system,
        codec,
        build_requests(prompts, codec, sampling, context_limit(system, None), system.fingerprint),
        Journal(run_dir),
    )
    throughput = answer_requests([job], sampling, options, recorder)
    predictions = job.journal.write_predictions(job.requests)
    write_generation(run_dir / "generation.json", job, sampling, options, throughput, predictions)
    return predictions


def step_by_step(model_dir: Path, prompt_ids: list[int], max_tokens: int, presence_penalty: float = 0.0) -> list[int]:
    """Greedy decoding as its definition says: argmax of a full forward pass without cache, one prompt at a time."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    ids = list(prompt_ids)
    for _ in range(max_tokens):
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1]
            for token in set(ids[len(prompt_ids) :]):
                logits[token] -= presence_penalty
            ids.append(int(logits.argmax()))
        if ids[-1] == 2:
            break
    return ids[len(prompt_ids) :]


def test_padded_batches_give_the_greedy_text_of_each_prompt_alone(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    predictions = run_system(tmp_path / "run", str(base), Recorder(None), SamplingOptions(max_new_tokens=6))
    codec = load_codec(base_system(ModelOptions(model=str(base))), "auto")
    for prompt, row in zip(PROMPTS[:5], predictions, strict=False):
        ids = step_by_step(base, codec.encode(prompt.text), 6)
        assert (row["output"], row["output_tokens"]) == (codec.decode(ids), len(ids)), prompt
    report = read_json(tmp_path / "run" / "generation.json")
    assert report is not None
    assert [row["id"] for row in predictions] == ["4", "1", "3", "2", "0", "empty", "long"]
    assert [row["finish_reason"] for row in predictions[5:]] == ["empty_prompt", "prompt_too_long"]
    assert (report["answers"], report["this_process"]["answers"]) == (7, 5)
    assert sum(report["finish_reasons"].values()) == 7
    assert report["sampling"] == {
        "max_new_tokens": 6,
        "temperature": 0.0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "seed": 17,
        "n": 1,
    }
    recorded = {name: value for name, value in report["engine"].items() if name not in ("device", "versions")}
    assert recorded == {
        "backend": "transformers",
        "dtype": "float32",
        "quantization": "none",
        "max_num_seqs": 3,
        "data_parallel_size": 1,
        "tensor_parallel_size": 1,
        "pipeline_parallel_size": 1,
        "distributed_executor_backend": None,
        "gpu_memory_utilization": 0.92,
        "cpu_kv_cache_gib": 1.0,
        "enforce_eager": False,
        "trust_remote_code": False,
        "server": None,
        "server_model": None,
    }


def test_presence_penalty_lowers_what_the_answer_has_and_not_the_prompt_or_the_padding(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    sampling = SamplingOptions(max_new_tokens=6, presence_penalty=2.0)
    predictions = run_system(tmp_path / "run", str(base), Recorder(None), sampling)
    codec = load_codec(base_system(ModelOptions(model=str(base))), "auto")
    answers = [step_by_step(base, codec.encode(prompt.text), 6, presence_penalty=2.0) for prompt in PROMPTS[:5]]
    assert [row["output"] for row in predictions[:5]] == [codec.decode(ids) for ids in answers]
    assert answers != [step_by_step(base, codec.encode(prompt.text), 6) for prompt in PROMPTS[:5]]


def test_eos_ends_an_answer_and_counts_as_a_token(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = make_base(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights["lm_head.weight"] = weights["lm_head.weight"] * 0  # all logits equal: argmax is token 0, never EOS
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    never = run_system(
        tmp_path / "never", str(base), Recorder(None), SamplingOptions(max_new_tokens=6), prompts=PROMPTS[:1]
    )
    assert [(row["finish_reason"], row["output_tokens"]) for row in never] == [("length", 6)]
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 0]}))
    always = run_system(
        tmp_path / "always", str(base), Recorder(None), SamplingOptions(max_new_tokens=6), prompts=PROMPTS[:1]
    )
    assert [(row["finish_reason"], row["output_tokens"], row["output"]) for row in always] == [("stop", 1, "")]


def test_draws_depend_on_the_row_and_the_seed_but_not_on_the_batch(tmp_path: Path) -> None:
    base = str(make_base(tmp_path / "base"))

    def outputs(name: str, sampling: SamplingOptions, batch: int) -> list[str]:
        rows = run_system(
            tmp_path / name,
            base,
            Recorder(None),
            sampling,
            EngineOptions(backend="transformers", dtype="float32", quantization="none", max_num_seqs=batch),
        )
        return [row["output"] for row in rows]

    drawn = SamplingOptions(max_new_tokens=6, temperature=1.0, top_p=0.9)
    assert outputs("a", drawn, 5) == outputs("b", drawn, 2)
    assert outputs("c", drawn.model_copy(update={"seed": 18}), 5) != outputs("a", drawn, 5)
    # Only the likeliest token is left.
    likeliest = SamplingOptions(max_new_tokens=6, temperature=1.0, top_p=1e-6)
    assert outputs("d", likeliest, 5) == outputs("e", SamplingOptions(max_new_tokens=6), 5)


class StopAfter(Recorder):
    """Asked to stop once so many answers are on disk."""

    def __init__(self, run_dir: Path, answers: int) -> None:
        super().__init__(run_dir)
        self.answers = answers

    def check_stop(self) -> None:
        assert self.run_dir is not None
        self.stop_requested = len(read_growing_jsonl(self.run_dir / "partial.jsonl")) >= self.answers
        super().check_stop()


def test_stopped_run_continues_to_the_same_bytes(tmp_path: Path) -> None:
    base = str(make_base(tmp_path / "base"))
    run_system(tmp_path / "whole", base, Recorder(None), SamplingOptions(max_new_tokens=6))
    (tmp_path / "run").mkdir()
    with pytest.raises(Cancelled):
        run_system(tmp_path / "run", base, StopAfter(tmp_path / "run", 3), SamplingOptions(max_new_tokens=6))
    partial = tmp_path / "run" / "partial.jsonl"
    kept = partial.read_bytes()
    assert kept.count(b"\n") == 3
    partial.write_bytes(kept[:-5])
    run_system(tmp_path / "run", base, Recorder(tmp_path / "run"), SamplingOptions(max_new_tokens=6))
    assert (tmp_path / "run" / "predictions.jsonl").read_bytes() == (
        tmp_path / "whole" / "predictions.jsonl"
    ).read_bytes()
    events = read_growing_jsonl(tmp_path / "run" / "events.jsonl")
    assert [(event["answers"], event["missing"]) for event in events if event["event"] == "resumed"] == [(2, 3)]
    assert len({row["key"] for row in read_growing_jsonl(partial)}) == 5


def test_adapter_is_merged_prompted_as_trained_and_recorded(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    training = {"base_model": str(base), "base_fingerprint": fingerprint_model(str(base)), "quantization": "nf4"}
    adapter = make_adapter(tmp_path / "adapter", base, training=training)
    (adapter / "prompt_format.json").write_text(
        json.dumps({"name": "howto", "prefix": "<", "suffix": ">", "answer_prefix": ""})
    )
    (tmp_path / "run").mkdir()
    recorder = Recorder(tmp_path / "run")
    run_system(tmp_path / "run", str(base), recorder, SamplingOptions(max_new_tokens=4), adapter=adapter)
    run_system(tmp_path / "again", str(base), recorder, SamplingOptions(max_new_tokens=4), adapter=adapter)
    merges = [event for event in read_growing_jsonl(tmp_path / "run" / "events.jsonl") if event["event"] == "merged"]
    assert [(event["mode"], event["cached"], event["base_compared_by"]) for event in merges] == [
        ("dequantised", False, "fingerprint"),
        ("dequantised", True, "fingerprint"),
    ]
    report = read_json(tmp_path / "run" / "generation.json")
    assert report is not None
    assert (report["merge_mode"], report["model_fingerprint"], report["prompt_format"]["prefix"]) == (
        "dequantised",
        training["base_fingerprint"],
        "<",
    )
    assert report["adapter_fingerprint"]


def test_vllm_arguments_plan_memory_for_the_hardware() -> None:
    options = EngineOptions(
        dtype="bfloat16",
        quantization="none",
        max_num_seqs=8,
        tensor_parallel_size=2,
        gpu_memory_utilization=0.8,
        cpu_kv_cache_gib=0.5,
        enforce_eager=True,
    )
    on_gpu, on_cpu = (engine_arguments(EngineModel(Path("m"), False), options, 100, on_cpu) for on_cpu in (False, True))
    assert (on_gpu["gpu_memory_utilization"], on_gpu["tensor_parallel_size"], "kv_cache_memory_bytes" in on_gpu) == (
        0.8,
        2,
        False,
    )
    assert (on_cpu["kv_cache_memory_bytes"], "gpu_memory_utilization" in on_cpu) == (2**29, False)
    assert (on_cpu["dtype"], on_cpu["max_model_len"], on_cpu["max_num_seqs"], on_cpu["enforce_eager"]) == (
        "bfloat16",
        100,
        8,
        True,
    )


def test_missing_vllm_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(PreflightError, match=r"cannot import it .*generator\.backend=transformers"):
        run_system(
            tmp_path / "run",
            str(make_base(tmp_path / "base")),
            Recorder(None),
            SamplingOptions(max_new_tokens=4),
            EngineOptions(backend="vllm", dtype="float32", quantization="none"),
        )


def test_dtype_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    found = {}
    for supported in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda supported=supported: supported)
        found[supported] = choose_dtype("auto")
    assert found == {True: "bfloat16", False: "float32"}
    assert choose_dtype("float16") == "float16"


@pytest.mark.parametrize("name", ["default", "sampling", "many", "multi_gpu", "server", "demo"])
def test_presets_are_valid(name: str) -> None:
    text = (recipes_dir() / "generate" / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    GenerateSettings.model_validate(yaml.safe_load(text))


def start_recipe(
    run_dir: Path,
    model: Path,
    data: Path,
    backend: str,
    max_new_tokens: int,
    settings: dict[str, Any] | None = None,
    **options: int,
) -> subprocess.Popen[bytes]:
    """The recipe as the launcher starts it, with output to a file and the run's id in its environment."""
    run_dir.mkdir(exist_ok=True)
    generator = {"backend": backend, "enforce_eager": True, "cpu_kv_cache_gib": 0.25, "dtype": "float32", **options}
    given = {
        "model": str(model),
        "data": data,
        "max_new_tokens": max_new_tokens,
        "generator": generator,
        "proof_rows": 0,
        **(settings or {}),
    }
    (run_dir / "config.yaml").write_text(yaml.safe_dump(GenerateSettings.model_validate(given).model_dump(mode="json")))
    command = [sys.executable, str(recipes_dir() / "generate" / "run.py"), "--run-dir", str(run_dir)]
    with (run_dir / "log.txt").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "STEPTUNE_TEST_MARK": str(run_dir)})


def left_behind(run_dir: Path) -> list[int]:
    """Processes that carry the run's mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STEPTUNE_TEST_MARK") == str(run_dir):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_vllm_and_transformers_agree_and_vllm_leaves_no_process(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", shard="100KB")
    add_consolidated(base)  # which vLLM would serve if it were not told otherwise
    data = tmp_path / "p.jsonl"
    data.write_text("".join(json.dumps({"id": prompt.id, "prompt": prompt.text}) + "\n" for prompt in PROMPTS))
    rows = {}
    for backend in ("vllm", "transformers"):
        process = start_recipe(tmp_path / backend, base, data, backend, 6, {"presence_penalty": 0.5})
        assert process.wait(timeout=600) == 0, (tmp_path / backend / "log.txt").read_text()[-3000:]
        assert left_behind(tmp_path / backend) == []
        rows[backend] = (tmp_path / backend / "predictions.jsonl").read_bytes()
    assert rows["vllm"] == rows["transformers"]


@pytest.mark.slow
def test_the_presence_penalty_on_a_cpu_gives_the_bits_of_vllms_own() -> None:
    import torch
    from vllm import SamplingParams
    from vllm.model_executor.layers.utils import apply_penalties

    from toolkit.generation.vllm_presence import PENALTY, PresencePenalty

    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(3, 50, generator=generator) * 8
    answers = [[7, 7, 49, 0], [], [3]]
    penalties = [0.7, 0.7, 0.0]
    padded = torch.tensor([[*answer, *[50] * (4 - len(answer))] for answer in answers])
    prompts, nothing = torch.full((3, 1), 50), torch.zeros(3)
    wanted = apply_penalties(logits.clone(), prompts, padded, torch.tensor(penalties), nothing, torch.ones(3))
    processor = PresencePenalty(None, torch.device("cpu"), False)  # type: ignore[arg-type]
    for row, (answer, penalty) in enumerate(zip(answers, penalties, strict=True)):
        state = processor._new_state(SamplingParams(extra_args={PENALTY: penalty}), [1], answer)
        if state:
            processor.req_info[row] = state
    assert torch.equal(processor.apply(logits), wanted)
    assert sorted(processor.req_info) == [0, 1]


@pytest.mark.slow
def test_unmerged_adapter_and_its_base_share_an_engine_and_give_what_each_gives_alone(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    adapter = make_adapter(tmp_path / "adapter", base, r=3)
    data = tmp_path / "p.jsonl"
    data.write_text(
        "".join(json.dumps({"id": str(number), "prompt": f"Question {number}"}) + "\n" for number in range(6))
    )
    run_system(
        tmp_path / "baseline",
        str(base),
        Recorder(None),
        SamplingOptions(max_new_tokens=8),
        prompts=[Prompt(str(number), f"Question {number}") for number in range(6)],
    )
    run_system(
        tmp_path / "tuned",
        str(base),
        Recorder(None),
        SamplingOptions(max_new_tokens=8),
        adapter=adapter,
        prompts=[Prompt(str(number), f"Question {number}") for number in range(6)],
    )
    both = {"adapter": adapter, "systems": ["baseline", "tuned"], "merge_mode": "base16"}
    process = start_recipe(tmp_path / "both", base, data, "vllm", 8, settings=both, unmerged=True)
    assert process.wait(timeout=600) == 0, (tmp_path / "both" / "log.txt").read_text()[-3000:]
    for name in ("baseline", "tuned"):
        assert (tmp_path / "both" / name / "predictions.jsonl").read_bytes() == (
            tmp_path / name / "predictions.jsonl"
        ).read_bytes(), name
    assert [event["event"] for event in read_growing_jsonl(tmp_path / "both" / "events.jsonl")].count(
        "engine_started"
    ) == 1


@pytest.mark.slow
@pytest.mark.long
def test_sigterm_ends_vllm_with_130_and_the_run_can_continue(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    data = tmp_path / "p.jsonl"
    data.write_text("".join(json.dumps({"id": prompt.id, "prompt": prompt.text}) + "\n" for prompt in PROMPTS))
    run_dir = tmp_path / "run"
    process = start_recipe(run_dir, base, data, "vllm", 50)
    while process.poll() is None and not any(
        event["event"] == "engine_started" for event in read_growing_jsonl(run_dir / "events.jsonl")
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=120)
    assert (code, left_behind(run_dir)) in ((130, []), (0, []))  # 0: all answers were there before the signal
    assert start_recipe(run_dir, base, data, "vllm", 50).wait(timeout=600) == 0
    rows = read_growing_jsonl(run_dir / "predictions.jsonl")
    assert [row["id"] for row in rows] == [prompt.id for prompt in PROMPTS]
    assert len({row["key"] for row in read_growing_jsonl(run_dir / "partial.jsonl")}) == 5


@pytest.mark.slow
@pytest.mark.long
def test_kill_at_twenty_random_moments_loses_and_repeats_nothing(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    data = tmp_path / "p.jsonl"
    data.write_text(
        "".join(
            json.dumps({"id": str(number), "prompt": f"Question {number * 7919 % 1000}"}) + "\n" for number in range(24)
        )
    )
    command = [
        sys.executable,
        "benchmarks/kill_moments.py",
        "--model",
        str(base),
        "--data",
        str(data),
        "--kills",
        "20",
        "--max-new-tokens",
        "16",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True, cwd=recipes_dir().parent)
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["kills"], report["rows"]) == (20, 24)
    assert (report["runs_with_other_bytes"], report["rows_repeated"], report["shared_memory_left"]) == (0, 0, 0)
    assert len({*report["answers_at_each_kill"]}) > 3  # the kills fell into different moments


@pytest.mark.slow
@pytest.mark.long
def test_engines_side_by_side_give_the_same_bytes_and_die_with_their_parent(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    data = tmp_path / "p.jsonl"
    data.write_text(
        "".join(json.dumps({"id": str(number), "prompt": f"Question {number}"}) + "\n" for number in range(12))
    )
    shared_memory = set(os.listdir("/dev/shm"))
    killed = start_recipe(tmp_path / "two", base, data, "transformers", 40, data_parallel_size=2, max_num_seqs=1)
    while killed.poll() is None and len(read_growing_jsonl(tmp_path / "two" / "partial.jsonl")) < 3:
        time.sleep(0.05)
    killed.kill()
    killed.wait(timeout=30)
    deadline = time.monotonic() + 30
    while left_behind(tmp_path / "two") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(tmp_path / "two") == []
    assert (
        start_recipe(tmp_path / "two", base, data, "transformers", 40, data_parallel_size=2, max_num_seqs=1).wait(
            timeout=600
        )
        == 0
    )
    assert start_recipe(tmp_path / "one", base, data, "transformers", 40).wait(timeout=600) == 0
    assert (tmp_path / "two" / "predictions.jsonl").read_bytes() == (
        tmp_path / "one" / "predictions.jsonl"
    ).read_bytes()
    assert len(read_growing_jsonl(tmp_path / "two" / "partial.jsonl")) == 12
    assert (left_behind(tmp_path / "two"), set(os.listdir("/dev/shm")) - shared_memory) == ([], set())
