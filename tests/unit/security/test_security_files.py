"""Files of strangers, damaged at random: those of every shape that data-build reads, texts with steps, and all files of
a run. What comes is a result or one clear error, in time.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tui.sample_runs import make_run
from tests.unit.data.test_data_more_shapes import CASES, read
from toolkit import cli
from toolkit.data.pages import office_pages
from toolkit.data.reading import sheets
from toolkit.errors import DataError, SteptuneError
from toolkit.evaluation.steps import parse_answer
from toolkit.numbering import find_marks, inline_marks
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.labels import read_labels
from toolkit.runs.row import read_row

LONGEST_S = 10.0
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
OFFICE = [case for case, (name, _, _) in CASES.items() if name.endswith((".docx", ".epub", ".xlsx", ".ods"))]
TEXTS = [case for case in CASES if case not in OFFICE]
DAMAGE = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 20), st.binary(max_size=4) | st.sampled_from([b"<", b"&", b'"', b"[" * 3000])
    ),
    min_size=1,
    max_size=4,
)


def damaged(raw: bytes, damage: list[tuple[float, int, bytes]]) -> bytes:
    """At each place (a share of the length) so many bytes are replaced."""
    for share, many, put in damage:
        at = int(share * len(raw))
        raw = raw[:at] + put + raw[at + many :]
    return raw


def read_bytes(name: str, raw: bytes) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        with contextlib.suppress(DataError):
            rows, dropped = read(path)
            json.dumps([row.prompt + row.output for row in rows]).encode()
            assert all(item.reason for item in dropped)
    assert time.monotonic() - started < LONGEST_S


@settings(suppress_health_check=QUIET, deadline=None, max_examples=60)
@given(st.sampled_from(TEXTS), DAMAGE)
def test_a_damaged_file_of_any_shape_is_rows_or_one_clear_error(case: str, damage: list) -> None:
    name, content, _ = CASES[case]
    read_bytes(name, damaged(content, damage))


@settings(suppress_health_check=QUIET, deadline=None, max_examples=60)
@given(st.sampled_from(OFFICE), DAMAGE, st.booleans(), st.integers(0, 20))
def test_a_damaged_office_file_is_rows_or_one_clear_error(case: str, damage: list, inside: bool, which: int) -> None:
    """In its bytes, or in one of its members behind whole checksums."""
    name, content, _ = CASES[case]
    if not inside:
        return read_bytes(name, damaged(content, damage))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        members = old.infolist()
        for at, member in enumerate(members):
            raw = old.read(member)
            new.writestr(member.filename, damaged(raw, damage) if at == which % len(members) else raw)
    return read_bytes(name, out.getvalue())


@pytest.mark.parametrize("kind", [".docx", ".epub", ".xlsx", ".ods"])
def test_an_office_file_that_is_a_bomb_is_named(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "LARGEST_SHEET", 1_000_000)
    monkeypatch.setattr(office_pages, "LARGEST_PAGE", 250_000)
    _, content, _ = next(CASES[case] for case in OFFICE if CASES[case][0].endswith(kind))
    path = tmp_path / f"a{kind}"
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/bomb.xml", b" " * 30_000_000)
    assert path.stat().st_size < 100_000
    said = ""
    try:
        rows, dropped = read(path)
        assert not rows
        said = " ".join(item.reason for item in dropped)
    except DataError as error:
        said = str(error)
    assert "unpacks to more than" in said


STEP_PIECES = st.sampled_from(
    [
        "1. ",
        "2) ",
        "Step 3: ",
        "iv. ",
        "a) ",
        "- ",
        "• ",
        "①",
        "\n",
        "  ",
        "١. ",
        "第一步",
        "**",
        "#",
        "\t",
        "1.1. ",
        "९",
    ]
)


@settings(suppress_health_check=QUIET, deadline=None)
@given(st.lists(STEP_PIECES | st.text(max_size=6), max_size=60).map("".join), st.sampled_from([1, 1, 1, 300]))
def test_any_text_has_steps_or_none_in_time(text: str, times: int) -> None:
    started = time.monotonic()
    found = parse_answer(text * times)
    assert all(step.text is not None for step in found.steps)
    lines = text.splitlines()
    assert len(find_marks(lines)) == len(lines)
    inline_marks(text)
    assert time.monotonic() - started < LONGEST_S


NAMES = ["run.json", "config.yaml", "result.json", "events.jsonl", "metrics.jsonl", "hardware.jsonl", "notes.jsonl"]
NAMES += ["command.json", "proc.json", "labels.json", "stage.json", "ticket.json", "asked.jsonl", "log.txt"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just({}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["id", "recipe", "state", "time", "event", "stage", "done", "total", "message", "headline", "outputs", "pid"]
FIELDS += ["created", "created_unix", "argv", "environment", "exit_code", "seconds", "phase", "text", "tags", "host"]
DOCUMENTS = VALUES | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5)
CONTENTS = st.one_of(
    st.binary(max_size=60),
    DOCUMENTS.map(lambda value: json.dumps(value).encode()),
    st.lists(DOCUMENTS, max_size=3).map(lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode()),
    st.sampled_from([b"[" * 50_000, b'{"a":' * 50_000, b'{"pid": ' + b"9" * 5000 + b"}"]),
)


@settings(suppress_health_check=QUIET, deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(NAMES), CONTENTS, min_size=1, max_size=4))
def test_any_bytes_in_any_file_of_a_run_are_shown_or_told(
    capsys: pytest.CaptureFixture[str], files: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        path = make_run(Path(root), "a-sft-1")
        for name, content in files.items():
            (path / name).write_bytes(content)
        assert read_row(path).path == path
        run = RunFolder(path)
        with contextlib.suppress(SteptuneError):
            assert str(run.state())
            read_labels(run)
        for command in (["show", str(path)], ["show", str(path), "--json"], ["logs", str(path)]):
            assert cli.main(command) in (0, 1, 2)
    capsys.readouterr()
