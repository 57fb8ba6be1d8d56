"""Whatever bytes a file holds, a reader gives rows and left-out rows, each with its place, and never an error of its
own.
"""

from __future__ import annotations

import json
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.unit.data.data_build_case import read_rows
from toolkit.data.pages.html_pages import read_html
from toolkit.data.pages.text_pages import read_plain_text
from toolkit.data.rows import Dropped
from toolkit.errors import DataError
from toolkit.options.sources import Source

TAGS = st.sampled_from(
    [
        "<h1>",
        "</h1>",
        "<h2>Change it",
        "<ol>",
        "<ol start=3>",
        "</ol>",
        "<li>Open it.",
        "<ul>",
        "</ul>",
        "<details>",
        "<summary>How?",
        "</summary>",
        "<dl>",
        "<dt>",
        "<dd>",
        "<p>1. Open",
        "<p>2) Tap",
        "<h3>Step 1: Go</h3>",
        "<button aria-controls=a>How?</button>",
        "<div id=a hidden>",
        "</div>",
        "<img alt=x>",
        "<table>",
        "<br>2. Go",
        "\x00",
        '<div itemtype="https://schema.org/Question">',
        "<b itemprop=name>How?</b>",
        "<div itemprop=acceptedAnswer>",
        '<div class="accepted-answer">',
        "&nbsp;",
        "<!--",
        "]]>",
        '<script type="application/ld+json">',
        '{"@type":"HowTo","name":"How?","step":["a","b"]}',
        "</script>",
        '<div class="faq-question">',
    ]
)
XML = st.sampled_from(
    [
        "<book>",
        "<title>Change it</title>",
        "<section>",
        "</section>",
        "<procedure>",
        "<step>",
        "<para>Open</para>",
        "</step>",
        "</procedure>",
        "</book>",
        "&x;",
        "<qandaentry>",
        '<page xmlns="http://projectmallard.org/1.0/">',
        "<steps>",
        "<item><p>Go</p></item>",
        "</steps>",
        "</page>",
        '<row Id="1" PostTypeId="1"/>',
        "<posts>",
        "<!DOCTYPE a>",
    ]
)
SUFFIXES = {
    "documents": [".html", ".md", ".pdf", ".xml", ".page", ".txt", ".zip", ".tar.gz"],
    "jsonl": [".jsonl"],
    "csv": [".csv"],
    "parquet": [".parquet"],
    "forum": [".xml", ".json", ".jsonl"],
}
KINDS = st.sampled_from([(kind, suffix) for kind, suffixes in SUFFIXES.items() for suffix in suffixes])
HEADS = st.sampled_from(
    [
        b"",
        b"PK\x03\x04",
        b"%PDF-1.7\n",
        b"\x1f\x8b\x08",
        b"PAR1",
        b"\xef\xbb\xbf",
        b'{"prompt": "How?", "output": "',
        b"prompt,output\n",
        b'[{"title": "How?", "answers": [',
    ]
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.lists(TAGS | st.text(max_size=5), max_size=25).map(
        lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
    ),
    st.lists(XML, max_size=20).map(lambda parts: "".join(parts).encode()),
)


def source(kind: str, path: Path, **options: str) -> Source:
    return TypeAdapter(Source).validate_python({"type": kind, "path": path, **options})


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(KINDS, HEADS, BODIES)
def test_any_bytes_in_any_kind_of_source_end_as_rows_or_one_clear_error(
    kind: tuple[str, str], head: bytes, body: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{kind[1]}"
        path.write_bytes(head + body)
        try:
            batch = read_rows(source(kind[0], path, language="en"))
        except DataError:
            return
        for row in (*batch.kept, *(item.row for item in batch.dropped)):
            assert row.place.startswith(path.name)
        assert all(item.reason for item in batch.dropped)
        json.dumps([row.prompt + row.output for row in batch.kept]).encode()


@given(st.lists(TAGS | st.text(max_size=8), max_size=40).map("".join))
def test_html_of_any_order_gives_sections_with_steps_on_one_line(text: str) -> None:
    for section in read_html(text.replace("\0", ""), "en"):
        assert all(step and "\n" not in step for steps in section.lists for step in steps.steps)


@given(st.text(alphabet="12.) -\n=ab:#\t•", max_size=80))
def test_plain_text_of_any_kind_gives_sections_with_steps_on_one_line(text: str) -> None:
    for section in read_plain_text(text):
        assert all(step and "\n" not in step for steps in section.lists for step in steps.steps)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "forum"])
def test_a_line_of_200_mb_is_passed_over_without_being_held(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{'jsonl' if kind == 'forum' else kind}"
    with path.open("wb") as file:
        file.write(b"prompt,output\n" if kind == "csv" else b"")
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b"\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batch = read_rows(source(kind, path))
    assert [item.reason for item in batch.dropped if isinstance(item, Dropped)] == [
        "the line is longer than 1,000,000 bytes"
    ]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB
