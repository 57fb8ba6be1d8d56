"""What decides a training's memory: the model's shape from its config.json, and the training's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from toolkit.options.training import SftOptions
from toolkit.planning.strategies import SHARDED, Strategy

GIB = 1024**3
# Families whose layers are counted (toolkit.planning.activation_memory): gated MLP, grouped-query attention, RMSNorm.
# True: with norms of q and k.
FAMILIES = {
    "llama": False,
    "mistral": False,
    "qwen2": False,
    "qwen3": True,
    "gemma": False,
    "gemma2": False,
    "gemma3_text": True,
    "smollm3": False,
}
FOUR_NORMS = frozenset({"gemma2", "gemma3_text"})
# Their attention is causal, perhaps with a window, and nothing else (Gemma 2 caps its scores): it needs no mask.
PLAIN = frozenset(FAMILIES) - {"gemma2"}
# Widest head that FlashAttention takes, and the attention of joined rows that is made of it.
FLASH_WIDTH = 256


@dataclass(frozen=True)
class ModelShape:
    """What decides a decoder's memory. `attention` and `kv`: width of all query heads and of all key heads. `windowed`
    layers look at the last `window` tokens alone; `plain`: no layer's attention needs more than that said.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    attention: int
    kv: int
    vocabulary: int
    tied: bool
    norms: int
    qk_norm: bool
    plain: bool
    window: int
    windowed: int

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of a layer's linear modules by name."""
        h, f = self.hidden, self.intermediate
        return {
            "q_proj": (h, self.attention),
            "k_proj": (h, self.kv),
            "v_proj": (h, self.kv),
            "o_proj": (self.attention, h),
            "gate_proj": (h, f),
            "up_proj": (h, f),
            "down_proj": (f, h),
        }


@dataclass(frozen=True)
class TrainingShape:
    """What decides a training's memory besides the model: its options, none of them still `auto`, and what one process
    has. `precision_bytes`: of the compute type, 2 or 4.
    """

    options: SftOptions
    precision_bytes: int
    device: str = "cuda"
    strategy: Strategy = "single"
    processes: int = 1
    labelled: int | None = None  # labelled positions of a micro-batch; None: all of them may be
    fp16: bool = False  # a card without bf16, on which the adapters are trained in fp32
    longest: int | None = None  # tokens of the longest row; None: as long as max_length allows

    @property
    def row(self) -> int:
        """Tokens of a row in the fullest micro-batch."""
        return min(self.options.max_length, self.longest or self.options.max_length)

    @property
    def tokens(self) -> int:
        """Tokens of the fullest micro-batch, padding included."""
        return self.options.rows_per_device * self.row

    @property
    def sharded(self) -> bool:
        return self.strategy in SHARDED

    def with_options(self, options: SftOptions) -> TrainingShape:
        return replace(self, options=options)


def read_shape(config: dict[str, Any]) -> ModelShape | None:
    """The shape in a model's config.json; None for families that are not counted here."""
    text = config.get("text_config") or config
    family = str(text.get("model_type", ""))
    if family not in FAMILIES:
        return None
    hidden, heads = int(text["hidden_size"]), int(text["num_attention_heads"])
    head = int(text.get("head_dim") or hidden // heads)
    tied_by_default = family.startswith("gemma")
    return ModelShape(
        layers=int(text["num_hidden_layers"]),
        hidden=hidden,
        intermediate=int(text["intermediate_size"]),
        heads=heads,
        attention=heads * head,
        kv=int(text.get("num_key_value_heads") or heads) * head,
        vocabulary=int(text["vocab_size"]),
        tied=bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", tied_by_default))),
        norms=4 if family in FOUR_NORMS else 2,
        qk_norm=FAMILIES[family],
        plain=family in PLAIN,
        window=int(text.get("sliding_window") or 0),
        windowed=_windowed_layers(text),
    )


def _windowed_layers(text: dict[str, Any]) -> int:
    """Layers with a window. Where the config does not list them, transformers' rule for the family."""
    family, layers = str(text["model_type"]), int(text["num_hidden_layers"])
    if not text.get("sliding_window"):
        return 0
    if kinds := text.get("layer_types"):
        return int(list(kinds).count("sliding_attention"))
    every = int(text.get("sliding_window_pattern") or {"gemma2": 2, "gemma3_text": 6}.get(family, 0))
    if every:
        return layers - layers // every
    if text.get("use_sliding_window"):
        return max(0, layers - int(text.get("max_window_layers") or 0))
    return layers if family == "mistral" else 0
