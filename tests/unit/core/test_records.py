"""Files: atomic writes, torn lines, hashes."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import DataError, DiskFullError
from toolkit.records import (
    append_jsonl,
    dump_line,
    iter_jsonl,
    read_examples,
    read_growing_jsonl,
    read_json,
    sha256_tree,
    write_json,
    write_text,
)


def test_the_minimal_form_gets_line_numbers_as_ids(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"prompt": "p", "output": "1. o"}\n\n{"prompt": "q", "output": "1. r"}\n')
    assert [(example.id, example.prompt) for example in read_examples(file)] == [("1", "p"), ("2", "q")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"prompt": "p", "output": ""}\n', "`output` must be a non-empty text"),
        (b'{"prompt": 3, "output": "1. a"}\n', "`prompt` must be a non-empty text"),
        (b'{"prompt": "p", "output": "1. a"\n', "not valid JSON"),
        (
            b'{"prompt": "caf\xe9", "output": "1. a"}\n',
            "byte 16 of the line is not utf-8; expected lines of UTF-8 text",
        ),
        (b"[1]\n", "found list, expected a JSON object"),
        (b'{"id": 1, "prompt": "p", "output": "o"}\n{"id": 1, "prompt": "p", "output": "o"}\n', "occurs twice"),
    ],
)
def test_a_bad_line_is_named_by_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_examples(file)
    assert f"{file}:" in str(caught.value)


def test_half_a_surrogate_pair_does_not_spoil_what_is_written_later(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"prompt": "a \\ud83d b \\ud83d\\ude00", "output": "1. o"}\n')
    (example,) = read_examples(file)
    assert example.prompt == "a \ufffd b \U0001f600"
    write_json(tmp_path / "b.json", example.to_json())


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        list(iter_jsonl(tmp_path / "none.jsonl"))


def test_a_torn_last_line_is_not_there_yet(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    file.write_bytes(b'{"step": 1}\nnot json\n{"step": 2}\n{"st')
    assert read_growing_jsonl(file) == [{"step": 1}, {"step": 2}]
    append_jsonl(file, {"step": 3})
    assert read_growing_jsonl(file) == [{"step": 1}, {"step": 2}, {"step": 3}]


@given(
    st.lists(st.dictionaries(st.text(), st.one_of(st.text(), st.floats(), st.integers())), max_size=5),
    st.integers(0, 400),
)
def test_any_prefix_of_a_file_reads_as_its_complete_lines(rows: list, cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.jsonl"
        whole = "".join(dump_line(row) for row in rows).encode()
        file.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n")
        assert len(read_growing_jsonl(file)) == complete


def test_nan_and_infinity_become_null() -> None:
    assert json.loads(dump_line({"loss": float("nan"), "list": [float("inf"), 1.5]})) == {
        "loss": None,
        "list": [None, 1.5],
    }


def test_a_full_disk_keeps_the_old_file_and_leaves_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "result.json"
    write_json(file, {"old": True})

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="No space left to write"):
        write_text(file, "new")
    assert read_json(file) == {"old": True}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_the_hash_of_a_folder_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        write_text(folder / "a" / "x.txt", "x")
        write_text(folder / ".cache", folder.name)
    assert sha256_tree(one) == sha256_tree(two)
    write_text(two / "a" / "x.txt", "y")
    assert sha256_tree(one) != sha256_tree(two)
