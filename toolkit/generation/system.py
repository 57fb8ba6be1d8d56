"""The system that answers: a base model, or one with an adapter merged into it, with its tokenizer and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.downloads import local_model
from toolkit.errors import ModelError
from toolkit.generation.adapter import MergeMode, choose_merge_mode, read_adapter
from toolkit.generation.base_model import check_base
from toolkit.generation.measured import Measured
from toolkit.generation.merge_cache import cached_merge
from toolkit.generation.prompts import ChatCodec, Codec
from toolkit.generation.server_engine import Server, connect
from toolkit.generation.unmerged import largest_rank, required_rank
from toolkit.models import fingerprint_model, resolve_model
from toolkit.options.generation import TunedOptions
from toolkit.options.shared import ModelOptions
from toolkit.prompting import PromptFormat, choose_format, end_token, load_format, ready_for
from toolkit.records import sha256_json
from toolkit.runs.recorder import Recorder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class System:
    """A model folder ready for an engine, and what it was made from; for a server the folder of its tokenizer."""

    folder: Path
    base_name: str
    base_fingerprint: str
    adapter: Path | None = None
    adapter_fingerprint: str | None = None
    merge_mode: MergeMode | None = None
    trust_remote_code: bool = False
    base_dir: Path | None = None
    lora_rank: int | None = None
    in_nf4: bool = False
    server: Server | None = None
    measured: Measured | None = None

    @property
    def unmerged(self) -> bool:
        """Whether the engine applies the adapter itself; `lora_rank` is what its buffers are made for, and `in_nf4`
        whether it rounds the base to NF4.
        """
        return self.lora_rank is not None

    @property
    def fingerprint(self) -> str:
        parts = [self.base_fingerprint, self.adapter_fingerprint, self.merge_mode]
        return sha256_json([*parts, *(["unmerged"] if self.unmerged else []), *(["nf4"] if self.in_nf4 else [])])


def base_system(source: ModelOptions, recorder: Recorder | None = None, in_nf4: bool = False) -> System:
    """The base model as it is, or as an engine rounds it to NF4.

    Raises:
        ModelError: it cannot be used.
    """
    resolved = resolve_model(source.model)
    base_dir = local_model(resolved, source.revision, recorder=recorder)
    return System(
        base_dir,
        resolved,
        fingerprint_model(str(base_dir)),
        trust_remote_code=source.trust_remote_code,
        base_dir=base_dir,
        in_nf4=in_nf4,
    )


def tuned_system(
    source: TunedOptions, unmerged: bool, recorder: Recorder, in_nf4: bool = False, by_peft: bool = False
) -> System:
    """The base model with the adapter merged into it (or taken from the cache), or to be applied by the engine
    (`unmerged`).

    An unmerged adapter that was trained on NF4 weights gets a base that is rounded as in training: by the engine as it
    loads (`in_nf4`), or here in 16 bits.

    Args:
        by_peft: the engine applies adapters with PEFT, which takes every kind; vLLM does not.

    Raises:
        ModelError: model or adapter cannot be used, or do not belong together.
        DiskFullError: no space for the merged model.
    """
    if source.adapter is None:
        raise ModelError("adapter: give the folder of an adapter as sft writes it; found none.")
    adapter = read_adapter(source.adapter)
    base = base_system(source, recorder, in_nf4)
    compared = check_base(adapter, source.model, base.base_name, base.folder, source.revision)
    mode: MergeMode = "dequantised" if in_nf4 else choose_merge_mode(source.merge_mode, adapter)
    rank = (largest_rank if by_peft else required_rank)(adapter) if unmerged else None
    tuned = replace(
        base, adapter=adapter.folder, adapter_fingerprint=adapter.fingerprint(), merge_mode=mode, lora_rank=rank
    )
    if unmerged and (in_nf4 or mode == "base16"):
        recorder.event(
            "adapter_unmerged", mode=mode, requested=source.merge_mode, base_compared_by=compared, lora_rank=rank
        )
        return tuned

    def checkpoint(done: int, total: int) -> None:
        recorder.progress("merge", done, total)
        recorder.check_stop()

    changes = adapter.without_weights() if unmerged else adapter
    folder, cached = cached_merge(
        changes, base.folder, base.base_fingerprint, mode, source.trust_remote_code, checkpoint
    )
    event = "base_rounded" if unmerged else "merged"
    recorder.event(
        event, mode=mode, requested=source.merge_mode, cached=cached, base_compared_by=compared, folder=str(folder)
    )
    return replace(tuned, folder=folder)


def server_system(source: ModelOptions, url: str, model: str | None) -> System:
    """What a server serves; `source` is needed for its tokenizer and prompt format where the server takes token ids.

    Raises:
        PreflightError: no such server, or it does not serve `model`.
        ModelError: the tokenizer cannot be found.
    """
    server = connect(url, model)
    fingerprint = sha256_json(["server", server.url, server.model])
    if not server.takes_token_ids:
        return System(Path(), server.model, fingerprint, server=server)
    folder = local_model(resolve_model(source.model), source.revision, weights=False)
    return System(folder, server.model, fingerprint, trust_remote_code=source.trust_remote_code, server=server)


def load_codec(system: System, requested_format: str) -> Codec:
    """Tokenizer, prompt format and stop tokens of a system; `auto` takes the format trained with the adapter, else the
    base's.

    Raises:
        ModelError: the folder has no tokenizer that can be read.
    """
    if system.server is not None and not system.server.takes_token_ids:
        return ChatCodec()
    from transformers import AutoTokenizer

    folder = _tokenizer_folder(system)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder,
            trust_remote_code=system.trust_remote_code,
            mistral_format=False,  # the same class whether mistral-common is installed or not, as in training
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder} has no tokenizer that can be read ({str(error).splitlines()[0][:200]}); save it with the model."
        ) from error
    stored = load_format(system.adapter) if system.adapter and requested_format == "auto" else None
    named = str(system.base_dir or system.folder)
    chosen = ready_for(stored, tokenizer) if stored else choose_format(requested_format, named, tokenizer)
    return Codec(tokenizer, chosen, _stop_token_ids(system, chosen, tokenizer))


def context_limit(system: System, max_model_len: int | None) -> int | None:
    """Tokens for prompt and answer together: the model's positions, or max_model_len where that is less."""
    if system.server is not None:
        known = [limit for limit in (system.server.context, max_model_len) if limit]
        return min(known) if known and system.server.takes_token_ids else None
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(system.folder, trust_remote_code=system.trust_remote_code).get_text_config()
    limits = [limit for limit in (getattr(config, "max_position_embeddings", None), max_model_len) if limit]
    return min(limits) if limits else None


def _tokenizer_folder(system: System) -> Path:
    """An unmerged adapter brings its tokenizer along; a merged folder has it already."""
    own = system.adapter if system.unmerged else None
    return own if own and (own / "tokenizer_config.json").is_file() else system.folder


def _stop_token_ids(system: System, prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Tokens that end an answer: the one that the format trains, the tokenizer's EOS, and those at which transformers
    would stop (generation_config.json, or else config.json; chat models name several).
    """
    ids = {end_token(prompt_format, tokenizer), tokenizer.eos_token_id, *_library_stops(system)}
    return sorted(token for token in ids if token is not None)


def _library_stops(system: System) -> list[int | None]:
    from transformers import AutoConfig, GenerationConfig

    stored = None
    if (system.folder / "generation_config.json").exists():
        stored = GenerationConfig.from_pretrained(system.folder).eos_token_id
    if stored is None and (system.folder / "config.json").exists():
        config = AutoConfig.from_pretrained(system.folder, trust_remote_code=system.trust_remote_code)
        stored = GenerationConfig.from_model_config(config).eos_token_id
    return list(stored) if isinstance(stored, list) else [stored]
