"""Lines of a text file whose bytes may be anything: too long, in another encoding, with NUL bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_LINE_BYTES = 1_000_000


@dataclass(frozen=True)
class Fault:
    """Why a line cannot be read as text."""

    reason: str


def text_lines(path: Path, encoding: str) -> Iterator[tuple[int, str | Fault]]:
    """Lines with their 1-based numbers. A line beyond MAX_LINE_BYTES is skipped without being held in memory."""
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else encoding
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(MAX_LINE_BYTES)
                yield number, Fault(f"the line is longer than {MAX_LINE_BYTES:,} bytes")
            else:
                yield number, _decode(raw, codec if number == 1 else encoding)


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
