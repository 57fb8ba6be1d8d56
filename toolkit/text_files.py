"""Text files as people have them, a line at a time: gzip, byte order marks, UTF-16, carriage returns as line ends, and
bytes that may be anything. The one reader behind data-build, sft, generate and evaluate. Standard library only.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

MAX_LINE_BYTES = 1_000_000
PEEK_BYTES = 65_536
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Fault:
    """Why a line, or a whole text, cannot be read."""

    reason: str


def open_bytes(path: Path) -> IO[bytes]:
    """A file from its beginning; one that begins as gzip does is unpacked while it is read."""
    file = path.open("rb")
    packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    return cast("IO[bytes]", io.BufferedReader(gzip.GzipFile(fileobj=file))) if packed else file


def first_bytes(path: Path, most: int) -> bytes:
    """The beginning of a file, unpacked; of a damaged gzip file nothing."""
    try:
        with open_bytes(path) as file:
            return file.read(most)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def encoding_by_mark(head: bytes) -> str | None:
    """The encoding that a byte order mark names, or None without one."""
    return next((encoding for mark, encoding in BYTE_ORDER_MARKS if head.startswith(mark)), None)


def text_lines(path: Path, encoding: str, most_bytes: int = MAX_LINE_BYTES) -> Iterator[tuple[int, str | Fault]]:
    """Lines with their 1-based numbers and line ends. One beyond `most_bytes` is skipped without being held in memory.

    A byte order mark goes before `encoding`. After a damaged gzip file, or a fault within UTF-16, nothing more comes.
    """
    number = 0
    try:
        with open_bytes(path) as file:
            head = file.read(PEEK_BYTES)
            file.seek(0)
            codec = encoding_by_mark(head) or encoding
            lines = _wide_lines(file, codec) if _is_wide(codec) else _lines(file, codec, most_bytes, _line_end(head))
            for number, line in enumerate(lines, start=1):
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield number + 1, Fault(f"the gzip file is damaged ({error})")


def read_text(path: Path, encoding: str, most_bytes: int) -> str | Fault:
    """A whole file as text, or why it cannot be read as one."""
    try:
        with open_bytes(path) as file:
            raw = file.read(most_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return Fault(f"the gzip file is damaged ({error})")
    if len(raw) > most_bytes:
        return Fault(f"the file is larger than {most_bytes:,} bytes")
    return decoded(raw, encoding)


def decoded(raw: bytes, encoding: str) -> str | Fault:
    """Bytes of a whole file as text; a byte order mark goes before `encoding`."""
    codec = encoding_by_mark(raw[:4]) or encoding
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Fault(f"line {line} is not {encoding}; set the source's `encoding` or save the file as UTF-8")
    except (LookupError, UnicodeError):
        return Fault(f"the encoding {encoding!r} is unknown")
    return text


def parse_json(text: str) -> object | Fault:
    """The JSON value of a text, or why it is none."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        return Fault(f"not valid JSON ({error.msg} at column {error.colno})")
    except (RecursionError, ValueError):
        return Fault("not valid JSON (nested too deeply or a number too long)")
    return value


def _is_wide(codec: str) -> bool:
    """Whether a line feed is more than the one byte that it is in ASCII."""
    return codecs.lookup(codec).name.startswith(("utf-16", "utf-32"))


def _line_end(head: bytes) -> bytes:
    """A file whose beginning has carriage returns and no line feed is cut at those."""
    return b"\r" if b"\r" in head and b"\n" not in head else b"\n"


def _lines(file: IO[bytes], codec: str, most_bytes: int, end: bytes) -> Iterator[str | Fault]:
    first = True
    for raw in _raw_lines(file, most_bytes, end):
        if raw is None:
            yield Fault(f"the line is longer than {most_bytes:,} bytes")
        else:
            yield _decode(raw, codec if first else codec.removesuffix("-sig"))
        first = False


def _raw_lines(file: IO[bytes], most_bytes: int, end: bytes) -> Iterator[bytes | None]:
    """The lines as bytes; None for one that is too long."""
    if end == b"\r":
        yield from _cut_at_returns(file, most_bytes)
        return
    while raw := file.readline(most_bytes + 1):
        if len(raw) > most_bytes and not raw.endswith(end):
            while raw and not raw.endswith(end):
                raw = file.readline(most_bytes)
            yield None
        else:
            yield raw


def _cut_at_returns(file: IO[bytes], most_bytes: int) -> Iterator[bytes | None]:
    rest, skipping = b"", False
    while piece := file.read(PEEK_BYTES):
        *whole, rest = (rest + piece).split(b"\r")
        for line in whole:
            yield None if skipping or len(line) > most_bytes else line + b"\n"
            skipping = False
        if len(rest) > most_bytes:
            rest, skipping = b"", True
    if rest or skipping:
        yield None if skipping else rest


def _wide_lines(file: IO[bytes], codec: str) -> Iterator[str | Fault]:
    """Lines of UTF-16 and UTF-32, where any line end becomes a line feed."""
    with io.TextIOWrapper(cast("io.BufferedReader", file), encoding=codec) as text:
        try:
            while line := text.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    while line and not line.endswith("\n"):
                        line = text.readline(MAX_LINE_BYTES)
                    yield Fault(f"the line is longer than {MAX_LINE_BYTES:,} characters")
                else:
                    yield Fault("NUL byte in the line") if "\0" in line else line
        except UnicodeError as error:
            yield Fault(f"not {codec} from here on ({getattr(error, 'reason', error)})")


def _decode(raw: bytes, encoding: str) -> str | Fault:
    if b"\0" in raw:
        return Fault("NUL byte in the line")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        return Fault(
            f"byte {error.start + 1} of the line is not {encoding}; set the source's `encoding` or save the file as"
            " UTF-8"
        )
