"""What answers is measured itself: a few greedy answers of the running engine against base + adapter."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.generation.conftest import make_adapter, make_base
from tests.unit.generation.generate_recipe import events, rows, run_generate, write_prompts
from tests.unit.generation.test_generation_engines import start_recipe
from toolkit.errors import ModelError
from toolkit.generation import transformers_engine
from toolkit.generation.measured import CheckRow, Measured
from toolkit.generation.served_check import compare_served, require_served, sure_from
from toolkit.models import fingerprint_model
from toolkit.records import read_json

QUESTIONS = ("How?", "How do I open it?", "Where is it?", "Why does it not start?")


def teach_next_token(model: Any, seed: int) -> None:
    """Teach that each token is followed by one other, by a random order of `seed`: tokens become sure.

    Random weights are not enough: two precisions of one model, and its kernels on two processors, part at ties.
    """
    import torch

    torch.manual_seed(seed)
    follower = torch.randperm(127) + 3  # no special tokens: an answer does not end
    optimizer = torch.optim.AdamW([weights for weights in model.parameters() if weights.requires_grad], lr=1e-2)
    for _ in range(200):
        ids = torch.randint(3, 130, (16, 80))
        logits = model(input_ids=ids).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), follower[ids - 3].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import AutoModelForCausalLM

    folder = make_base(tmp_path_factory.mktemp("served") / "base")  # in float32: a merge rounds nothing
    model = AutoModelForCausalLM.from_pretrained(folder)
    teach_next_token(model, seed=2)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    from peft import AutoPeftModelForCausalLM

    training = {"base_model": str(base), "base_fingerprint": fingerprint_model(str(base)), "quantization": "nf4"}
    folder = make_adapter(base.parent / "adapter", base, training=training, r=16, lora_alpha=32)
    model = AutoPeftModelForCausalLM.from_pretrained(folder, is_trainable=True)
    teach_next_token(model, seed=3)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    return write_prompts(tmp_path / "p.jsonl", *QUESTIONS)


def report(run_dir: Path) -> dict[str, Any]:
    found = read_json(run_dir / "generation.json")
    assert found is not None
    return found


def test_rows_are_counted_by_what_parts_them_from_the_reference() -> None:
    row = CheckRow([1], [5, 6, 7], [3.0, 0.1, 3.0], [5, 6, 9])
    same_as_base = CheckRow([1], [5, 6, 7], [3.0, 3.0, 3.0], [5, 6, 7])
    answers = {"same": [5, 6, 7], "tie": [5, 8, 8], "base": [5, 6, 9], "short": [5, 6], "other": [4, 6, 7]}
    served = {name: compare_served([row], [answer], 1.0) for name, answer in answers.items()}
    assert [(found.same, found.ties, found.other, found.as_base) for found in served.values()] == [
        (1, 0, 0, 0),
        (0, 1, 0, 0),
        (0, 0, 1, 1),
        (0, 0, 1, 0),
        (0, 0, 1, 0),
    ]
    assert (served["same"].telling, compare_served([same_as_base], [[5, 6, 7]], 1.0).telling) == (1, 0)
    require_served(compare_served([row] * 4, [answers["same"]] * 3 + [answers["other"]], 1.0), "vllm")
    with pytest.raises(
        ModelError, match=r"vllm does not serve the tuned model: 2 of 4 .*, 2 of them as the base model"
    ):
        require_served(compare_served([row] * 4, [answers["same"]] * 2 + [answers["base"]] * 2, 1.0), "vllm")


@pytest.mark.parametrize(("stored", "least"), [("float32", 0.1), ("bfloat16", 1.0)])
def test_a_merged_model_rounds_as_its_weights_are_stored_whatever_computes_them(
    tmp_path: Path, stored: str, least: float
) -> None:
    """A training of a few steps moves bfloat16 weights by less than their rounding, which is no other model."""
    import torch
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(2, dtype=getattr(torch, stored))}, tmp_path / "model.safetensors")
    assert sure_from("float32", fp8=False, merged=tmp_path) == least
    assert sure_from("float32", fp8=False, merged=None) == 0.1


def test_an_engine_that_serves_the_base_for_the_tuned_model_ends_the_run_without_an_answer(
    tmp_path: Path, base: Path, adapter: Path, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"model": str(base), "adapter": adapter, "data": prompts, "proof_rows": 4, "merge_mode": "base16"}
    run_generate(tmp_path / "right", **settings)
    proof = report(tmp_path / "right")["proof"]
    assert (proof["rows"], proof["dtype"], proof["agreeing_rows"]) == (4, "float32", 1.0)
    assert proof["served"] == {"rows": 4, "same": 4, "ties": 0, "other": 0, "as_base": 0, "telling": 4}
    load = transformers_engine.load_model  # of this process: the proof has one of its own and sees the right model
    monkeypatch.setattr(
        transformers_engine, "load_model", lambda folder, *rest, **options: load(base, *rest, **options)
    )
    with pytest.raises(ModelError, match=r"transformers does not serve the tuned model: 4 of 4 .* as the base model"):
        run_generate(tmp_path / "wrong", **settings)
    assert not (tmp_path / "wrong" / "partial.jsonl").exists()


def test_what_an_earlier_run_measured_counts_in_the_same_precision_and_for_as_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    Measured("float32", 4, 3, [CheckRow([1], [2], [0.5], [2])]).write(path)
    assert Measured.read(path, "float32", 4) == Measured("float32", 4, 3, [CheckRow([1], [2], [0.5], [2])])
    assert Measured.read(path, "bfloat16", 4) is None
    assert Measured.read(path, "float32", 5) is None
    path.write_text(json.dumps({"rows": 64, "dtype": "float32", "max_logit_difference": 0.1}))  # an earlier format
    assert Measured.read(path, "float32", 4) is None


def test_nf4_answers_with_both_systems_from_one_model_as_peft_computes_them(
    tmp_path: Path, base: Path, adapter: Path, prompts: Path
) -> None:
    import torch
    from peft import PeftModel

    from toolkit.generation.adapter import read_adapter
    from toolkit.generation.system import System, load_codec

    both = tmp_path / "both"
    settings = {"model": str(base), "adapter": adapter, "data": prompts, "proof_rows": 4}
    run_generate(both, **settings, systems=["baseline", "tuned"], generator={"quantization": "nf4"})
    assert len(events(both, "engine_started")) == 1
    assert events(both, "proof_left_out")[0]["reason"].startswith(
        "the transformers backend answers with base + adapter"
    )
    found = report(both / "tuned")
    assert (found["unmerged"], found["merge_mode"], found["engine"]["quantization"]) == (True, "dequantised", "nf4")
    loaded = transformers_engine.load_model(base, "float32", in_nf4=True)
    codec = load_codec(System(base, str(base), ""), "auto")
    for name in ("baseline", "tuned"):
        model = PeftModel.from_pretrained(loaded, read_adapter(adapter).folder).eval() if name == "tuned" else loaded
        for question, row in zip(QUESTIONS, rows(both / name), strict=True):
            ids = torch.tensor([codec.encode(question)])
            with torch.inference_mode():
                answer = model.generate(input_ids=ids, max_new_tokens=6, do_sample=False)[0, ids.shape[1] :]
            assert row["output"] == codec.decode(answer.tolist()), (name, question)
    assert [row["output"] for row in rows(both / "baseline")] != [row["output"] for row in rows(both / "tuned")]


@pytest.mark.slow
def test_vllm_serves_base_and_adapter_in_nf4_from_one_engine(
    tmp_path: Path, base: Path, adapter: Path, prompts: Path
) -> None:
    if importlib.util.find_spec("vllm_bnb_plugin") is None:
        pytest.skip("vllm-bnb-plugin is not installed")
    settings = {"adapter": adapter, "systems": ["baseline", "tuned"], "proof_rows": 4}
    options: dict[str, Any] = {"quantization": "nf4", "dtype": "auto"}
    process = start_recipe(tmp_path / "run", base, prompts, "vllm", 6, settings, **options)
    assert process.wait(timeout=600) == 0, (tmp_path / "run" / "log.txt").read_text()[-3000:]
    assert [event["dtype"] for event in events(tmp_path / "run", "engine_started")] == ["bfloat16"]
    served = report(tmp_path / "run" / "tuned")["proof"]["served"]
    assert served == {"rows": 4, "same": 4, "ties": 0, "other": 0, "as_base": 0, "telling": 4}
    assert [row["output"] for row in rows(tmp_path / "run" / "baseline")] != [
        row["output"] for row in rows(tmp_path / "run" / "tuned")
    ]
