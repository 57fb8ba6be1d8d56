"""The plain arguments of a training run, in the words of TRL and PEFT; recipes/sft/run.py fills them from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BaseModelOptions:
    """The base model as the user names it, and the precision of its frozen weights."""

    name: str
    revision: str | None = None
    trust_remote_code: bool = False
    quantization: Literal["nf4", "8bit", "none"] = "nf4"


@dataclass(frozen=True)
class LoraOptions:
    """LoRA (Hu et al. 2021) as PEFT takes it; `target_modules` is "all-linear" or module names."""

    r: int = 16
    alpha: int = 32
    dropout: float = 0.05
    target_modules: str | tuple[str, ...] = "all-linear"
    use_rslora: bool = False
    use_dora: bool = False


@dataclass(frozen=True)
class TrainOptions:
    """Optimiser, length and bookkeeping of a run. `max_steps=None` trains for the epochs;
    `early_stopping_patience=None` never stops early.
    """

    learning_rate: float = 2e-4
    lr_scheduler_type: str = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 0.3
    num_train_epochs: float = 3.0
    max_steps: int | None = None
    per_device_train_batch_size: int = 1
    gradient_accumulation_steps: int = 16
    max_length: int = 2048
    packing: bool = False
    attn_implementation: str = "auto"
    gradient_checkpointing: bool = True
    optim: str = "adamw_torch"
    eval_steps: int | None = None
    early_stopping_patience: int | None = 3
    logging_steps: int = 1
    save_total_limit: int = 2
    report_to: tuple[str, ...] = ()
    seed: int = 17
