import math
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evaluation.evaluation_samples import WORDS
from toolkit.errors import ModelError
from toolkit.evaluation import peers
from toolkit.evaluation.bertscore import BertScorer, Idf, Match, idf_over, match_pair, official_baseline, weigh
from toolkit.evaluation.embedding_cache import EmbeddingCache
from toolkit.evaluation.encoder import _keep_layers, _layer_count, encode, known_layer, load_encoder
from toolkit.models import resolve_model
from toolkit.options.evaluation import MetricOptions

TEXTS = ["Open the app.", "open the app and turn it on", "wait", "Press the power button.\nWait for the light.", "zzz!"]


def quiet(done: int, total: int) -> None: ...


def scorer(model: str, layer: int | None = None, cache: Path | None = None) -> BertScorer:
    encoder = load_encoder(model, layer)
    return BertScorer(encoder, EmbeddingCache(cache, encoder.key), 3, quiet)


def ours(model: str, layer: int | None, pairs: list[tuple[str, str]]) -> list[Match]:
    found = scorer(model, layer).score(pairs)
    return [found[pair] for pair in pairs]


def with_idf(plain: BertScorer, references: list[str]) -> BertScorer:
    return BertScorer(plain.encoder, plain.cache, 3, quiet, idf_over(plain, references))


def largest_difference(model: str, layer: int, pairs: list[tuple[str, str]], idf: bool = False) -> float:
    """Largest |ours - bert-score's| over precision, recall and F."""
    import bert_score

    outputs, references = [candidate for candidate, _ in pairs], [reference for _, reference in pairs]
    peer: Any = bert_score.score(outputs, references, model_type=model, num_layers=layer, idf=idf)
    plain = scorer(model, layer)
    found = (with_idf(plain, references) if idf else plain).score(pairs)
    mine = [(found[pair].precision, found[pair].recall, found[pair].f1) for pair in pairs]
    return max(abs(float(peer[part][index]) - values[part]) for index, values in enumerate(mine) for part in range(3))


def test_identical_texts_score_one_and_order_of_pairs_is_kept(tiny_bert: Path) -> None:
    first, second, third = ours(
        str(tiny_bert), None, [(TEXTS[1], TEXTS[1]), (TEXTS[0], TEXTS[3]), (f" {TEXTS[2]} ", TEXTS[2])]
    )
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
    embeddings = encode(encoder, ["wait " * 10_000, "wait"], 2, quiet)
    assert [(found.truncated, len(found.token_ids)) for found in embeddings.values()] == [(True, 48), (False, 3)]


def test_each_text_is_encoded_once(tiny_bert: Path) -> None:
    progress: list[tuple[int, int]] = []
    encode(
        load_encoder(str(tiny_bert)),
        ["wait", "open", "wait", "open the app"],
        2,
        lambda done, total: progress.append((done, total)),
    )
    assert progress == [(1, 3), (3, 3)]


def test_signature_says_which_layer_of_which_weights(tiny_bert: Path) -> None:
    signature = scorer(str(tiny_bert), 2).signature
    assert "|layer:2|max_tokens:48|transformers:" in signature
    assert signature.endswith("|idf:no|rescaled:no")
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
        [" ".join(WORDS)] * 20,
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )
    trained.save_model(str(tmp_path))
    RobertaTokenizerFast.from_pretrained(tmp_path).save_pretrained(tmp_path)
    RobertaModel(
        RobertaConfig(
            vocab_size=400,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=66,
        )
    ).save_pretrained(tmp_path)
    encoder = load_encoder(str(tmp_path))
    first, second = encoder.tokenizer("wait wait")["input_ids"][1:-1]
    assert first == second
    assert encoder.max_tokens == 64


# What bert-score's own test suite publishes for roberta-large, layer 17, before and after rescaling.
PLAIN_P = [0.9843302369117737, 0.9832239747047424, 0.9120386242866516]
PLAIN_R = [0.9823839068412781, 0.9732863903045654, 0.920428991317749]
PLAIN_F = [0.9833561182022095, 0.9782299995422363, 0.916214644908905]
RESCALED_P = [0.907000780105591, 0.900435566902161, 0.477955609560013]
RESCALED_R = [0.895456790924072, 0.841467440128326, 0.527785062789917]
RESCALED_F = [0.901383399963379, 0.871010780334473, 0.503565192222595]


def test_rescaling_gives_the_published_pairs() -> None:
    baseline = official_baseline("roberta-large", 17, "en")
    rescaled = [baseline.rescale(Match(*scores)) for scores in zip(PLAIN_P, PLAIN_R, PLAIN_F, strict=True)]
    assert [match.precision for match in rescaled] == pytest.approx(RESCALED_P, abs=1e-5)
    assert [match.recall for match in rescaled] == pytest.approx(RESCALED_R, abs=1e-5)
    assert [match.f1 for match in rescaled] == pytest.approx(RESCALED_F, abs=1e-5)


def test_rescaling_is_refused_where_there_is_no_official_baseline(tiny_bert: Path) -> None:
    with pytest.raises(ModelError, match="there is no official baseline for"):
        official_baseline(str(tiny_bert), 3, "en")
    with pytest.raises(ModelError, match="layer 99"):
        official_baseline("roberta-large", 99, "en")


def test_idf_with_a_single_reference_is_undefined_and_never_a_number(tiny_bert: Path) -> None:
    weighted = with_idf(scorer(str(tiny_bert)), ["wait for the light"])
    found = weighted.score([("open the app", "wait for the light"), ("", "wait for the light")])
    assert math.isnan(found["open the app", "wait for the light"].f1)
    assert found["", "wait for the light"] == Match(0.0, 0.0, 0.0)


