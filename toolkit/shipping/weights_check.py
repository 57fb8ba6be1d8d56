"""Whether a GGUF file holds the merged model's weights and no others, tensor by tensor.

transformers reads the file back: another program than the converter, with the layout of its own models. Types whose
rounding is defined (16 bits, Q8_0) must be what that rounding makes of the merged weights, value by value. The smaller
types choose their scales by searching, so they are held to the error that such types have, and to the adapter: the part
of it that is missing or too much is what projects onto it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.generation.adapter import WEIGHTS_FILE, Adapter
from toolkit.generation.tensor_stream import read_header
from toolkit.model_files import weight_files
from toolkit.results.shipped import ShipCheck
from toolkit.shipping.source import Merged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# Of a tensor: root mean square of the error over that of the weights. About twice what the types do to normal weights.
LARGEST_ERROR = {"Q6_K": 0.04, "Q5_K": 0.08, "Q5_0": 0.08, "Q4_K": 0.15, "Q4_0": 0.18, "Q3_K": 0.3}
OTHER_TYPES = 0.5
EQUAL_SHARE = 0.9999  # of the values: a library may round one of very many to the other side
BLOCK_ELEMENTS = 1 << 20
# Largest share of the adapter that may be missing or too much. Four bits bend it by a tenth where the base was rounded
# to NF4: values on a grid are rounded to another grid. A wrong scale is a factor of two, or of the root of the rank.
ADAPTER_PART = 0.35


@dataclass
class Found:
    """What the comparison adds up to."""

    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    along: float = 0.0  # <shipped - merged, adapter>
    adapter: float = 0.0  # <adapter, adapter>
    not_compared: int = 0  # tensors that transformers puts together from several

    @property
    def adapter_part(self) -> float | None:
        """How much of the adapter is in the file: 1 is all of it, 0 none, 2 twice; None without linear layers."""
        return 1.0 + self.along / self.adapter if self.adapter else None


def check_weights(gguf: Path, merged: Merged, declared: str) -> ShipCheck:
    """Compare a GGUF file with the merged model.

    Args:
        declared: the type that the file is said to have, such as Q8_0.
    """
    try:
        tensors = _read_back(gguf, merged)
    except (ValueError, OSError, IndexError, KeyError) as error:
        return ShipCheck(
            name="weights", passed=False, found=f"{gguf.name} cannot be read as GGUF: {_first_line(error)}"
        )
    except NotImplementedError as unknown:
        return ShipCheck(name="weights", passed=None, found=f"not compared: {unknown}")
    found = Found()
    with ExitStack() as opened:
        expected = _Expected(merged, opened)
        try:
            for tensor in tensors:
                if tensor is None:
                    found.not_compared += 1
                else:
                    _compare(tensor, expected, declared, found)
        except (ValueError, OSError, IndexError) as error:
            found.wrong.append(f"the file ends too early or is damaged ({_first_line(error)})")
        missing = sorted(expected.names - expected.seen)
    if missing and not found.wrong and not found.not_compared:
        found.wrong.append(f"{missing[0]} is missing ({len(missing)} of {len(expected.names)} tensors)")
    part = found.adapter_part
    if part is not None and abs(part - 1) > ADAPTER_PART:
        found.wrong.insert(0, f"{part:.2f} times the adapter is in the file, expected it once")
    return ShipCheck(name="weights", passed=not found.wrong, found=_told(found))


@dataclass(frozen=True)
class Tensor:
    """A tensor as the file has it, under the name and in the layout of the model's own library."""

    name: str
    type: str
    values: Floats
    kind: Any  # gguf.GGMLQuantizationType


class _Expected:
    """The merged model's tensors, and what the adapter added to each."""

    def __init__(self, merged: Merged, opened: ExitStack) -> None:
        from safetensors import safe_open

        self._files: dict[str, Any] = {}
        for path in weight_files(merged.folder):
            file = opened.enter_context(safe_open(path, "pt"))
            self._files |= {entry.name: file for entry in read_header(path)[1]}
        self._adapter: Adapter = merged.adapter
        self._matrices = opened.enter_context(safe_open(merged.adapter.folder / WEIGHTS_FILE, "pt"))
        self.names = {name for name in self._files if not name.endswith("rotary_emb.inv_freq")}
        self.seen: set[str] = set()

    def values(self, name: str) -> Floats | None:
        """float32, in the merged model's shape; None for a tensor that it does not have."""
        if name not in self._files:
            return None
        self.seen.add(name)
        values: Floats = self._files[name].get_tensor(name).float().numpy()
        return values

    def added(self, name: str) -> Floats | None:
        """B·A·scale of a linear layer; None where the adapter does something else, or nothing."""
        update = self._adapter.updates.get(name)
        if update is None or update.magnitude or update.embedding or self._adapter.fan_in_fan_out:
            return None
        b, a = (self._matrices.get_tensor(key).float() for key in (update.b, update.a))
        product: Floats = ((b @ a) * update.scale).numpy()
        return product


