"""The kind of a file by its first bytes, its name and its encoding: a table, JSON, a spreadsheet, a document."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit.data.reading.archives import is_archive
from toolkit.data.reading.documents import READ
from toolkit.text_files import GZIP, PEEK_BYTES, encoding_by_mark, first_bytes

KindName = Literal["json", "table", "text", "sheet", "parquet", "forum", "documents", ""]
SHEETS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
TABLES = frozenset({".csv", ".tsv", ".tab", ".psv"})
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
# Beyond UTF-8, what tables of older programs are written in; the first that fits the bytes and reads as words is taken.
WESTERN = "cp1252"
MOSTLY_ASCII = 0.7
JSON_START = re.compile(r'(?:\[\s*)?\{\s*"')  # "[1] Open the lid" is a text
SETTINGS = frozenset({".yaml", ".yml", ".toml", ".ini"})
MOSTLY_SHOWN = 0.9  # characters of a text that can be printed


@dataclass(frozen=True)
class Kind:
    """`name` is "" for a kind that is not read; `said` in words; `encoding` of a text, None where nothing needs it."""

    name: KindName
    said: str
    encoding: str | None = None


def kind_of(file: Path, given_encoding: str | None = None) -> Kind:
    """What a file is. `given_encoding`: the one that the user named."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    suffix = next((one for one in reversed(suffixes) if one != ".gz"), "")
    with file.open("rb") as opened:
        head = opened.read(PEEK_BYTES)
    if head.startswith(b"PAR1"):
        return Kind("parquet", "a parquet file")
    if head.startswith(b"PK\x03\x04"):
        return _packed(file, suffix)
    if head.startswith(OLD_OFFICE):
        return Kind("sheet", "a spreadsheet") if suffix in SHEETS else Kind("", f"an old Office file ({suffix})")
    if is_archive(file) or suffix in READ - {".txt"} or head.startswith(b"%PDF"):
        return _document(file, head, suffix, given_encoding)
    if head.startswith(GZIP):
        head = first_bytes(file, PEEK_BYTES)
    return _text_kind(head, suffix, given_encoding)


def _packed(file: Path, suffix: str) -> Kind:
    try:
        with zipfile.ZipFile(file) as members:
            names = set(members.namelist())
            mimetype = members.read("mimetype")[:80] if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        return Kind("documents" if is_archive(file) else "", "a damaged zip file")
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names or b"spreadsheet" in mimetype:
        return Kind("sheet", "a spreadsheet")
    if suffix in READ or is_archive(file):
        return Kind("documents", "an archive of documents" if is_archive(file) else f"a document ({suffix})")
    return Kind("", f"a packed file ({suffix or 'no suffix'})")


def _document(file: Path, head: bytes, suffix: str, given: str | None) -> Kind:
    if is_archive(file):
        return Kind("documents", "an archive of documents")
    if suffix == ".xml" and re.search(rb"<posts\b", head[:2000]):
        return Kind("forum", "a dump of a forum (Posts.xml)")
    is_text = suffix in {".md", ".markdown", ".rst", ".adoc", ".asciidoc"}
    return Kind("documents", f"a document ({suffix or 'PDF'})", find_encoding(head, given) if is_text else None)


def _text_kind(head: bytes, suffix: str, given: str | None) -> Kind:
    encoding = find_encoding(head, given)
    if encoding is None:
        return Kind("", f"a file of bytes that are no text ({suffix or 'no suffix'})")
    text = head.decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    in_words = f" in {encoding}" if encoding not in ("utf-8", "utf-8-sig") else ""
    if suffix in SETTINGS:
        return Kind("", f"a {suffix} file")
    if suffix not in TABLES and (JSON_START.match(text) if suffix == ".txt" else text[:1] in ("{", "[")):
        return Kind("json", f"JSON{in_words}", encoding)
    if suffix in TABLES:
        return Kind("table", f"a table ({suffix}){in_words}", encoding)
    if suffix in (".jsonl", ".json", ".ndjson"):
        return Kind("json", f"JSON{in_words}", encoding)
    return Kind("text", f"a table{in_words}", encoding)


def find_encoding(head: bytes, given: str | None = None) -> str | None:
    """The encoding of a text by its mark, its zero bytes, or what it decodes as; None for bytes that are no text."""
    if marked := encoding_by_mark(head):
        return marked
    if given:
        return given
    if zeros := head.count(0):
        if zeros * 4 < len(head):
            return None
        wide = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        text = head.decode(wide, "ignore")
        shown = sum(character.isprintable() or character in "\r\n\t" for character in text)
        return wide if shown > MOSTLY_SHOWN * len(head) / 2 else None
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return _older_encoding(head)
    return "utf-8"


def _older_encoding(head: bytes) -> str:
    """Texts of which most is ASCII are Western; of others a classifier of byte patterns decides."""
    if sum(byte < 128 for byte in head) >= MOSTLY_ASCII * len(head):
        return WESTERN
    from charset_normalizer import from_bytes

    best = from_bytes(head).best()
    return best.encoding if best is not None else WESTERN
