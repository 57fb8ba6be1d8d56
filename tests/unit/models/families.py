"""Tiny random models in the form of real families: class, normaliser, pre-tokenizer and decoder of the tokenizer,
control tokens and what they are flagged as, a chat template after the family's rules, stop tokens. Nothing is
downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "### Question\nHow do I reset my PIN?\n\n### Answer: numbered steps\n1. Open the app.\n2. Tap Reset.",
    "You are a helpful assistant. user assistant model system User: Falcon: Today Date: [INST] [/INST] < s > im_end",
    "How do I pair my earbuds with the phone? 3. Hold the button for 5 seconds. Bagaimana cara mengganti kata sandi?",
]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """One family. `prompt` and `learned` state the whole turn, with {q} and {a} for question and answer.

    `stops` are the tokens at which the family's own generation ends, `eos_ids` those of generation_config.json beside
    the tokenizer's EOS.
    """

    name: str
    tokenizer: Callable[[Family], Tokenizer]
    prompt: str
    learned: str
    stops: tuple[str, ...]
    special: dict[str, str | None]
    controls: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()  # added, named by the template, and not flagged as special
    rstrip: tuple[str, ...] = ()
    template: str | None = None
    tokenizer_class: str = "PreTrainedTokenizerFast"
    format: str = "chat_template"
    adds_bos: bool = False
    model: dict[str, Any] = field(default_factory=lambda: {"model_type": "llama"})
    settings: dict[str, Any] = field(default_factory=dict)
    kwargs: dict[str, Any] = field(default_factory=dict)  # what apply_chat_template is given for comparison

    @property
    def all_controls(self) -> tuple[str, ...]:
        named = [text for text in self.special.values() if text]
        return tuple(dict.fromkeys([*named, *self.controls]))


def build_tokenizer(family: Family, folder: Path) -> None:
    """tokenizer.json and tokenizer_config.json, as the family's repository has them."""
    made = family.tokenizer(family)
    made.add_special_tokens(
        [AddedToken(text, special=True, normalized=False, rstrip=text in family.rstrip) for text in family.all_controls]
    )
    made.add_tokens([AddedToken(text, special=False, normalized=False) for text in family.marks])
    bos = family.special.get("bos_token")
    if family.adds_bos and bos:
        template = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, made.token_to_id(bos) or 0)])
        made.post_processor = template
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": family.tokenizer_class, **family.special, **family.settings}
    if family.template is not None:
        config["chat_template"] = family.template
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def build_model(family: Family, folder: Path) -> Path:
    """The folder of a random model with the family's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    build_tokenizer(family, folder)
    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    stops = [made.token_to_id(text) for text in family.stops]
    assert None not in stops, (family.name, stops)
    shape = {
        "vocab_size": (made.get_vocab_size() + 15) // 16 * 16,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": 256,
        "bos_token_id": None,
        "eos_token_id": stops[0],
        "pad_token_id": None,
    }
    model_type = family.model["model_type"]
    torch.manual_seed(5)
    own = {key: value for key, value in family.model.items() if key not in ("model_type", "without")}
    left = {key: value for key, value in shape.items() if key not in family.model.get("without", ())}
    config = AutoConfig.for_model(model_type, **{**left, **own})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.generation_config = GenerationConfig(eos_token_id=stops if len(stops) > 1 else stops[0])
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder)  # the family's class takes it
    return folder


def byte_level(
    pattern: str = GPT2, *before: Any, normalizer: Any = None, **options: Any
) -> Callable[[Family], Tokenizer]:
    """GPT-2's kind: bytes as letters, words cut by a pattern."""

    def build(family: Family) -> Tokenizer:
        made = Tokenizer(models.BPE(**options))
        made.normalizer = normalizer
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [
                *before,
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        made.decoder = decoders.ByteLevel()
        made.train_from_iterator(CORPUS, _trainer(initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
        return made

    return build


def sentencepiece(*normalizer: Any, metaspace: str | None = None) -> Callable[[Family], Tokenizer]:
    """Llama's kind: BPE over the whole text, spaces as ▁, unknown characters as bytes, control tokens in the
    vocabulary.
    """

    def build(family: Family) -> Tokenizer:
        trained = Tokenizer(models.BPE())
        trained.normalizer = normalizers.Replace(" ", "▁")
        trained.pre_tokenizer = pre_tokenizers.Split(Regex("▁?[^▁\n]+"), "isolated")
        trained.train_from_iterator([f" {text}" for text in CORPUS], _trainer())
        learned = json.loads(trained.to_str())["model"]
        heads = [*family.all_controls, *(f"<0x{byte:02X}>" for byte in range(256))]
        vocabulary = {text: number for number, text in enumerate(dict.fromkeys([*heads, "▁", *learned["vocab"]]))}
        merges = [tuple(pair) for pair in learned["merges"]]
        unknown = family.special.get("unk_token")
        made = Tokenizer(models.BPE(vocabulary, merges, unk_token=unknown, byte_fallback=True, fuse_unk=True))
        if normalizer:
            made.normalizer = normalizers.Sequence(list(normalizer))
        if metaspace:
            made.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=metaspace, split=False)
        strip = [decoders.Strip(" ", 1, 0)] if metaspace or len(normalizer) > 1 else []
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip])
        return made

    return build


