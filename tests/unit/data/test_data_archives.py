from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.unit.data.data_build_case import read_rows
from toolkit.data.reading import archives
from toolkit.data.rows import Batch
from toolkit.errors import DataError
from toolkit.options.sources import DocumentsSource

PAGE = "# Change the lamp\n\n1. Open it.\n2. Close it.\n"
MALLARD = (
    '<page xmlns="http://projectmallard.org/1.0/" id="p"><title>Change'
    " it</title><steps><item><p>Open.</p></item>{}</steps></page>"
)


def read(path: Path, strict: bool = False) -> Batch:
    return read_rows(DocumentsSource(path=path, language="en"), strict=strict)


def told(batch: Batch) -> list[tuple[str, str]]:
    return [(item.row.place, item.reason) for item in batch.dropped]


def tar(path: Path, *members: tuple[str, bytes | None, bytes], mode: str = "w:gz") -> Path:
    """A tar of (name, content, type); None as content for links."""
    with tarfile.open(path, mode) as archive:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = (
                kind,
                "/etc/passwd" if content is None else "",
                len(content or b""),
            )
            archive.addfile(member, io.BytesIO(content or b""))
    return path


def test_an_archive_is_read_like_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("docs/b.md", PAGE.replace("lamp", "bulb"))
        archive.writestr(
            "docs/a.page", MALLARD.format('<include xmlns="http://www.w3.org/2001/XInclude" href="more.xml"/>')
        )
        archive.writestr("docs/more.xml", '<item xmlns="http://projectmallard.org/1.0/"><p>Close.</p></item>')
        archive.writestr("picture.png", b"\x89PNG")
    tar(tmp_path / "b.tar.gz", ("docs/a.md", PAGE.encode(), tarfile.REGTYPE))
    assert [(row.place, row.output) for row in read(tmp_path / "a.zip").kept] == [
        ("a.zip/docs/a.page:1", "1. Open.\n2. Close."),
        ("a.zip/docs/b.md:1", "1. Open it.\n2. Close it."),
    ]
    assert [row.place for row in read(tmp_path / "b.tar.gz").kept] == ["b.tar.gz/docs/a.md:1"]
    assert [row.place.split("/", 1)[1] for row in read(tmp_path).kept] == [
        "a.zip/docs/a.page:1",
        "a.zip/docs/b.md:1",
        "b.tar.gz/docs/a.md:1",
    ]


def test_members_that_climb_out_or_are_links_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "a.zip", "w") as archive:
        for name in ("../../out.md", "/tmp/out.md", "C:\\out.md", "..\\out.md", "ok.md", "ok.md"):
            archive.writestr(name, PAGE)
        link = zipfile.ZipInfo("link.md")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    batch = read(tmp_path / "in" / "a.zip")
    assert [row.place for row in batch.kept] == ["a.zip/ok.md:1"]
    assert told(batch) == [
        *(
            (f"a.zip/{name}", "its path leads out of the archive")
            for name in ("../../out.md", "/tmp/out.md", "C:\\out.md", "..\\out.md")
        ),
        ("a.zip/ok.md", "occurs twice in the archive; the first one is read"),
        ("a.zip/link.md", "a link in the archive"),
    ]
    assert not list(tmp_path.rglob("out.md"))
    members = [
        ("../out.md", PAGE.encode(), tarfile.REGTYPE),
        ("l.md", None, tarfile.SYMTYPE),
        ("d.md", b"", tarfile.CHRTYPE),
        ("ok.md", PAGE.encode(), tarfile.REGTYPE),
    ]
    batch = read(tar(tmp_path / "in" / "b.tar", *members, mode="w"))
    assert [row.place for row in batch.kept] == ["b.tar/ok.md:1"]
    assert [reason for _, reason in told(batch)] == [
        "its path leads out of the archive",
        *["a link or device in the archive"] * 2,
    ]
    with pytest.raises(DataError, match=r"\.\./out\.md: its path leads out"):
        read(tmp_path / "in" / "b.tar", strict=True)


def test_bombs_and_absurd_sizes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.md", b"0" * 20_000_000)
        archive.writestr(zipfile.ZipInfo("large.md"), b"0" * 50_000_001)  # stored, not packed
        archive.writestr("ok.md", PAGE)
    batch = read(tmp_path / "a.zip")
    assert [row.place for row in batch.kept] == ["a.zip/ok.md:1"]
    assert [reason.split(" times")[0][:11] for _, reason in told(batch)] == ["unpacks to ", "the documen"]
    assert told(batch)[1][1] == "the document is larger than 50,000,000 bytes"
    monkeypatch.setattr(archives, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    many = tar(tmp_path / "many.tar.gz", *((f"{number}.md", PAGE.encode(), tarfile.REGTYPE) for number in range(5)))
    assert told(read(many)) == [("many.tar.gz", "holds more than 3 documents; split it")]
    large = tar(tmp_path / "large.tar.gz", ("a.md", b"# x\n" * 400_000, tarfile.REGTYPE))
    assert told(read(large)) == [("large.tar.gz", "unpacks to more than 1,000,000 bytes; split it")]


def test_a_member_that_lies_about_its_size_is_stopped_by_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.md", PAGE)
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    at = raw.rindex(b"PK\x01\x02") + 24  # uncompressed size in the central directory
    raw[at : at + 4] = (3).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(raw)
    ((place, reason),) = told(read(tmp_path / "a.zip"))
    assert place == "a.zip/a.md"
    assert reason.startswith("damaged in the archive")


@pytest.mark.parametrize(
    ("name", "raw"),
    [("a.zip", b"PK\x03\x04 cut"), ("a.tar.gz", b"\x1f\x8b cut"), ("a.tar", b""), ("a.tar.xz", b"no archive")],
)
def test_archives_that_cannot_be_read_are_named(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    ((place, reason),) = told(read(tmp_path / name))
    assert (place, reason.split(" (")[0]) == (name, "not a readable archive")


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.md", PAGE)
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    raw[6] |= 1
    (tmp_path / "a.zip").write_bytes(raw)
    assert told(read(tmp_path / "a.zip")) == [("a.zip/a.md", "encrypted in the archive")]