def _compare(tensor: Tensor, expected: _Expected, declared: str, found: Found) -> None:
    values = expected.values(tensor.name)
    if values is None:
        return
    found.compared += 1
    found.types[tensor.type] = found.types.get(tensor.type, 0) + 1
    if values.shape != tensor.values.shape:
        found.wrong.append(f"{tensor.name} has shape {list(tensor.values.shape)}, expected {list(values.shape)}")
        return
    added = expected.added(tensor.name)
    squares = size = 0.0
    equal: int | None = 0
    for rows in _blocks(values.shape):
        wanted, there = values[rows], tensor.values[rows]
        error = there - wanted
        squares, size = squares + _dot(error, error), size + _dot(wanted, wanted)
        if added is not None:
            found.along, found.adapter = (
                found.along + _dot(error, added[rows]),
                found.adapter + _dot(added[rows], added[rows]),
            )
        rounded = _rounded(wanted, tensor.kind)
        equal = None if rounded is None or equal is None else equal + int(np.isclose(rounded, there, 1e-6, 1e-9).sum())
    relative = (squares / max(size, 1e-30)) ** 0.5
    if equal is None:
        limit = LARGEST_ERROR.get(tensor.type, OTHER_TYPES)
        if relative > limit:
            found.wrong.append(f"{tensor.name} ({tensor.type}) is off by {relative:.1%}, at most {limit:.0%} is usual")
    elif equal < EQUAL_SHARE * values.size:
        found.wrong.append(
            f"{tensor.name} is not what {tensor.type} makes of the merged weights ({equal / values.size:.1%} of the"
            f" values are, off by {relative:.1%})"
        )
    if _bits(tensor.type) < _bits(declared):
        found.wrong.append(f"{tensor.name} is stored as {tensor.type}, in fewer bits than {declared}")


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows, so many at a time that what is computed of them stays small."""
    step = max(1, BLOCK_ELEMENTS // max(1, int(np.prod(shape[1:]))))
    return (slice(start, start + step) for start in range(0, shape[0], step))


def _dot(a: Floats, b: Floats) -> float:
    return float(np.vdot(a.astype(np.float64), b.astype(np.float64)))


def _rounded(values: Floats, kind: Any) -> Floats | None:
    """The values as the type's defined rounding leaves them; None for types without one here."""
    from gguf import dequantize, quantize

    try:
        rounded: Floats = dequantize(quantize(values, kind), kind).reshape(values.shape)
    except NotImplementedError:
        return None
    return rounded


def _read_back(gguf: Path, merged: Merged) -> Iterator[Tensor | None]:
    """Raises at once for a file whose header is damaged, or that transformers does not know (NotImplementedError)."""
    from gguf import GGUFReader
    from transformers import AutoConfig
    from transformers.modeling_gguf_pytorch_utils import (
        GGUF_SUPPORTED_ARCHITECTURES,
        TENSOR_PROCESSORS,
        TensorProcessor,
        read_field,
    )

    reader = GGUFReader(gguf)
    named = read_field(reader, "general.architecture")
    architecture = str(named[0]) if named else "?"
    if architecture not in GGUF_SUPPORTED_ARCHITECTURES:
        raise NotImplementedError(f"transformers does not read {architecture!r} files back")
    config = AutoConfig.from_pretrained(merged.folder, trust_remote_code=merged.trust_remote_code)
    processor = TENSOR_PROCESSORS.get(architecture, TensorProcessor)(config=config.get_text_config().to_dict())
    return _tensors(reader, processor, _names(config, processor, merged))


def _names(config: Any, processor: Any, merged: Merged) -> dict[str, str]:
    """The model's own tensor names by those of GGUF."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.modeling_gguf_pytorch_utils import get_gguf_hf_weights_map

    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config, trust_remote_code=merged.trust_remote_code)
    names: dict[str, str] = get_gguf_hf_weights_map(empty, processor)
    return names


def _tensors(reader: Any, processor: Any, names: dict[str, str]) -> Iterator[Tensor | None]:
    """The file's tensors; None for one that is put together with others (experts)."""
    from gguf import dequantize

    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        found = processor.process(
            weights=values, name=tensor.name, tensor_key_mapping=names, parsed_parameters={"tensors": {}}
        )
        if found.name is None:
            yield None
        elif found.name in names:
            stored = np.asarray(found.weights, dtype=np.float32)
            yield Tensor(names[found.name], tensor.tensor_type.name, stored, tensor.tensor_type)


def _bits(kind: str) -> int:
    """Bits of a weight, of a tensor's type or of a file's: Q4_K and Q4_K_M have 4."""
    found = re.match(r"[A-Z]+(\d+)", kind)
    return int(found[1]) if found else 0


def _told(found: Found) -> str:
    types = ", ".join(f"{count} {kind}" for kind, count in sorted(found.types.items()))
    part = "" if found.adapter_part is None else f"; {found.adapter_part:.3f} times the adapter"
    if not found.wrong:
        left = f"; {found.not_compared} more hold several at once and were not compared" if found.not_compared else ""
        return f"{found.compared} tensors are the merged model's ({types}){part}{left}"
    more = f" (and {len(found.wrong) - 2} more)" if len(found.wrong) > 2 else ""
    return f"{'; '.join(found.wrong[:2])}{more}; {found.compared} tensors compared ({types}){part}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
