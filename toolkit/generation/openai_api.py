"""OpenAI's API as far as the small server speaks it: a request read strictly, an answer and its pieces written."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from toolkit.config_problems import first_problem
from toolkit.generation.prompts import Codec, Request
from toolkit.options.generation import AnswerOptions, SamplingOptions
from toolkit.options.serving import ServeOptions
from toolkit.options.shared import MAX_SEED
from toolkit.records import JSON

CHAT, COMPLETION = "/v1/chat/completions", "/v1/completions"
# What generate can draw by; whatever else would change an answer is refused, unless it says what is done anyway.
_READ = {
    *("model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p"),
    *("presence_penalty", "seed", "stream", "stream_options", "stop_token_ids", "return_token_ids", "user"),
}
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "top_k": (0, -1),
    "min_p": (0, 0.0),
    "repetition_penalty": (1, 1.0),
    "frequency_penalty": (0, 0.0),
    "add_special_tokens": (False,),
    "echo": (False,),
    "logprobs": (False,),
    "stop": ([], ""),
}


class BadRequest(Exception):
    """A request that is not answered, with its HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A request of either kind."""

    request: Request
    sampling: SamplingOptions
    is_chat: bool
    stream: bool
    with_ids: bool
    model: str


def parse(
    path: str,
    body: Any,
    options: ServeOptions,
    codec: Codec,
    context: int | None,
    adapter: str | None,
    number: int,
) -> Asked:
    """The request in a body.

    Raises:
        BadRequest: another path or model, a value that cannot be, or something that this server does not do.
    """
    if path not in (CHAT, COMPLETION):
        raise BadRequest(f"there is no {path[:80]}; expected {CHAT} or {COMPLETION}", 404)
    if not isinstance(body, dict):
        raise BadRequest("expected a JSON object")
    _refuse_what_is_not_done(body)
    if body.get("model") not in (None, options.served_name):
        raise BadRequest(f"the model {str(body['model'])[:80]!r} does not exist; served is {options.served_name}", 404)
    sampling = _sampling(body, options)
    ids = _chat_ids(body, codec) if path == CHAT else _prompt_ids(body, codec)
    room = sampling.max_new_tokens if context is None else min(sampling.max_new_tokens, context - len(ids))
    if room < 1:
        raise BadRequest(f"the prompt has {len(ids)} tokens, and the maximum context length is {context}")
    stops = tuple(sorted({*codec.stop_ids, *_stop_ids(body)}))
    request = Request(str(number), "", ids, room, sampling.seed, str(number), stop_ids=stops, adapter=adapter)
    # The seed is the request's own: those that differ in it alone share a batch.
    alike = sampling.model_copy(update={"seed": 0, "max_new_tokens": 1})
    return Asked(
        request, alike, path == CHAT, bool(body.get("stream")), bool(body.get("return_token_ids")), options.served_name
    )


def _refuse_what_is_not_done(body: JSON) -> None:
    for name, value in body.items():
        if name in _READ or value is None or any(value == neutral for neutral in _NEUTRAL.get(name, ())):
            continue
        raise BadRequest(f"{name} is not something that this server does; leave it out, or serve with vLLM")


def _stop_ids(body: JSON) -> list[int]:
    found = body.get("stop_token_ids") or []
    if not isinstance(found, list) or not all(type(token) is int for token in found):
        raise BadRequest("stop_token_ids: expected a list of token ids")
    return found


def _sampling(body: JSON, options: ServeOptions) -> SamplingOptions:
    longest = body.get("max_completion_tokens") or body.get("max_tokens")
    given = {
        name: body[name] for name in ("temperature", "top_p", "presence_penalty", "seed") if body.get(name) is not None
    }
    given.setdefault("seed", secrets.randbelow(MAX_SEED))
    values = {**AnswerOptions.of(options).model_dump(), **given, **({"max_new_tokens": longest} if longest else {})}
    try:
        return SamplingOptions.model_validate(values)
    except ValidationError as error:
        raise BadRequest(first_problem(error, SamplingOptions)) from None


def _chat_ids(body: JSON, codec: Codec) -> list[int]:
    """One question by the renderer that trained, in which control tokens of a question are text; conversations by the
    model's chat template.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise BadRequest("messages: expected a list of objects with role and content")
    turns = [{"role": str(one.get("role")), "content": _content(one.get("content"))} for one in messages]
    if [turn["role"] for turn in turns] == ["user"]:
        return codec.encode(turns[0]["content"])
    try:
        written = codec.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # jinja2.TemplateError, and whatever a template calls
        raise BadRequest(f"messages: {str(error)[:300]}") from None
    return list(codec.tokenizer.encode(str(written), add_special_tokens=False))


def _content(content: Any) -> str:
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str) or not content.strip():
        raise BadRequest("messages: expected a text that is not empty as content")
    return content


def _prompt_ids(body: JSON, codec: Codec) -> list[int]:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and prompt and all(isinstance(token, int) for token in prompt):
        size = len(codec.tokenizer)
        if any(not 0 <= token < size for token in prompt):
            raise BadRequest(f"prompt: expected token ids from 0 to {size - 1}")
        return prompt
    if isinstance(prompt, str) and prompt:
        return list(codec.tokenizer.encode(prompt))
    raise BadRequest("prompt: expected a text, or a list of token ids")


def document(asked: Asked, ids: list[int], reason: str, codec: Codec) -> JSON:
    """A whole answer."""
    text = codec.decode(ids)
    choice: JSON = {"index": 0, "finish_reason": reason}
    choice |= {"message": {"role": "assistant", "content": text}} if asked.is_chat else {"text": text}
    choice |= {"token_ids": ids} if asked.with_ids else {}
    return {
        **_head(asked, "chat.completion" if asked.is_chat else "text_completion"),
        "choices": [choice],
        **_usage(asked, ids),
    }


def chunk(asked: Asked, before: list[int], ids: list[int], reason: str | None, codec: Codec) -> JSON:
    """A piece of an answer; the last one has the reason of its end and the counts."""
    old, new = (codec.decode(part).rstrip("\ufffd") for part in (before, ids))
    text = new.removeprefix(old)
    choice: JSON = {"index": 0, "finish_reason": reason}
    choice |= {"delta": {"content": text}} if asked.is_chat else {"text": text}
    choice |= {"token_ids": ids[len(before) :]} if asked.with_ids else {}
    kind = "chat.completion.chunk" if asked.is_chat else "text_completion"
    return {**_head(asked, kind), "choices": [choice], **(_usage(asked, ids) if reason else {})}


def _head(asked: Asked, kind: str) -> JSON:
    return {"id": f"answer-{asked.request.id}", "object": kind, "created": int(time.time()), "model": asked.model}


def _usage(asked: Asked, ids: list[int]) -> JSON:
    counts = {"prompt_tokens": len(asked.request.prompt_ids), "completion_tokens": len(ids)}
    return {"usage": {**counts, "total_tokens": sum(counts.values())}}
