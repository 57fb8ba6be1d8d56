"""A safetensors file rewritten tensor by tensor: same header, names, shapes, dtypes and offsets.

Memory stays at a few tensors, whatever the size of the file. Format: 8 bytes little-endian header length, JSON header,
data (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ModelError

if TYPE_CHECKING:
    import torch

CHUNK_BYTES = 8 << 20
AHEAD = 2
Buffer = bytes | bytearray | memoryview
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


def rewrite(source: Path, target: Path, change: Change, checkpoint: Callable[[int], None], durable: bool = True) -> str:
    """Write `target` as `source` with some tensors changed; returns its SHA-256. With `durable` it is on disk (fsync) on return.

    Reading and computing go on while threads beside them hash and write what is ready; at most `AHEAD` pieces wait.

    Args:
        checkpoint: called after each tensor with its size in bytes; may raise to give up.

    Raises:
        ModelError: a tensor to change is not a 16- or 32-bit float.
        OSError: no space and the like; the caller removes what was written.
    """
    head, entries = read_header(source)
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        reader.seek(len(head))
        with _Sinks(digest.update, lambda data: _write_all(writer, data)) as sinks:
            sinks.put(head)
            for entry in entries:
                compute = change(entry.name)
                for piece in _pieces(reader, entry) if compute is None else [_changed(reader, entry, compute, source)]:
                    sinks.put(piece)
                checkpoint(entry.end - entry.start)
        if durable:
            os.fsync(writer.fileno())
    return digest.hexdigest()


class _Sinks:
    """Threads that each take every piece in order; the first error of one of them is raised at the next piece or at the end."""

    def __init__(self, *takers: Callable[[Buffer], object]) -> None:
        self.pools = [ThreadPoolExecutor(1) for _ in takers]
        self.takers = takers
        self.waiting: deque[Future[object]] = deque()

    def __enter__(self) -> _Sinks:
        return self

    def put(self, piece: Buffer) -> None:
        while len(self.waiting) >= AHEAD * len(self.pools):
            self.waiting.popleft().result()
        self.waiting.extend(pool.submit(taker, piece) for pool, taker in zip(self.pools, self.takers, strict=True))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for pool in self.pools:
            pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            for future in self.waiting:
                future.result()


def _write_all(writer: RawIOBase, data: Buffer) -> None:
    """An unbuffered write may take a part only."""
    rest = memoryview(data)
    while rest:
        rest = rest[writer.write(rest) or 0 :]


def _pieces(reader: RawIOBase, entry: Entry) -> Iterator[bytearray]:
    remaining = entry.end - entry.start
    while remaining:
        piece = _read(reader, min(CHUNK_BYTES, remaining))
        remaining -= len(piece)
        yield piece


def _read(reader: RawIOBase, size: int) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        got = reader.readinto(view[done:])
        if not got:
            raise ModelError(
                f"{getattr(reader, 'name', 'The base model')} became shorter while it was read; keep the base model unchanged during a merge."
            )
        done += got
    return data


def _changed(reader: RawIOBase, entry: Entry, compute: Callable[[torch.Tensor], torch.Tensor], source: Path) -> memoryview:
    import torch

    if entry.dtype not in FLOATS:
        raise ModelError(f"{source}: {entry.name} is stored as {entry.dtype}; an adapter can be merged into F32, F16 or BF16 weights only.")
    dtype = getattr(torch, FLOATS[entry.dtype])
    weight = torch.frombuffer(_read(reader, entry.end - entry.start), dtype=dtype).reshape(entry.shape)
    result = compute(weight).to(dtype).contiguous()
    return memoryview(result.reshape(-1).view(torch.uint8).numpy())
