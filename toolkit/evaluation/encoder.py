"""The encoder behind BERTScore and step matching: unit token vectors of layer L, the same bytes for a text however it
is batched.

Texts are encoded together only with texts of the same number of tokens, so nothing is ever padded, and on a CPU with
single-threaded kernels side by side: batch size, number of processes and what the cache already holds change no digit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.device import device_kind
from toolkit.downloads import local_model
from toolkit.embedded import MINILM, PREFIX
from toolkit.errors import ModelError
from toolkit.evaluation import ranks
from toolkit.models import fingerprint_model, resolve_model
from toolkit.runs.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

_LAYER_LISTS = ("encoder.layer", "transformer.layer", "encoder.block", "layers", "layer")
_NO_LIMIT = 1_000_000  # tokenizers without a limit report about 1e30
_USUAL_LIMIT = 512
# The first two positions are padding.
_POSITIONS_FROM_TWO = frozenset({"roberta", "xlm-roberta", "camembert", "longformer", "mpnet"})
_FEWEST_ROWS = 64  # matrix kernels take another path, with other last bits, for a handful of rows
# The hub moved models without an owner to these; bert-score's table has the old names, roberta-large for
# FacebookAI/roberta-large.
_RENAMED_OWNERS = frozenset({"FacebookAI", "google-bert", "google-t5", "distilbert", "albert", "xlnet"})
_PREFIX_SPACE = frozenset({"roberta", "gpt2", "longformer", "bart", "led", "blenderbot-small"})


@dataclass(frozen=True)
class Embedding:
    """A text's unit token vectors [tokens, width], its token ids, and whether it was cut."""

    vectors: torch.Tensor
    token_ids: tuple[int, ...]
    truncated: bool


@dataclass(frozen=True)
class Encoder:
    """A model cut down to its first `layer` layers; the weights are loaded when they are first needed."""

    name: str
    source: str
    weights: str
    layer: int
    max_tokens: int
    tokenizer: Any
    config: Any
    device: str

    @property
    def key(self) -> str:
        """What an embedding depends on besides its text: weights, layer, limit, and the libraries' versions."""
        libraries = f"transformers:{version('transformers')}|torch:{version('torch')}"
        return f"weights:{self.weights[:16]}|layer:{self.layer}|max_tokens:{self.max_tokens}|{libraries}"

    @property
    def special_tokens(self) -> frozenset[int]:
        return frozenset({self.tokenizer.cls_token_id, self.tokenizer.sep_token_id} - {None})

    @cached_property
    def network(self) -> Any:
        network = _load_network(self)
        _keep_layers(network, self.layer, _layer_count(self.config), self.name)
        return network.eval().to(self.device)


def load_encoder(model: str, layer: int | None = None) -> Encoder:
    """The encoder of a hub id, a folder or `embedded:all-minilm-l6-v2`, in fp32, on the GPU if there is one.

    Without `layer`: bert-score's own choice for the hub ids that it knows, else the last layer.

    Raises:
        ModelError: the model cannot be loaded, or has fewer layers.
    """

    resolved = resolve_model(model)
    source = str(fetch_encoder(model))
    config, tokenizer = _load_tokenizer(model, source)
    count = _layer_count(config)
    chosen = layer or known_layer(resolved) or count
    if chosen > count:
        raise ModelError(
            f"bertscore_layer: {model} has {count} layers, so layer {chosen} does not exist; give 1 to {count}."
        )
    device = f"cuda:{ranks.local_rank()}" if device_kind() == "cuda" else "cpu"
    weights = fingerprint_model(resolved) if Path(resolved).is_dir() else Path(source).name  # the commit
    return Encoder(model, source, weights, chosen, _max_tokens(tokenizer, config), tokenizer, config, device)


def fetch_encoder(model: str, recorder: Recorder | None = None) -> Path:
    """The encoder's folder, downloaded where it is a hub model; the recorder gets the progress.

    Raises:
        ModelError: it cannot be had.
    """
    resolved = resolve_model(model)
    try:
        return local_model(resolved, recorder=recorder)
    except ModelError as error:
        raise _not_loaded(model, resolved, error) from error


def encode(
    encoder: Encoder, texts: Iterable[str], batch_size: int, on_batch: Callable[[int, int], None]
) -> dict[str, Embedding]:
    """Each different text's embedding; `on_batch(done, total)` after each batch. With several processes each takes its
    share.

    Raises:
        ModelError: the weights cannot be loaded, or are of an architecture that bert-score does not handle.
    """
    wanted = list(dict.fromkeys(texts))
    if ranks.count() == 1 or not wanted:
        return _encode_share(encoder, wanted, batch_size, on_batch)
    ranks.broadcast(wanted)
    mine = _encode_share(encoder, ranks.share(wanted), batch_size, on_batch)
    return {text: found for part in ranks.gather(mine) for text, found in part.items()}


def encode_for_main(encoder: Encoder, batch_size: int) -> None:
    """What ranks other than 0 do: encode their share of whatever rank 0 asks for, until it says that it is done."""
    while (wanted := ranks.broadcast(None)) is not None:
        ranks.gather(_encode_share(encoder, ranks.share(wanted), batch_size, lambda done, total: None))


