"""Archives of documents: unpacked into a folder of their own, with nothing outside it written and nothing without
bound.

Links, devices, encrypted files, names that climb out, and files or archives that grow beyond all measure are left out
by name.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_FILES = 100_000
MOST_BYTES = 2 * 1024**3
MOST_RATIO = 200  # unpacked to packed; text packs 3 to 30 times
SMALL = 1_000_000  # bytes from which the ratio matters


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ARCHIVES)


@dataclass(frozen=True)
class LeftOut:
    """A member that was not unpacked; name "" for the archive itself, `*.png` for all of a kind that is not read.
    `unreadable`: a fault, not just something of no use.
    """

    name: str
    reason: str
    unreadable: bool = True


@dataclass
class _Budget:
    """What may still be unpacked."""

    files: int
    bytes: int


class _Full(Exception):
    """The archive as a whole is too large."""


def unpack(archive: Path, folder: Path, suffixes: frozenset[str], largest: int) -> Iterator[LeftOut]:
    """Unpack the files of the given suffixes into `folder`; `largest`: bytes of one file. Yields what was left out, in
    order.
    """
    unpack_members = _unpack_zip if archive.name.lower().endswith(".zip") else _unpack_tar
    kinds = _Kinds(suffixes)
    try:
        yield from unpack_members(archive, folder, kinds, largest, _Budget(MOST_FILES, MOST_BYTES))
    except _Full as error:
        yield LeftOut("", str(error))
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        yield LeftOut("", f"not a readable archive ({str(error)[:80] or type(error).__name__})")
    yield from (
        LeftOut(f"*{suffix}", files_not_read(suffix, files), unreadable=False)
        for suffix, files in sorted(kinds.others.items())
    )


def files_not_read(suffix: str, count: int) -> str:
    """The reason for files that no reader is for."""
    files = "1 file" if count == 1 else f"{count} files"
    return f"{files} of a kind that is not read ({suffix or 'no suffix'})"


@dataclass
class _Kinds:
    """Which files of an archive are read, and how many there were of each other kind."""

    read: frozenset[str]
    others: Counter[str] = field(default_factory=Counter)

    def wants(self, name: str) -> bool:
        path = PurePosixPath(name.replace("\\", "/"))
        if any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in path.parts):
            return False
        suffix = path.suffix.lower()
        if suffix not in self.read:
            self.others[suffix if suffix.isprintable() else "?"] += 1
        return suffix in self.read


def _unpack_zip(archive: Path, folder: Path, kinds: _Kinds, largest: int, budget: _Budget) -> Iterator[LeftOut]:
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            if member.is_dir() or not kinds.wants(member.filename):
                continue
            reason = _name_flaw(member.filename) or _zip_flaw(member, largest)
            if not reason:
                try:
                    with members.open(member) as file:
                        reason = _write(file, folder, member.filename, largest, budget)
                except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
                    reason = f"damaged in the archive ({str(error)[:80]})"
            if reason:
                yield LeftOut(member.filename, reason)


def _zip_flaw(member: zipfile.ZipInfo, largest: int) -> str:
    if member.flag_bits & 1:
        return "encrypted in the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link in the archive"
    if member.file_size > SMALL and member.file_size > MOST_RATIO * max(1, member.compress_size):
        return f"unpacks to {member.file_size // max(1, member.compress_size):,} times its size"
    return f"the document is larger than {largest:,} bytes" if member.file_size > largest else ""


def _unpack_tar(archive: Path, folder: Path, kinds: _Kinds, largest: int, budget: _Budget) -> Iterator[LeftOut]:
    packed = archive.stat().st_size
    with tarfile.open(archive, "r|*") as members:
        for member in members:
            budget.bytes -= 512  # headers alone can fill a machine
            if budget.bytes < 0 or (members.offset > 100 * SMALL and members.offset > MOST_RATIO * packed):
                raise _Full(f"unpacks to more than {MOST_RATIO} times its size or {MOST_BYTES:,} bytes")
            if member.isdir() or not kinds.wants(member.name):
                continue
            reason = _name_flaw(member.name) or ("" if member.isreg() else "a link or device in the archive")
            if not reason and member.size > largest:
                reason = f"the document is larger than {largest:,} bytes"
            if not reason:
                file = members.extractfile(member)
                reason = (
                    _write(file, folder, member.name, largest, budget)
                    if file is not None
                    else "cannot be read from the archive"
                )
            if reason:
                yield LeftOut(member.name, reason)


def _name_flaw(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":") or "\0" in name:
        return "its path leads out of the archive"
    return (
        "its path is too long"
        if len(name.encode("utf-8", "replace")) > 1000 or any(len(part) > 200 for part in path.parts)
        else ""
    )


def _write(file: IO[bytes] | Any, folder: Path, name: str, largest: int, budget: _Budget) -> str:
    """Write a member in pieces, whatever size the archive claims for it; "" or why it was left out."""
    budget.files -= 1
    if budget.files < 0:
        raise _Full(f"holds more than {MOST_FILES:,} documents; split it")
    target = folder / PurePosixPath(name.replace("\\", "/"))
    if target.exists():
        return "occurs twice in the archive; the first one is read"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with target.open("xb") as out:
            while piece := file.read(1 << 20):
                written += len(piece)
                budget.bytes -= len(piece)
                if budget.bytes < 0:
                    raise _Full(f"unpacks to more than {MOST_BYTES:,} bytes; split it")
                if written > largest:
                    break
                out.write(piece)
    except (FileExistsError, NotADirectoryError, UnicodeEncodeError):
        return "its path cannot be written"
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if written > largest:
        target.unlink()
        return f"the document is larger than {largest:,} bytes"
    return ""
