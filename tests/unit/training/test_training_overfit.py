"""A training that learns its rows by heart, and says them again word for word after merging: nothing in the chain
shifts a token.
"""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from toolkit.generation.adapter import read_adapter
from toolkit.generation.merge import merge_adapter
from toolkit.options.training import SftOptions
from toolkit.prompting import PromptFormat, render_prompt
from toolkit.records import Example, read_growing_jsonl
from toolkit.runs.recorder import Recorder
from toolkit.training.finetune import finetune
from toolkit.training.tokens import tokenise

ROWS = [
    Example("pin", "how reset pin", "1. open app 2. tap reset 3. enter pin"),
    Example("block", "how block caller", "1. open phone 2. hold number 3. tap block 4. confirm"),
    Example("pair", "how pair earbuds", "1. hold button 2. open settings 3. choose earbuds"),
    Example("order", "how cancel order", "1. open orders 2. choose order 3. tap cancel 4. confirm"),
]
SPOKEN = PromptFormat("howto", prefix="Q ", suffix=" A")


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    """A random Mistral with a word for each token and a head that can be certain: random heads of usual size cannot."""
    words = [
        "<s>",
        "</s>",
        "<unk>",
        "Q",
        "A",
        *sorted({word for row in ROWS for word in f"{row.prompt} {row.output}".split()}),
    ]
    vocabulary = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    vocabulary.pre_tokenizer, vocabulary.decoder = (
        pre_tokenizers.WhitespaceSplit(),
        decoders.WordPiece(prefix="##", cleanup=False),
    )
    PreTrainedTokenizerFast(
        tokenizer_object=vocabulary, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(tmp_path / "base")
    torch.manual_seed(1)
    shape = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
    }
    model = MistralForCausalLM(
        MistralConfig(vocab_size=len(words), bos_token_id=0, eos_token_id=1, tie_word_embeddings=False, **shape)
    )
    with torch.no_grad():
        model.lm_head.weight.mul_(10)
        model.model.embed_tokens.weight.mul_(10)
    model.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.mark.slow
@pytest.mark.parametrize("packing", [False, True])
def test_rows_learned_by_heart_come_back_word_for_word(small_model: Path, tmp_path: Path, packing: bool) -> None:
    tokenizer = AutoTokenizer.from_pretrained(small_model)
    rows = tokenise(ROWS, SPOKEN, tokenizer, 64, "training").rows
    options = SftOptions(
        model=str(small_model),
        optim="adamw_torch",
        lora_dropout=0.0,
        learning_rate=1e-2,
        max_steps=60,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=1,
        max_grad_norm=1.0,
        gradient_checkpointing="false",
        packing=packing,
        logging_steps=20,
        eval_steps=60,
    )
    (tmp_path / "run").mkdir()
    trained = finetune(
        options,
        rows,
        [],
        tokenizer,
        tmp_path / "checkpoints",
        Recorder(tmp_path / "run"),
    )
    last = [row["loss"] for row in read_growing_jsonl(tmp_path / "run" / "metrics.jsonl") if "loss" in row][-1]
    assert last < 0.02

    merge_adapter(read_adapter(trained.checkpoint), small_model, tmp_path / "merged", "dequantised")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    for row in ROWS:
        prompt = torch.tensor([render_prompt(row.prompt, SPOKEN, tokenizer)])
        answer = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=24, do_sample=False, pad_token_id=2
        )
        assert answer[0, prompt.shape[1] :].tolist() == [
            *tokenizer.encode(row.output, add_special_tokens=False),
            tokenizer.eos_token_id,
        ]
