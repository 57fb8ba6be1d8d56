"""A safetensors file rewritten tensor by tensor: same header, names, shapes, dtypes and offsets.

Memory stays at one tensor, whatever the size of the file. Format: 8 bytes little-endian header length, JSON header,
data (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from toolkit.errors import ModelError

if TYPE_CHECKING:
    import torch

CHUNK_BYTES = 8 << 20
MAX_HEADER_BYTES = 100 << 20  # the format's own limit
FLOATS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
# Gets a tensor's name and returns what to do with it; None copies its bytes.
Change = Callable[[str], "Callable[[torch.Tensor], torch.Tensor] | None"]


@dataclass(frozen=True)
class Entry:
    """One tensor of a file. `start` and `end` are bytes within the data section."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(path: Path) -> tuple[bytes, list[Entry]]:
    """The file's bytes up to its data, and its tensors in file order.

    Raises:
        ModelError: the file is truncated or no safetensors file.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= MAX_HEADER_BYTES:
                raise ValueError(f"header of {size} bytes")
            raw = file.read(size)
        header = {name: value for name, value in json.loads(raw).items() if name != "__metadata__"}
        entries = [Entry(name, value["dtype"], tuple(value["shape"]), *value["data_offsets"]) for name, value in header.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no safetensors file ({error}); download or save the model again.") from error
    entries.sort(key=lambda entry: (entry.start, entry.end))
    data_bytes = entries[-1].end if entries else 0
    if path.stat().st_size != 8 + size + data_bytes:
        raise ModelError(
            f"{path} has {path.stat().st_size} bytes, expected {8 + size + data_bytes}; the file is damaged, download or save the model again."
        )
    return size.to_bytes(8, "little") + raw, entries


def rewrite(source: Path, target: Path, change: Change, checkpoint: Callable[[int], None]) -> str:
    """Write `target` as `source` with some tensors changed; returns its SHA-256. The file is on disk (fsync) on return.

    Args:
        checkpoint: called after each tensor with its size in bytes; may raise to give up.

    Raises:
        ModelError: a tensor to change is not a 16- or 32-bit float.
        OSError: no space and the like; the caller removes what was written.
    """
    head, entries = read_header(source)
    digest = hashlib.sha256(head)
    with source.open("rb") as reader, target.open("wb") as writer:
        writer.write(head)
        reader.seek(len(head))
        for entry in entries:
            compute = change(entry.name)
            if compute is None:
                _copy(reader, writer, digest, entry.end - entry.start)
            else:
                raw = _changed(reader, entry, compute, source)
                digest.update(raw)
                writer.write(raw)
            checkpoint(entry.end - entry.start)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def _copy(reader: BinaryIO, writer: BinaryIO, digest: hashlib._Hash, remaining: int) -> None:
    while remaining:
        block = reader.read(min(CHUNK_BYTES, remaining))
        if not block:
            raise ModelError(f"{reader.name} became shorter while it was read; keep the base model unchanged during a merge.")
        digest.update(block)
        writer.write(block)
        remaining -= len(block)


def _changed(reader: BinaryIO, entry: Entry, compute: Callable[[torch.Tensor], torch.Tensor], source: Path) -> memoryview:
    import torch

    if entry.dtype not in FLOATS:
        raise ModelError(f"{source}: {entry.name} is stored as {entry.dtype}; an adapter can be merged into F32, F16 or BF16 weights only.")
    dtype = getattr(torch, FLOATS[entry.dtype])
    weight = torch.frombuffer(bytearray(reader.read(entry.end - entry.start)), dtype=dtype).reshape(entry.shape)
    result = compute(weight).to(dtype).contiguous()
    return memoryview(result.reshape(-1).view(torch.uint8).numpy())
