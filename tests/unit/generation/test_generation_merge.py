"""The streaming merge against PEFT's own merge, and against explicit arithmetic for the NF4 mode.

Where rounding agrees: PEFT computes B·A·scale in float32 and adds it in place, which for 16-bit weights means one
rounding at the end, as here. PEFT rounds twice only where the adapter itself is kept in 16 bits; loading an adapter
upcasts it to float32 by default, so the comparison is exact.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.generation.conftest import load_weights, make_adapter, make_base, peft_merge
from toolkit.errors import DiskFullError, ModelError, UsageError
from toolkit.generation import merge_folder, nf4, tensor_stream
from toolkit.generation.adapter import choose_merge_mode, read_adapter
from toolkit.generation.base_model import check_base
from toolkit.generation.merge import merge_adapter
from toolkit.generation.merge_cache import cached_merge, is_intact
from toolkit.generation.merge_command import main
from toolkit.models import fingerprint_model, resolve_model

ADAPTERS = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "patterns": {
        "rank_pattern": {"q_proj": 8, "layers.1.mlp.up_proj": 2},
        "alpha_pattern": {"v_proj": 3, ".*down_proj": 5},
    },
    "two modules": {"target_modules": ["q_proj", "v_proj"]},
    "saved head": {"modules_to_save": ["lm_head"]},
    "embeddings": {"target_modules": ["embed_tokens", "o_proj"]},
}


def differing(ours: dict, theirs: dict) -> dict[str, int]:
    import torch

    assert set(ours) <= set(theirs)
    return {name: int((ours[name] != theirs[name]).sum()) for name in ours if not torch.equal(ours[name], theirs[name])}


@pytest.mark.parametrize("kind", ADAPTERS)
def test_base16_merge_equals_peft_bit_for_bit(tmp_path: Path, kind: str) -> None:
    base = make_base(tmp_path / "base")
    adapter = make_adapter(tmp_path / "adapter", base, **ADAPTERS[kind])
    merge_adapter(read_adapter(adapter), base, tmp_path / "merged", "base16")
    assert differing(load_weights(tmp_path / "merged"), peft_merge(base, adapter)) == {}
    assert differing(load_weights(tmp_path / "merged"), load_weights(base)) != {}


def test_bfloat16_base_is_rounded_once_like_peft(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", dtype="bfloat16", tied=True)
    adapter = make_adapter(tmp_path / "adapter", base)
    merge_adapter(read_adapter(adapter), base, tmp_path / "merged", "base16")
    assert differing(load_weights(tmp_path / "merged"), peft_merge(base, adapter, "bfloat16")) == {}


def test_headers_offsets_and_index_of_a_sharded_base_stay(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", shard="100KB")
    adapter = make_adapter(tmp_path / "adapter", base)
    merge_adapter(read_adapter(adapter), base, tmp_path / "merged", "base16")
    shards = sorted(path.name for path in base.glob("*.safetensors"))
    assert len(shards) > 2
    assert sorted(path.name for path in (tmp_path / "merged").glob("*.safetensors")) == shards
    for name in shards:
        assert tensor_stream.read_header(tmp_path / "merged" / name) == tensor_stream.read_header(base / name)
    for name in ("model.safetensors.index.json", "config.json", "tokenizer.json"):
        assert (tmp_path / "merged" / name).read_bytes() == (base / name).read_bytes()
    assert differing(load_weights(tmp_path / "merged"), peft_merge(base, adapter)) == {}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dora", [False, True])
def test_dequantised_merge_is_the_rounded_base_plus_the_adapter(tmp_path: Path, tied: bool, dora: bool) -> None:
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit
    from safetensors.torch import save_file

    base = make_base(tmp_path / "base", dtype="bfloat16", tied=tied)
    adapter = make_adapter(tmp_path / "adapter", base, target_modules=["q_proj", "up_proj"], use_dora=dora)
    weights = load_weights(base)
    linear = [name for name in weights if "_proj." in name]
    rounded = {
        name: dequantize_4bit(*quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4"))
        for name, weight in weights.items()
        if name in linear
    }
    explicit = make_base(tmp_path / "explicit", dtype="bfloat16", tied=tied)
    save_file({**weights, **rounded}, explicit / "model.safetensors", metadata={"format": "pt"})

    merge_adapter(read_adapter(adapter), base, tmp_path / "merged", "dequantised")
    merged = load_weights(tmp_path / "merged")
    assert len(linear) == 14
    assert differing(merged, peft_merge(explicit, adapter, "bfloat16")) == {}
    assert all(torch.equal(merged[name], weights[name]) for name in weights if name not in linear)
    assert not torch.equal(
        merged["model.layers.0.mlp.down_proj.weight"], weights["model.layers.0.mlp.down_proj.weight"]
    )


def test_quantised_layers_are_those_that_bitsandbytes_replaces_in_training(tmp_path: Path) -> None:
    import bitsandbytes
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    base = make_base(tmp_path / "base", dtype="bfloat16")
    settings = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = AutoModelForCausalLM.from_pretrained(base, quantization_config=settings, dtype=torch.bfloat16)
    trained = {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, bitsandbytes.nn.Linear4bit)
    }
    assert set(nf4.quantised_layers(base)) == set(trained)
    weights = load_weights(base)
    for name, parameter in trained.items():
        seen = bitsandbytes.functional.dequantize_4bit(parameter.data, parameter.quant_state)
        assert torch.equal(nf4.round_trip(weights[name]), seen), name


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_matrix_is_rounded_by_pieces_as_it_would_be_whole(
    transposed: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from bitsandbytes import functional

    weight = torch.randn(700, 90, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))
    source = (weight.T if transposed else weight).contiguous()
    packed, state = functional.quantize_4bit(source, blocksize=64, compress_statistics=True, quant_type="nf4")
    whole = functional.dequantize_4bit(packed, state)
    sizes = []
    quantise = functional.quantize_4bit
    monkeypatch.setattr(nf4, "PIECE_ELEMENTS", 20_000)
    monkeypatch.setattr(
        functional,
        "quantize_4bit",
        lambda piece, **options: (sizes.append(piece.numel()), quantise(piece, **options))[1],
    )
    rounded = nf4.round_trip(weight, transposed)
    assert torch.equal(rounded.T if transposed else rounded, whole)
    assert sum(sizes) == weight.numel()
    assert max(sizes) <= max(20_000, 64 * source.shape[1])  # what the quantiser holds grows with a piece, not a matrix


def test_auto_mode_follows_training_json(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    modes = {}
    for quantization in ("nf4", "8bit", "none", None):
        folder = make_adapter(
            tmp_path / f"adapter-{quantization}",
            base,
            training={"quantization": quantization} if quantization else None,
            target_modules=["q_proj"],
        )
        modes[quantization] = choose_merge_mode("auto", read_adapter(folder))
    assert modes == {"nf4": "dequantised", "8bit": "base16", "none": "base16", None: "base16"}
    assert choose_merge_mode("dequantised", read_adapter(tmp_path / "adapter-none")) == "dequantised"


def test_adapter_of_another_base_is_refused_by_fingerprint_and_by_shape(tmp_path: Path) -> None:
    base, other, wide = make_base(tmp_path / "base"), make_base(tmp_path / "other", seed=5), tmp_path / "wide"
    from transformers import LlamaConfig, LlamaForCausalLM

    LlamaForCausalLM(
        LlamaConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4, vocab_size=130)
    ).save_pretrained(wide)
    adapter = read_adapter(
        make_adapter(
            tmp_path / "adapter",
            base,
            training={
                "base_model": "my-base",
                "base_fingerprint": fingerprint_model(str(base)),
                "quantization": "none",
            },
        )
    )
    assert check_base(adapter, str(base), str(base), base) == "fingerprint"
    with pytest.raises(
        ModelError,
        match=r"was trained on my-base \(fingerprint .*\), but model is .*other.* set model to the adapter's base",
    ):
        check_base(adapter, str(other), str(other), other)
    with pytest.raises(ModelError, match=r"expects model\.layers\.0\.\S+ with shape"):
        check_base(adapter, str(wide), str(wide), wide)
    foreign = read_adapter(make_adapter(tmp_path / "foreign", base))
    assert check_base(foreign, str(other), str(other), other) == "shapes"


def test_hub_fingerprint_cannot_be_compared_with_a_folder_so_shapes_decide(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    training = {"base_model": "org/tiny", "base_fingerprint": fingerprint_model("org/tiny"), "quantization": "none"}
    assert (
        check_base(
            read_adapter(make_adapter(tmp_path / "adapter", base, training=training)), str(base), str(base), base
        )
        == "shapes"
    )


def test_model_folder_without_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"neither model\.safetensors nor .* \(found no safetensors\)"):
        resolve_model(str(tmp_path))


def test_adapters_that_cannot_be_merged_without_loss_are_refused(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    folder = make_adapter(tmp_path / "adapter", base)
    config = json.loads((folder / "adapter_config.json").read_text())
    for change, message in (
        ({"peft_type": "IA3"}, "only LORA"),
        ({"init_lora_weights": "pissa"}, "changed the base weights"),
        ({"lora_bias": True}, "uses lora_bias"),
    ):
        (folder / "adapter_config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(ModelError, match=message):
            read_adapter(folder)
    tied = make_base(tmp_path / "tied", tied=True)
    with_head = read_adapter(make_adapter(tmp_path / "head", tied, modules_to_save=["embed_tokens"]))
    with pytest.raises(ModelError, match="ties its output head to its embeddings"):
        merge_adapter(with_head, tied, tmp_path / "merged", "base16")


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    folder = make_adapter(tmp_path / "adapter", base)
    adapter = read_adapter(folder)
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors is damaged"):
        read_adapter(folder)
    model = base / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors has \d+ bytes, expected"):
        merge_adapter(adapter, base, tmp_path / "merged", "base16")


def test_cache_is_shared_checked_and_rebuilt_when_torn(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    adapter = read_adapter(make_adapter(tmp_path / "adapter", base))

    def merged(mode: str = "base16") -> tuple[Path, bool]:
        return cached_merge(adapter, base, "base-fingerprint", mode, False, lambda done, total: None)  # type: ignore[arg-type]

    folder, cached = merged()
    assert (cached, merged()) == (False, (folder, True))
    assert merged("dequantised")[0] != folder
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for torn in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        weights.write_bytes(torn)
        assert not is_intact(folder)
        assert merged() == (folder, False)
        assert weights.read_bytes() == whole
    (folder / "config.json").write_text("")
    assert merged() == (folder, False)


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make_base(tmp_path / "base")
    adapter = read_adapter(make_adapter(tmp_path / "adapter", base))
    out = tmp_path / "models" / "merged"
    with monkeypatch.context() as patch:
        patch.setattr(merge_folder.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 20})())
        with pytest.raises(DiskFullError, match=r"needs 0\.1 GB in .* which has 0\.0 GB free"):
            merge_adapter(adapter, base, out, "base16")

    def full(done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFullError, match="nothing was kept"):
        merge_adapter(adapter, base, out, "base16", checkpoint=full)
    assert list(out.parent.iterdir()) == []


def test_command_merges_and_says_so_and_refuses_a_used_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = make_base(tmp_path / "base")
    adapter = make_adapter(
        tmp_path / "adapter",
        base,
        training={"base_model": str(base), "base_fingerprint": fingerprint_model(str(base)), "quantization": "nf4"},
    )
    out = tmp_path / "out"
    assert main([str(adapter), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"Merged {adapter} into {base} (dequantised): {out}, 0.00 GB in ")
    record = json.loads((out / "merge.json").read_text())
    assert (record["mode"], record["nf4"]) == (
        "dequantised",
        {"layers": 14, "block_size": 64, "double_quantisation": True},
    )
    assert is_intact(out)
    assert main([str(adapter), "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"{out} is not an empty folder; give a new folder for the merged model.\n"
    assert main([str(base), "--out", str(tmp_path / "new")]) == 2
    assert "expected an adapter folder" in capsys.readouterr().err


def test_out_folder_that_is_empty_is_used(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    adapter = read_adapter(make_adapter(tmp_path / "adapter", base))
    (tmp_path / "empty").mkdir()
    assert merge_adapter(adapter, base, tmp_path / "empty", "base16").folder == tmp_path / "empty"
    with pytest.raises(UsageError):
        merge_adapter(adapter, base, tmp_path / "empty", "base16")
