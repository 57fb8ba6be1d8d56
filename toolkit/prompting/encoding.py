"""Text to token ids so that control tokens come from the prompt format alone, never from a question or an answer.

A tokenizer takes `</s>` or `<|im_end|>` for the control token wherever it stands. Texts without such a string are given
to it as they are, and the ids are the model's own library's. A text with one is given to a copy of the tokenizer in
which every control token goes by a random name: what the format writes is renamed with it, what the user wrote is text.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from toolkit.records import JSON

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

TOKEN_IDS = list[int]
_IS_A_MARK = re.compile(r"[^\w\s].*\S.*[^\w\s]")  # `<think>`, and neither a word nor white space


@dataclass(frozen=True)
class Written:
    """A piece of a prompt: written by the format, where control tokens count, or by a user, where they are text."""

    text: str
    by_user: bool = False


def encode(pieces: Sequence[Written], tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    """Ids of the pieces put together, without anything that a tokenizer adds of its own."""
    controls = _controls(tokenizer)
    ids = list(tokenizer.encode("".join(piece.text for piece in pieces), add_special_tokens=False))
    found = [token for token in ids if token in controls.by_id]
    if found == [token for piece in pieces if not piece.by_user for token in controls.written_in(piece.text)]:
        return ids
    renamed = controls.renamed(tokenizer)
    if renamed is None:
        return _encode_in_parts(pieces, controls, tokenizer)
    joined = "".join(piece.text if piece.by_user else controls.rename(piece.text) for piece in pieces)
    return list(renamed.encode(joined, add_special_tokens=False).ids)


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Added tokens that are flagged as special, or that the chat template names, with their text.

    Words, digits and white space that a tokenizer keeps among its added tokens are ordinary text.
    """
    return _controls(tokenizer).by_id


def controls_in(text: str, tokenizer: PreTrainedTokenizerBase) -> Iterator[re.Match[str]]:
    """The control tokens in a text that a format wrote, from left to right."""
    return _controls(tokenizer).in_text.finditer(text)


def _encode_in_parts(pieces: Sequence[Written], controls: _Controls, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    """For tokenizers written in Python, which treat the text between two control tokens apart as well."""
    ids: TOKEN_IDS = []
    run = ""
    for piece in pieces:
        start = 0
        for match in () if piece.by_user else controls.in_text.finditer(piece.text):
            ids += _plain(run + piece.text[start : match.start()], tokenizer)
            ids.append(controls.by_text[match.group()])
            run, start = "", match.end()
        run += piece.text[start:]
    return ids + _plain(run, tokenizer)


def _plain(text: str, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)) if text else []


@dataclass
class _Controls:
    """A tokenizer's control tokens, and its copy with other names for them once that is needed."""

    state: tuple[object, int]  # template and number of tokens that this was made from
    by_id: dict[int, str]
    in_text: re.Pattern[str]
    names: dict[str, str]
    known: dict[str, TOKEN_IDS] = field(default_factory=dict)
    copy: Tokenizer | None = None

    @cached_property
    def by_text(self) -> dict[str, int]:
        return {text: token for token, text in self.by_id.items()}

    def written_in(self, text: str) -> TOKEN_IDS:
        """Control tokens in a text that a format wrote; there are few such texts."""
        if text not in self.known:
            self.known[text] = [self.by_text[found] for found in self.in_text.findall(text)]
        return self.known[text]

    def rename(self, text: str) -> str:
        return self.in_text.sub(lambda match: self.names[match.group()], text)

    def renamed(self, tokenizer: PreTrainedTokenizerBase) -> Tokenizer | None:
        """The copy; None for a tokenizer that is not one of the tokenizers library."""
        if self.copy is None and (backend := getattr(tokenizer, "backend_tokenizer", None)) is not None:
            from tokenizers import Tokenizer

            self.copy = Tokenizer.from_str(json.dumps(_rename_all(json.loads(backend.to_str()), self.names)))
        return self.copy


_KNOWN: WeakKeyDictionary[PreTrainedTokenizerBase, _Controls] = WeakKeyDictionary()


def _controls(tokenizer: PreTrainedTokenizerBase) -> _Controls:
    """Looked up anew once a tokenizer's tokens or template were changed."""
    state = (tokenizer.chat_template, len(tokenizer))
    known = _KNOWN.get(tokenizer)
    if known is None or known.state != state:
        template = str(tokenizer.chat_template or "")
        by_id = {
            token: added.content
            for token, added in tokenizer.added_tokens_decoder.items()
            if added.special or (added.content in template and _IS_A_MARK.search(added.content))
        }
        longest_first = sorted(by_id.values(), key=len, reverse=True)
        names = {text: f"<{secrets.token_hex(8)}>" for text in longest_first}
        in_text = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        known = _KNOWN[tokenizer] = _Controls(state, by_id, in_text, names)
    return known


def _rename_all(document: JSON, names: dict[str, str]) -> JSON:
    """A tokenizer.json in which the tokens have other texts and the same ids."""
    model = document["model"]
    for added in document["added_tokens"]:
        added["content"] = names.get(added["content"], added["content"])
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(text, text): token for text, token in model["vocab"].items()}
    else:  # Unigram: pairs of text and score, by id
        model["vocab"] = [[names.get(text, text), score] for text, score in model["vocab"]]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [pair for pair in model["merges"] if not _makes_one_of(pair, names)]
    return {**document, "truncation": None, "padding": None, "post_processor": None}


def _makes_one_of(pair: Any, names: dict[str, str]) -> bool:
    left, right = pair if isinstance(pair, list) else pair.split(" ", 1)
    return left in names or right in names or left + right in names
