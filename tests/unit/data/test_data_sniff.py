"""Files as people have them, read by nothing but their path: what each is taken for, and that all of its rows come."""

import gzip
import json
import zipfile
from html import escape
from pathlib import Path
from typing import IO

import pytest

from toolkit.data.reading.sniff import explicit_sources
from toolkit.data.reading.sources import read_sources
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.data import ReadingOptions
from toolkit.runs.recorder import Recorder

PAIRS = [
    ("How do I reset my router?", ["Unplug the router.", "Wait thirty seconds.", "Plug it back in."]),
    ("How do I add a printer?", ["Open Settings.", "Click Printers.", "Click Add, and choose yours."]),
    ("How can I cancel my plan?", ["Open Billing.", "Click Cancel plan."]),
]


def numbered(steps: list[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))


def as_html(steps: list[str]) -> str:
    items = "".join(f"<li>{step}</li>" for step in steps)
    return f"<p>Hi,</p><p>please follow these steps:</p><ol>{items}</ol><p>Kind regards,<br>Anna</p>"


RECORDS = [{"question": question, "answer": numbered(steps)} for question, steps in PAIRS]
EXPECTED = [(record["question"], record["answer"]) for record in RECORDS]


def lines(records: list[dict]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def table(delimiter: str, names: tuple[str, str] = ("question", "answer")) -> str:
    rows = [f'{question}{delimiter}"{answer}"' for question, answer in EXPECTED]
    return "\n".join([delimiter.join(names), *rows]) + "\n"


MESSAGES = [
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }
    for question, answer in EXPECTED
]
SHAREGPT = [
    {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]}
    for question, answer in EXPECTED
]
ARTICLES = [
    {"id": at, "title": question, "body": as_html(steps), "locale": "en-us"}
    for at, (question, steps) in enumerate(PAIRS)
]
FRESHDESK = [
    {
        "id": at,
        "subject": question,
        "description_text": question,
        "conversations": [
            {"incoming": True, "private": False, "body": "<p>It does not work, see 1. and 2.</p>"},
            {"incoming": False, "private": False, "body": as_html(steps)},
            {"incoming": False, "private": True, "body": "<ol><li>Call the boss.</li><li>Laugh.</li></ol>"},
            {"incoming": False, "private": False, "body": "<p>Glad to hear that it works.</p>"},
        ],
    }
    for at, (question, steps) in enumerate(PAIRS)
]
ZENDESK = [
    {
        "id": at,
        "subject": "Help!",
        "description": f"Hello. {question} Thank you.",
        "requester_id": 5,
        "comments": [
            {"author_id": 5, "public": True, "body": question},
            {"author_id": 9, "public": True, "html_body": as_html(steps)},
        ],
    }
    for at, (question, steps) in enumerate(PAIRS)
]
ALPACA = [{"instruction": "Answer.", "input": question, "output": answer} for question, answer in EXPECTED]
BY_COLUMN = {"question": [question for question, _ in EXPECTED], "answer": [answer for _, answer in EXPECTED]}
PRETTY = "\n".join(json.dumps(record, indent=2) for record in RECORDS)
SHAPES: dict[str, tuple[str, bytes]] = {
    "an array": ("a.json", json.dumps(RECORDS).encode()),
    "an indented array": ("a.json", json.dumps(RECORDS, indent=1).encode()),
    "an array with an object a line": ("a.jsonl", ("[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]").encode()),
    "an array under a key": ("a.json", json.dumps({"data": RECORDS, "count": 3}).encode()),
    "an array two keys down": ("a.json", json.dumps({"result": {"items": RECORDS}}, indent=2).encode()),
    "objects over several lines": ("a.jsonl", PRETTY.encode()),
    "one object a line with commas": ("a.jsonl", ",\n".join(map(json.dumps, RECORDS)).encode()),
    "a byte order mark": ("a.jsonl", b"\xef\xbb\xbf" + lines(RECORDS).encode()),
    "carriage returns": ("a.jsonl", lines(RECORDS).replace("\n", "\r").encode()),
    "gzip": ("a.jsonl.gz", gzip.compress(lines(RECORDS).encode())),
    "meta as text": ("a.jsonl", lines([{**record, "meta": '{"group": "g"}'} for record in RECORDS]).encode()),
    "meta as list": ("a.jsonl", lines([{**record, "meta": ["a"]} for record in RECORDS]).encode()),
    "null ids": ("a.jsonl", lines([{**record, "id": None} for record in RECORDS]).encode()),
    "OpenAI's messages": ("a.jsonl", lines(MESSAGES).encode()),
    "messages with HTML": (
        "a.jsonl",
        lines(
            [
                {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": as_html(steps)}]}
                for q, steps in PAIRS
            ]
        ).encode(),
    ),
    "ShareGPT": ("a.json", json.dumps(SHAREGPT).encode()),
    "articles of Zendesk": ("a.json", json.dumps({"articles": ARTICLES}).encode()),
    "tickets of Freshdesk": ("a.json", json.dumps(FRESHDESK).encode()),
    "tickets of Zendesk": ("a.json", json.dumps({"tickets": ZENDESK}).encode()),
    "nested objects": ("a.jsonl", lines([{"q": {"text": q}, "a": {"text": a}} for q, a in EXPECTED]).encode()),
    "steps as a list": ("a.jsonl", lines([{"question": q, "steps": steps} for q, steps in PAIRS]).encode()),
    "steps as objects": (
        "a.jsonl",
        lines([{"question": q, "answers": [{"text": numbered(steps)}]} for q, steps in PAIRS]).encode(),
    ),
    "objects in a text file": ("a.txt", lines(RECORDS).encode()),
    "columns as lists": ("a.json", json.dumps(BY_COLUMN).encode()),
    "columns with row numbers": (
        "a.json",
        json.dumps({name: dict(enumerate(texts)) for name, texts in BY_COLUMN.items()}).encode(),
    ),
    "HTML written as text": (
        "a.csv",
        "".join(["id,title,content\n", *(f'1,{q},"{escape(as_html(steps))}"\n' for q, steps in PAIRS)]).encode(),
    ),
    "commas": ("a.csv", table(",").encode()),
    "semicolons of a German Excel": (
        "a.csv",
        table(";", ("Frage", "Antwort")).replace("printer", "Drucker").encode("cp1252"),
    ),
    "tabs in UTF-16": ("a.txt", table("\t").encode("utf-16")),
    "a sep line": ("a.csv", ("sep=;\n" + table(";")).encode("utf-8-sig")),
    "a gzipped table": ("a.csv.gz", gzip.compress(table(",").encode())),
    "CR lines of a table": ("a.csv", table(",").replace("\n", "\r").encode()),
    "columns known by what they hold": ("a.csv", table(",", ("what they say", "what we say")).encode()),
    "Q: and A:": ("a.txt", "\n\n".join(f"Q: {q}\nA: {numbered(steps)}" for q, steps in PAIRS).encode()),
    "Q1. and A1.": ("a.txt", "\n\n".join(f"Q1. {q}\nA1. {numbered(steps)}" for q, steps in PAIRS).encode()),
    "Question: and Answer: above": (
        "a.txt",
        "\n\n".join(f"Question:\n{q}\n\nAnswer:\n{numbered(steps)}" for q, steps in PAIRS).encode(),
    ),
    "AsciiDoc": (
        "a.adoc",
        "\n\n".join(f"== {q}\n\n" + "\n".join(f". {s}" for s in steps) for q, steps in PAIRS).encode(),
    ),
    "reStructuredText": (
        "a.rst",
        "\n\n".join(f"{q}\n{'-' * len(q)}\n\n" + "\n".join(f"#. {s}" for s in steps) for q, steps in PAIRS).encode(),
    ),
}


def read(path: Path, **given: object) -> tuple[list[Row], list[Dropped]]:
    options = ReadingOptions.model_validate({"sources": {"path": str(path), **given}})
    items = list(read_sources(options.sources, False, Recorder(None)))
    return [item for item in items if isinstance(item, Row)], [item for item in items if isinstance(item, Dropped)]


def said(path: Path) -> str:
    found = explicit_sources(ReadingOptions.model_validate({"sources": str(path)}).sources)
    return " | ".join(f"{one.said} {one.warning}" for one in found)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_row_of_a_shape_is_read_by_its_path_alone(shape: str, tmp_path: Path) -> None:
    name, content = SHAPES[shape]
    path = tmp_path / name
    path.write_bytes(content)
    rows, dropped = read(path)
    assert [(row.prompt.replace("Drucker", "printer"), row.output) for row in rows] == EXPECTED
    assert dropped == []


def test_instruction_and_input_make_the_question_and_one_that_never_changes_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.jsonl"
    path.write_text(lines(ALPACA))
    rows, _ = read(path)
    assert rows[0].prompt == "Answer.\nHow do I reset my router?"
    assert "`instruction` is the same in all rows" in said(path)
    assert "prompt_field: input" in said(path)
    assert [row.prompt for row in read(path, prompt_field="input")[0]] == [question for question, _ in PAIRS]


def test_a_longer_conversation_is_named_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    long = {"messages": [*MESSAGES[0]["messages"], {"role": "user", "content": "Thanks!"}]}
    path.write_text(lines([*MESSAGES, long]))
    rows, dropped = read(path)
    assert (len(rows), [item.row.place for item in dropped]) == (3, ["chat.jsonl:4"])
    assert dropped[0].reason == "a conversation of 3 messages; one question with one answer is taken"


def test_conversations_with_tools_are_named_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "tools.jsonl"
    call = {"role": "tool", "content": "42"}
    path.write_text(lines([{"messages": [*one["messages"], call]} for one in MESSAGES]))
    rows, dropped = read(path)
    assert (rows, {item.reason for item in dropped}) == ([], {"a message is by 'tool', neither user nor assistant"})


def test_the_columns_of_a_sheet_are_named_where_none_is_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "faq.xlsx"
    write_xlsx(path, {"FAQ": [["question", "step 1", "step 2"], *([q, *steps[:2]] for q, steps in PAIRS)]})
    with pytest.raises(DataError, match="the columns are `question`, `step 1`, `step 2`"):
        read(path)


def test_a_spreadsheet_is_read_below_its_title_and_other_sheets_are_named(tmp_path: Path) -> None:
    rows = [["Our FAQ"], [], ["No.", "Question", "Answer"], *([at, q, a] for at, (q, a) in enumerate(EXPECTED, 1))]
    path = tmp_path / "faq.xlsx"
    write_xlsx(path, {"FAQ": rows, "Notes": [["To do"], ["Ask Anna"]]})
    found, dropped = read(path)
    assert [(row.prompt, row.output, row.place) for row in found] == [
        (question, answer, f"faq.xlsx/FAQ:{at}") for at, (question, answer) in enumerate(EXPECTED, start=4)
    ]
    assert [(item.row.place, item.reason) for item in dropped] == [
        ("faq.xlsx/Notes", "2 rows of a sheet without the columns Question and Answer")
    ]
    assert "sheet 'FAQ'; question: `Question`, answer: `Answer`" in said(path)


def write_xlsx(path: Path | IO[bytes], sheets: dict[str, list[list[object]]]) -> None:
    """A spreadsheet with inline texts, as small as the format allows."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w") as file:
        listed = "".join(f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"/>' for at, name in enumerate(sheets, 1))
        file.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>{listed}</sheets></workbook>'
        )
        targets = "".join(
            f'<Relationship Id="r{at}" Type="{relations}/worksheet" Target="worksheets/s{at}.xml"/>'
            for at in range(1, len(sheets) + 1)
        )
        root = f'<Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/>'
        file.writestr("_rels/.rels", f'<Relationships xmlns="{package}">{root}</Relationships>')
        file.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{targets}</Relationships>')
        for at, rows in enumerate(sheets.values(), start=1):
            body = "".join(
                f'<row r="{number}">'
                + "".join(
                    f'<c r="{"ABC"[column]}{number}" t="inlineStr"><is><t xml:space="preserve">{cell}</t></is></c>'
                    for column, cell in enumerate(cells)
                )
                + "</row>"
                for number, cells in enumerate(rows, start=1)
            )
            file.writestr(
                f"xl/worksheets/s{at}.xml", f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
            )


def test_rows_with_other_numbers_of_cells_are_left_out_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "question,answer\nHow?,1. Open it. 2. Close it.\nWhat, then?,1. Stop.\nOnly one\nHow so?,1. Go.,,\n"
    )
    rows, dropped = read(path)
    assert [row.prompt for row in rows] == ["How?", "How so?"]
    assert [(item.row.place, item.reason, item.unreadable) for item in dropped] == [
        ("a.csv:3", "3 cells where the header line has 2; quote cells that hold ','", True),
        ("a.csv:4", "1 cell where the header line has 2; quote cells that hold ','", True),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dup.csv", "prompt,output,output\nHow?,1. A 2. B,\n", "the columns 2 and 3 are both named 'output'"),
        (
            "two.csv",
            "question,prompt,answer\nHow do I go?,How do I walk?,1. Stand up. 2. Go.\n",
            "the question may be `question` or `prompt`; say which: prompt_field: question",
        ),
        ("none.csv", "f,g\nx,y\n", "no column looks like the answer; the columns are `f`, `g`"),
        ("one.csv", "a\nx\n", "no line of column names with a delimiter was found"),
        ("bytes.bin", "\x00\x01\x00\x00\x00\x00\x00", "a file of bytes that are no text"),
        ("empty.json", "[]", "it holds no JSON object that could be read"),
        ("empty.csv", "\n", "the file is empty"),
        ("faq.yaml", "- question: How?\n", "a .yaml file is not read"),
        (
            "bare.csv",
            'How do I go?,"1. Stand up. 2. Go."\nHow do I sit?,"1. Bend. 2. Sit."\n',
            "the first line holds a question and steps, where the names of the columns were expected",
        ),
    ],
)
def test_what_cannot_be_found_out_is_asked_for(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=r"read|named|taken|expected") as caught:
        read(tmp_path / name)
    assert message in str(caught.value)


def test_a_folder_of_everything_is_one_source_for_documents_and_one_for_each_other_file(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "a.jsonl").write_text(lines(RECORDS))
    (folder / "b.csv").write_text(table(";"))
    (folder / "c.md").write_text("# Reset the router\n\n1. Unplug it.\n2. Wait.\n")
    (folder / "d.png").write_bytes(b"\x89PNG\0\0")
    (folder / "e.odt").write_bytes(b"PK\x03\x04")
    rows, dropped = read(folder)
    assert sorted({row.meta["source"] for row in rows}) == ["all/a.jsonl", "all/b.csv", "all/documents"]
    assert len(rows) == 7
    assert [(item.row.place, item.reason) for item in dropped] == [
        ("all/e.odt", ".odt files are not read; convert it to Markdown or HTML"),
        ("all/*.png", "1 file of a kind that is not read (.png)"),
    ]


@pytest.mark.parametrize("content", [b"\x1f\x8b", b"\x1f\x8b\x08\x00damaged"])
def test_a_file_that_only_begins_as_gzip_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    options = ReadingOptions.model_validate({"sources": {"type": "jsonl", "path": str(tmp_path / "a.json")}})
    (item,) = read_sources(options.sources, False, Recorder(None))
    assert isinstance(item, Dropped)
    assert item.reason.startswith("the gzip file is damaged")


def test_a_cut_gzip_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(RECORDS).encode() * 500)[:-40])
    _, dropped = read(tmp_path / "a.jsonl.gz")
    assert "the gzip file is damaged" in dropped[-1].reason
