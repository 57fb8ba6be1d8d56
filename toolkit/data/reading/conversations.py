"""Conversations as a question and an answer: OpenAI's `messages` (steptune's own export too) and ShareGPT's."""

from __future__ import annotations

from typing import Any

ASKING = frozenset({"user", "human", "customer", "prompter", "question"})
ANSWERING = frozenset({"assistant", "gpt", "bot", "model", "chatgpt", "ai", "agent", "answer"})
SILENT = frozenset({"system", "developer"})


def pair_of(conversation: Any) -> tuple[str, str] | str:
    """The question and the answer of a conversation of one turn, else the reason why there is no such pair."""
    if not isinstance(conversation, list) or not all(isinstance(message, dict) for message in conversation):
        return "the conversation is no list of messages"
    turns = [(_role(message), _text(message)) for message in conversation]
    spoken = [(role, text) for role, text in turns if role not in SILENT]
    if unknown := next((role for role, _ in spoken if role not in ASKING | ANSWERING), None):
        return f"a message is by {unknown[:40]!r}, neither user nor assistant"
    if len(spoken) != 2 or spoken[0][0] not in ASKING or spoken[1][0] not in ANSWERING:
        return f"a conversation of {len(spoken)} messages; one question with one answer is taken"
    return spoken[0][1], spoken[1][1]


def is_conversation(value: Any) -> bool:
    """Whether it is a list of messages, however many and whoever they are by."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and _role(one) for one in value)


def _role(message: dict[str, Any]) -> str:
    return str(message.get("role") or message.get("from") or "").strip().lower()


def _text(message: dict[str, Any]) -> str:
    content = next((message[key] for key in ("content", "value", "text") if message.get(key) is not None), "")
    if isinstance(content, list):  # parts, of which pictures and tools say nothing here
        return "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
