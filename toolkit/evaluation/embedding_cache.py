"""What an encoder has computed before, by weights and text: token vectors, pair scores, and which texts were cut or
empty.

One SQLite file for each encoder under the user's cache folder. A damaged or locked file costs time, never a result.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from toolkit.evaluation.encoder import Embedding

LIMIT_BYTES = 2 << 30  # of vectors; the oldest go first
_ROWS_AT_ONCE = 400
KeyedT = TypeVar("KeyedT")
_TABLES = """
create table if not exists vectors (key blob primary key, ids blob, truncated integer, vectors blob, size integer);
create table if not exists facts (key blob primary key, truncated integer, empty integer);
create table if not exists matches (key blob primary key, precision real, recall real, f1 real);
"""


@dataclass(frozen=True)
class TextFacts:
    """Whether a text was cut to the encoder's limit, and whether it has no token of its own."""

    truncated: bool
    empty: bool


class EmbeddingCache:
    """The cache of one encoder. `EmbeddingCache(None, key)` keeps it for this process only."""

    def __init__(self, folder: Path | None, encoder_key: str) -> None:
        name = hashlib.sha256(encoder_key.encode()).hexdigest()[:24]
        self._path = folder / f"{name}.sqlite" if folder else None
        self._database = _open(self._path)

    def embeddings(self, texts: list[str]) -> dict[str, Embedding]:
        """The embeddings that are there."""
        rows = self._rows("select key, ids, truncated, vectors from vectors where key in", _by_key(texts))
        return {text: _to_embedding(ids, truncated, vectors) for text, (ids, truncated, vectors) in rows}

    def keep_embeddings(self, embeddings: dict[str, Embedding], special: frozenset[int]) -> None:
        """Store embeddings and the facts of their texts."""
        rows = [(_key(text), *_from_embedding(found)) for text, found in embeddings.items()]
        self._store("insert or replace into vectors values (?, ?, ?, ?, ?)", rows)
        facts = [
            (_key(text), found.truncated, special.issuperset(found.token_ids)) for text, found in embeddings.items()
        ]
        self._store("insert or replace into facts values (?, ?, ?)", facts)
        self._evict()

    def facts(self, texts: list[str]) -> dict[str, TextFacts]:
        """The facts that are known."""
        rows = self._rows("select key, truncated, empty from facts where key in", _by_key(texts))
        return {text: TextFacts(bool(truncated), bool(empty)) for text, (truncated, empty) in rows}

    def matches(self, pairs: list[tuple[str, str]], idf: str) -> dict[tuple[str, str], tuple[float, float, float]]:
        """Precision, recall and F of the pairs that are known; NaN where a score is not defined."""
        keys = {_pair_key(pair, idf): pair for pair in pairs}
        rows = self._rows("select key, precision, recall, f1 from matches where key in", keys)
        return {pair: tuple(math.nan if value is None else value for value in values) for pair, values in rows}  # type: ignore[misc]

    def keep_matches(self, matches: dict[tuple[str, str], tuple[float, float, float]], idf: str) -> None:
        """Store scores of pairs under these idf weights."""
        self._store(
            "insert or replace into matches values (?, ?, ?, ?)",
            [(_pair_key(pair, idf), *values) for pair, values in matches.items()],
        )

    def _rows(self, query: str, keys: dict[bytes, KeyedT]) -> Iterator[tuple[KeyedT, tuple[Any, ...]]]:
        wanted = list(keys)
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            part = wanted[start : start + _ROWS_AT_ONCE]
            for key, *values in self._database.execute(f"{query} ({','.join('?' * len(part))})", part).fetchall():
                yield keys[key], tuple(values)

    def _store(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with (
            contextlib.suppress(sqlite3.OperationalError),
            self._database,
        ):  # another run holds it, or the disk is full: not kept
            self._database.executemany(statement, rows)

    def _evict(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError), self._database:
            (total,) = self._database.execute("select coalesce(sum(size), 0) from vectors").fetchone()
            for rowid, size in (
                self._database.execute("select rowid, size from vectors order by rowid") if total > LIMIT_BYTES else ()
            ):
                self._database.execute("delete from vectors where rowid = ?", (rowid,))
                total -= size
                if total <= LIMIT_BYTES:
                    break


def _open(path: Path | None) -> sqlite3.Connection:
    """The database, made anew where the file is damaged; in memory where the folder cannot be written."""
    for target in (path, path, None):
        try:
            if target:
                target.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(str(target) if target else ":memory:", timeout=20)
            database.executescript(_TABLES)
            return database
        except sqlite3.DatabaseError as error:
            if target and not isinstance(error, sqlite3.OperationalError):
                target.unlink(missing_ok=True)
        except OSError:
            continue
    raise AssertionError("SQLite cannot open a database in memory")


def _key(text: str) -> bytes:
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).digest()[:16]


def _by_key(texts: list[str]) -> dict[bytes, str]:
    return {_key(text): text for text in texts}


def _pair_key(pair: tuple[str, str], idf: str) -> bytes:
    return hashlib.sha256(_key(pair[0]) + _key(pair[1]) + idf.encode()).digest()[:16]


def _to_embedding(ids: bytes, truncated: int, vectors: bytes) -> Embedding:
    import torch

    token_ids = struct.unpack(f"<{len(ids) // 4}i", ids)
    rows = np.frombuffer(bytearray(vectors), dtype="<f4").reshape(len(token_ids), -1)
    return Embedding(torch.from_numpy(rows), token_ids, bool(truncated))


def _from_embedding(embedding: Embedding) -> tuple[bytes, bool, bytes, int]:
    vectors = embedding.vectors.numpy().astype("<f4", copy=False).tobytes()
    return (
        struct.pack(f"<{len(embedding.token_ids)}i", *embedding.token_ids),
        embedding.truncated,
        vectors,
        len(vectors),
    )
