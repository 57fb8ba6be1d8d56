"""Prompts as they come from a file, and the requests that an engine gets: token ids, limits and a key of their own.

Text becomes token ids and back here alone (`Codec`): engines see token ids only, so that both give the same text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.dataset_folder.names import split_file
from toolkit.errors import DataError
from toolkit.generation.few_shot import Shots
from toolkit.guard import read_guard_items
from toolkit.options.generation import SamplingOptions
from toolkit.options.shared import HeldOutOptions
from toolkit.prompting import CHAT_TEMPLATE, PromptFormat, decode_answer, render_prompt, render_with_shots
from toolkit.records import iter_jsonl, row_id, sha256_json, sha256_text

EMPTY_PROMPT = "empty_prompt"
PROMPT_TOO_LONG = "prompt_too_long"


@dataclass(frozen=True)
class Prompt:
    """One question; an empty text is allowed and ends as `empty_prompt`."""

    id: str
    text: str


@dataclass(frozen=True)
class Codec:
    """A system's tokenizer (transformers' PreTrainedTokenizerBase) with the prompt format and the tokens that end an
    answer.
    """

    tokenizer: Any
    prompt_format: PromptFormat
    stop_ids: list[int]
    shots: Shots | None = None  # rows of train that stand before each question

    def encode(self, prompt: str) -> list[int]:
        if self.shots:
            return render_with_shots(prompt, self.shots.for_question(prompt), self.prompt_format, self.tokenizer)
        return render_prompt(prompt, self.prompt_format, self.tokenizer)

    def decode(self, token_ids: list[int]) -> str:
        """The answer's text without stop and other control tokens, and without white space around it."""
        kept = [token for token in token_ids if token not in self.stop_ids]
        return decode_answer(kept, self.prompt_format, self.tokenizer)


class ChatCodec(Codec):
    """For a server that renders and encodes prompts itself: no token ids, no stop tokens."""

    def __init__(self) -> None:
        super().__init__(None, CHAT_TEMPLATE, [])

    def encode(self, prompt: str) -> list[int]:
        return []


@dataclass(frozen=True)
class Request:
    """What an engine gets. `max_tokens` fits the context; `seed` is the row's own, so that order and batches do not
    matter.

    `refused` is the finish_reason of a prompt that no engine gets to see, with `max_tokens` 0. `sample` counts the
    answers to one prompt from 0. `adapter` is the folder of an adapter that the engine applies itself (unmerged).
    """

    id: str
    prompt: str
    prompt_ids: list[int]
    max_tokens: int
    seed: int
    key: str
    refused: str | None = None
    sample: int = 0
    stop_ids: tuple[int, ...] = ()
    adapter: str | None = None


def read_prompts(rows: HeldOutOptions) -> list[Prompt]:
    """The prompts of a data set folder's split or of a JSONL file, in order; rows without an id get their line number.

    Raises:
        DataError: no data was given, the file is missing or empty, a prompt is no text, or an id occurs twice.
    """
    data, split = rows.data, rows.split
    if data is None:
        raise DataError("data: give a data set folder or a JSONL file with a prompt on each line.")
    path = data / split_file(split) if data.is_dir() else data
    if data.is_dir() and not path.exists():
        there = ", ".join(sorted(file.name for file in data.glob("*.jsonl"))) or "no JSONL file"
        raise DataError(
            f"data: {data} has no {split}.jsonl (found {there}); give a data set folder as data-build writes it, or one"
            " JSONL file."
        )
    prompts: dict[str, Prompt] = {}
    for line_number, row in enumerate(iter_jsonl(path), start=1):
        identifier, text = row_id(row, line_number), row.get("prompt")
        if not isinstance(text, str):
            raise DataError(f"{path}:{line_number}: `prompt` must be a text; found {type(text).__name__}.")
        if identifier in prompts:
            raise DataError(
                f"{path}:{line_number}: the id {identifier!r} occurs twice; ids must be unique within a file."
            )
        prompts[identifier] = Prompt(identifier, text)
        if len(prompts) == rows.max_rows:
            break
    if not prompts:
        raise DataError(f"{path} has no prompts; expected one JSON object with a `prompt` on each line.")
    return list(prompts.values())


def guard_prompts() -> list[Prompt]:
    """The bundled items of general ability."""
    return [Prompt(item.id, item.prompt) for item in read_guard_items()]


def build_requests(
    prompts: list[Prompt],
    codec: Codec,
    sampling: SamplingOptions,
    context: int | None,
    system: str,
    adapter: Path | None = None,
) -> list[Request]:
    """`sampling.n` requests per prompt, in order.

    Args:
        context: tokens that the model or the user's max_model_len allows for prompt and answer; None for no limit.
        system: fingerprint of whatever else decides the answer (model, adapter, merge mode, engine, dtype).
        adapter: folder of an adapter that is served unmerged.
    """
    lora = str(adapter) if adapter else None
    return [
        replace(request, adapter=lora)
        for prompt in prompts
        for request in _requests(prompt, codec, sampling, context, system)
    ]


def _requests(
    prompt: Prompt, codec: Codec, sampling: SamplingOptions, context: int | None, system: str
) -> Iterator[Request]:
    ids = codec.encode(prompt.text) if prompt.text.strip() else []
    room = sampling.max_new_tokens if context is None else min(sampling.max_new_tokens, context - len(ids))
    refused = EMPTY_PROMPT if not prompt.text.strip() else PROMPT_TOO_LONG if room < 1 else None
    for sample in range(sampling.n):
        if refused:
            yield Request(prompt.id, prompt.text, ids, 0, 0, "", refused, sample)
            continue
        seed = _seed(prompt.id, sample, sampling)
        key = sha256_json(
            [ids or prompt.text, room, sampling.temperature, sampling.top_p, sampling.presence_penalty, seed, system]
        )
        yield Request(prompt.id, prompt.text, ids, room, seed, key, None, sample, tuple(codec.stop_ids))


def _seed(identifier: str, sample: int, sampling: SamplingOptions) -> int:
    """A draw's own seed; greedy answers have none, and the first sample has the seed that it would have alone."""
    if sampling.greedy:
        return 0
    return int(sha256_text(f"{sampling.seed}:{identifier}" + (f":{sample}" if sample else ""))[:8], 16)
