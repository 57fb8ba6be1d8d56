"""Options of sft: the data, the base model's precision, LoRA in PEFT's words, and the training in TRL's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from toolkit.errors import PreflightError
from toolkit.options.base import OptionalCount, OptionalPath, Options, Quantization, Share
from toolkit.options.shared import ModelOptions, PromptOptions, SeedOptions


def _true_or_false(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _words(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) and value != "all-linear" else value


class TrainingDataOptions(Options):
    """The rows to learn from."""

    data: OptionalPath = Field(
        None,
        description=(
            "Data set folder with train.jsonl and validation.jsonl, a folder of JSONL files, or one JSONL file."
        ),
    )
    validation_share: Share = Field(
        0.1, description="Share of the rows taken for validation where the data has no validation.jsonl."
    )


class BaseModelOptions(ModelOptions):
    """The base model, and the precision of its frozen weights."""

    quantization: Quantization = Field(
        "nf4", description="Precision of the frozen base weights: nf4 (QLoRA), 8bit, or none (16-bit LoRA)."
    )


class LoraOptions(Options):
    """LoRA (Hu et al. 2021) as PEFT takes it."""

    lora_r: int = Field(16, ge=1, le=512, description="Rank of the LoRA matrices.")
    lora_alpha: OptionalCount = Field(None, description="LoRA scale; twice the rank if left out.")
    lora_dropout: float = Field(0.05, ge=0.0, lt=1.0, description="Dropout before the LoRA matrices.")
    target_modules: Annotated[Literal["all-linear"] | tuple[str, ...], BeforeValidator(_words)] = Field(
        "all-linear", description="Layers that get LoRA: all-linear or a list of module names."
    )
    use_rslora: bool = Field(False, description="Scale by alpha / sqrt(r) instead of alpha / r.")
    use_dora: bool = Field(False, description="Train magnitude and direction apart (DoRA).")

    @property
    def alpha(self) -> int:
        """LoRA alpha as used: the given one or 2r."""
        return self.lora_alpha if self.lora_alpha is not None else 2 * self.lora_r

    def unknown_modules(self, modules: Iterable[str]) -> list[str]:
        """Those of `target_modules` that name none of a model's modules (dotted names); PEFT leaves them out."""
        if self.target_modules == "all-linear":
            return []
        dotted = [f".{module}" for module in modules]
        return [name for name in self.target_modules if not any(module.endswith(f".{name}") for module in dotted)]


class ScheduleOptions(Options):
    """How far and how fast the optimiser goes."""

    learning_rate: float = Field(2e-4, gt=0.0, description="Peak learning rate of AdamW.")
    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = Field(
        "cosine", description="Shape of the learning rate over the run."
    )
    warmup_ratio: float = Field(
        0.03, ge=0.0, lt=1.0, description="Share of the steps over which the learning rate rises."
    )
    weight_decay: float = Field(0.0, ge=0.0, description="Weight decay of the LoRA weights.")
    max_grad_norm: float = Field(0.3, gt=0.0, description="Gradient norm above which gradients are scaled down.")
    num_train_epochs: float = Field(3.0, gt=0.0, description="Passes over the training rows.")
    max_steps: OptionalCount = Field(None, description="Stop after this many optimiser steps, whatever the epochs.")


class MemoryOptions(Options):
    """What decides, besides the model, how much memory a step takes; `auto` is decided once for a run, by planning."""

    per_device_train_batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description=(
            "Rows per device and micro-step; auto takes the fastest that fits, and keeps the rows of an optimiser step,"
            " whatever the number of processes."
        ),
    )
    gradient_accumulation_steps: int = Field(
        16,
        ge=1,
        description=(
            "Micro-steps per optimiser step; with an automatic batch size the rows of an optimiser step, shared by all"
            " processes."
        ),
    )
    max_length: int = Field(
        2048, ge=16, description="Longest prompt plus completion, in tokens; longer rows are left out and named."
    )
    packing: bool = Field(
        False, description="Join the rows of a micro-step to one sequence without padding; attention keeps them apart."
    )
    attn_implementation: Literal["auto", "sdpa", "flash_attention_2"] = Field(
        "auto",
        description=(
            "Attention kernel: transformers' sdpa or flash_attention_2; auto takes PyTorch's kernels without a mask,"
            " for joined rows the one of variable length."
        ),
    )
    gradient_checkpointing: Annotated[
        Literal["auto", "true", "false"] | Annotated[int, Field(ge=2)], BeforeValidator(_true_or_false)
    ] = Field(
        "auto",
        description=(
            "Recompute activations in the backward pass: less memory, more time. A number N does it in one layer of N;"
            " auto only where memory needs it."
        ),
    )
    optim: Literal["adamw_torch", "paged_adamw_8bit", "paged_adamw_32bit"] = Field(
        "paged_adamw_8bit", description="Optimiser; the paged ones need CUDA."
    )

    @property
    def rows_per_device(self) -> int:
        """Rows per device and micro-step. Raises PreflightError while they are `auto`."""
        if self.per_device_train_batch_size == "auto":
            raise PreflightError(_STILL_AUTO)
        return self.per_device_train_batch_size

    @property
    def checkpointing(self) -> bool:
        """Whether activations are recomputed, of all layers or of some. Raises PreflightError while that is `auto`."""
        return self.recomputed_every > 0

    @property
    def recomputed_every(self) -> int:
        """1: activations are recomputed in all layers, N: in every N-th, 0: in none. Raises PreflightError while that
        is `auto`.
        """
        if self.gradient_checkpointing == "auto":
            raise PreflightError(_STILL_AUTO)
        if isinstance(self.gradient_checkpointing, int):
            return self.gradient_checkpointing
        return 1 if self.gradient_checkpointing == "true" else 0

    @property
    def checkpointing_words(self) -> str:
        """`with checkpointing` and the like. Raises PreflightError while that is `auto`."""
        every = self.recomputed_every
        return {0: "without checkpointing", 1: "with checkpointing"}.get(
            every, f"with checkpointing in one layer of {every}"
        )


_STILL_AUTO = (
    "per_device_train_batch_size and gradient_checkpointing are still auto: `steptune run sft` replaces them by what"
    " fits, once for the whole run; start it so, or give both."
)


class ProgressOptions(Options):
    """What is looked at, written and kept on the way."""

    eval_steps: OptionalCount = Field(
        None, description="Optimiser steps between two evaluations and checkpoints; twice an epoch if left out."
    )
    early_stopping_patience: OptionalCount = Field(
        3, description="Evaluations without a better validation loss before training stops; none to switch off."
    )
    logging_steps: int = Field(1, ge=1, description="Optimiser steps between two lines of metrics.")
    save_total_limit: int = Field(2, ge=1, description="Checkpoints kept on disk, the best one included.")
    report_to: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = Field(
        (), description="Trackers that also get the metrics."
    )


class TrainOptions(SeedOptions, ProgressOptions, MemoryOptions, ScheduleOptions):
    """The training itself: schedule, memory, progress and seed."""


class SftOptions(TrainOptions, LoraOptions, BaseModelOptions, PromptOptions, TrainingDataOptions, ModelOptions):
    """All that a fine-tuning takes: QLoRA on prompt/completion pairs with loss on the completion only."""
