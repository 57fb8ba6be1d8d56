"""What is learned and what is served, token by token; Mistral's own library is the truth for its format."""

import copy
import random
import re
from pathlib import Path

import pytest
from mistral_common.protocol.instruct.messages import AssistantMessage, UserMessage
from mistral_common.protocol.instruct.request import InstructRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from toolkit.errors import DataError, ModelError
from toolkit.prompting import HOWTO, MISTRAL_V02, PromptFormat, choose_format, render_example, render_prompt
from toolkit.records import Example
from toolkit.training.tokens import TokenRow, prove_prompts, tokenise

PIN = Example("pin", "How do I reset my PIN?", "1. Open the app.\n2. Tap Reset.")
WORDS = ["<s>", "</s>", "<unk>", "how", "now", "open", "tap", "Q", "A"]


@pytest.fixture
def word_tokenizer() -> PreTrainedTokenizerFast:
    model = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=model, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def test_labels_hold_the_answer_and_eos_and_mask_the_prompt(word_tokenizer) -> None:
    spoken = PromptFormat("howto", prefix="Q ", suffix=" A")
    rows = tokenise([Example("a", "how now", "open tap tap")], spoken, word_tokenizer, 16, "training")
    assert rows.rows == [TokenRow("a", [0, 7, 3, 4, 8, 5, 6, 6, 1], [-100, -100, -100, -100, -100, 5, 6, 6, 1])]
    counts = {"rows": 1, "tokens": 9, "labelled_tokens": 4, "longest": 9, "too_long": [], "fully_masked": []}
    assert rows.counts() == counts


def test_rows_longer_than_max_length_are_left_out_and_named(word_tokenizer) -> None:
    examples = [
        Example("fits", "how", "tap"),
        Example("long", "how now", "open tap tap open"),
        Example("fits too", "how", "open"),
    ]
    rows = tokenise(examples, HOWTO, word_tokenizer, 12, "training")
    assert ([row.id for row in rows.rows], rows.too_long) == (["fits", "fits too"], ["long"])


def test_data_with_only_long_rows_is_refused_with_the_shortest_length(word_tokenizer) -> None:
    with pytest.raises(
        DataError, match=r"All 1 training rows are longer than max_length=4 tokens \(the shortest has 10\)"
    ):
        tokenise([Example("long", "how", "tap")], HOWTO, word_tokenizer, 4, "training")


def test_mistral_prompt_is_that_of_mistral_common(mistral_tokenizer) -> None:
    truth = MistralTokenizer.v1().instruct_tokenizer
    for question in (
        PIN.prompt,
        "  where is it?\n",
        'Naïve "quotes" & <tags>?',
        "Bagaimana cara mengganti kata sandi?",
    ):
        expected = truth.encode_instruct(InstructRequest(messages=[UserMessage(content=question.strip())])).tokens
        assert render_prompt(question, MISTRAL_V02, mistral_tokenizer) == expected


def test_mistral_training_row_is_that_of_mistral_common(mistral_tokenizer) -> None:
    truth = MistralTokenizer.v1().instruct_tokenizer
    expected = truth.encode_instruct(
        InstructRequest(messages=[UserMessage(content=PIN.prompt), AssistantMessage(content=PIN.output)])
    ).tokens
    rendered = render_example(PIN.prompt, PIN.output, MISTRAL_V02, mistral_tokenizer)
    assert rendered.prompt_ids + rendered.completion_ids == expected


def test_a_thousand_random_dialogues_are_those_of_mistral_common_with_one_bos(mistral_tokenizer) -> None:
    """With control tokens as text; without runs of spaces, which data-build takes out: transformers' conversion of the
    tokenizer cuts them in other pieces than sentencepiece.
    """
    truth, generator = MistralTokenizer.v1().instruct_tokenizer, random.Random(7)
    pieces = [
        "Wi-Fi",
        "PIN",
        "kata sandi",
        "naïve",
        "1. ",
        "\n",
        " ",
        "[INST]",
        "[/INST]",
        "«ü»",
        "密码",
        "😀",
        "C:\\x",
        '"quoted"',
        "§ 3",
        "e-mail?",
        "…",
        "</s>",
        "<s>",
        "<unk>",
    ]

    def text() -> str:
        joined = "".join(
            generator.choice(pieces) + generator.choice(("", " ")) for _ in range(generator.randint(1, 12))
        )
        return re.sub(" +", " ", joined).strip() or "how"

    for _ in range(1000):
        question, answer = text(), text()
        dialogue = [UserMessage(content=question), AssistantMessage(content=answer)]
        expected = truth.encode_instruct(InstructRequest(messages=dialogue)).tokens
        rendered = render_example(question, answer, MISTRAL_V02, mistral_tokenizer)
        assert rendered.prompt_ids + rendered.completion_ids == expected, (question, answer)
        assert render_prompt(question, MISTRAL_V02, mistral_tokenizer) == rendered.prompt_ids
        assert rendered.prompt_ids.count(mistral_tokenizer.bos_token_id) == 1
        assert rendered.completion_ids.count(mistral_tokenizer.eos_token_id) == 1


def test_format_is_taken_from_the_template_and_never_from_a_name(mistral_tokenizer, tmp_path: Path) -> None:
    named = tmp_path / "mistral-7b-instruct-v0.2"
    named.mkdir()
    assert choose_format("auto", str(named), mistral_tokenizer).name == "howto"
    own = copy.deepcopy(mistral_tokenizer)
    own.chat_template = (
        "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m['content'] + ' [/INST]' if m['role'] == 'user' else ' '"
        " + m['content'] + eos_token }}{% endfor %}"
    )
    assert choose_format("auto", str(tmp_path), own) == MISTRAL_V02


def test_proof_records_what_was_checked(mistral_tokenizer) -> None:
    rows = tokenise([PIN], MISTRAL_V02, mistral_tokenizer, 64, "training").rows
    proof = prove_prompts([PIN], rows, MISTRAL_V02, mistral_tokenizer).to_json()
    assert proof["train_prompt_is_served_prompt"]
    assert (proof["rows_checked"], proof["control_tokens"], proof["end_token"]) == (1, ["<s>"], "</s>")
    assert proof["example_prompt"] == "<s> [INST] How do I reset my PIN? [/INST]"


@pytest.mark.parametrize(
    ("ids", "labels", "complaint"),
    [
        ([0, 3, 5, 1], [-100, -100, 5, 1], "is not the prompt that generate serves"),
        ([0, 7, 3, 8, 5, 1], [-100, -100, -100, 8, 5, 1], "part of the prompt is learned"),
        ([0, 7, 3, 8, 5, 1], [-100, -100, -100, -100, -100, 1], "part of the answer is not learned"),
        ([0, 7, 3, 8, 5, 6], [-100, -100, -100, -100, 5, 6], "the token that ends an answer is not learned"),
        ([0, 7, 3, 8, 0, 1], [-100, -100, -100, -100, 0, 1], "the answer holds other control tokens than its format"),
    ],
)
def test_proof_refuses_rows_that_differ_from_serving(
    word_tokenizer, ids: list[int], labels: list[int], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        prove_prompts(
            [Example("a", "how", "open")],
            [TokenRow("a", ids, labels)],
            PromptFormat("howto", "Q ", " A"),
            word_tokenizer,
        )
