"""Manifest, proof, questions and what is exported: the parts of an export that need no model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.errors import DataError, ModelError, UsageError
from toolkit.records import write_json
from toolkit.results.shipped import ShipCheck, ShippedClaim, ShipProof, Verdict, read_ship_proof
from toolkit.shipping import manifest as manifests
from toolkit.shipping.card import render_card
from toolkit.shipping.hub import without_paths
from toolkit.shipping.manifest import Manifest, hashed, read_manifest, wrong_files
from toolkit.shipping.questions import COUNT, PLAIN, questions
from toolkit.shipping.report import render_report
from toolkit.shipping.subject import find_subject


def make_manifest(folder: Path, **changed: object) -> Manifest:
    found = Manifest(
        schema=1,
        kind="gguf",
        weights_type="Q8_0",
        model_file="m.gguf",
        created_unix=0.0,
        versions={"steptune": "0"},
        base=manifests.Base(name="some/base", revision=None, fingerprint="f" * 64, recorded_fingerprint="f" * 64),
        adapter=manifests.Adapter(fingerprint="a" * 64, dataset_hash="d" * 64, train_rows=243),
        merge=manifests.Merge(mode="dequantised", weights={"model.safetensors": "w"}),
        prompt=manifests.Prompt(
            format={"name": "howto", "bos": True}, stop_ids=[2], stop_texts=["</s>"], template_is_the_models_own=False
        ),
        sampling=manifests.Sampling(max_new_tokens=160, temperature=0.0, top_p=1.0, presence_penalty=0.0),
        context=8192,
        margin=0.05,
        trust_remote_code=False,
        files=hashed(folder),
        local=manifests.Local(adapter="/home/me/a", data=None, split="test", max_rows=None, merged_answers=None),
    ).model_copy(update=changed)
    found.write(folder)
    return found


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "m.gguf").write_bytes(b"GGUF and weights")
    (folder / "README.md").write_text("card")
    make_manifest(folder)
    return folder


def test_a_manifest_comes_back_as_it_was_written(export: Path) -> None:
    found = read_manifest(export)
    assert found == make_manifest(export)
    assert wrong_files(export, found) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "m.gguf").write_bytes(b"GGUF"), "m.gguf has 4 bytes, not 16"),
        (lambda folder: (folder / "m.gguf").write_bytes(b"GGUF and weightz"), "m.gguf has another content"),
        (lambda folder: (folder / "README.md").unlink(), "README.md is missing"),
    ],
)
def test_what_was_changed_since_is_named(export: Path, damage, said: str) -> None:
    damage(export)
    [found] = wrong_files(export, read_manifest(export))
    assert said in found


def test_what_a_proof_adds_is_no_change(export: Path) -> None:
    (export / "proof").mkdir()
    (export / "proof" / "proof.json").write_text("{}")
    (export / "DOES_NOT_SHIP.md").write_text("why")
    assert hashed(export).keys() == {"m.gguf", "README.md"}
    assert wrong_files(export, read_manifest(export)) == []


def test_a_folder_without_a_manifest_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"half a file")
    with pytest.raises(ModelError, match="no finished export"):
        read_manifest(tmp_path)


def test_a_manifest_of_a_later_version_is_refused_by_name(export: Path) -> None:
    document = json.loads((export / "manifest.json").read_text())
    write_json(export / "manifest.json", {**document, "schema": 2})
    with pytest.raises(ModelError, match="newer version"):
        read_manifest(export)


def proof_of(outcome: Verdict | None, *checks: bool | None) -> ShipProof:
    names = ("files", "weights", "prompts", "stops")
    return ShipProof(
        schema=1,
        manifest_sha256="m",
        runtime="llama.cpp",
        checks=[ShipCheck(name=name, passed=passed, found="x") for name, passed in zip(names, checks, strict=False)],
        claim=ShippedClaim(
            a="shipped",
            b="tuned",
            metric="rouge_l",
            margin=0.05,
            n=49,
            groups=49,
            same=40,
            mean_a=0.18,
            mean_b=0.181,
            difference=-0.001,
            ci95=(-0.01, 0.008),
            outcome=outcome,
        )
        if outcome
        else None,
        agreement=None,
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("outcome", "checks", "verdict"),
    [
        ("ships", (True, True, True, True), "ships"),
        ("ships", (True, None, True, True), "ships"),  # transformers cannot read this architecture back
        ("ships", (True, True, False, True), "does_not"),
        ("does_not", (True, True, True, True), "does_not"),
        ("open", (True, True, True, True), "open"),
        ("open", (False, True, True, True), "does_not"),
        (None, (True, True, None, True), "open"),
        (None, (True, True, True, True), "ships"),  # a folder: its hashes are those of the merged model
    ],
)
def test_one_failed_check_is_enough(outcome: Verdict | None, checks: tuple, verdict: Verdict) -> None:
    assert proof_of(outcome, *checks).verdict == verdict


def test_a_proof_comes_back_with_its_verdict(tmp_path: Path) -> None:
    proof = proof_of("ships", True, True, True, True)
    write_json(tmp_path / "proof.json", proof.to_json())
    assert json.loads((tmp_path / "proof.json").read_text())["verdict"] == "ships"
    assert read_ship_proof(tmp_path / "proof.json") == proof
    assert read_ship_proof(tmp_path / "none.json") is None
    write_json(tmp_path / "proof.json", {"schema": 9})
    with pytest.raises(DataError, match="steptune prove"):
        read_ship_proof(tmp_path / "proof.json")


def test_card_and_report_say_what_was_shipped(export: Path) -> None:
    manifest = read_manifest(export)
    card = render_card(manifest)
    assert card.startswith("---\nbase_model: some/base\n")
    assert "| Data | 243 training rows, SHA-256 `" in card
    assert "llama-server -m m.gguf" in card
    assert "/home/me" not in card
    report = render_report(manifest, proof_of("does_not", True, False, True, True))
    assert "**m.gguf does not ship: Weights, Answers.**" in report


def test_a_thousand_questions_are_the_same_ones_each_time() -> None:
    real = [f"How do I reset box {number}, with the phone?" for number in range(30)]
    found = questions(real, ["<|im_end|>", "</s>"])
    assert found == questions(real, ["<|im_end|>", "</s>"])
    assert len({question.text for question in found}) == COUNT
    kinds = {question.kind for question in found}
    assert len(kinds) > 10
    assert sum(question.kind == PLAIN for question in found) > 100
    assert all(question.text.encode() for question in found)  # none holds half a character
    assert not any("control" in question.kind and "token" in question.kind for question in questions(real, []))


def test_paths_of_this_machine_are_cut() -> None:
    given = {"data": "/home/me/data", "n": 3, "rows": ["/tmp/a.jsonl", "relative/b"], "text": "a/b"}
    assert without_paths(given) == {"data": "data", "n": 3, "rows": ["a.jsonl", "relative/b"], "text": "a/b"}


def test_a_run_without_an_adapter_is_refused(make_run) -> None:
    run = make_run("pass", recipe="data-build")
    with pytest.raises(UsageError, match=f"data-build run {run.id} has no adapter to export"):
        find_subject(run.id, None)


def test_an_adapter_folder_is_a_subject_with_the_rows_it_was_trained_beside(tmp_path: Path) -> None:
    adapter, data = tmp_path / "adapter", tmp_path / "data"
    adapter.mkdir()
    data.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (data / "test.jsonl").write_text("{}")
    write_json(adapter / "training.json", {"settings": {"data": str(data)}})
    found = find_subject(str(adapter), None)
    assert (found.adapter, found.rows.data, found.rows.split, found.answers) == (adapter, data, "test", None)
    assert find_subject(str(adapter), str(tmp_path)).rows.data == tmp_path
    with pytest.raises(UsageError, match="does not exist"):
        find_subject(str(adapter), str(tmp_path / "gone"))


def test_a_generate_run_brings_its_adapter_rows_and_answers(make_run, tmp_path: Path) -> None:
    adapter, data = tmp_path / "adapter", tmp_path / "rows.jsonl"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    data.write_text("{}")
    run = make_run("pass", recipe="generate")
    run.config_file.write_text(f"adapter: {adapter}\ndata: {data}\nsplit: validation\nmax_rows: 7\n")
    (run.path / "predictions.jsonl").write_text("")
    write_json(
        run.result_file, {"state": "finished", "outputs": {"predictions": {"path": "predictions.jsonl", "sha256": ""}}}
    )
    found = find_subject(run.id, None)
    assert (found.adapter, found.rows.data, found.rows.split, found.rows.max_rows) == (adapter, data, "validation", 7)
    assert found.answers == run.path / "predictions.jsonl"
