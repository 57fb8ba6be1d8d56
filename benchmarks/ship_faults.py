"""Twelve faults planted into exports of one model, each with a manifest whose hashes fit it: what a wrong export looks
like, not a damaged one. The proof must refuse every one of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from toolkit.generation.adapter import read_adapter
from toolkit.shipping import gguf_file
from toolkit.shipping.manifest import hashed, read_manifest
from toolkit.shipping.source import Merged
from toolkit.shipping.staging import end_with_trained_token, link_weights, stage_small_files

MASK = "tokenizer.ggml."


@dataclass(frozen=True)
class Scene:
    """A proven export of GGUF, and the merged model that it was made from."""

    export: Path
    merged: Merged


Change = Callable[[dict[str, Any], dict[str, np.ndarray]], None]


def faults() -> dict[str, Callable[[Scene, Path], None]]:
    """By name: makes a folder with that fault from a sound export."""
    return {
        "double BOS": _rewritten(_double_bos),
        "other template": _rewritten(_other_template),
        "missing stop token": _rewritten(_missing_stop),
        "wrong base": _reconverted(_other_base),
        "adapter not merged": _reconverted(_not_merged),
        "truncated file": _truncated,
        "vocabulary off by one": _rewritten(_vocabulary_off_by_one),
        "tensors swapped": _rewritten(_swapped),
        "wrong scale": _reconverted(_wrong_scale),
        "quantised embeddings": _rewritten(_quantised_embeddings),
        "stale tokenizer": _rewritten(_stale_tokenizer),
        "other revision": _other_revision,
    }


def _copy(scene: Scene, folder: Path) -> Path:
    shutil.copytree(scene.export, folder, ignore=shutil.ignore_patterns("proof"))
    return folder / str(read_manifest(scene.export).model_file)


def _seal(folder: Path) -> None:
    """Let the manifest fit the files."""
    stated = read_manifest(folder)
    stated.model_copy(update={"files": hashed(folder)}).write(folder)


def _rewritten(change: Change) -> Callable[[Scene, Path], None]:
    def plant(scene: Scene, folder: Path) -> None:
        file = _copy(scene, folder)
        rewrite(scene.export / file.name, file, change)
        _seal(folder)

    return plant


def _reconverted(wrong: Callable[[Scene, Path], Merged]) -> Callable[[Scene, Path], None]:
    """The export of a model that is not the merged one, under the manifest of the merged one."""

    def plant(scene: Scene, folder: Path) -> None:
        file = _copy(scene, folder)
        _convert(wrong(scene, folder.with_suffix(".model")), scene, file)
        _seal(folder)

    return plant


def _convert(model: Merged, scene: Scene, file: Path) -> None:
    from toolkit.options.generation import AnswerOptions

    stated = read_manifest(scene.export)
    staged = file.with_suffix(".staged")
    staged.mkdir()
    prompt = stage_small_files(scene.merged, staged, AnswerOptions(**stated.sampling.model_dump()))
    end_with_trained_token(staged, prompt)
    link_weights(model, staged)
    file.unlink()
    gguf_file.write_gguf(staged, file, stated.weights_type.lower(), file.with_suffix(".log"))
    shutil.rmtree(staged)
    file.with_suffix(".log").unlink()


def rewrite(source: Path, target: Path, change: Change) -> None:
    """A copy of a GGUF file with other fields or tensors; `change` edits both in place. A tensor that it replaces is
    float32 and is stored as such, or in a type that it names as (type, values).
    """
    reader = gguf.GGUFReader(source)
    fields: dict[str, Any] = {
        name: (field.types, field.contents())
        for name, field in reader.fields.items()
        if not name.startswith("GGUF.") and name != "general.architecture"
    }
    tensors: dict[str, Any] = {tensor.name: (tensor.tensor_type, tensor.data) for tensor in reader.tensors}
    change(fields, tensors)
    target.unlink(missing_ok=True)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, (types, value) in fields.items():
        writer.add_key_value(name, value, types[0], sub_type=types[-1] if len(types) > 1 else None)
    for name, (kind, data) in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(data), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _double_bos(fields: dict[str, Any], tensors: dict[str, Any]) -> None:
    """The template writes BOS, and so does the runner: the text in the template is doubled, which no runner removes."""
    bos = fields[f"{MASK}tokens"][1][fields[f"{MASK}bos_token_id"][1]]
    types, template = fields["tokenizer.chat_template"]
    fields["tokenizer.chat_template"] = (types, '{{ "' + bos + '" }}' + template)


def _other_template(fields: dict[str, Any], tensors: dict[str, Any]) -> None:
    types, _ = fields["tokenizer.chat_template"]
    other = "{% for message in messages %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endfor %}"
    fields["tokenizer.chat_template"] = (types, other)


def _missing_stop(fields: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Another EOS, and the trained one as ordinary text under a name that no runner knows."""
    types, end = fields[f"{MASK}eos_token_id"]
    fields[f"{MASK}eos_token_id"] = (types, 0)
    fields.pop(f"{MASK}eot_token_id", None)
    fields[f"{MASK}tokens"][1][end] = "<|finished|>"
    types, template = fields["tokenizer.chat_template"]
    fields["tokenizer.chat_template"] = (types, template.replace("<|im_end|>", "<|finished|>"))


