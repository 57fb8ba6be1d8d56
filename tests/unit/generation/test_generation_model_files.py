"""Folders that hold weights twice: the files that the index names are the model, in every step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.generation.conftest import make_adapter, make_base
from toolkit.errors import ModelError
from toolkit.generation.adapter import read_adapter
from toolkit.generation.base_model import check_base
from toolkit.generation.engine import EngineModel
from toolkit.generation.memory import weight_bytes
from toolkit.generation.merge import merge_adapter
from toolkit.generation.vllm_engine import engine_arguments
from toolkit.model_files import weight_files
from toolkit.models import fingerprint_model, resolve_model
from toolkit.options.generation import EngineOptions


def add_consolidated(base: Path, seed: int = 7) -> None:
    """Other weights in Mistral's own format beside the base's, with its config."""
    other = make_base(base.parent / f"other-{seed}", seed=seed)
    (base / "consolidated.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    (base / "params.json").write_text(json.dumps({"dim": 64, "n_layers": 2}))


def test_weights_in_a_second_format_are_neither_merged_copied_counted_nor_hashed(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", shard="100KB")
    before = (fingerprint_model(str(base)), weight_bytes(base, "float32"))
    files = weight_files(base)
    add_consolidated(base)
    (base / "params.json").unlink()
    assert (fingerprint_model(str(base)), weight_bytes(base, "float32")) == before
    assert weight_files(base) == files
    assert len(files) > 2
    (base / "params.json").write_text("{}")
    adapter = read_adapter(make_adapter(tmp_path / "adapter", base))
    assert check_base(adapter, str(base), str(base), base) == "shapes"
    merge_adapter(adapter, base, tmp_path / "merged", "base16")
    kept = {path.name for path in (tmp_path / "merged").iterdir()}
    assert {path.name for path in files} < kept
    assert not {"consolidated.safetensors", "params.json"} & kept


def test_vllm_is_told_which_of_the_formats(tmp_path: Path) -> None:
    options = EngineOptions(dtype="bfloat16", quantization="none")
    arguments = engine_arguments(EngineModel(tmp_path, False), options, 100, on_cpu=True)
    assert (arguments["load_format"], arguments["config_format"]) == ("safetensors", "hf")


def test_two_sets_of_weights_without_a_judge_are_refused_by_name(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    add_consolidated(base)
    with pytest.raises(ModelError, match=r"has model\.safetensors and consolidated\.safetensors, and no .*index\.json"):
        resolve_model(str(base))
    (base / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"neither model\.safetensors nor .*\(found consolidated\.safetensors\)"):
        resolve_model(str(base))
    sharded = make_base(tmp_path / "sharded", shard="100KB")
    (sharded / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="libraries choose differently between the two"):
        resolve_model(str(sharded))


def test_a_shard_that_is_missing_and_an_index_that_is_none_are_named(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", shard="100KB")
    lost = weight_files(base)[1]
    lost.unlink()
    with pytest.raises(ModelError, match=rf"lacks {lost.name} \(1 of the \d+ files"):
        resolve_model(str(base))
    for index in ("[1]", '{"weight_map": {"a": "../b.safetensors"}}', '{"weight_map": {"a": 1}}', "{"):
        (base / "model.safetensors.index.json").write_text(index)
        with pytest.raises(ModelError, match="is no index of safetensors files"):
            resolve_model(str(base))


@pytest.mark.parametrize(
    ("name", "content", "counts"),
    [
        ("README.md", "other", False),
        ("trainer_state.json", "{}", False),
        ("params.json", "{}", False),
        ("chat_template.jinja", "{{ messages }}", True),
        ("generation_config.json", '{"eos_token_id": [2, 3]}', True),
        ("merges.txt", "a b", True),
        ("modeling_own.py", "pass", True),
    ],
)
def test_fingerprint_covers_what_changes_the_function_and_nothing_else(
    tmp_path: Path, name: str, content: str, counts: bool
) -> None:
    base = make_base(tmp_path / "base")
    before = fingerprint_model(str(base))
    (base / name).write_text(content)
    assert (fingerprint_model(str(base)) != before) is counts


def test_fingerprint_does_not_say_which_version_of_transformers_wrote_the_config(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    before, config = fingerprint_model(str(base)), json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "transformers_version": "9.0"}, indent=7))
    assert fingerprint_model(str(base)) == before
    (base / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.5}))
    assert fingerprint_model(str(base)) != before
