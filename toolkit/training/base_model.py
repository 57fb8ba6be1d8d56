"""The frozen base model in 4, 8 or 16 bits, its tokenizer, and the LoRA that is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from toolkit.downloads import local_model
from toolkit.errors import ModelError
from toolkit.models import resolve_model
from toolkit.options.shared import ModelOptions
from toolkit.options.training import BaseModelOptions, LoraOptions
from toolkit.records import read_json
from toolkit.runs.recorder import Recorder
from toolkit.training.dequantised import keep_dequantised
from toolkit.training.hardware import Hardware, attention_kernel
from toolkit.training.kernels import fuse_kernels


def load_tokenizer(base: ModelOptions) -> PreTrainedTokenizerBase:
    """The base model's tokenizer. A missing pad token becomes the unknown token, or EOS: padding is never learned
    either way.

    Raises:
        ModelError: the model or its tokenizer cannot be found, it is an adapter, or it needs code of its own to be run.
    """
    _refuse_adapters_and_code(base)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            base_folder(base, weights=False),
            trust_remote_code=base.trust_remote_code,
            mistral_format=False,  # the same class whether mistral-common is installed or not, as in generation
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The tokenizer of {base.model} could not be loaded ({_first_line(error)}); check the name, the revision"
            " and the network."
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def base_folder(base: ModelOptions, weights: bool = True, recorder: Recorder | None = None) -> Path:
    """The base model's folder, downloaded where it is a hub model.

    Raises:
        ModelError: there is no such model, or it cannot be had.
    """
    return local_model(resolve_model(base.model), base.revision, weights, recorder)


def _refuse_adapters_and_code(base: ModelOptions) -> None:
    folder = Path(base.model).expanduser()
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        trained_on = (read_json(folder / "adapter_config.json") or {}).get("base_model_name_or_path", "its base model")
        raise ModelError(
            f"model: {base.model} is an adapter of {trained_on}; give the base model, or merge the two first with"
            " `steptune merge`."
        )
    config = read_json(base_folder(base, weights=False) / "config.json") or {}
    if config.get("auto_map") and not base.trust_remote_code:
        raise ModelError(
            f"{base.model} runs Python code of its own; read that code, and set trust_remote_code=true if you trust it."
        )


def load_base_model(
    base: BaseModelOptions, hardware: Hardware, attention: str = "auto", packing: bool = False
) -> PreTrainedModel:
    """The base model on this process's device, weights as `base.quantization` says, the rest in the compute precision,
    with the kernels that this machine has for it. `attention`: as `attn_implementation` names it.

    Raises:
        ModelError: the weights cannot be found or do not load.
    """
    disable_progress_bar()  # a bar per weight fills the log of a run
    arguments: dict[str, Any] = {
        "trust_remote_code": base.trust_remote_code,
        "dtype": hardware.compute_dtype,
        "quantization_config": quantization_config(base.quantization, hardware),
        "use_safetensors": True,
    }
    if not hardware.sharded:
        arguments["device_map"] = {"": hardware.device}
    try:
        folder = base_folder(base)
        config = AutoConfig.from_pretrained(folder, trust_remote_code=base.trust_remote_code).get_text_config()
        arguments["attn_implementation"] = attention_kernel(attention, packing, hardware, config.model_type)
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, **arguments)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The weights of {base.model} could not be loaded ({_first_line(error)}); check the name, the revision and"
            " the network."
        ) from error
    keep_dequantised(model, base.quantization, hardware)
    fuse_kernels(model, hardware)
    return model


def quantization_config(quantization: str, hardware: Hardware) -> BitsAndBytesConfig | None:
    """NF4 with double quantisation (Dettmers et al. 2023), LLM.int8(), or None for 16-bit weights."""
    if quantization == "nf4":
        # ZeRO-3 and FSDP flatten parameters of one dtype together, so the packed 4-bit bytes must claim the model's
        # dtype.
        storage = hardware.compute_dtype if hardware.sharded else torch.uint8
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=hardware.compute_dtype,
            bnb_4bit_quant_storage=storage,
        )
    return BitsAndBytesConfig(load_in_8bit=True) if quantization == "8bit" else None


def require_targets(model: PreTrainedModel, options: LoraOptions) -> None:
    """Raises ModelError for names in `target_modules` that the model does not have; PEFT leaves them out in silence."""
    if unknown := options.unknown_modules(name for name, _ in model.named_modules()):
        raise ModelError(
            f"target_modules names {', '.join(unknown)}, which the model does not have; `all-linear` takes them all."
        )


def lora_config(options: LoraOptions) -> LoraConfig:
    target = options.target_modules if isinstance(options.target_modules, str) else list(options.target_modules)
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=options.lora_r,
        lora_alpha=options.alpha,
        lora_dropout=options.lora_dropout,
        target_modules=target,
        use_rslora=options.use_rslora,
        use_dora=options.use_dora,
    )


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
