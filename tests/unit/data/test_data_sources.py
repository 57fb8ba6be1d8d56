from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.data.data_build_case import build, ledger, pair, read_rows, write_rows
from toolkit.errors import DataError
from toolkit.options.sources import CsvSource, JsonlSource

BAD_LINES = {
    b'{"prompt": "How", "output":': "not valid JSON (Expecting value at column 28)",
    b'{"prompt": "How?", "output": ""}': "`output` is empty",
    b'{"prompt": "How?"}': "`output` is missing",
    b'{"prompt": 7, "output": "1. a\\n2. b"}': "`prompt` is a int, not a text",
    b'["How?"]': "found a list where a JSON object was expected",
    b'{"prompt": "Caf\xe9?", "output": "1. a\\n2. b"}': (
        "byte 16 of the line is not utf-8; set the source's `encoding` or save the file as UTF-8"
    ),
    b'{"prompt": "How\x00?", "output": "1. a\\n2. b"}': "NUL byte in the line",
    b'{"prompt": "How\\u0000?", "output": "1. a\\n2. b"}': "NUL byte in `prompt`",
    b'{"prompt": "How\\ud800?", "output": "1. a\\n2. b"}': "`prompt` holds half of a surrogate pair, which is not text",
    b'{"prompt": "' + b"a" * 1_000_100 + b'", "output": "1. a"}': "the line is longer than 1,000,000 bytes",
    b"[" * 100_000: "not valid JSON (nested too deeply or a number too long)",
}


def bad_file(tmp_path: Path) -> Path:
    path = write_rows(tmp_path / "bad.jsonl", [pair(1)])
    path.write_bytes(path.read_bytes() + b"\n".join([*BAD_LINES, b""]))
    return path


def test_each_unreadable_line_is_in_the_ledger_with_place_and_reason(tmp_path: Path) -> None:
    build([JsonlSource(path=bad_file(tmp_path))], tmp_path)
    lines = ledger(tmp_path)
    assert lines[0]["ended"] in {"train", "validation", "test"}
    assert [(line["place"], line["ended"], line["reason"]) for line in lines[1:]] == [
        (f"bad.jsonl:{number}", "dropped", reason) for number, reason in enumerate(BAD_LINES.values(), start=2)
    ]


def test_strict_names_the_first_unreadable_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bad\.jsonl:2: not valid JSON"):
        read_rows(JsonlSource(path=bad_file(tmp_path)), strict=True)


def test_strict_forgives_rows_that_can_be_read(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [pair(1), {"prompt": "How?", "output": "Just do it."}])
    build([JsonlSource(path=path)], tmp_path, strict=True)
    assert [line["reason"] for line in ledger(tmp_path)] == [None, "no numbered steps in the answer"]


def test_a_source_without_usable_rows_is_an_error(tmp_path: Path) -> None:
    good = write_rows(tmp_path / "good.jsonl", [pair(1)])
    bad = write_rows(tmp_path / "prose.jsonl", [{"prompt": "How?", "output": "Just do it."}])
    with pytest.raises(DataError, match=r"'prose\.jsonl' has no usable row.*prose\.jsonl:1: no numbered steps"):
        build([JsonlSource(path=good), JsonlSource(path=bad)], tmp_path)
    with pytest.raises(DataError, match="holds no row"):
        build([JsonlSource(path=write_rows(tmp_path / "empty.jsonl", []))], tmp_path)


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [pair(1)])
    with pytest.raises(DataError, match="named 'a'"):
        read_rows(JsonlSource(path=path, name="a"), JsonlSource(path=path, name="a"))


def test_a_folder_is_read_in_the_order_of_its_names_and_meta_comes_along(tmp_path: Path) -> None:
    write_rows(tmp_path / "in" / "b.jsonl", [{**pair(2), "meta": {"domain": "travel", "unknown": 1}}])
    write_rows(tmp_path / "in" / "a.jsonl", [{**pair(1), "register": "formal"}])
    write_rows(tmp_path / "in" / ".hidden.jsonl", [pair(3)])
    rows = read_rows(JsonlSource(path=tmp_path / "in", name="mine", domain="finance", language="en")).kept
    assert [(row.place, row.meta) for row in rows] == [
        ("in/a.jsonl:1", {"source": "mine", "domain": "finance", "language": "en", "register": "formal"}),
        ("in/b.jsonl:1", {"source": "mine", "domain": "travel", "language": "en"}),
    ]


def test_field_names_and_steps_as_a_list(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [{"q": "How?", "steps": ["Open  it.", "Close it."]}])
    rows = read_rows(JsonlSource(path=path, prompt_field="q", output_field="steps")).kept
    assert [(row.prompt, row.output) for row in rows] == [("How?", "1. Open it.\n2. Close it.")]


def test_csv_with_quoted_lines_another_delimiter_and_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        'id;Frage;Antwort;domain\nx;"Wie geht\'s im Caf\xe9; schnell?";"1. Eins\n2. Zwei";travel\n'.encode("latin-1")
    )
    source = CsvSource(path=path, prompt_field="Frage", output_field="Antwort", delimiter=";", encoding="latin-1")
    (row,) = read_rows(source).kept
    assert (row.given_id, row.prompt, row.output, row.meta["domain"], row.place) == (
        "x",
        "Wie geht's im Café; schnell?",
        "1. Eins\n2. Zwei",
        "travel",
        "a.csv:3",
    )


def test_csv_faults_end_in_the_ledger_and_a_missing_column_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'prompt,output\nHow?,"1. a\n2. b"\n"How"x,1. a\nHow\x00?,1. a\n\nWhy?\nHow,"1. c\n2. d"\nHow,"1. open'
    )
    batch = read_rows(CsvSource(path=path))
    assert [row.place for row in batch.kept] == ["a.csv:3", "a.csv:9"]
    assert [(item.row.place, item.reason) for item in batch.dropped] == [
        ("a.csv:4", "not valid CSV (',' expected after '\"')"),
        ("a.csv:5", "NUL byte in the line"),
        ("a.csv:7", "1 cell where the header line has 2; quote cells that hold ','"),
        ("a.csv:10", "not valid CSV (unexpected end of data)"),
    ]
    with pytest.raises(DataError, match="no column 'answer'; the header line has: prompt, output"):
        read_rows(CsvSource(path=path, output_field="answer"))


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [pair(1)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_rows(JsonlSource(path=path)).kept) == 1


def test_given_ids_are_kept_and_repeated_ones_told_apart(tmp_path: Path) -> None:
    a = write_rows(tmp_path / "a.jsonl", [pair(1), {**pair(2), "id": None}])
    b = write_rows(tmp_path / "b.jsonl", [{**pair(3), "id": "r1"}])
    build([JsonlSource(path=a), JsonlSource(path=b)], tmp_path)
    ids = [line["id"] for line in ledger(tmp_path)]
    assert ids[0] == "r1"
    assert len(ids[1]) == 16
    assert ids[2] == "b.jsonl/r1"
