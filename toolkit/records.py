"""Files as steptune reads and writes them: JSON, JSONL and hashes. Standard library only.

Writers are atomic (temporary name, fsync, rename) or append whole lines; readers take a torn last line for
"not there yet". Text is UTF-8, one JSON object a line, keys in the order given.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.errors import DataError, DiskFullError
from toolkit.text_files import Fault, parse_json, text_lines

JSON = dict[str, Any]
LONGEST_ROW = 100_000_000  # bytes of a line that is still taken for one


@dataclass(frozen=True)
class Example:
    """One how-to pair. `output` is the reference answer: numbered steps, one a line."""

    id: str
    prompt: str
    output: str
    meta: JSON = field(default_factory=dict)

    def to_json(self) -> JSON:
        row: JSON = {"id": self.id, "prompt": self.prompt, "output": self.output}
        return {**row, "meta": self.meta} if self.meta else row


def read_examples(path: Path) -> list[Example]:
    """The examples of a JSONL file; the minimal form `{"prompt", "output"}` gets its 1-based line number as id, and a
    `meta` that is no object says nothing.

    Raises:
        DataError: a line is not JSON, has no text under `prompt` or `output`, or repeats an id.
    """
    examples: list[Example] = []
    seen: set[str] = set()
    for line_number, row in enumerate(iter_jsonl(path), start=1):
        for key in ("prompt", "output"):
            if not isinstance(row.get(key), str) or not row[key].strip():
                raise DataError(
                    f"{path}:{line_number}: `{key}` must be a non-empty text; correct the line or build the"
                    " data set with data-build."
                )
        identifier = row_id(row, line_number)
        if identifier in seen:
            raise DataError(
                f"{path}:{line_number}: the id {identifier!r} occurs twice; ids must be unique within a file."
            )
        seen.add(identifier)
        meta = row.get("meta")
        examples.append(Example(identifier, row["prompt"], row["output"], meta if isinstance(meta, dict) else {}))
    return examples


def iter_jsonl(path: Path) -> Iterator[JSON]:
    """The objects of a finished JSONL file.

    Raises:
        DataError: the file is missing, not UTF-8, or a line is not a JSON object.
    """
    try:
        for line_number, line in text_lines(path, "utf-8", LONGEST_ROW):
            place = f"{path}:{line_number}"
            if isinstance(line, Fault):
                raise DataError(f"{place}: {line.reason.split(';')[0]}; expected lines of UTF-8 text.")
            if line.strip():
                yield _parse_line(line, place)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; expected a JSONL file with one object a line.") from None


def row_id(row: JSON, line_number: int) -> str:
    """What a row calls itself; its number where it does not say, or says null."""
    return str(line_number if row.get("id") is None else row["id"])


def _parse_line(line: str, place: str) -> JSON:
    row = parse_json(line.rstrip())
    if isinstance(row, Fault):
        raise DataError(f"{place}: {row.reason}; expected one object a line.")
    if not isinstance(row, dict):
        raise DataError(f"{place}: found {type(row).__name__}, expected a JSON object.")
    return _without_lone_surrogates(row) if "\\ud" in line.lower() else row


def _without_lone_surrogates(row: JSON) -> JSON:
    """JSON may escape half of a UTF-16 pair, which no UTF-8 file can hold; each becomes U+FFFD."""
    cleaned: JSON = json.loads(re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(row, ensure_ascii=False)))
    return cleaned


def read_growing_jsonl(path: Path) -> list[JSON]:
    """The complete objects of a file that another process may be appending to; [] if it is not there yet.

    A torn last line is left out, as is a line that a crash left damaged.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    rows = []
    for line in raw.split(b"\n")[:-1]:  # what follows the last newline is not there yet
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows


def read_json(path: Path) -> JSON | None:
    """The object in a JSON file; None while it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def dump_line(row: JSON) -> str:
    """One JSONL line with its newline. NaN and Infinity become null: JSON has neither."""
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError:
        return json.dumps(_finite(row), ensure_ascii=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def append_jsonl(path: Path, row: JSON, durable: bool = False) -> None:
    """Append one line in a single write. A torn line that a crash left is ended first, so that it spoils no other line.

    `durable`: return when the line is on the disk.
    """
    with path.open("ab") as file:
        if file.tell() and not _ends_with_newline(path):
            file.write(b"\n")
        file.write(dump_line(row).encode())
        file.flush()
        if durable:
            os.fsync(file.fileno())


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing: temporary name in the same folder, fsync, rename.

    Raises:
        DiskFullError: no space; the old file, if any, is untouched.
    """
    _write_whole(path, [text])


def _write_whole(path: Path, pieces: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and is_disk_full(error):
            raise DiskFullError(
                f"No space left to write {path}; free some and run `steptune resume` on this run."
            ) from error
        raise


def is_disk_full(error: OSError) -> bool:
    """Whether space or quota ran out."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document, indented, atomically."""
    write_text(path, json.dumps(_finite(value), ensure_ascii=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[JSON]) -> None:
    """Write a whole JSONL file atomically, holding one row at a time."""
    _write_whole(path, (dump_line(row) for row in rows))


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sha256_json(value: Any) -> str:
    """Hash of a JSON value in canonical form (sorted keys, no spaces)."""
    return sha256_text(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str))


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_tree(path: Path) -> str:
    """Hash of a file, or of all files of a folder with their relative names; hidden files do not count."""
    if path.is_file():
        return sha256_file(path)
    names = sorted(
        file.relative_to(path).as_posix()
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    return sha256_json([[name, sha256_file(path / name)] for name in names])
