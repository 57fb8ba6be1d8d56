"""A safetensors file rewritten tensor by tensor: same header, names, shapes, dtypes and offsets.

Memory stays at a few tensors, whatever the size of the file. Format: 8 bytes little-endian header length, JSON header,
data (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import mmap
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ModelError

if TYPE_CHECKING:
    import torch

CHUNK_BYTES = 8 << 20
AHEAD = 2
_SYNC_FILE_RANGE_WRITE = 2
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
        entries = [
            Entry(name, value["dtype"], tuple(value["shape"]), *value["data_offsets"]) for name, value in header.items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no safetensors file ({error}); download or save the model again.") from error
    entries.sort(key=lambda entry: (entry.start, entry.end))
    data_bytes = entries[-1].end if entries else 0
    if path.stat().st_size != 8 + size + data_bytes:
        raise ModelError(
            f"{path} has {path.stat().st_size} bytes, expected {8 + size + data_bytes}; the file is damaged, download"
            " or save the model again."
        )
    return size.to_bytes(8, "little") + raw, entries


def rewrite(source: Path, target: Path, change: Change, checkpoint: Callable[[int], None], durable: bool = True) -> str:
    """Write `target` as `source` with some tensors changed; returns its SHA-256. With `durable` it is on disk (fsync)
    on return.

    Reading and computing go on while other threads hash and write what is ready; at most `AHEAD` pieces wait.

    Args:
        change: what it returns may overwrite the tensor that it gets.
        checkpoint: called after each tensor with its size in bytes; may raise to give up.

    Raises:
        ModelError: a tensor to change is not a 16- or 32-bit float.
        OSError: no space and the like; the caller removes what was written.
    """
    head, entries = read_header(source)
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        reader.seek(len(head))
        write = _writes_to_disk(writer) if durable else partial(_write_all, writer)
        with _Sinks(digest.update, write) as sinks:
            sinks.put(head)
            for entry in entries:
                compute = change(entry.name)
                if compute is None:
                    for size in _chunks(entry.end - entry.start):
                        sinks.put(_read(reader, sinks.buffer(size)))
                else:
                    sinks.put(_changed(_read(reader, sinks.buffer(entry.end - entry.start)), entry, compute, source))
                checkpoint(entry.end - entry.start)
        if durable:
            os.fsync(writer.fileno())
    return digest.hexdigest()


def large_memory(size: int) -> mmap.mmap:
    """Zeros in huge pages where the kernel has some: few page faults."""
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them refuses; ordinary pages do
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


class _Sinks:
    """Threads that each take every piece in order; the first error of one of them is raised at the next piece or at the
    end.

    `buffer` lends memory for the next piece, which is lent again when all have taken it: fresh memory for each costs
    more in page faults than the arithmetic.
    """

    def __init__(self, *takers: Callable[[Buffer], object]) -> None:
        self.pools = [ThreadPoolExecutor(1) for _ in takers]
        self.takers = takers
        self.waiting: deque[list[Future[object]]] = deque()
        self.buffers = deque(large_memory(CHUNK_BYTES) for _ in range(AHEAD + 1))

    def __enter__(self) -> _Sinks:
        return self

    def buffer(self, size: int) -> memoryview:
        self._wait(AHEAD)
        if len(self.buffers[0]) < size:
            self.buffers[0] = large_memory(size)
        self.buffers.rotate(-1)
        return memoryview(self.buffers[-1])[:size]

    def put(self, piece: Buffer) -> None:
        self._wait(AHEAD)
        self.waiting.append([pool.submit(taker, piece) for pool, taker in zip(self.pools, self.takers, strict=True)])

    def _wait(self, left: int) -> None:
        while len(self.waiting) > left:
            for future in self.waiting.popleft():
                future.result()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for pool in self.pools:
            pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            self._wait(0)


def _writes_to_disk(writer: RawIOBase) -> Callable[[Buffer], None]:
    """Writing that has the disk at work from the first piece on: left to itself the kernel starts at the fsync, after
    all arithmetic.
    """
    sync_file_range = ctypes.CDLL(None, use_errno=True).sync_file_range
    sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)

    def write(data: Buffer) -> None:
        for start in range(0, len(data), CHUNK_BYTES):
            place = writer.tell()
            _write_all(writer, memoryview(data)[start : start + CHUNK_BYTES])
            sync_file_range(writer.fileno(), place, 0, _SYNC_FILE_RANGE_WRITE)  # a hint: errors show at the fsync

    return write


def _write_all(writer: RawIOBase, data: Buffer) -> None:
    """An unbuffered write may take a part only."""
    rest = memoryview(data)
    while rest:
        rest = rest[writer.write(rest) or 0 :]


def _chunks(size: int) -> Iterator[int]:
    for start in range(0, size, CHUNK_BYTES):
        yield min(CHUNK_BYTES, size - start)


def _read(reader: RawIOBase, into: memoryview) -> memoryview:
    done = 0
    while done < len(into):
        got = reader.readinto(into[done:])
        if not got:
            raise ModelError(
                f"{getattr(reader, 'name', 'The base model')} became shorter while it was read; keep the base model"
                " unchanged during a merge."
            )
        done += got
    return into


def _changed(
    data: memoryview, entry: Entry, compute: Callable[[torch.Tensor], torch.Tensor], source: Path
) -> memoryview:
    import torch

    if entry.dtype not in FLOATS:
        raise ModelError(
            f"{source}: {entry.name} is stored as {entry.dtype}; an adapter can be merged into F32, F16 or BF16 weights"
            " only."
        )
    dtype = getattr(torch, FLOATS[entry.dtype])
    weight = torch.frombuffer(data, dtype=dtype).reshape(entry.shape)
    result = compute(weight).to(dtype).contiguous()
    return memoryview(result.reshape(-1).view(torch.uint8).numpy())
