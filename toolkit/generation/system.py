"""The system that answers: a base model, or a base model with an adapter merged into it, with its tokenizer and limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.generation.adapter import MergeMode, choose_merge_mode, read_adapter
from toolkit.generation.base_model import check_base, local_model
from toolkit.generation.merge_cache import cached_merge
from toolkit.generation.prompts import Codec
from toolkit.models import fingerprint_model, resolve_model
from toolkit.prompting import choose_format, load_format
from toolkit.records import sha256_json
from toolkit.runs.recorder import Recorder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class System:
    """A model folder ready for an engine, and what it was made from."""

    folder: Path
    base_name: str
    base_fingerprint: str
    adapter: Path | None = None
    adapter_fingerprint: str | None = None
    merge_mode: MergeMode | None = None
    trust_remote_code: bool = False

    @property
    def fingerprint(self) -> str:
        return sha256_json([self.base_fingerprint, self.adapter_fingerprint, self.merge_mode])


def prepare_system(
    model: str, adapter_dir: Path | None, merge_mode: str, revision: str | None, trust_remote_code: bool, recorder: Recorder
) -> System:
    """Resolve the model and, with an adapter, merge it (or take the merged model from the cache).

    Raises:
        ModelError: model or adapter cannot be used, or do not belong together.
        DiskFullError: no space for the merged model.
    """
    resolved = resolve_model(model)
    adapter = read_adapter(adapter_dir) if adapter_dir else None
    base_dir = local_model(resolved, revision)
    base_fingerprint = fingerprint_model(str(base_dir))
    if adapter is None:
        return System(base_dir, resolved, base_fingerprint, trust_remote_code=trust_remote_code)
    compared = check_base(adapter, model, resolved, base_dir)
    mode = choose_merge_mode(merge_mode, adapter)

    def checkpoint(done: int, total: int) -> None:
        recorder.progress("merge", done, total)
        recorder.check_stop()

    folder, cached = cached_merge(adapter, base_dir, base_fingerprint, mode, trust_remote_code, checkpoint)
    recorder.event("merged", mode=mode, requested=merge_mode, cached=cached, base_compared_by=compared, folder=str(folder))
    return System(folder, resolved, base_fingerprint, adapter.folder, adapter.fingerprint(), mode, trust_remote_code)


def load_codec(system: System, requested_format: str) -> Codec:
    """Tokenizer, prompt format and stop tokens of a system; `auto` takes the format trained with the adapter, else the base's.

    Raises:
        ModelError: the folder has no tokenizer that can be read.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(system.folder, trust_remote_code=system.trust_remote_code)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{system.folder} has no tokenizer that can be read ({str(error).splitlines()[0][:200]}); save it with the model."
        ) from error
    stored = load_format(system.adapter) if system.adapter and requested_format == "auto" else None
    return Codec(tokenizer, stored or choose_format(requested_format, system.base_name, tokenizer), _stop_token_ids(system, tokenizer))


def context_limit(system: System, max_model_len: int | None) -> int | None:
    """Tokens for prompt and answer together: the model's positions, or max_model_len where that is less."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(system.folder, trust_remote_code=system.trust_remote_code).get_text_config()
    limits = [limit for limit in (getattr(config, "max_position_embeddings", None), max_model_len) if limit]
    return min(limits) if limits else None


def _stop_token_ids(system: System, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Tokens that end an answer: the tokenizer's EOS and those of generation_config.json (chat models name several)."""
    from transformers import GenerationConfig

    ids = {tokenizer.eos_token_id}
    if (system.folder / "generation_config.json").exists():
        stored = GenerationConfig.from_pretrained(system.folder).eos_token_id
        ids.update(stored if isinstance(stored, list) else [stored])
    return sorted(token for token in ids if token is not None)
