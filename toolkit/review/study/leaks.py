"""What in an answer gives away its source: names of systems, special tokens, an assistant's phrases, cut tails."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SPECIAL_TOKENS = re.compile(
    r"<\|[^|>\n]{1,40}\|>|</?s>|<(?:bos|eos|pad|unk|mask)>|<(?:start|end)_of_turn>|\[/?INST\]|<<?/?SYS>>?|\[/?(?:AVAILABLE_)?TOOLS?\]"
)
_ASSISTANT = re.compile(
    r"\bas an? (?:ai|artificial intelligence|language model)\b|\bi(?:'m| am) (?:an? )?(?:ai|language model|virtual"
    r" assistant)\b|"
    r"\bsebagai (?:sebuah )?(?:ai|model bahasa|kecerdasan buatan)\b|\bmy (?:training data|knowledge cutoff)\b",
    re.IGNORECASE,
)
_MODEL_NAMES = re.compile(
    r"\b(?:gpt-?\d|chatgpt|openai|gemma-?\d*|gemini|mistral(?:-\d+b)?|mixtral|llama-?\d*|qwen-?\d*|claude|anthropic)\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[.!?。…)\"'”’»:\]*_`]\s*$")
CUT_REASONS = frozenset({"length", "abort", "error"})


@dataclass(frozen=True)
class Leak:
    """One finding: the system and item, the kind, and the text that was found."""

    system: str
    item: str
    kind: str
    found: str

    def __str__(self) -> str:
        return f"{self.system}, {self.item}: {self.kind}: {self.found!r}"


def find_leaks(
    system: str, item: str, output: str, finish_reason: str | None, system_names: Iterable[str]
) -> list[Leak]:
    """The findings in one answer. Names are looked for as whole words; the three usual ones only as in "the tuned
    answer" and "tuned model".
    """
    leaks = [
        Leak(system, item, kind, match.group())
        for kind, pattern in _patterns(system_names)
        if (match := pattern.search(output))
    ]
    if finish_reason in CUT_REASONS:
        leaks.append(Leak(system, item, "cut off", f"finish_reason {finish_reason}"))
    elif output.strip() and not _ENDS.search(output):
        leaks.append(Leak(system, item, "tail looks cut", output.strip()[-30:]))
    if not output.strip():
        leaks.append(Leak(system, item, "empty", ""))
    return leaks


def _patterns(system_names: Iterable[str]) -> list[tuple[str, re.Pattern[str]]]:
    found = [("special token", _SPECIAL_TOKENS), ("assistant phrase", _ASSISTANT), ("model name", _MODEL_NAMES)]
    for name in system_names:
        word = re.escape(name)
        # "human" and "baseline" are words of ordinary answers, "tuned" as well; as a system's name they stand out in
        # these forms.
        form = (
            rf"\b(?:the {word} (?:model|system|answer)|{word} (?:model|system))\b"
            if name in ("human", "baseline", "tuned")
            else rf"\b{word}\b"
        )
        found.append(("system name", re.compile(form, re.IGNORECASE)))
    return found
