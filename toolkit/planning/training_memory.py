"""How much memory a LoRA training takes, item by item, from the model's config.json alone: no torch, no weights.

The activation counts are those of transformers 5.19's decoder layers with PEFT 0.21's LoRA (every tensor that autograd
keeps was listed and counted). `make bench-train` compares the sums with measured peaks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from toolkit.options.training import MemoryOptions, SftOptions
from toolkit.planning.strategies import SHARDED, Strategy

GIB = 1024**3
# Labelled positions that the head on CPU scores at once (toolkit.training.labelled_head): 128 x 262,144 x 4 bytes = 134
# MB.
CPU_HEAD_TOKENS = 128
# On a CPU the NF4 matrices of a model up to this size are kept dequantised as well (toolkit.training.dequantised).
CPU_COPIES_BYTES = 2 * GIB
# TRL's fused head on CUDA scores tiles of at most 4,096 tokens by 32,768 words.
CUDA_TILE = (4096, 32768)
# More rows at once do not make a validation pass faster; one of max_length is the least that MemoryOptions takes.
MAX_EVALUATION_ROWS, MIN_LENGTH = 32, 16
# CUDA context, cuBLAS workspaces and fragmentation; on a CPU Python with its libraries.
FRAMEWORK_GIB = {"cuda": 0.9, "cpu": 1.0}
# Families whose layers are counted below: gated MLP, grouped-query attention, RMSNorm. True: with norms of q and k.
FAMILIES = {
    "llama": False,
    "mistral": False,
    "qwen2": False,
    "qwen3": True,
    "gemma": False,
    "gemma2": False,
    "gemma3_text": True,
    "smollm3": False,
}
FOUR_NORMS = frozenset({"gemma2", "gemma3_text"})


@dataclass(frozen=True)
class ModelShape:
    """What decides a decoder's memory. `attention` and `kv`: width of all query heads and of all key heads."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    attention: int
    kv: int
    vocabulary: int
    tied: bool
    norms: int
    qk_norm: bool

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of a layer's linear modules by name."""
        h, f = self.hidden, self.intermediate
        return {
            "q_proj": (h, self.attention),
            "k_proj": (h, self.kv),
            "v_proj": (h, self.kv),
            "o_proj": (self.attention, h),
            "gate_proj": (h, f),
            "up_proj": (h, f),
            "down_proj": (f, h),
        }


