from pathlib import Path
from typing import Any

import pytest
from evaluation_samples import WORDS

from toolkit.errors import ModelError
from toolkit.evaluation.bertscore import Match, _keep_layers, _known_layer, _layer_count, embed, load_encoder, match_pairs
from toolkit.models import resolve_model

TEXTS = ["Open the app.", "open the app and turn it on", "wait", "Press the power button.\nWait for the light.", "zzz!"]


def ours(model: str, layer: int | None, pairs: list[tuple[str, str]]) -> list[Match]:
    encoder = load_encoder(model, layer)
    embeddings = embed(encoder, [text for pair in pairs for text in pair], 3, lambda done, total: None)
    return match_pairs([(embeddings[candidate], embeddings[reference]) for candidate, reference in pairs])


def largest_difference(model: str, layer: int, pairs: list[tuple[str, str]]) -> float:
    """Largest |ours - bert-score's| over precision, recall and F."""
    import bert_score

    peer: Any = bert_score.score([candidate for candidate, _ in pairs], [reference for _, reference in pairs], model_type=model, num_layers=layer)
    mine = [(match.precision, match.recall, match.f1) for match in ours(model, layer, pairs)]
    return max(abs(float(peer[part][index]) - values[part]) for index, values in enumerate(mine) for part in range(3))


def test_identical_texts_score_one_and_order_of_pairs_is_kept(tiny_bert: Path) -> None:
    first, second, third = ours(str(tiny_bert), None, [(TEXTS[1], TEXTS[1]), (TEXTS[0], TEXTS[3]), (f" {TEXTS[2]} ", TEXTS[2])])
    assert first.f1 == pytest.approx(1, abs=1e-6)
    assert third.f1 == pytest.approx(1, abs=1e-6)
    assert 0 < second.f1 < 1


def test_swapping_the_texts_swaps_precision_and_recall(tiny_bert: Path) -> None:
    there, back = ours(str(tiny_bert), None, [(TEXTS[0], TEXTS[3]), (TEXTS[3], TEXTS[0])])
    assert (there.precision, there.recall) == pytest.approx((back.recall, back.precision), abs=1e-6)


@pytest.mark.parametrize("empty", ["", "  \n", "[SEP]", "\x00"])
def test_empty_texts_score_zero(tiny_bert: Path, empty: str) -> None:
    assert ours(str(tiny_bert), None, [(empty, "wait"), ("wait", empty), (empty, empty)]) == [Match(0.0, 0.0, 0.0)] * 3


def test_long_texts_are_cut_and_counted(tiny_bert: Path) -> None:
    encoder = load_encoder(str(tiny_bert))
    embeddings = embed(encoder, ["wait " * 10_000, "wait"], 2, lambda done, total: None)
    assert [(found.truncated, len(found.weights)) for found in embeddings.values()] == [(True, 48), (False, 3)]


def test_each_text_is_encoded_once(tiny_bert: Path) -> None:
    progress: list[tuple[int, int]] = []
    embed(load_encoder(str(tiny_bert)), ["wait", "open", "wait", "open the app"], 2, lambda done, total: progress.append((done, total)))
    assert progress == [(2, 3), (3, 3)]


def test_signature_says_which_layer_of_which_weights(tiny_bert: Path) -> None:
    signature = load_encoder(str(tiny_bert), 2).signature
    assert "|layer:2|max_tokens:48|idf:no|rescaled:no|" in signature
    assert load_encoder(str(tiny_bert)).layer == 3


def test_a_layer_that_does_not_exist_is_refused(tiny_bert: Path) -> None:
    with pytest.raises(ModelError, match="has 3 layers, so layer 4 does not exist; give 1 to 3"):
        load_encoder(str(tiny_bert), 4)


def test_without_the_hub_the_message_names_the_embedded_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="bertscore_model=embedded:all-minilm-l6-v2"):
        load_encoder("nobody-at-all/no-such-encoder")


def test_roberta_reads_the_first_word_like_any_other(tmp_path: Path) -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        [" ".join(WORDS)] * 20, vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False
    )
    trained.save_model(str(tmp_path))
    RobertaTokenizerFast.from_pretrained(tmp_path).save_pretrained(tmp_path)
    RobertaModel(
        RobertaConfig(vocab_size=400, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_position_embeddings=66)
    ).save_pretrained(tmp_path)
    encoder = load_encoder(str(tmp_path))
    first, second = encoder.tokenizer("wait wait")["input_ids"][1:-1]
    assert first == second
    assert encoder.max_tokens == 64


SMALL = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("roberta", SMALL),
        ("electra", SMALL),
        ("mpnet", SMALL),
        ("deberta-v2", SMALL),
        ("albert", {**SMALL, "embedding_size": 16}),
        ("distilbert", {"vocab_size": 60, "dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 16}),
        ("xlnet", {"vocab_size": 60, "d_model": 16, "n_layer": 3, "n_head": 2, "d_inner": 16}),
        (
            "bart",
            {"vocab_size": 60, "d_model": 16, "encoder_layers": 3, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2},
        ),
    ],
)
def test_the_layers_above_are_dropped_in_every_family(kind: str, sizes: dict[str, int]) -> None:
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(kind, **sizes)
    model = AutoModel.from_config(config).eval()
    network = model.encoder if kind == "bart" else model
    tokens = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        expected = network(tokens, output_hidden_states=True).hidden_states[2]
        _keep_layers(network, 2, _layer_count(config), kind)
        assert torch.allclose(network(tokens)[0], expected, atol=1e-6)


@pytest.mark.slow
def test_hub_models_get_the_layer_of_bert_scores_table() -> None:
    assert [_known_layer(name) for name in ("roberta-large", "FacebookAI/roberta-large", "microsoft/deberta-v3-large", "me/roberta-large")] == [
        17,
        17,
        12,
        None,
    ]


@pytest.mark.slow
def test_equals_bert_score_on_a_tiny_model(tiny_bert: Path) -> None:
    pairs = [(candidate, reference) for candidate in TEXTS for reference in TEXTS] + [("wait " * 100, "open " * 100)]
    assert largest_difference(str(tiny_bert), 3, pairs) < 1e-6
    assert largest_difference(str(tiny_bert), 2, pairs) < 1e-6


@pytest.mark.slow
def test_equals_bert_score_with_the_embedded_encoder() -> None:
    pairs = [(candidate, reference) for candidate in TEXTS for reference in TEXTS]
    assert largest_difference(resolve_model("embedded:all-minilm-l6-v2"), 6, pairs) < 1e-6