def unigram(family: Family) -> Tokenizer:
    """XGLM's and many Japanese models' kind; the control tokens are pieces of the vocabulary with a score of 0."""
    letters = sorted({letter for text in CORPUS for letter in text if letter not in " \n"})
    pieces = [(text, 0.0) for text in family.all_controls]
    pieces += [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    pieces += [("▁", -3.0), *((letter, -5.0) for letter in letters), ("▁How", -4.0), ("▁the", -4.0)]
    unknown = family.special.get("unk_token") or ""
    made = Tokenizer(models.Unigram(pieces, unk_id=[text for text, _ in pieces].index(unknown), byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return made


def _trainer(**options: Any) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(vocab_size=420, show_progress=False, min_frequency=2, **options)


LLAMA_LEGACY = (normalizers.Prepend("▁"), normalizers.Replace(" ", "▁"))
DATE = "01 Jan 2026"  # the day that every template sees
FAMILIES = (
    Family(
        "llama2",
        sentencepiece(*LLAMA_LEGACY),
        "<s>[INST] {q} [/INST]",
        " {a} </s>",
        ("</s>",),
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        template=(
            "{% for m in messages %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + m['content'] | trim +"
            " ' [/INST]' }}{% else %}{{ ' ' + m['content'] | trim + ' ' + eos_token }}{% endif %}{% endfor %}"
        ),
        adds_bos=True,
    ),
    Family(
        "llama3",
        byte_level(LLAMA3, ignore_merges=True),
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
        f"Today Date: {DATE}\n\n<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n{q}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "{a}<|eot_id|>",
        ("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"),
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
        ("<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>"),
        template=(
            "{{ bos_token }}{% if not date_string is defined %}{% if strftime_now is defined %}{% set date_string ="
            " strftime_now('%d %b %Y') %}{% else %}{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}"
            "{{ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: ' +"
            " date_string + '\n\n<|eot_id|>' }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] +"
            " '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
            "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
        ),
        adds_bos=True,
        kwargs={"date_string": DATE},
    ),
    Family(
        "mistral-v0.1",
        sentencepiece(*LLAMA_LEGACY),
        "<s>[INST] {q} [/INST]",
        " {a}</s>",
        ("</s>",),
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        template=(
            "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]'"
            " }}{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
        ),
        format="mistral_v0.2",
        adds_bos=True,
        model={"model_type": "mistral", "sliding_window": None},
    ),
    Family(
        "mistral-v0.3",
        sentencepiece(metaspace="first"),
        "<s>[INST] {q}[/INST]",
        " {a}</s>",
        ("</s>",),
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        ("[INST]", "[/INST]", "[TOOL_CALLS]"),
        template=(
            "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + '[/INST]'"
            " }}{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
        ),
        adds_bos=True,
        model={"model_type": "mistral", "sliding_window": None},
    ),
    Family(
        "mistral-tekken",
        byte_level(LLAMA3, ignore_merges=True),
        "<s>[INST]{q}[/INST]",
        "{a}</s>",
        ("</s>",),
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        ("[INST]", "[/INST]", "[TOOL_CALLS]"),
        template=(
            "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST]' + m['content'] + '[/INST]'"
            " }}{% else %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}"
        ),
        adds_bos=True,
        model={"model_type": "mistral", "sliding_window": None},
    ),
    Family(
        "qwen2.5",
        byte_level(QWEN2, normalizer=normalizers.NFC()),
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{q}<|im_end|>\n"
        "<|im_start|>assistant\n",
        "{a}<|im_end|>",
        ("<|im_end|>", "<|endoftext|>"),
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "bos_token": None},
        ("<|im_start|>",),
        ("<tool_call>", "</tool_call>"),
        template="{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
        + CHATML
        + "{# <tool_call> </tool_call> #}",
        tokenizer_class="Qwen2Tokenizer",
        model={"model_type": "qwen2"},
    ),
    Family(
        "qwen3",
        byte_level(QWEN2, normalizer=normalizers.NFC()),
        "<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "{a}<|im_end|>",
        ("<|im_end|>", "<|endoftext|>"),
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "bos_token": None},
        ("<|im_start|>",),
        ("<think>", "</think>"),
        template=(
            "{% for m in messages %}{% set content = m['content'] %}{% if m['role'] == 'assistant' and '</think>' in"
            " content %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}{{ '<|im_start|>' +"
            " m['role'] + '\n' + ('<think>\n\n</think>\n\n' if m['role'] == 'assistant' else '') + content +"
            " '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
            "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
            "{% endif %}"
        ),
        tokenizer_class="Qwen2Tokenizer",
        model={"model_type": "qwen3"},
        kwargs={"enable_thinking": False},
    ),
    *(
        Family(
            name,
            sentencepiece(normalizers.Replace(" ", "▁")),
            "<bos><start_of_turn>user\n{q}<end_of_turn>\n<start_of_turn>model\n",
            "{a}<end_of_turn>",
            ("<eos>", "<end_of_turn>"),
            {"unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"},
            ("<start_of_turn>", "<end_of_turn>"),
            template=(
                "{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else"
                " m['role']) + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
                "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
            ),
            adds_bos=True,
            model={"model_type": model_type, "sliding_window": 64},
        )
        for name, model_type in (("gemma2", "gemma2"), ("gemma3", "gemma3_text"))
    ),
    Family(
        "phi3",
        sentencepiece(*LLAMA_LEGACY),
        "<|user|>\n{q}<|end|>\n<|assistant|>\n",
        "{a}<|end|>",
        ("<|endoftext|>", "<|end|>", "<|assistant|>"),
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
        ("<|user|>", "<|assistant|>", "<|end|>", "<|system|>"),
        rstrip=("<|user|>", "<|assistant|>", "<|end|>", "<|system|>"),
        template=(
            "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
        ),
        model={"model_type": "phi3", "original_max_position_embeddings": 256},
    ),
    Family(
        "phi4",
        byte_level(LLAMA3),
        "<|im_start|>user<|im_sep|>{q}<|im_end|><|im_start|>assistant<|im_sep|>",
        "{a}<|im_end|>",
        ("<|im_end|>", "<|endoftext|>"),
        {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>"},
        ("<|im_start|>", "<|im_sep|>"),
        template=(
            "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '<|im_sep|>' + m['content'] + '<|im_end|>' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
        ),
        model={"model_type": "phi3", "original_max_position_embeddings": 256},
    ),
    Family(
        "smollm2",
        byte_level(GPT2, pre_tokenizers.Digits(individual_digits=True)),
        "<|im_start|>system\nYou are a helpful AI assistant<|im_end|>\n<|im_start|>user\n{q}<|im_end|>\n"
        "<|im_start|>assistant\n",
        "{a}<|im_end|>",
        ("<|im_end|>",),
        {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>"},
        template="{{ '<|im_start|>system\nYou are a helpful AI assistant<|im_end|>\n' }}" + CHATML,
    ),
    Family(
        "smollm3",
        byte_level(LLAMA3, ignore_merges=True),
        f"<|im_start|>system\nToday Date: {DATE}\n/no_think<|im_end|>\n<|im_start|>user\n{{q}}<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n",
        "{a}<|im_end|>",
        ("<|im_end|>",),
        {"bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"},
        ("<|im_start|>", "<|begin_of_text|>", "<|end_of_text|>"),
        ("<think>", "</think>"),
        template=(
            "{% set today = strftime_now('%d %b %Y') %}{{ '<|im_start|>system\nToday Date: ' + today + '\n' +"
            " ('/no_think' if enable_thinking is defined and not enable_thinking else '/think') + '<|im_end|>\n' }}"
            "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + ('<think>\n\n</think>\n' if m['role'] =="
            " 'assistant' else '') + m['content'] | trim + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
            "{{ '<|im_start|>assistant\n' + ('<think>\n\n</think>\n' if enable_thinking is defined and not"
            " enable_thinking else '') }}{% endif %}"
        ),
        model={"model_type": "smollm3"},
        kwargs={"enable_thinking": False, "strftime_now": lambda _: DATE},
    ),
    Family(
        "gpt-neox",
        byte_level(GPT2, normalizer=normalizers.NFC()),
        "### Question\n{q}\n\n### Answer: numbered steps\n",
        "{a}<|endoftext|>",
        ("<|endoftext|>",),
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
        ("<|padding|>",),
        ("  ", "    "),
        tokenizer_class="GPTNeoXTokenizer",
        format="howto",
        model={"model_type": "gpt_neox"},
    ),
    Family(
        "granite",
        byte_level(GPT2, pre_tokenizers.Digits(individual_digits=True)),
        "<|start_of_role|>user<|end_of_role|>{q}<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
        "{a}<|end_of_text|>",
        ("<|end_of_text|>",),
        {"bos_token": "<|end_of_text|>", "eos_token": "<|end_of_text|>", "pad_token": "<|end_of_text|>"},
        ("<|start_of_role|>", "<|end_of_role|>"),
        template=(
            "{% for m in messages %}{{ '<|start_of_role|>' + m['role'] + '<|end_of_role|>' + m['content'] +"
            " '<|end_of_text|>\n' }}{% endfor %}{% if add_generation_prompt %}"
            "{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}"
        ),
        tokenizer_class="GPT2Tokenizer",
        model={"model_type": "granite"},
    ),
    Family(
        "olmo2",
        byte_level(LLAMA3),
        "<|endoftext|><|user|>\n{q}\n<|assistant|>\n",
        "{a}<|endoftext|>",
        ("<|endoftext|>",),
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|pad|>"},
        template=(
            "{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + (eos_token if"
            " m['role'] == 'assistant' else '\n') }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
        ),
        tokenizer_class="GPT2Tokenizer",
        model={"model_type": "olmo2"},
    ),
    Family(
        "falcon",
        byte_level(GPT2, pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits()),
        "User: {q}\n\nFalcon:",
        " {a}<|endoftext|>",
        ("<|endoftext|>",),
        {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"},
        (">>TITLE<<", ">>ABSTRACT<<"),
        template=(
            "{% for m in messages %}{% if not loop.first %}{{ '\n\n' }}{% endif %}{{ ('User: ' if m['role'] == 'user'"
            " else 'Falcon: ') + m['content'] }}{% endfor %}{% if add_generation_prompt %}{{ '\n\nFalcon:' }}"
            "{% endif %}"
        ),
        model={"model_type": "falcon", "multi_query": True, "without": ("head_dim", "num_key_value_heads")},
    ),
    Family(
        "yi",
        sentencepiece(normalizers.Replace(" ", "▁")),
        "<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n",
        "{a}<|im_end|>",
        ("<|endoftext|>", "<|im_end|>"),
        {"unk_token": "<unk>", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"},
        ("<|im_start|>", "<|im_end|>"),
        template=CHATML,
    ),
    Family(
        "unigram",
        unigram,
        "<s>### Question\n{q}\n\n### Answer: numbered steps\n",
        "{a}</s>",
        ("</s>",),
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        format="howto",
        adds_bos=True,
    ),
)
