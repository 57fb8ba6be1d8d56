"""Whole label masks, stated token by token, for Mistral, Gemma and a ChatML model; templates that cannot be used."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from toolkit.errors import ModelError
from toolkit.prompting import CHAT_TEMPLATE, HOWTO, MISTRAL_V02
from toolkit.records import Example
from toolkit.training.tokens import TokenRow, prove_prompts, tokenise

PIN = Example("pin", "How do I reset my PIN?", "1. Open the app.\n2. Tap Reset.")
WORDS = ["<|im_start|>", "<|im_end|>", "<unk>", "user", "assistant", "\n", "how", "open", "tap"]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'"
    " }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}\n{{ message['content']"
    " }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@pytest.fixture
def chatml() -> PreTrainedTokenizerFast:
    model = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Split(" ", "removed")]
    )
    special = {"eos_token": "<|im_end|>", "unk_token": "<unk>", "additional_special_tokens": ["<|im_start|>"]}
    return PreTrainedTokenizerFast(tokenizer_object=model, chat_template=CHATML, **special)


def spell(row: TokenRow, tokenizer) -> list[tuple[str, bool]]:
    """Each token with whether it is learned."""
    assert all(label in (-100, token) for label, token in zip(row.labels, row.input_ids, strict=True))
    return [
        (token, label != -100)
        for token, label in zip(tokenizer.convert_ids_to_tokens(row.input_ids), row.labels, strict=True)
    ]


def test_mistral_mask(mistral_tokenizer) -> None:
    (row,) = tokenise([PIN], MISTRAL_V02, mistral_tokenizer, 64, "training").rows
    prompt = ["<s>", "▁[", "INST", "]", "▁How", "▁do", "▁I", "▁reset", "▁my", "▁P", "IN", "?", "▁[", "/", "INST", "]"]
    answer = ["▁", "1", ".", "▁Open", "▁the", "▁app", ".", "<0x0A>", "2", ".", "▁T", "ap", "▁Reset", ".", "</s>"]
    assert spell(row, mistral_tokenizer) == [
        *((token, False) for token in prompt),
        *((token, True) for token in answer),
    ]


def test_chatml_mask(chatml) -> None:
    (row,) = tokenise([Example("a", "how", "open tap")], CHAT_TEMPLATE, chatml, 64, "training").rows
    assert row.input_ids == [0, 3, 5, 6, 1, 5, 0, 4, 5, 7, 8, 1]
    assert row.labels == [-100, -100, -100, -100, -100, -100, -100, -100, -100, 7, 8, 1]


@pytest.mark.slow
def test_gemma_mask() -> None:
    from transformers import AutoTokenizer

    from toolkit.models import resolve_model

    tokenizer = AutoTokenizer.from_pretrained(resolve_model("embedded:gemma-3-270m"))
    tokenizer.chat_template = GEMMA
    (row,) = tokenise([PIN], CHAT_TEMPLATE, tokenizer, 64, "training").rows
    prompt = [
        "<bos>",
        "<start_of_turn>",
        "user",
        "\n",
        "How",
        "▁do",
        "▁I",
        "▁reset",
        "▁my",
        "▁PIN",
        "?",
        "<end_of_turn>",
        "\n",
    ]
    opening = ["<start_of_turn>", "model", "\n"]
    answer = ["1", ".", "▁Open", "▁the", "▁app", ".", "\n", "2", ".", "▁Tap", "▁Reset", ".", "<end_of_turn>"]
    assert spell(row, tokenizer) == [
        *((token, False) for token in (*prompt, *opening)),
        *((token, True) for token in answer),
    ]


@pytest.mark.slow
def test_smollm2_mask() -> None:
    """Its BOS marks every turn, its EOS ends them, and each digit is a token of its own."""
    from transformers import AutoTokenizer

    from toolkit.models import resolve_model

    tokenizer = AutoTokenizer.from_pretrained(resolve_model("embedded:smollm2-135m-instruct"))
    example = Example("pin", "How do I reset my PIN 42?", "1. Open the app.\n\n12. Tap Reset.")
    (row,) = tokenise([example], CHAT_TEMPLATE, tokenizer, 64, "training").rows
    system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    turns = (
        f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{example.prompt}<|im_end|>\n<|im_start|>assistant\n"
    )
    learned = [token for token, is_learned in spell(row, tokenizer) if is_learned]
    masked = [token for token, is_learned in spell(row, tokenizer) if not is_learned]
    assert tokenizer.decode(row.input_ids[: len(masked)]) == turns
    assert masked[-10:-6] == ["Ġ", "4", "2", "?"]
    assert learned == [
        *("1", ".", "ĠOpen", "Ġthe", "Ġapp", ".", "ĊĊ", "1", "2", ".", "ĠTap", "ĠRes", "et", ".", "<|im_end|>"),
    ]
    proof = prove_prompts([example], [row], CHAT_TEMPLATE, tokenizer)
    assert proof.control_tokens == ["<|im_start|>", "<|im_end|>"] * 2 + ["<|im_start|>"]
    assert proof.end_token == "<|im_end|>"


def test_template_that_rejects_the_conversation_is_named(chatml) -> None:
    chatml.chat_template = "{{ raise_exception('a system message must come first') }}"
    with pytest.raises(
        ModelError, match=r"chat template rejects .* \(a system message must come first\); choose another prompt_format"
    ):
        tokenise([PIN], CHAT_TEMPLATE, chatml, 64, "training")


def test_tokenizer_without_end_of_sequence_is_refused(chatml) -> None:
    chatml.eos_token = None
    with pytest.raises(ModelError, match="has no end-of-sequence token"):
        tokenise([PIN], HOWTO, chatml, 64, "training")


def test_tokenizer_without_a_template_is_told_which_formats_need_none(chatml) -> None:
    chatml.chat_template = None
    with pytest.raises(ModelError, match="choose another prompt_format"):
        tokenise([PIN], CHAT_TEMPLATE, chatml, 64, "training")