def _vocabulary_off_by_one(fields: dict[str, Any], tensors: dict[str, Any]) -> None:
    tokens = fields[f"{MASK}tokens"][1]
    middle = len(tokens) // 2
    fields[f"{MASK}tokens"] = (fields[f"{MASK}tokens"][0], [*tokens[:middle], *tokens[middle + 1 :], tokens[middle]])


def _swapped(fields: dict[str, Any], tensors: dict[str, Any]) -> None:
    a, b = "blk.0.ffn_up.weight", "blk.1.ffn_up.weight"
    tensors[a], tensors[b] = tensors[b], tensors[a]


def _quantised_embeddings(fields: dict[str, Any], tensors: dict[str, Any]) -> None:
    kind, data = tensors["token_embd.weight"]
    small = gguf.GGMLQuantizationType.Q4_0
    tensors["token_embd.weight"] = (small, gguf.quantize(gguf.dequantize(data, kind), small))


def _stale_tokenizer(fields: dict[str, Any], tensors: dict[str, Any]) -> None:
    """The pre-tokenizer of the model's older sister, which does not cut digits off."""
    fields[f"{MASK}pre"] = (fields[f"{MASK}pre"][0], "gpt-2")


def _truncated(scene: Scene, folder: Path) -> None:
    file = _copy(scene, folder)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size * 9 // 10)
    _seal(folder)


def _not_merged(scene: Scene, folder: Path) -> Merged:
    return _merged_with(scene, folder, scene.merged.adapter.without_weights(), scene.merged.base_dir)


def _wrong_scale(scene: Scene, folder: Path) -> Merged:
    """Twice the scale that was trained, as when alpha is doubled or the rank halved by hand."""
    adapter = read_adapter(scene.merged.adapter.folder)
    updates = {name: replace(update, scale=2 * update.scale) for name, update in adapter.updates.items()}
    return _merged_with(scene, folder, replace(adapter, updates=updates), scene.merged.base_dir)


def _other_base(scene: Scene, folder: Path) -> Merged:
    return _merged_with(scene, folder, scene.merged.adapter, _perturbed(scene, folder.with_suffix(".base"), 0.05))


def _other_revision(scene: Scene, folder: Path) -> None:
    """Weights that differ from the trained base's by a hundredth, as after one more epoch of its makers."""
    file = _copy(scene, folder)
    base = _perturbed(scene, folder.with_suffix(".base"), 0.01)
    _convert(_merged_with(scene, folder.with_suffix(".model"), scene.merged.adapter, base), scene, file)
    _seal(folder)


def _merged_with(scene: Scene, folder: Path, adapter: Any, base: Path) -> Merged:
    from toolkit.generation.merge import merge_adapter

    merge_adapter(adapter, base, folder, scene.merged.mode, durable=False)
    return replace(scene.merged, folder=folder, adapter=adapter, base_dir=base)


def _perturbed(scene: Scene, folder: Path, share: float) -> Path:
    """A copy of the base whose matrices differ from it by noise of that share of their own size."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(scene.merged.base_dir, folder)
    generator = torch.Generator().manual_seed(3)
    for path in folder.glob("*.safetensors"):
        tensors = load_file(path)
        for name, tensor in tensors.items():
            if tensor.dim() == 2:
                noise = torch.randn(tensor.shape, generator=generator) * tensor.float().std() * share
                tensors[name] = (tensor.float() + noise).to(tensor.dtype)
        save_file(tensors, path, {"format": "pt"})
    (folder / "fingerprint.json").unlink(missing_ok=True)
    return folder
