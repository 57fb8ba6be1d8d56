"""Settings of generate: one system's answers to a set of prompts."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from toolkit.settings.base import OptionalCount, OptionalPath, OptionalText, PromptFormatName, Settings


class GeneratorSettings(Settings):
    """The engine that generates, and where it lives."""

    backend: Literal["vllm", "transformers"] = Field("vllm", description="Engine: vllm, or transformers where vLLM is not installed.")
    python: OptionalPath = Field(None, description="Interpreter of the environment that has vLLM; the current one if left out.")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", description="Precision of the arithmetic; auto takes the fastest 16-bit type that the processor computes with, else float32."
    )
    max_model_len: OptionalCount = Field(
        None, description="Context in tokens that the engine plans for; longest prompt plus max_new_tokens if left out."
    )
    max_num_seqs: int = Field(64, ge=1, description="Requests in flight at once.")
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one copy of the model.")
    gpu_memory_utilization: float = Field(0.9, gt=0.0, le=1.0, description="Share of GPU memory that vLLM may take.")
    cpu_kv_cache_gib: float = Field(1.0, gt=0.0, description="Memory for the key-value cache on CPU, in GiB.")
    enforce_eager: bool = Field(False, description="No graph capture or compilation: quicker start, slower tokens.")


class GenerateSettings(Settings):
    """Merge the adapter, batch-generate, and lose nothing."""

    required: ClassVar[tuple[str, ...]] = ("data",)
    from_pipeline: ClassVar[tuple[str, ...]] = ("model", "revision", "trust_remote_code", "adapter", "data", "prompt_format")

    model: str = Field("mistralai/Mistral-7B-Instruct-v0.2", description="Base model: a hub id, a folder, or embedded:gemma-3-270m.")
    revision: OptionalText = Field(None, description="Revision of the hub model; the newest if left out.")
    trust_remote_code: bool = Field(False, description="Run Python code that comes with the model.")
    adapter: OptionalPath = Field(None, description="Adapter folder that sft wrote; none generates with the base model.")
    merge_mode: Literal["auto", "dequantised", "base16"] = Field(
        "auto", description="Base weights under the adapter: rounded to NF4 as in training, or 16-bit; auto follows training.json."
    )
    data: OptionalPath = Field(None, description="Data set folder, or a JSONL file with a prompt on each line.")
    split: Literal["test", "validation", "train"] = Field("test", description="Split to answer where data is a data set folder.")
    max_rows: OptionalCount = Field(None, description="Answer only the first rows; all if left out.")
    prompt_format: PromptFormatName = Field(
        "auto", description="How a question becomes a prompt; auto takes the one stored with the adapter or the model."
    )

    max_new_tokens: int = Field(512, ge=1, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, ge=0.0, description="0 is greedy; higher values draw more freely.")
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="Draw from the likeliest tokens that reach this probability.")
    seed: int = Field(17, ge=0, description="Seed of sampling.")
    generator: GeneratorSettings = Field(default_factory=GeneratorSettings, description="The engine that generates.")
