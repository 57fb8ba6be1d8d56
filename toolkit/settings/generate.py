"""Settings of generate: the answers of one or two systems to a set of prompts."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from toolkit.options.base import OptionalCount, OptionalPath, OptionalText, PromptFormatName
from toolkit.settings.base import Settings


class GeneratorSettings(Settings):
    """The engine that generates, and where it lives."""

    backend: Literal["vllm", "transformers"] = Field(
        "vllm", description="Engine: vllm, or transformers where vLLM is not installed."
    )
    python: OptionalPath = Field(
        None, description="Interpreter of the environment that has vLLM; the current one if left out."
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto",
        description=(
            "Precision of the arithmetic; auto takes the fastest 16-bit type that the processor computes with, else"
            " float32."
        ),
    )
    max_model_len: OptionalCount = Field(
        None, description="Context in tokens that the engine plans for; longest prompt plus max_new_tokens if left out."
    )
    max_num_seqs: int = Field(64, ge=1, description="Requests in flight at once.")
    data_parallel_size: OptionalCount = Field(
        1,
        description=(
            "Engines side by side, each with a copy of the model and a share of the prompts; none takes as many as the"
            " visible GPUs hold."
        ),
    )
    tensor_parallel_size: int = Field(1, ge=1, description="GPUs that share one copy of the model.")
    pipeline_parallel_size: int = Field(
        1, ge=1, description="Groups of GPUs that hold the layers of one copy in turn, for several machines."
    )
    distributed_executor_backend: Literal["auto", "mp", "ray"] = Field(
        "auto",
        description=(
            "How vLLM starts the workers of one engine: mp on one machine, ray on several; auto leaves it to vLLM."
        ),
    )
    gpu_memory_utilization: float = Field(0.9, gt=0.0, le=1.0, description="Share of GPU memory that vLLM may take.")
    cpu_kv_cache_gib: float = Field(1.0, gt=0.0, description="Memory for the key-value cache on CPU, in GiB.")
    enforce_eager: bool = Field(False, description="No graph capture or compilation: quicker start, slower tokens.")
    unmerged: bool = Field(
        False, description="Let vLLM apply the adapter beside the base (LoRA) in place of merging it first."
    )
    server: OptionalText = Field(
        None,
        description=(
            "URL of an OpenAI-compatible server that generates in place of an engine here, for example"
            " http://localhost:8000."
        ),
    )
    server_model: OptionalText = Field(
        None, description="Name of the model on the server; not needed where it serves one only."
    )

    @model_validator(mode="after")
    def _options_fit_the_backend(self) -> GeneratorSettings:
        several = self.tensor_parallel_size * self.pipeline_parallel_size > 1
        if self.unmerged and (self.backend != "vllm" or self.server):
            raise ValueError("unmerged needs backend vllm and no server; leave it out, or set backend to vllm")
        if self.backend == "transformers" and several:
            raise ValueError(
                "tensor_parallel_size and pipeline_parallel_size need backend vllm; set both to 1, or"
                " data_parallel_size for several copies"
            )
        if self.server and not self.server.startswith(("http://", "https://")):
            raise ValueError(f"server must be a URL with http:// or https://, found {self.server!r}")
        if self.server_model and not self.server:
            raise ValueError("server_model names a model of a server; give server as well, or leave it out")
        return self


class GenerateSettings(Settings):
    """Merge the adapter, batch-generate, and lose nothing."""

    required: ClassVar[tuple[str, ...]] = ("data",)
    from_pipeline: ClassVar[tuple[str, ...]] = (
        "model",
        "revision",
        "trust_remote_code",
        "adapter",
        "systems",
        "data",
        "prompt_format",
    )

    model: str = Field(
        "mistralai/Mistral-7B-Instruct-v0.2", description="Base model: a hub id, a folder, or embedded:gemma-3-270m."
    )
    revision: OptionalText = Field(None, description="Revision of the hub model; the newest if left out.")
    trust_remote_code: bool = Field(False, description="Run Python code that comes with the model.")
    adapter: OptionalPath = Field(
        None, description="Adapter folder that sft wrote; none generates with the base model."
    )
    systems: list[Literal["baseline", "tuned"]] = Field(
        default_factory=list,
        description=(
            "Systems to answer with: baseline (the model alone), tuned (with the adapter), or both in one go; if empty,"
            " tuned where there is an adapter."
        ),
    )
    merge_mode: Literal["auto", "dequantised", "base16"] = Field(
        "auto",
        description=(
            "Base weights under the adapter: rounded to NF4 as in training, or 16-bit; auto follows training.json."
        ),
    )
    proof_rows: int = Field(
        64,
        ge=0,
        description=(
            "Prompts on which a merged model is measured against base + adapter before it answers; 0 leaves that out."
        ),
    )
    data: OptionalPath = Field(None, description="Data set folder, or a JSONL file with a prompt on each line.")
    split: Literal["test", "validation", "train"] = Field(
        "test", description="Split to answer where data is a data set folder."
    )
    max_rows: OptionalCount = Field(None, description="Answer only the first rows; all if left out.")
    prompt_format: PromptFormatName = Field(
        "auto", description="How a question becomes a prompt; auto takes the one stored with the adapter or the model."
    )

    max_new_tokens: int = Field(512, ge=1, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, ge=0.0, description="0 is greedy; higher values draw more freely.")
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="Draw from the likeliest tokens that reach this probability.")
    seed: int = Field(17, ge=0, description="Seed of sampling.")
    n: int = Field(1, ge=1, description="Answers to each prompt; more than one needs a temperature above 0.")
    generator: GeneratorSettings = Field(default_factory=GeneratorSettings, description="The engine that generates.")

    @model_validator(mode="after")
    def _systems_can_be_had(self) -> GenerateSettings:
        if len(set(self.systems)) != len(self.systems):
            raise ValueError(f"systems names one twice ({', '.join(self.systems)}); name each once")
        if "tuned" in self.systems and self.adapter is None:
            raise ValueError("systems names tuned, which needs adapter; give the adapter folder, or leave systems out")
        if self.generator.server and (self.adapter or self.systems):
            raise ValueError(
                "a server answers with what it serves; leave adapter and systems out, and name the model with"
                " generator.server_model"
            )
        if self.n > 1 and self.temperature == 0.0:
            raise ValueError(
                f"n is {self.n} with temperature 0, which would give the same answer {self.n} times; set temperature"
                " above 0, or n to 1"
            )
        return self
