"""How much memory a LoRA training takes, item by item, from the model's config.json alone: no torch, no weights.

What autograd keeps is counted by toolkit.planning.activation_memory. `make bench-train` compares the sums with measured
peaks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.options.training import MemoryOptions
from toolkit.planning.activation_memory import activation_bytes, layer_bytes
from toolkit.planning.training_shape import GIB, ModelShape, TrainingShape

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
        "activations": activation_bytes(model, training),
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
    budget = activation_bytes(model, training) + max(_head(model, training), _backward(model, training))

    def needed(rows: int) -> int:
        step = replace(training, labelled=None, longest=longest).with_options(
            training.options.with_options(
                MemoryOptions(per_device_train_batch_size=rows, max_length=max(longest, MIN_LENGTH), packing=False)
            )
        )
        layer = max(layer_bytes(model, step, windowed) for windowed in (False, model.windowed > 0))
        return layer + step.tokens * model.hidden * (step.precision_bytes + 4) + _head(model, step)

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
