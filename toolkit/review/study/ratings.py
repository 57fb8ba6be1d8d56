"""A rater's ratings: an append-only journal whose every line carries the hash of the line before it, and no time.

A line is `{"n", "kind", ..., "previous", "hash"}`; `hash` is over the rest of the line. The first line (`begin`) names
study, rater and packet, so a file cannot stand in for another. An edit is a new line about the same unit and answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolkit.errors import DataError
from toolkit.records import JSON, dump_line, sha256_json
from toolkit.review.journal import Journal

BEGIN, SCORES, RANK, GUESS = "begin", "scores", "rank", "guess"


def open_ratings(path: Path, study: str, rater: str, packet_sha256: str) -> Journal:
    """The journal to go on with; a new one begins with the line that names study, rater and packet.

    Raises:
        DataError: the file belongs elsewhere or was changed.
        UsageError: another process has it open.
    """
    read_ratings(path, study, rater, packet_sha256)
    journal = Journal(path, chained_entry)
    if not journal.entries:
        journal.append(BEGIN, study=study, rater=rater, packet=packet_sha256)
    return journal


def receipt_of(rater: str, entries: list[JSON]) -> str:
    """What a rater keeps: name, number of lines and the hash of the last one, by which all lines are fixed."""
    return f"{rater}:{len(entries)}:{entries[-1]['hash'] if entries else ''}"


def chained_entry(entries: list[JSON], kind: str, fields: JSON) -> JSON:
    """The next entry of a chain."""
    entry = {"n": len(entries) + 1, "kind": kind, **fields, "previous": entries[-1]["hash"] if entries else ""}
    return {**entry, "hash": sha256_json(entry)}


def read_ratings(path: Path, study: str, rater: str, packet_sha256: str) -> list[JSON]:
    """The checked entries; [] if there is no file yet. A torn last line was never acknowledged and is left out.

    Raises:
        DataError: a line does not follow from the one before it, or the file is of another study, rater or packet.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    entries: list[JSON] = []
    for number, line in enumerate(raw.split(b"\n")[:-1], start=1):
        entry = _entry(line)
        if (
            entry is None
            or entry.get("n") != number
            or entry.get("previous") != (entries[-1]["hash"] if entries else "")
        ):
            raise DataError(
                f"{path}:{number} was changed, or a line before it is missing: it does not continue the chain. Take the"
                " file from the rater's copy."
            )
        entries.append(entry)
    if entries:
        _require_same(entries[0], study, rater, packet_sha256, path)
    return entries


def _entry(line: bytes) -> JSON | None:
    """The entry of a line, if it is written as steptune writes it and its hash is right."""
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or dump_line(entry).encode() != line + b"\n":
        return None
    rest = {name: value for name, value in entry.items() if name != "hash"}
    return entry if entry.get("hash") == sha256_json(rest) else None


def _require_same(begin: JSON, study: str, rater: str, packet_sha256: str, path: Path) -> None:
    for name, expected, what in (
        ("study", study, "study"),
        ("rater", rater, "rater"),
        ("packet", packet_sha256, "packet"),
    ):
        if begin.get(name) != expected:
            found = str(begin.get(name))[:16]
            raise DataError(
                f"{path} belongs to another {what} ({found}), expected {expected[:16]}; put the file where it belongs."
            )
