"""What autograd keeps of a decoder between the passes, by the path that attention takes.

The counts are those of transformers 5.19's layers with PEFT 0.21's LoRA: every tensor that autograd keeps was listed
and counted (tests/unit/training/test_activation_counts.py does it again).
"""

from __future__ import annotations

from toolkit.planning.training_shape import FLASH_WIDTH, ModelShape, TrainingShape


def activation_bytes(model: ModelShape, training: TrainingShape) -> int:
    """What is kept: all of a layer or, where it is recomputed, its input; and one recomputed layer whole."""
    tokens, precision = training.tokens, training.precision_bytes
    windowed = model.windowed if 0 < model.window < training.row else 0
    layers = [layer_bytes(model, training, place < windowed) for place in range(model.layers)]
    around = tokens * model.hidden * (precision + 4)  # embedding output and the input of the last norm
    every = training.options.recomputed_every
    recomputed = layers[::every] if every else []
    kept = sum(layers) - sum(recomputed) + max(recomputed, default=0)
    return around + kept + len(recomputed) * tokens * model.hidden * precision


def layer_bytes(model: ModelShape, training: TrainingShape, windowed: bool) -> int:
    """What one layer keeps for its backward pass; `windowed`: it looks at fewer tokens than a row has."""
    mask = _mask_bytes(model, training, windowed)
    repeated = mask > 0 and (training.device == "cuda" or not _without_mask(model, training))
    by_row = _row_by_row(model, training)
    per_token = _bytes_per_token(model, training, repeated or _misses_flash(model, training), by_row)
    return training.tokens * per_token + mask


def _bytes_per_token(model: ModelShape, training: TrainingShape, repeated: bool, by_row: bool) -> int:
    """`repeated`: keys and values are kept once for each query head; `by_row`: attention's output is kept once more, as
    each row gave it.
    """
    precision = training.precision_bytes
    h, a, f = model.hidden, model.attention, model.intermediate
    kv = a if repeated else model.kv
    values = (3 if by_row else 2) * a + 2 * kv + 3 * f  # q, attention output, k, v, gate, its activation, up
    norms = model.norms * (h * 4 + 4) + ((a + model.kv) * 4 + model.heads * 8 if model.qk_norm else 0)
    adapted = {
        name: inputs
        for name, (inputs, _) in model.linears.items()
        if training.options.target_modules == "all-linear" or name in training.options.target_modules
    }
    # PyTorch's CPU dropout keeps its noise in the input's type.
    mask_bytes = 1 if training.device == "cuda" else precision
    if training.options.lora_dropout:
        lora = sum(inputs * (precision + mask_bytes) for inputs in adapted.values())
    else:  # q, k, v share their input, as do gate and up; the attention output is kept already
        groups = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"), ("down_proj",))
        lora = sum(precision * max((adapted.get(name, 0) for name in group), default=0) for group in groups)
    return values * precision + norms + model.heads * 4 + lora + len(adapted) * training.options.lora_r * precision


def _mask_bytes(model: ModelShape, training: TrainingShape, windowed: bool) -> int:
    """The mask that a layer keeps, in the compute type: for a window, and where rows that are joined are kept apart by
    nothing else.
    """
    tokens, row, precision = training.tokens, training.row, training.precision_bytes
    joined = training.options.packing
    if training.options.attn_implementation == "flash_attention_2":
        return 0
    if not _without_mask(model, training):  # transformers' own attention: one mask for all rows of a micro-batch
        return tokens * tokens * precision if joined else tokens * row * precision if windowed else 0
    if not windowed or (joined and not _row_by_row(model, training)):
        return 0
    return (tokens if joined else row) * row * precision


def _without_mask(model: ModelShape, training: TrainingShape) -> bool:
    """Whether attention is toolkit.training.attention's."""
    return model.plain and training.options.attn_implementation == "auto"


def _row_by_row(model: ModelShape, training: TrainingShape) -> bool:
    """Whether joined rows are attended to one by one, for want of the kernel for rows of different lengths."""
    return (
        training.options.packing
        and _without_mask(model, training)
        and (training.device == "cpu" or _misses_flash(model, training))
    )


def _misses_flash(model: ModelShape, training: TrainingShape) -> bool:
    """Whether a card has no FlashAttention for the model: its other kernel wants a key for each query."""
    return training.device == "cuda" and (training.fp16 or model.attention // model.heads > FLASH_WIDTH)
