"""Exports of a small model by the real converter, proven by the real llama.cpp server."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolkit.errors import DiskFullError, ModelError, PreflightError, UsageError
from toolkit.options.generation import AnswerOptions
from toolkit.options.shared import HeldOutOptions
from toolkit.results.shipped import ShipProof
from toolkit.shipping import command, gguf_file
from toolkit.shipping import export as exports
from toolkit.shipping.export import Wanted, write_export
from toolkit.shipping.manifest import FAILED_FILE, read_manifest
from toolkit.shipping.modelfile import parse_modelfile
from toolkit.shipping.prove import prove
from toolkit.shipping.source import Merged
from toolkit.shipping.subject import Subject

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="llama.cpp's server is not installed"),
]


@dataclass(frozen=True)
class Made:
    """An export of the small model, with a Modelfile, and what it was made from."""

    folder: Path
    merged: Merged


@pytest.fixture(scope="module", autouse=True)
def own_cache(tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(exports, "AnswerOptions", lambda **given: AnswerOptions(**{**given, "max_new_tokens": 8}))
        yield


@pytest.fixture(scope="module")
def made(tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out = tmp_path_factory.mktemp("made") / "small"
    return Made(out, write_export(subject(tuned), Wanted("ollama"), out, lambda text: None))


def subject(tuned: Path) -> Subject:
    return Subject("small", tuned, HeldOutOptions(data=tuned.parent / "rows.jsonl"), None)


def states(proof: ShipProof) -> dict[str, bool | None]:
    return {check.name: check.passed for check in proof.checks}


def test_gguf_for_ollama_holds_the_merged_weights_and_renders_as_trained(made: Made) -> None:
    assert {path.name for path in made.folder.iterdir()} == {
        "Modelfile",
        "README.md",
        "chat_template.jinja",
        "manifest.json",
        "prompt_format.json",
        "small.gguf",
    }
    assert [path.name for path in made.folder.parent.iterdir()] == ["small"]
    proof = prove(made.folder, made.merged)
    assert all(check.passed for check in proof.checks), proof.checks
    assert [check.name for check in proof.checks] == ["files", "lineage", "weights", "prompts", "prompts", "stops"]
    assert "; 1.0" in next(check.found for check in proof.checks if check.name == "weights")  # times the adapter
    # A model of random weights scores nothing, so that its answers show nothing.
    assert proof.claim is not None
    assert (proof.verdict, proof.claim.outcome, proof.claim.n) == ("open", "open", 3)
    assert len((made.folder / "proof" / "predictions.jsonl").read_text().splitlines()) == 3
    assert parse_modelfile((made.folder / "Modelfile").read_text()).model == "./small.gguf"
    assert not (made.folder / FAILED_FILE).exists()


@pytest.mark.long
def test_another_template_does_not_ship_and_is_marked(made: Made, tmp_path: Path) -> None:
    from benchmarks.ship_faults import Scene, faults

    faults()["other template"](Scene(made.folder, made.merged), tmp_path / "planted")
    proof = prove(tmp_path / "planted", made.merged)
    assert (proof.verdict, states(proof)["stops"]) == ("does_not", True)
    assert "does not ship: Prompts" in (tmp_path / "planted" / FAILED_FILE).read_text()
    assert proof.claim is None  # nobody waits for answers to other prompts


@pytest.mark.long
def test_every_planted_fault_is_refused(made: Made, tmp_path: Path) -> None:
    from benchmarks.ship_faults import Scene, faults

    for name, plant in faults().items():
        place = tmp_path / name.replace(" ", "-")
        place.mkdir()
        plant(Scene(made.folder, made.merged), place / "export")
        proof = prove(place / "export", made.merged, answers=False)
        assert proof.verdict == "does_not", (name, proof.checks)
        shutil.rmtree(place)


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed")
def test_four_bits_are_as_near_as_four_bits_are(tuned: Path, tmp_path: Path) -> None:
    merged = write_export(subject(tuned), Wanted("gguf", quant="q4_k_m"), tmp_path / "out", lambda text: None)
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".gguf", ".jinja", ".json", ".md"}
    proof = prove(tmp_path / "out", merged, answers=False)
    assert [check.found for check in proof.checks if check.passed is False] == []
    assert read_manifest(tmp_path / "out").weights_type == "Q4_K_M"


def test_a_folder_is_the_measured_model_itself(tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert command.main(["export", str(tuned), "--to", "folder", "--out", str(out)]) == 0
    assert "The folder ships." in capsys.readouterr().out
    manifest = read_manifest(out)
    assert manifest.files["model.safetensors"].sha256 == manifest.merge.weights["model.safetensors"]
    generation = json.loads((out / "generation_config.json").read_text())
    assert (generation["eos_token_id"], generation["do_sample"]) == (2, False)

    (out / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert command.main(["prove", str(out)]) == 1
    said = capsys.readouterr().out
    assert "files    FAILS: chat_template.jinja has" in said
    assert "The folder does not ship: Files, Prompts." in said
    assert (out / FAILED_FILE).is_file()


def test_bad_input_is_refused_before_anything_is_written(
    made: Made, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    def write(**options: str) -> None:
        write_export(subject(tuned), Wanted("gguf", **options), out, lambda text: None)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(exports.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 5))  # type: ignore[attr-defined]
        with pytest.raises(DiskFullError, match="The export needs"):
            write()
    with monkeypatch.context() as patch:
        patch.setenv(gguf_file.CONVERTER_VARIABLE, str(tmp_path))
        with pytest.raises(PreflightError, match="GGUF needs"):
            write()
    unknown = tmp_path / "unknown"
    unknown.mkdir()
    (unknown / "config.json").write_text('{"architectures": ["NobodyForCausalLM"]}')
    with pytest.raises(ModelError, match=r"does not know the architecture NobodyForCausalLM .* `--to folder` works"):
        gguf_file.require_architecture(unknown)
    with pytest.raises(ModelError, match=r"base of the adapter .* is not to be had"):
        write(base=str(tmp_path / "gone"))
    assert not out.exists()
    out.mkdir()
    (out / "mine").write_text("x")
    with pytest.raises(UsageError, match="not an empty folder"):
        write()
    assert command.main(["prove", str(tmp_path)]) == 2
    assert "no finished export" in capsys.readouterr().err