def _encode_share(
    encoder: Encoder, texts: list[str], batch_size: int, on_batch: Callable[[int, int], None]
) -> dict[str, Embedding]:
    tokens = {text: token_ids(encoder, text) for text in texts}
    batches = _same_length_batches({text: ids for text, (ids, _) in tokens.items()}, batch_size)
    embeddings: dict[str, Embedding] = {}
    if not batches:
        return embeddings
    _ = encoder.network  # loaded here: the threads below share it
    with _single_threaded_kernels(encoder.device) as workers, ThreadPoolExecutor(workers) as pool:
        encoded = pool.map(lambda batch: _encode_batch(encoder, [tokens[text][0] for text in batch]), batches)
        try:
            for batch, vectors in zip(batches, encoded, strict=True):
                for text, rows in zip(batch, vectors, strict=True):
                    ids, truncated = tokens[text]
                    embeddings[text] = Embedding(rows, tuple(ids), truncated)
                on_batch(len(embeddings), len(texts))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return embeddings


def _same_length_batches(tokens: dict[str, list[int]], batch_size: int) -> list[list[str]]:
    """Texts of equal token counts, the longest first: what needs most memory comes at once."""
    by_length: dict[int, list[str]] = {}
    for text, ids in tokens.items():
        by_length.setdefault(len(ids), []).append(text)
    return [
        group[start : start + batch_size]
        for _, group in sorted(by_length.items(), reverse=True)
        for start in range(0, len(group), batch_size)
    ]


@contextmanager
def _single_threaded_kernels(device: str) -> Iterator[int]:
    """One thread a kernel, so that sums are always taken in one order; yields how many kernels may run side by side."""
    import torch

    if device != "cpu":
        yield 1
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _encode_batch(encoder: Encoder, batch: list[list[int]]) -> list[torch.Tensor]:
    import torch

    copies = -(-_FEWEST_ROWS // (len(batch) * len(batch[0]))) if encoder.device == "cpu" else 1
    input_ids = torch.tensor(batch * copies, device=encoder.device)
    with torch.inference_mode():
        hidden = encoder.network(input_ids, attention_mask=torch.ones_like(input_ids))[0][: len(batch)].float().cpu()
        return list(torch.nn.functional.normalize(hidden, dim=-1))


def token_ids(encoder: Encoder, text: str) -> tuple[list[int], bool]:
    """A text's token ids with special tokens, at least one, and whether it was cut to the limit."""
    ids = encoder.tokenizer(text.strip(), truncation=False, verbose=False)["input_ids"]
    if len(ids) > encoder.max_tokens:
        return encoder.tokenizer(text.strip(), truncation=True, max_length=encoder.max_tokens)["input_ids"], True
    # A tokenizer without special tokens gives nothing for an empty text.
    return (
        ids or [encoder.tokenizer.pad_token_id or 0],
        False,
    )


def _load_tokenizer(model: str, source: str) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(source)
        spaced = {"add_prefix_space": True} if config.model_type in _PREFIX_SPACE else {}
        return config, AutoTokenizer.from_pretrained(source, **spaced)
    except (OSError, ValueError) as error:
        raise _not_loaded(model, source, error) from error


def _load_network(encoder: Encoder) -> Any:
    import torch
    from transformers import AutoModel, T5EncoderModel

    # By the config, never by the path's name.
    loader = T5EncoderModel if encoder.config.model_type in {"t5", "mt5"} else AutoModel
    try:
        network = loader.from_pretrained(encoder.source, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise _not_loaded(encoder.name, encoder.source, error) from error
    return network.encoder if hasattr(network, "decoder") and hasattr(network, "encoder") else network


def _not_loaded(model: str, source: str, error: Exception) -> ModelError:
    offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
    return ModelError(
        f"bertscore_model: {model} could not be loaded from"
        f" {'its folder' if Path(source).is_dir() else f'the Hugging Face hub{offline}'}:"
        f" {str(error).splitlines()[0][:200]} Set bertscore_model={PREFIX}{MINILM.name} to use the encoder that"
        " needs no download; its numbers do not compare with another encoder's."
    )


def _layer_count(config: Any) -> int:
    return int(
        getattr(config, "encoder_layers", None) or getattr(config, "num_layers", None) or config.num_hidden_layers
    )


def known_layer(source: str) -> int | None:
    """bert-score's layer for a hub id; its table alone is worth the seconds that the import takes."""
    if Path(source).is_dir():
        return None
    from bert_score.utils import model2layers

    owner, _, name = source.rpartition("/")
    layer = model2layers.get(name if owner in _RENAMED_OWNERS else source)
    return None if layer is None else int(layer)


def _keep_layers(network: Any, layer: int, count: int, model: str) -> None:
    """Drop what is above the layer, as bert-score does: a final norm of the model still applies."""
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
        f"bertscore_model: {model} is a {type(network).__name__}, whose layers are not where BERTScore looks for them;"
        " choose a BERT-like encoder such as roberta-large."
    )


def _max_tokens(tokenizer: Any, config: Any) -> int:
    """Tokens a text may have: the tokenizer's limit, or what the model has positions for where the tokenizer knows
    none.
    """
    if tokenizer.model_max_length < _NO_LIMIT:
        return int(tokenizer.model_max_length)
    positions = int(getattr(config, "max_position_embeddings", 0) or 0)
    offset = 2 if config.model_type in _POSITIONS_FROM_TWO else 0
    return positions - offset if positions > offset else _USUAL_LIMIT