@dataclass(frozen=True)
class TrainingShape:
    """What decides a training's memory besides the model: its options, none of them still `auto`, and what one process
    has. `precision_bytes`: of the compute type, 2 or 4.
    """

    options: SftOptions
    precision_bytes: int
    device: str = "cuda"
    strategy: Strategy = "single"
    processes: int = 1
    labelled: int | None = None  # labelled positions of a micro-batch; None: all of them may be
    fp16: bool = False  # a card without bf16, on which the adapters are trained in fp32
    longest: int | None = None  # tokens of the longest row; None: as long as max_length allows

    @property
    def row(self) -> int:
        """Tokens of a row in the fullest micro-batch."""
        return min(self.options.max_length, self.longest or self.options.max_length)

    @property
    def tokens(self) -> int:
        """Tokens of the fullest micro-batch, padding included."""
        return self.options.rows_per_device * self.row

    @property
    def sharded(self) -> bool:
        return self.strategy in SHARDED

    def with_options(self, options: SftOptions) -> TrainingShape:
        return replace(self, options=options)


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of one process by item; `total` includes the framework, `tensors` does not. `loading`: the peak before the
    first step, where that is another one than these items.
    """

    items: dict[str, int]
    loading: int = 0

    @property
    def peak(self) -> int:
        return max(self.total, self.loading)

    @property
    def tensors(self) -> int:
        return self.total - self.items["framework"]

    @property
    def total(self) -> int:
        return sum(self.items.values())

    def lines(self) -> list[str]:
        loading = [("while the weights load", self.loading)] if self.loading else []
        rows = [*self.items.items(), ("together", self.total), *loading]
        return [f"{name:<24} {size / GIB:7.2f} GiB" for name, size in rows]


def read_shape(config: dict[str, Any]) -> ModelShape | None:
    """The shape in a model's config.json; None for families that are not counted here."""
    text = config.get("text_config") or config
    family = str(text.get("model_type", ""))
    if family not in FAMILIES:
        return None
    hidden, heads = int(text["hidden_size"]), int(text["num_attention_heads"])
    head = int(text.get("head_dim") or hidden // heads)
    tied_by_default = family.startswith("gemma")
    return ModelShape(
        layers=int(text["num_hidden_layers"]),
        hidden=hidden,
        intermediate=int(text["intermediate_size"]),
        heads=heads,
        attention=heads * head,
        kv=int(text.get("num_key_value_heads") or heads) * head,
        vocabulary=int(text["vocab_size"]),
        tied=bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", tied_by_default))),
        norms=4 if family in FOUR_NORMS else 2,
        qk_norm=FAMILIES[family],
    )


def estimate_memory(model: ModelShape, training: TrainingShape) -> MemoryEstimate:
    """Peak memory of one process of a training, by item."""
    precision = training.precision_bytes
    elements = model.layers * sum(inputs * outputs for inputs, outputs in model.linears.values())
    weights, constants = _weights(model, training, elements)
    sharded = training.processes if training.sharded else 1
    words = model.vocabulary * model.hidden * precision * (1 if model.tied else 2)
    adapter = model.layers * sum(
        training.options.lora_r * (inputs + outputs) for inputs, outputs in _adapted(model, training)
    )
    halved = precision == 2 and training.options.quantization != "none" and not training.fp16
    adapter_bytes = adapter * (2 if halved else 4)
    shares = training.processes if training.strategy.startswith("zero") or training.strategy == "fsdp" else 1
    items = {
        "weights": weights // sharded,
        "quantisation constants": constants,
        "embeddings and head": words // sharded,
        "adapters": adapter_bytes,
        "gradients": adapter_bytes,
        "optimiser": _optimiser(adapter, adapter_bytes, training) // shares,
        "activations": _activations(model, training),
        "logits and workspace": max(_head(model, training), _backward(model, training)),
        "framework": round(FRAMEWORK_GIB[training.device] * GIB),
    }
    if keeps_dequantised(elements * precision, training.options.quantization, training.device, sharded > 1):
        items["dequantised copies"] = elements * precision
    if not training.sharded or training.options.quantization == "none":
        return MemoryEstimate(items)
    # transformers puts a quantised model whole on each process's device; it is split when the trainer takes it.
    matrix = max(inputs * outputs for inputs, outputs in model.linears.values()) * precision
    return MemoryEstimate(items, weights + constants + words + matrix + items["framework"])


def whole_model_bytes(model: ModelShape, precision_bytes: int) -> int:
    """Bytes of all weights in the compute precision: what a process of ZeRO-3 or FSDP loads on the host first."""
    elements = model.layers * (sum(inputs * outputs for inputs, outputs in model.linears.values()) + 2 * model.hidden)
    return (elements + model.vocabulary * model.hidden * (1 if model.tied else 2)) * precision_bytes


def evaluation_rows(model: ModelShape, training: TrainingShape, longest: int) -> int:
    """Rows that a validation pass may take at once: as many as fit what a training step holds for its activations, for
    without gradients one layer is held at a time. `longest`: tokens of the longest of them.
    """
    budget = _activations(model, training) + max(_head(model, training), _backward(model, training))
    layer = _layer_bytes_per_token(model, training) + model.hidden * (training.precision_bytes + 4)

    def needed(rows: int) -> int:
        step = replace(training, labelled=None, longest=longest).with_options(
            training.options.with_options(
                MemoryOptions(per_device_train_batch_size=rows, max_length=max(longest, MIN_LENGTH), packing=False)
            )
        )
        return rows * longest * (layer + longest * 2) + _head(model, step)

    fitting = [rows for rows in range(1, MAX_EVALUATION_ROWS + 1) if needed(rows) <= budget]
    return max([training.options.rows_per_device, *fitting])


def keeps_dequantised(copies: int, quantization: str, device: str, sharded: bool) -> bool:
    """Whether a training keeps copies of its NF4 matrices, `copies` bytes in all, in the compute precision."""
    return quantization == "nf4" and device == "cpu" and not sharded and copies <= CPU_COPIES_BYTES


def _weights(model: ModelShape, training: TrainingShape, elements: int) -> tuple[int, int]:
    """Bytes of the linear layers and norms, and of the quantisation constants."""
    norms = model.layers * model.norms * model.hidden * training.precision_bytes
    if training.options.quantization == "nf4":
        matrices = model.layers * len(model.linears)
        # A scale of one byte for 64 weights, a float for 256 scales, two code books a matrix (Dettmers et al. 2023).
        return elements // 2 + norms, elements // 64 + elements // 64 // 256 * 4 + matrices * (256 + 16 + 1) * 4
    if training.options.quantization == "8bit":
        return elements + norms, model.layers * sum(outputs * 4 for _, outputs in model.linears.values())
    return elements * training.precision_bytes + norms, 0


def _adapted(model: ModelShape, training: TrainingShape) -> list[tuple[int, int]]:
    named = training.options.target_modules
    return [shape for name, shape in model.linears.items() if named == "all-linear" or name in named]


def _optimiser(adapter: int, adapter_bytes: int, training: TrainingShape) -> int:
    if training.strategy.startswith("zero"):
        return adapter * 12  # DeepSpeed: a float32 copy and two moments
    if training.options.optim == "paged_adamw_8bit":
        return adapter * 2 + adapter * 8 // 256
    return adapter * 8 if training.options.optim == "paged_adamw_32bit" else adapter_bytes * 2


def _activations(model: ModelShape, training: TrainingShape) -> int:
    """What autograd keeps between the passes: all layers, or their inputs and one layer that is recomputed."""
    tokens = training.tokens
    layer, precision = _layer_bytes_per_token(model, training), training.precision_bytes
    mask = (
        tokens * training.row * 2
        if _masked(training) and not training.options.packing
        else tokens * tokens * 2
        if training.options.packing
        else 0
    )
    around = tokens * model.hidden * (precision + 4)  # embedding output and the input of the last norm
    kept = model.layers * model.hidden * precision + layer if training.options.checkpointing else model.layers * layer
    return tokens * kept + around + mask


def _layer_bytes_per_token(model: ModelShape, training: TrainingShape) -> int:
    """Tensors that one layer keeps for its backward pass, in bytes a token."""
    precision = training.precision_bytes
    h, a, kv, f = model.hidden, model.attention, model.kv, model.intermediate
    kept_kv = a if _masked(training) and training.device == "cpu" else kv  # with a mask transformers repeats the keys
    values = 2 * a + 2 * kept_kv + 3 * f  # q, attention output, k, v, gate, its activation, up
    norms = model.norms * (h * 4 + 4) + ((a + kv) * 4 + model.heads * 8 if model.qk_norm else 0)
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


def _masked(training: TrainingShape) -> bool:
    """Whether attention gets an explicit mask: rows of different lengths in a batch, or several in one sequence."""
    return training.options.rows_per_device > 1 or training.options.packing


def _head(model: ModelShape, training: TrainingShape) -> int:
    """Scores alive at once, and the gradient of the hidden states that are scored."""
    labelled = training.labelled if training.labelled is not None else training.tokens
    states = labelled * model.hidden * training.precision_bytes * 2
    if training.device == "cpu":
        return states + min(labelled, CPU_HEAD_TOKENS) * model.vocabulary * (4 if training.precision_bytes == 4 else 6)
    return states + min(labelled, CUDA_TILE[0]) * min(model.vocabulary, CUDA_TILE[1]) * 2 + labelled * model.hidden * 4


def _backward(model: ModelShape, training: TrainingShape) -> int:
    """One dequantised matrix, and the gradients of a layer's widest tensors."""
    tokens, precision = training.tokens, training.precision_bytes
    largest = max(inputs * outputs for inputs, outputs in model.linears.values())
    matrix = largest * precision if training.options.quantization != "none" else 0
    return matrix + tokens * (3 * model.intermediate + 2 * model.hidden) * precision
