"""What a teacher's body holds: the content of a chat completion, or why there is none; and JSON out of free text.

Servers and gateways answer with status 200 and HTML, an error object, half a body, or another schema: each gets a
reason of its own, which the ledger of the data set counts.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from toolkit.records import JSON

# A reasoning model's thoughts come first in the content of some servers.
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


@dataclass(frozen=True)
class Completion:
    """One chat completion. `reason` says why `content` cannot be used, "" if it can; tokens are None where the server
    did not say.
    """

    content: str = ""
    reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


def read_completion(body: bytes, content_type: str) -> Completion:
    """The completion in a body that came with status 200."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
            return Completion(reason="answered with an HTML page")
        return Completion(
            reason="answered with a body that is not JSON" if body.strip() else "answered with an empty body"
        )
    if not isinstance(document, dict):
        return Completion(reason="answered with JSON that is no chat completion")
    if document.get("error"):
        return Completion(reason="answered with an error and status 200")
    usage = _object(document.get("usage"))
    tokens = tuple(
        value if isinstance(value := usage.get(name), int) and value >= 0 else None
        for name in ("prompt_tokens", "completion_tokens")
    )
    return _content(document, tokens[0], tokens[1])


def _content(document: JSON, tokens_in: int | None, tokens_out: int | None) -> Completion:
    choices = document.get("choices")
    choice = _object(choices[0]) if isinstance(choices, list) and choices else {}
    message = _object(choice.get("message"))
    content = message.get("content")
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        return Completion("", "refused to answer", tokens_in, tokens_out)
    if not isinstance(content, str) or not content.strip():
        return Completion(
            "",
            "answered with JSON that is no chat completion" if not message else "answered with no text",
            tokens_in,
            tokens_out,
        )
    if choice.get("finish_reason") == "length":
        return Completion(content, "answer cut at max_tokens", tokens_in, tokens_out)
    return Completion(content, "", tokens_in, tokens_out)


def _object(value: Any) -> JSON:
    return value if isinstance(value, dict) else {}


def read_object(content: str, schema: type[BaseModel]) -> tuple[JSON | None, str]:
    """The object of that schema in a teacher's text, with prose, fences and small slips around it forgiven; or why
    there is none.
    """
    wrong = ""
    for candidate in _candidates(content):
        value = _loads(candidate)
        if not isinstance(value, dict):
            continue
        try:
            return schema.model_validate(value).model_dump(), ""
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the object"
            wrong = wrong or f"answered in another schema: {place}: {first['msg'].lower()}"
    return None, wrong or "answered without a JSON object"


def _candidates(content: str) -> list[str]:
    text = _THOUGHTS.sub("", content).strip()
    start, end = text.find("{"), text.rfind("}")
    return [
        text,
        *(fenced.strip() for fenced in _FENCE.findall(text)),
        *([text[start : end + 1]] if 0 <= start < end else []),
    ]


def _loads(text: str) -> Any:
    """JSON with raw newlines in texts and commas before a bracket allowed; a Python dict is taken as well."""
    for variant in (text, _TRAILING_COMMA.sub(r"\1", text)):
        try:
            return json.loads(variant, strict=False)
        except (ValueError, RecursionError):
            continue
    try:
        return ast.literal_eval(text) if len(text) < 20_000 else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
