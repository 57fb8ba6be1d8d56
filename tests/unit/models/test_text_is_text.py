"""Whatever a user writes comes back as written, in every family, with no control token that the format did not put
there.

`HYPOTHESIS_PROFILE=explore` looks further.
"""

from __future__ import annotations

import copy
import json
import unicodedata
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken

from tests.unit.models.families import FAMILIES, Family, build_tokenizer
from toolkit.errors import ModelError
from toolkit.prompting import (
    PromptFormat,
    choose_format,
    control_tokens,
    decode_answer,
    load_format,
    render_example,
    render_prompt,
    save_format,
)

BY_NAME = {family.name: family for family in FAMILIES}
CONTROLS = sorted({text for family in FAMILIES for text in (*family.all_controls, *family.marks) if text.strip()})
PIECES = st.one_of(
    st.sampled_from([*CONTROLS, *(text[:-1] for text in CONTROLS), *(text[1:] for text in CONTROLS)]),
    st.sampled_from(["1. Open", " the app", "\n", " ", "  ", ".", "é", "密码", "😀", "</", "<|", "|>", "[", "0", "42"]),
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="▁"),
)
TEXTS = st.lists(PIECES, min_size=1, max_size=12).map("".join)


@cache
def loaded(name: str) -> tuple[Any, PromptFormat]:
    """The family's tokenizer and format; the tokenizer alone, so that no model is made."""
    from transformers import AutoTokenizer

    family = BY_NAME[name]
    with TemporaryDirectory() as folder:
        build_tokenizer(family, Path(folder))
        (Path(folder) / "config.json").write_text(json.dumps({"model_type": family.model["model_type"]}))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return tokenizer, choose_format("auto", folder, tokenizer)


class PythonTokenizer:
    """A letter a token, and `<e>` as 2 unless it is asked not to; it has no tokenizer of the tokenizers library."""

    bos_token_id, eos_token_id, chat_template = None, 2, None
    added_tokens_decoder: ClassVar = {2: AddedToken("<e>", special=True)}

    def __len__(self) -> int:
        return 3

    def encode(self, text: str, add_special_tokens: bool, split_special_tokens: bool = False) -> list[int]:
        parts = [text] if split_special_tokens else text.split("<e>")
        ids = [[ord(letter) for letter in part] for part in parts]
        return [token for number, part in enumerate(ids) for token in ([2, *part] if number else part)]


def test_tokenizers_written_in_python_are_told_to_take_text_for_text() -> None:
    tokenizer: Any = PythonTokenizer()
    spoken = PromptFormat("howto", prefix="<e>Q", suffix="A<e>", bos=False)
    assert render_prompt("how", spoken, tokenizer) == [2, *map(ord, "QhowA"), 2]
    row = render_example("<e>", "1<e>", spoken, tokenizer)
    assert row.prompt_ids == [2, *map(ord, "Q<e>A"), 2]
    assert row.completion_ids == [*map(ord, "1<e>"), 2]


def test_a_stored_format_outlives_its_template(tmp_path: Path) -> None:
    tokenizer, prompt_format = loaded("llama3")
    save_format(prompt_format, tmp_path)
    other = copy.deepcopy(tokenizer)
    other.chat_template = "{{ messages[0]['content'] }} on {{ strftime_now('%Y') }}"
    assert choose_format("auto", str(tmp_path), other) == prompt_format
    assert choose_format("chat_template", str(tmp_path), other) == prompt_format
    assert render_prompt("Why?", prompt_format, other) == render_prompt("Why?", prompt_format, tokenizer)


def test_a_format_of_another_version_is_refused_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "prompt_format.json").write_text('{"name": "chat_template", "system": "You are"}')
    with pytest.raises(
        ModelError, match=r"prompt_format\.json has the keys name, system .* written by a newer version"
    ):
        load_format(tmp_path)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{{ messages[0]['content'] }} {{ messages[0]['content'] }}", "writes a question 2 times, expected once"),
        ("Hello", "writes a question 0 times"),
        ("{{ messages[0]['content'] }}", "leaves an answer out"),
    ],
)
def test_templates_that_do_not_carry_a_turn_are_refused(template: str, complaint: str) -> None:
    tokenizer = copy.deepcopy(loaded("llama3")[0])
    tokenizer.chat_template = template
    with pytest.raises(ModelError, match=complaint):
        choose_format("chat_template", "nowhere", tokenizer)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@settings(max_examples=settings.default.max_examples // 4)
@given(question=TEXTS, answer=TEXTS)
def test_any_text_goes_through(family: Family, question: str, answer: str) -> None:
    assume(question.strip() and answer.strip())
    tokenizer, prompt_format = loaded(family.name)
    controls = {
        token for token, text in control_tokens(tokenizer).items() if text != family.special.get("unk_token", "")
    } | {tokenizer.eos_token_id}
    bare = render_example("a", "a", prompt_format, tokenizer)
    row = render_example(question, answer, prompt_format, tokenizer)
    assert row.prompt_ids == render_prompt(question, prompt_format, tokenizer)
    for ids, plain in ((row.prompt_ids, bare.prompt_ids), (row.completion_ids, bare.completion_ids)):
        assert [token for token in ids if token in controls] == [token for token in plain if token in controls]
    back = decode_answer(row.completion_ids[:-1], prompt_format, tokenizer)
    assert unicodedata.normalize("NFC", back) == unicodedata.normalize("NFC", answer.strip())