def test_idf_weights_are_those_of_the_formula(tiny_bert: Path) -> None:
    plain = scorer(str(tiny_bert))
    idf = idf_over(plain, ["wait", "wait open", "open the app"])
    wait, app, cls = (plain.encoder.tokenizer.convert_tokens_to_ids(token) for token in ("wait", "app", "[CLS]"))
    assert (idf.weights[wait], idf.weights[app], idf.weights[cls], idf.unseen) == pytest.approx(
        (math.log(4 / 3), math.log(4 / 2), 0.0, math.log(4))
    )


def test_a_rare_token_counts_more_with_idf() -> None:
    import torch

    from toolkit.evaluation.encoder import Embedding

    reference = Embedding(torch.eye(3), (1, 2, 3), False)
    candidate = Embedding(torch.eye(3)[:1], (1,), False)
    weights = Idf({1: 3.0, 2: 0.5, 3: 0.5}, 4.0)
    assert match_pair(weigh(candidate, frozenset(), weights), weigh(reference, frozenset(), weights)).recall == 0.75


@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_no_batch_size_and_no_company_changes_a_bit(tiny_bert: Path, size: int) -> None:
    texts = [" ".join(WORDS[: 1 + index % 9]) for index in range(40)] + TEXTS
    encoder = load_encoder(str(tiny_bert))
    together, alone = (
        encode(encoder, texts, size, quiet),
        {text: encode(encoder, [text], 1, quiet)[text] for text in TEXTS},
    )
    assert all(together[text].vectors.numpy().tobytes() == alone[text].vectors.numpy().tobytes() for text in TEXTS)


def test_a_second_run_needs_no_model(tiny_bert: Path, tmp_path: Path) -> None:
    pairs = [(TEXTS[0], TEXTS[1]), ("", "wait"), ("wait " * 100, "open")]
    first = scorer(str(tiny_bert), None, tmp_path)
    expected = first.score(pairs)
    again = scorer(str(tiny_bert), None, tmp_path)
    assert again.score(pairs) == expected
    assert "network" not in vars(again.encoder)
    facts = again.facts(["", "wait " * 100])
    assert [(fact.truncated, fact.empty) for fact in facts.values()] == [(False, True), (True, False)]


def test_embeddings_are_kept_by_weights_and_text(tiny_bert: Path, tmp_path: Path) -> None:
    scorer(str(tiny_bert), 2, tmp_path).embed(TEXTS)
    same, other = scorer(str(tiny_bert), 2, tmp_path), scorer(str(tiny_bert), 3, tmp_path)
    assert set(same.cache.embeddings([*TEXTS, "new"])) == set(TEXTS)
    assert other.cache.embeddings(TEXTS) == {}
    assert (
        same.embed(TEXTS)[TEXTS[0]].vectors.numpy().tobytes()
        == encode(same.encoder, TEXTS[:1], 1, quiet)[TEXTS[0]].vectors.numpy().tobytes()
    )


def test_a_damaged_cache_is_made_anew(tiny_bert: Path, tmp_path: Path) -> None:
    expected = scorer(str(tiny_bert), None, tmp_path).score([("wait", "open")])
    for file in tmp_path.glob("*.sqlite*"):
        file.write_bytes(b"not a database, and long enough to look like one " * 40)
    assert scorer(str(tiny_bert), None, tmp_path).score([("wait", "open")]) == expected


def test_inputs_on_which_bert_score_fails(tiny_bert: Path, tmp_path: Path) -> None:
    """Empty text, a tokenizer without a limit, a path with "t5" in it, and a text above the limit."""
    import json
    import shutil

    folder = tmp_path / "my-t5-like-bert"
    shutil.copytree(tiny_bert, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("model_max_length")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    peculiar, usual = scorer(str(folder)), scorer(str(tiny_bert))
    pairs = [("", "wait"), ("open the app", "wait"), ("wait " * 600, "wait")]
    assert peculiar.encoder.max_tokens == 48
    assert type(peculiar.encoder.network).__name__ == "BertModel"
    assert peculiar.score(pairs) == usual.score(pairs)
    assert [fact.truncated for fact in peculiar.facts(pair[0] for pair in pairs).values()] == [False, False, True]


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
            {
                "vocab_size": 60,
                "d_model": 16,
                "encoder_layers": 3,
                "decoder_layers": 2,
                "encoder_attention_heads": 2,
                "decoder_attention_heads": 2,
            },
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
    assert [
        known_layer(name)
        for name in ("roberta-large", "FacebookAI/roberta-large", "microsoft/deberta-v3-large", "me/roberta-large")
    ] == [
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
    assert largest_difference(str(tiny_bert), 3, pairs, idf=True) < 1e-6


@pytest.mark.slow
def test_equals_bert_score_with_the_embedded_encoder() -> None:
    pairs = [(candidate, reference) for candidate in TEXTS for reference in TEXTS]
    assert largest_difference(resolve_model("embedded:all-minilm-l6-v2"), 6, pairs) < 1e-6


def test_idf_of_the_package_is_counted_without_a_pool_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pool forks after torch has started threads, and then waits for ever."""
    import bert_score.utils

    def no_pool(*_: object) -> None:
        raise AssertionError("a pool of processes was started")

    monkeypatch.setattr(bert_score.utils, "Pool", no_pool)
    options = MetricOptions(
        bertscore_model="embedded:all-minilm-l6-v2", bertscore_idf=True, bertscore_backend="bert-score"
    )
    pairs = [("1. Open it.", "1. Open the box."), ("1. Wait.", "1. Close it and wait.")]
    found = peers.bertscore(options, load_encoder(options.bertscore_model), pairs, [own for _, own in pairs])
    assert all(0 < match.f1 < 1 for match in found.values())
