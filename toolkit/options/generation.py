"""Options of generate: the systems that answer, how their tokens are drawn, and the engine."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from toolkit.errors import PreflightError
from toolkit.options.base import OptionalAddress, OptionalCount, OptionalPath, OptionalText, Options, off_is_none
from toolkit.options.merge import MergeChoice
from toolkit.options.shared import HeldOutOptions, ModelOptions, PromptOptions, SeedOptions

SystemName = Literal["baseline", "few_shot", "tuned"]
ServedWeights = Literal["none", "nf4", "fp8"]
ServedQuantization = Annotated[Literal["auto", "none", "nf4", "fp8"], BeforeValidator(off_is_none)]


class TunedOptions(ModelOptions):
    """The base model, and the adapter over it."""

    adapter: OptionalPath = Field(
        None, description="Adapter folder that sft wrote; none generates with the base model."
    )
    merge_mode: MergeChoice = Field(
        "auto",
        description=(
            "Base weights under the adapter: rounded to NF4 as in training, or 16-bit; auto follows training.json."
        ),
    )


class SystemOptions(TunedOptions):
    """The base model, the adapter over it, and which systems answer."""

    systems: list[SystemName] = Field(
        default_factory=list,
        description=(
            "Systems to answer with, in one go: baseline (the model alone), few_shot (the model with rows of train in"
            " its prompt), tuned (with the adapter); if empty, tuned where there is an adapter."
        ),
    )
    shots: int = Field(4, ge=1, le=64, description="Rows of train in each prompt of few_shot.")
    shots_by: Literal["fixed", "nearest"] = Field(
        "fixed",
        description=(
            "Rows that few_shot shows: fixed draws them once by the seed, nearest takes the most alike questions."
        ),
    )
    proof_rows: int = Field(
        64,
        ge=0,
        description=(
            "Prompts on which a merged model is measured against base + adapter before it answers; 0 leaves that out."
        ),
    )

    @property
    def wanted(self) -> list[SystemName]:
        """The systems that answer."""
        return self.systems or (["tuned"] if self.adapter else ["baseline"])

    @model_validator(mode="after")
    def _systems_can_be_had(self) -> Self:
        if len(set(self.systems)) != len(self.systems):
            raise ValueError(f"systems names one twice ({', '.join(self.systems)}); name each once")
        if "tuned" in self.systems and self.adapter is None:
            raise ValueError("systems names tuned, which needs adapter; give the adapter folder, or leave systems out")
        return self


class AnswerOptions(Options):
    """How long an answer may be, and how its tokens are drawn."""

    max_new_tokens: int = Field(512, ge=1, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, ge=0.0, description="0 is greedy; higher values draw more freely.")
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="Draw from the likeliest tokens that reach this probability.")
    presence_penalty: float = Field(
        0.0,
        ge=-2.0,
        le=2.0,
        description=(
            "Taken from the score of every token that the answer already has (as in OpenAI's API); small models repeat"
            " themselves less with 1."
        ),
    )

    @property
    def greedy(self) -> bool:
        return self.temperature == 0.0


class SamplingOptions(SeedOptions, AnswerOptions):
    """How tokens are drawn, from which seed, and how many answers each prompt gets."""

    n: int = Field(1, ge=1, description="Answers to each prompt; more than one needs a temperature above 0.")

    @model_validator(mode="after")
    def _several_answers_can_differ(self) -> Self:
        if self.n > 1 and self.greedy:
            raise ValueError(
                f"n is {self.n} with temperature 0, which would give the same answer {self.n} times; set temperature"
                " above 0, or n to 1"
            )
        return self


class ServerOptions(Options):
    """A server that is up."""

    server: OptionalAddress = Field(
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
    def _model_has_a_server(self) -> Self:
        if self.server_model and not self.server:
            raise ValueError("server_model names a model of a server; give server as well, or leave it out")
        return self


class EngineOptions(ServerOptions):
    """The engine that generates, and where it lives.

    The transformers backend reads `dtype`, `max_num_seqs` (its batch size) and `data_parallel_size`; a server
    `max_num_seqs` (requests in flight) and `server_model`.
    """

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
    quantization: ServedQuantization = Field(
        "auto",
        description=(
            "Weights that answer: none (16 bits, the adapter merged), nf4 (the base in 4 bits as in training, the"
            " adapter beside it), fp8 (the merged model in 8 bits, GPU only); auto takes none where it fits with room"
            " for 32 requests, else nf4."
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
    gpu_memory_utilization: float = Field(0.92, gt=0.0, le=1.0, description="Share of GPU memory that vLLM may take.")
    cpu_kv_cache_gib: float = Field(1.0, gt=0.0, description="Memory for the key-value cache on CPU, in GiB.")
    enforce_eager: bool = Field(False, description="No graph capture or compilation: quicker start, slower tokens.")
    unmerged: bool = Field(
        False,
        description="Let vLLM apply the adapter (LoRA) to the base model as it answers, instead of merging it first.",
    )

    @property
    def engine(self) -> Literal["vllm", "transformers", "server"]:
        """Who generates: the server, where one is named."""
        return "server" if self.server else self.backend

    @property
    def precision(self) -> str:
        """Name of the torch dtype that is computed in, or `server`. Raises PreflightError while it is `auto`."""
        if self.server:
            return "server"
        if self.dtype == "auto":
            raise PreflightError(_STILL_OPEN)
        return self.dtype

    @property
    def weights(self) -> ServedWeights:
        """The quantisation of the weights. Raises PreflightError while it is `auto`."""
        if self.quantization == "auto":
            raise PreflightError(_STILL_OPEN)
        return self.quantization

    @property
    def applies_adapter(self) -> bool:
        """Whether the engine applies the adapter itself, in place of a merge before."""
        return self.unmerged or self.quantization == "nf4"

    @property
    def engines(self) -> int:
        """Engines side by side. Raises PreflightError while that is left to the machine."""
        if self.data_parallel_size is None:
            raise PreflightError(_STILL_OPEN)
        return self.data_parallel_size

    @property
    def gpus_each(self) -> int:
        """GPUs that one engine takes."""
        return self.tensor_parallel_size * self.pipeline_parallel_size

    @property
    def executor(self) -> Literal["mp", "ray"] | None:
        """How vLLM starts the workers of one engine; None leaves it to vLLM."""
        return None if self.distributed_executor_backend == "auto" else self.distributed_executor_backend

    @model_validator(mode="after")
    def _options_fit_the_backend(self) -> Self:
        if self.unmerged and (self.backend != "vllm" or self.server):
            raise ValueError("unmerged needs backend vllm and no server; leave it out, or set backend to vllm")
        if self.quantization == "fp8" and (self.backend != "vllm" or self.unmerged):
            raise ValueError(
                "quantization fp8 needs backend vllm and a merged adapter; take nf4, or leave unmerged out"
            )
        if self.quantization == "nf4" and self.backend == "vllm" and self.dtype == "float32":
            raise ValueError("quantization nf4 in vLLM computes in 16 bits; set dtype to bfloat16 or auto")
        if self.backend == "transformers" and self.gpus_each > 1:
            raise ValueError(
                "tensor_parallel_size and pipeline_parallel_size need backend vllm; set both to 1, or"
                " data_parallel_size for several copies"
            )
        return self


_STILL_OPEN = (
    "generator.dtype, quantization or data_parallel_size is still left to the machine; decided() of"
    " toolkit.generation.choice decides them."
)


class GeneratorOptions(Options):
    """The engine behind a list of prompts or a server."""

    generator: EngineOptions = Field(default_factory=EngineOptions, description="The engine that generates.")


class GenerateOptions(GeneratorOptions, SamplingOptions, PromptOptions, HeldOutOptions, SystemOptions):
    """All that a generation takes: systems, prompts, sampling and engine."""

    guard_items: bool = Field(
        False,
        description=(
            "Answer the 80 bundled items of general ability as well (folder guard/), so that evaluate can tell what the"
            " training made the model forget; few_shot does not."
        ),
    )

    @model_validator(mode="after")
    def _engine_and_systems_fit(self) -> Self:
        if self.generator.server and (self.adapter or self.systems):
            raise ValueError(
                "a server answers with what it serves; leave adapter and systems out, and name the model with"
                " generator.server_model"
            )
        if self.generator.quantization == "nf4" and self.merge_mode == "base16":
            raise ValueError("quantization nf4 rounds the base, and merge_mode is base16; change one of them")
        return self
