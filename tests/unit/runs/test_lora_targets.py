"""Names and ranks of LoRA that a model does not have are refused by name before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.options.training import SftOptions
from toolkit.planning.lora_targets import lora_refusals

SHAPES = {"self_attn.q_proj": [8, 8], "self_attn.v_proj": [4, 8], "mlp.up_proj": [16, 8]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The header of a weight file is all that is read."""
    tensors = {
        f"model.layers.0.{name}.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in SHAPES.items()
    }
    header = json.dumps(tensors).encode()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "refusals"),
    [
        ({"target_modules": "q_proj v_proj", "lora_r": 8}, []),
        ({"target_modules": "all-linear", "lora_r": 4}, []),
        (
            {"target_modules": "q_porj v_proj"},
            ["target_modules names q_porj, which is no matrix of {model}; did you mean q_proj?"],
        ),
        (
            {"target_modules": "wq"},
            ["target_modules names wq, which is no matrix of {model}; there are: q_proj, up_proj, v_proj"],
        ),
        ({"lora_r": 9}, ["lora_r=9 is more than any matrix of {model} has (8); give at most 8."]),
    ],
)
def test_what_the_model_does_not_have_is_named(given: dict[str, object], refusals: list[str], model: Path) -> None:
    options = SftOptions.model_validate({"model": str(model), "lora_r": 8, **given})
    assert list(lora_refusals(options)) == [text.format(model=model) for text in refusals]


def test_weights_that_are_damaged_or_not_here_are_left_to_loading(model: Path, tmp_path: Path) -> None:
    options = SftOptions.model_validate({"model": str(model), "target_modules": "wq"})
    (model / "model.safetensors").write_bytes(b"\xff" * 20)
    assert list(lora_refusals(options)) == []
    assert list(lora_refusals(SftOptions.model_validate({"model": "nobody/nothing", "target_modules": "wq"}))) == []
