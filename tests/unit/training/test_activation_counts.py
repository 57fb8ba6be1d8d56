"""What the memory estimate counts for a layer is what autograd keeps of one, by each path that attention takes here."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, MistralConfig, MistralForCausalLM, PreTrainedModel

from toolkit.options.training import MemoryOptions, SftOptions
from toolkit.planning.activation_memory import activation_bytes, layer_bytes
from toolkit.planning.training_shape import TrainingShape, read_shape
from toolkit.training.attention import ROWS_ATTENTION
from toolkit.training.batches import BatchRows

WINDOW, ROW = 16, 32
SHAPE = {
    "vocab_size": 50,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}


def make(kind: str, layers: int) -> PreTrainedModel:
    if kind == "gemma3":
        types = ["sliding_attention"] * layers
        config = Gemma3TextConfig(**SHAPE, num_hidden_layers=layers, sliding_window=WINDOW, layer_types=types)
        return Gemma3ForCausalLM(config)
    window = WINDOW if kind == "window" else None
    return MistralForCausalLM(MistralConfig(**SHAPE, num_hidden_layers=layers, sliding_window=window))


def kept_bytes(model: PreTrainedModel, options: SftOptions) -> int:
    """Bytes of the storages that autograd keeps of a micro-batch of equal rows, but for the weights."""
    model.requires_grad_(False)
    model.set_attn_implementation(ROWS_ATTENTION if options.attn_implementation == "auto" else "sdpa")
    if options.checkpointing:
        model.gradient_checkpointing_enable(every_n_layers=options.recomputed_every)
    adapted = get_peft_model(model, LoraConfig(r=options.lora_r, target_modules="all-linear", lora_dropout=0.0))
    weights = {parameter.untyped_storage().data_ptr() for parameter in adapted.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    row = {"input_ids": [1, *range(2, ROW + 1)], "labels": [1] * ROW, "row": 0}
    batch = BatchRows(0, options.packing)([row] * options.rows_per_device)
    states = {name: batch[name] for name in batch if name not in ("labels", "row", "labelled", "targets")}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        adapted.train().get_base_model().model(**states, use_cache=False)
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("attention", ["auto", "sdpa"])
@pytest.mark.parametrize("kind", ["plain", "window", "gemma3"])
def test_a_layer_keeps_what_is_counted_for_it(kind: str, attention: str, joined: bool) -> None:
    options = SftOptions(
        attn_implementation=attention,
        packing=joined,
        per_device_train_batch_size=3,
        gradient_checkpointing=False,
        max_length=ROW,
        lora_r=4,
        lora_dropout=0,
    )
    models = [make(kind, layers) for layers in (2, 3)]
    shape = read_shape(models[0].config.to_dict())
    assert shape is not None
    fewer, more = (kept_bytes(model, options) for model in models)
    training = TrainingShape(options, precision_bytes=4, device="cpu")
    assert more - fewer == pytest.approx(layer_bytes(shape, training, windowed=kind != "plain"), rel=0.001)


@pytest.mark.parametrize("every", [2, 3, 1])
def test_the_layers_that_are_recomputed_keep_their_input_alone(every: int) -> None:
    options = SftOptions(
        per_device_train_batch_size=3, gradient_checkpointing=False, max_length=ROW, lora_r=4, lora_dropout=0
    )
    some = options.with_options(MemoryOptions(gradient_checkpointing=every if every > 1 else "true"))
    shape = read_shape(make("plain", 6).config.to_dict())
    assert shape is not None
    training = TrainingShape(options, precision_bytes=4, device="cpu")
    saved = kept_bytes(make("plain", 6), options) - kept_bytes(make("plain", 6), some)
    estimated = activation_bytes(shape, training) - activation_bytes(shape, training.with_options(some))
    # While a step goes back one recomputed layer is whole again.
    assert saved == pytest.approx(estimated + layer_bytes(shape, training, windowed=False), rel=0.06)


def test_cards_without_flash_attention_keep_a_key_for_each_query_and_no_scores() -> None:
    shape = read_shape(MistralConfig(**SHAPE, num_hidden_layers=2, sliding_window=None).to_dict())
    assert shape is not None
    plain = SftOptions(per_device_train_batch_size=3, gradient_checkpointing=False, max_length=ROW)
    joined = SftOptions(per_device_train_batch_size=3, gradient_checkpointing=False, max_length=ROW, packing=True)
    padded, varlen, t4, joined_t4 = (
        layer_bytes(shape, TrainingShape(options, 2, fp16=fp16), windowed=False)
        for options, fp16 in ((plain, False), (joined, False), (plain, True), (joined, True))
    )
    assert varlen == padded
    assert t4 - padded == 3 * ROW * 2 * (shape.attention - shape.kv) * 2
    assert joined_t4 - t4 == 3 * ROW * shape.attention * 2
