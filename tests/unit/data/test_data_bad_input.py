"""What people's files have wrong, one case each: the reason in the ledger, or the message of the refusal."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.unit.data.test_data_sniff import numbered, read, write_xlsx
from toolkit.data.cleaning.anonymise import anonymise_row
from toolkit.data.reading.sources import read_sources
from toolkit.data.rows import Row
from toolkit.errors import DataError
from toolkit.options.data import MaskingOptions, ReadingOptions
from toolkit.runs.recorder import Recorder

QUESTION, STEPS = "How do I add a printer?", ["Open Settings.", "Click Printers."]
LIST = "<ol><li>Open Settings.</li><li>Click Printers.</li></ol>"


def html(body: str, title: str = "Add a printer") -> str:
    return f"<html><body><h1>{title}</h1>{body}</body></html>"


def packed(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in members.items():
            file.writestr(name.replace("_", "."), text)
    return out.getvalue()


LEFT_OUT = {
    "a step that is a picture": (
        "a.html",
        html("<ol><li>Open Settings.</li><li><img src='a.png'></li><li>Click it.</li></ol>"),
        "a step is only a picture",
    ),
    "a step that is a picture with words for it": (
        "a.html",
        html("<ol><li>Open Settings.</li><li><p><img src='a.png' alt='A window'></p></li></ol>"),
        "a step is only a picture",
    ),
    "a step that is a picture, in Markdown": (
        "a.md",
        "# Add a printer\n\n1. Open Settings.\n2. ![A window](a.png)\n3. Click it.\n",
        "a step is only a picture",
    ),
    "a step that is a picture, in DocBook": (
        "a.docbook",
        "<article><title>Add a printer</title><procedure><step><para>Open Settings.</para></step><step><mediaobject>"
        "<imageobject><imagedata fileref='a.png'/></imageobject></mediaobject></step></procedure></article>",
        "a step is only a picture",
    ),
    "numbers 1 and 4 in a list of HTML": (
        "a.html",
        html("<ol><li>Open Settings.</li><li value='4'>Click Printers.</li></ol>"),
        "a gap in the numbering: steps 2 to 3 are missing",
    ),
    "numbers 1, 3 and 4 in a list of Markdown": (
        "a.md",
        "# Add a printer\n\n1. Open Settings.\n3. Click Printers.\n4. Click Add.\n",
        "a gap in the numbering: step 2 is missing",
    ),
    "numbers 1, 3 and 4 in paragraphs": (
        "a.html",
        html("<p>1. Open Settings.</p><p>3. Click Printers.</p><p>4. Click Add.</p>"),
        "a gap in the numbering: step 2 is missing",
    ),
    "the end of a list alone": (
        "a.html",
        html("<ol start='3'><li>Open Settings.</li><li>Click Printers.</li></ol>"),
        "the list begins with step 3",
    ),
    "a last step whose choices are not there": (
        "a.html",
        html("<ol><li>Open Settings.</li><li>Do one of the following:</li></ol><p>Well.</p>"),
        "the last step leads to something that stands outside the list: 'Do one of the following:'",
    ),
    "a step that counts on another list": (
        "a.html",
        html("<ol><li>Open Settings.</li><li>Add it as described above.</li></ol>"),
        "a step refers to what stands elsewhere: as above",
    ),
    "ways side by side": (
        "a.html",
        html("<p>You can do that in two ways:</p>" + LIST),
        "the steps are choices, not steps: 'Open Settings.'",
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_would_harm_an_answer_leaves_it_out_with_the_reason(case: str, tmp_path: Path) -> None:
    name, text, reason = LEFT_OUT[case]
    (tmp_path / name).write_text(text)
    rows, dropped = read(tmp_path / name, type="documents", language="en")
    assert (rows, [item.reason for item in dropped]) == ([], [reason])


WHOLE = {
    "sub-headings with numbers": (
        "a.html",
        html("<h2>1. Open Settings.</h2><p>They are in the menu.</p><h2>2. Click Printers.</h2><h2>Good to know</h2>"),
        ["Open Settings. They are in the menu.", "Click Printers."],
    ),
    "sub-headings with numbers, in Markdown": (
        "a.md",
        "# Add a printer\n\nIt is easy.\n\n## 1. Open Settings.\n\nThey are in the menu.\n\n## 2. Click one:\n\n"
        "- the left\n- the right\n\n## 3. Click Add.\n",
        ["Open Settings. They are in the menu.", "Click one: the left; the right.", "Click Add."],
    ),
    "sub-headings that say step, in Markdown": (
        "a.md",
        "# Add a printer\n\n## Step 1: Open Settings.\n\n## Step 2: Click Printers.\n",
        STEPS,
    ),
    "choices behind the step that leads to them": (
        "a.html",
        html("<ol><li>Open Settings.</li><li>Do one of the following:</li></ol><ul><li>Click Add.</li><li>Press F2."),
        ["Open Settings.", "Do one of the following: click Add; press F2."],
    ),
    "a list of Markdown that counts 1, 1": (
        "a.md",
        "# Add a printer\n\n1. Open Settings.\n1. Click Printers.\n",
        STEPS,
    ),
    "a picture beside the words of a step": (
        "a.html",
        html("<ol><li><img src='a.png'>Open Settings.</li><li>Click Printers.<img src='b.png'></li></ol>"),
        STEPS,
    ),
    "a link to the heading that shows a sign alone": (
        "a.html",
        f"<h1>Add a printer <a href='#x' aria-label='Permalink'>#</a></h1>{LIST}",
        STEPS,
    ),
    "steps in a note": (
        "a.html",
        html(f"<div class='tip'><table summary='Tip'><tr><td><p>So:</p>{LIST}</td></tr></table></div>"),
        STEPS,
    ),
    "chapters with numbers": (
        "a.html",
        f"<h1>Guide</h1><h2>1. Add a printer</h2>{LIST}<h2>2. About it</h2><p>It prints.</p>",
        STEPS,
    ),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_task_comes_whole(case: str, tmp_path: Path) -> None:
    name, text, steps = WHOLE[case]
    (tmp_path / name).write_text(text)
    rows, _ = read(tmp_path / name, type="documents", language="en")
    assert [(row.prompt, row.output) for row in rows] == [(QUESTION, numbered(steps))]


def test_kinds_of_files_that_an_archive_holds_and_nobody_reads_are_counted(tmp_path: Path) -> None:
    page = f"# {QUESTION}\n\n{numbered(STEPS)}\n"
    (tmp_path / "a.zip").write_bytes(packed(a_md=page, b_odt="x", c_png="x", d_png="x", e_jsonl="{}"))
    rows, dropped = read(tmp_path / "a.zip")
    assert len(rows) == 1
    assert [(item.row.place, item.reason, item.unreadable) for item in dropped] == [
        ("a.zip/*.jsonl", "1 file of a kind that is not read (.jsonl)", False),
        ("a.zip/*.png", "2 files of a kind that is not read (.png)", False),
        ("a.zip/b.odt", ".odt files are not read; convert it to Markdown or HTML", True),
    ]


def test_strict_ends_at_a_row_with_more_cells_than_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'question,answer\n{QUESTION},"{numbered(STEPS)}"\nWhat?,1. Go.,2. Stop.\n')
    options = ReadingOptions.model_validate({"sources": str(tmp_path / "a.csv")})
    with pytest.raises(DataError, match=r"a\.csv:4: 3 cells where the header line has 2; quote cells that hold ','"):
        list(read_sources(options.sources, True, Recorder(None)))


def test_two_columns_of_one_name_in_a_spreadsheet_are_refused(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"FAQ": [["Question", "Answer", "Answer"], [QUESTION, numbered(STEPS), "x"]]})
    with pytest.raises(DataError, match="the columns 2 and 3 are both named 'Answer'"):
        read(tmp_path / "a.xlsx")


def test_an_array_is_read_whole_where_lines_were_declared(tmp_path: Path) -> None:
    records = [{"prompt": f"How do I add printer {at}?", "output": numbered(STEPS)} for at in range(24)]
    (tmp_path / "a.json").write_text(json.dumps(records, indent=1))
    rows, dropped = read(tmp_path / "a.json", type="jsonl")
    assert (len(rows), dropped) == (24, [])


ENTITIES = """<?xml version="1.0"?><!DOCTYPE article PUBLIC "-//KDE//DTD DocBook" "dtd/kdedbx45.dtd" [
<!ENTITY % ours SYSTEM "names.ent"> %ours; <!ENTITY chapter SYSTEM "{file}">]>
<article lang="&language;"><title>Add a printer</title><procedure>
<step><para>Open &kde;{nbsp}Settings.</para></step>
<step><para>Click &place;.</para></step></procedure>&chapter;</article>"""
CHAPTER = """<?xml version="1.0"?><section><title>Remove a printer</title><procedure>
<step><para>Open &kde;.</para></step><step><para>Click &brand;.</para></step></procedure></section>"""


def test_entities_come_from_files_beside_the_document_and_others_become_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (tmp_path / "secret.ent").write_text('<!ENTITY place "SECRET"><!ENTITY brand "SECRET">')
    (folder / "names.ent").write_text('<!ENTITY % more SYSTEM "more.ent"> %more; <!ENTITY place "the Printer Hub">')
    (folder / "more.ent").write_text('<!ENTITY brand "Hub">')
    (folder / "chapter.part").write_text(CHAPTER)
    (folder / "a.docbook").write_text(ENTITIES.format(file="chapter.part", nbsp="&nbsp;"))
    rows, _ = read(folder, type="documents", language="en")
    assert [(row.prompt, row.output, row.meta["language"]) for row in rows] == [
        (QUESTION, "1. Open kde Settings.\n2. Click the Printer Hub.", "en"),
        ("How do I remove a printer?", "1. Open kde.\n2. Click Hub.", "en"),
    ]


@pytest.mark.parametrize("file", ["../secret.ent", "/etc/hostname", "http://localhost:1/x", "link.ent"])
def test_entities_outside_the_source_are_not_read(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "manual"
    folder.mkdir()
    (tmp_path / "secret.ent").write_text('<!ENTITY place "SECRET">')
    (folder / "link.ent").symlink_to(tmp_path / "secret.ent")
    text = ENTITIES.format(file=file, nbsp=" ").replace("names.ent", file)
    (folder / "a.docbook").write_text(text)
    rows, _ = read(folder / "a.docbook", type="documents", language="en")
    assert [row.output for row in rows] == ["1. Open kde Settings.\n2. Click place."]


def test_the_language_of_a_source_keeps_names_in_its_rows(tmp_path: Path) -> None:
    record = {"prompt": "Wie erreiche ich Peter Schmidt?", "output": "1. Rufen Sie an.\n2. Warten Sie."}
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    (row,), _ = read(tmp_path / "a.jsonl", language="de")
    assert isinstance(row, Row)
    masked = anonymise_row(row, MaskingOptions())
    assert (masked.prompt, masked.notes) == (
        record["prompt"],
        ("names and addresses were not looked for in this language: de",),
    )
