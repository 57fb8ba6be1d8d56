"""BERTScore (Zhang et al., 2020): token embeddings of layer L, matched greedily by cosine; equal to bert-score 0.3.13 without idf.

As there, special tokens can be matched but carry no weight, texts are stripped, and scores are not rescaled. Unlike there, an
empty text scores 0 instead of crashing, truncation is counted, and RoBERTa's tokenizer really gets its prefix space.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ModelError
from toolkit.models import EMBEDDED_PREFIX, MINILM, fingerprint_model, resolve_model

if TYPE_CHECKING:
    import torch

_LAYER_LISTS = ("encoder.layer", "transformer.layer", "encoder.block", "layers", "layer")
_NO_LIMIT = 1_000_000  # tokenizers without a limit report about 1e30
_USUAL_LIMIT = 512
_POSITIONS_FROM_TWO = frozenset({"roberta", "xlm-roberta", "camembert", "longformer", "mpnet"})  # the first two positions are padding
_PAIRS_AT_ONCE = 32
# The hub moved models without an owner to these; bert-score's table has the old names, roberta-large for FacebookAI/roberta-large.
_RENAMED_OWNERS = frozenset({"FacebookAI", "google-bert", "google-t5", "distilbert", "albert", "xlnet"})
_PREFIX_SPACE = frozenset({"roberta", "gpt2", "longformer", "bart", "led", "blenderbot-small"})


@dataclass(frozen=True)
class Embedding:
    """A text's unit token vectors [tokens, width], its weights [tokens] (0 for special tokens), and whether it was cut."""

    vectors: torch.Tensor
    weights: torch.Tensor
    truncated: bool

    @property
    def is_empty(self) -> bool:
        return not bool(self.weights.any())


@dataclass(frozen=True)
class Encoder:
    """A model cut down to its first `layer` layers, ready to encode; `name` and `weights` say which it is."""

    name: str
    weights: str
    layer: int
    max_tokens: int
    tokenizer: Any
    model: Any
    device: str

    @property
    def signature(self) -> str:
        libraries = f"transformers:{version('transformers')}|torch:{version('torch')}"
        return (
            f"bertscore|model:{self.name}|weights:{self.weights[:16]}|layer:{self.layer}|max_tokens:{self.max_tokens}|idf:no|rescaled:no|{libraries}"
        )


@dataclass(frozen=True)
class Match:
    """BERTScore of one pair of texts."""

    precision: float
    recall: float
    f1: float


def load_encoder(model: str, layer: int | None = None) -> Encoder:
    """The encoder of a hub id, a folder or `embedded:all-minilm-l6-v2`, in fp32, on the GPU if there is one.

    Without `layer`: bert-score's own choice for the hub ids that it knows, else the last layer.

    Raises:
        ModelError: the model cannot be loaded, is of an architecture that bert-score does not handle, or has fewer layers.
    """
    import torch

    source = resolve_model(model)
    config, tokenizer, network = _load(model, source)
    count = _layer_count(config)
    chosen = layer or _known_layer(source) or count
    if chosen > count:
        raise ModelError(f"bertscore_layer: {model} has {count} layers, so layer {chosen} does not exist; give 1 to {count}.")
    _keep_layers(network, chosen, count, model)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.eval().to(device)
    weights = fingerprint_model(source) if Path(source).is_dir() else str(getattr(config, "_commit_hash", None) or "unknown")
    return Encoder(model, weights, chosen, _max_tokens(tokenizer, config), tokenizer, network, device)


def embed(encoder: Encoder, texts: Iterable[str], batch_size: int, on_batch: Callable[[int, int], None]) -> dict[str, Embedding]:
    """Each different text's embedding; longest first, `on_batch(done, total)` after each batch."""
    token_ids = {text: _token_ids(encoder, text) for text in dict.fromkeys(texts)}
    ordered = sorted(token_ids, key=lambda text: (-len(token_ids[text][0]), text))
    embeddings: dict[str, Embedding] = {}
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        vectors = _encode(encoder, [token_ids[text][0] for text in batch])
        for text, rows in zip(batch, vectors, strict=True):
            ids, truncated = token_ids[text]
            embeddings[text] = Embedding(rows, _weights(encoder, ids), truncated)
        on_batch(len(embeddings), len(ordered))
    return embeddings


def match_pairs(pairs: list[tuple[Embedding, Embedding]]) -> list[Match]:
    """Greedy matching of candidates with references, in the order given; all 0 where either has no token of its own.

    Pairs are padded together with zero vectors, so that no similarity counts below 0, as in bert-score.
    """
    ordered = sorted(range(len(pairs)), key=lambda index: len(pairs[index][0].weights) + len(pairs[index][1].weights))
    matches: dict[int, Match] = {}
    for start in range(0, len(ordered), _PAIRS_AT_ONCE):
        batch = ordered[start : start + _PAIRS_AT_ONCE]
        matches.update(zip(batch, _match_batch([pairs[index] for index in batch]), strict=True))
    return [matches[index] for index in range(len(pairs))]


def _match_batch(pairs: list[tuple[Embedding, Embedding]]) -> list[Match]:
    candidates, candidate_weights = _padded([candidate for candidate, _ in pairs])
    references, reference_weights = _padded([reference for _, reference in pairs])
    similarity = (candidates @ references.transpose(1, 2)).clamp(min=0.0)  # [pairs, candidate tokens, reference tokens]
    precision = (similarity.amax(dim=2) * candidate_weights).sum(dim=1) / candidate_weights.sum(dim=1)
    recall = (similarity.amax(dim=1) * reference_weights).sum(dim=1) / reference_weights.sum(dim=1)
    return [
        Match(0.0, 0.0, 0.0) if candidate.is_empty or reference.is_empty else _match(float(p), float(r))
        for (candidate, reference), p, r in zip(pairs, precision, recall, strict=True)
    ]


def _padded(embeddings: list[Embedding]) -> tuple[torch.Tensor, torch.Tensor]:
    from torch.nn.utils.rnn import pad_sequence

    vectors = pad_sequence([embedding.vectors for embedding in embeddings], batch_first=True)
    return vectors, pad_sequence([embedding.weights for embedding in embeddings], batch_first=True)


def _match(precision: float, recall: float) -> Match:
    total = precision + recall
    return Match(precision, recall, 2 * precision * recall / total if total else 0.0)


def _load(model: str, source: str) -> tuple[Any, Any, Any]:
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer, T5EncoderModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(source)
        spaced = {"add_prefix_space": True} if config.model_type in _PREFIX_SPACE else {}
        tokenizer = AutoTokenizer.from_pretrained(source, **spaced)
        loader = T5EncoderModel if config.model_type in {"t5", "mt5"} else AutoModel
        network = loader.from_pretrained(source, dtype=torch.float32)
    except (OSError, ValueError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise ModelError(
            f"bertscore_model: {model} could not be loaded from {'its folder' if Path(source).is_dir() else f'the Hugging Face hub{offline}'}: {str(error).splitlines()[0][:200]} "
            f"Set bertscore_model={EMBEDDED_PREFIX}{MINILM} to use the encoder that needs no download; its numbers do not compare with another encoder's."
        ) from error
    inner = network.encoder if hasattr(network, "decoder") and hasattr(network, "encoder") else network
    return config, tokenizer, inner


def _layer_count(config: Any) -> int:
    return int(getattr(config, "encoder_layers", None) or getattr(config, "num_layers", None) or config.num_hidden_layers)


def _known_layer(source: str) -> int | None:
    """bert-score's layer for a hub id; its table alone is worth the seconds that the import takes."""
    if Path(source).is_dir():
        return None
    from bert_score.utils import model2layers

    owner, _, name = source.rpartition("/")
    layer = model2layers.get(name if owner in _RENAMED_OWNERS else source)
    return None if layer is None else int(layer)


def _keep_layers(network: Any, layer: int, count: int, model: str) -> None:
    """Drop what lies above the layer, as bert-score does: a final norm of the model still applies."""
    if hasattr(getattr(network, "encoder", None), "albert_layer_groups"):
        network.encoder.config.num_hidden_layers = layer
        return
    for path in _LAYER_LISTS:
        owner, name = network, path.split(".")[-1]
        for part in path.split(".")[:-1]:
            owner = getattr(owner, part, None)
        layers = getattr(owner, name, None)
        if layers is not None and len(layers) == count:
            setattr(owner, name, layers[:layer])
            return
    raise ModelError(
        f"bertscore_model: {model} is a {type(network).__name__}, whose layers are not where BERTScore looks for them; choose a BERT-like encoder such as roberta-large."
    )


def _max_tokens(tokenizer: Any, config: Any) -> int:
    """Tokens a text may have: the tokenizer's limit, or what the model has positions for where the tokenizer knows none."""
    if tokenizer.model_max_length < _NO_LIMIT:
        return int(tokenizer.model_max_length)
    positions = int(getattr(config, "max_position_embeddings", 0) or 0)
    offset = 2 if config.model_type in _POSITIONS_FROM_TWO else 0
    return positions - offset if positions > offset else _USUAL_LIMIT


def _token_ids(encoder: Encoder, text: str) -> tuple[list[int], bool]:
    ids = encoder.tokenizer(text.strip(), truncation=False, verbose=False)["input_ids"]
    if len(ids) <= encoder.max_tokens:
        return ids, False
    return encoder.tokenizer(text.strip(), truncation=True, max_length=encoder.max_tokens)["input_ids"], True


def _encode(encoder: Encoder, batch: list[list[int]]) -> list[torch.Tensor]:
    import torch

    longest = max(len(ids) for ids in batch)
    padding = encoder.tokenizer.pad_token_id or 0
    input_ids = torch.tensor([ids + [padding] * (longest - len(ids)) for ids in batch], device=encoder.device)
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in batch], device=encoder.device)
    with torch.inference_mode():
        hidden = encoder.model(input_ids, attention_mask=mask)[0].float().cpu()
    return [torch.nn.functional.normalize(rows[: len(ids)], dim=-1) for rows, ids in zip(hidden, batch, strict=True)]


def _weights(encoder: Encoder, ids: list[int]) -> torch.Tensor:
    import torch

    special = {encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id}
    return torch.tensor([0.0 if token in special else 1.0 for token in ids])
