"""Two further files of each shape, of other tools, languages, headers and nesting than test_data_sniff's: each by its
path alone, with the rows that a person would take from it.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import pytest

from tests.unit.data.test_data_sniff import read, write_xlsx
from toolkit.data.pages.written_steps import parse_steps
from toolkit.errors import DataError

Pair = tuple[str, list[str]]
GERMAN: list[Pair] = [
    ("Wie füge ich einen Drucker hinzu?", ["Öffnen Sie die Einstellungen.", "Klicken Sie auf Drucker."]),
    ("Wie ändere ich mein Kennwort?", ["Öffnen Sie das Konto.", "Wählen Sie Kennwort ändern.", "Speichern Sie."]),
    ("Wie kündige ich den Vertrag?", ["Öffnen Sie die Rechnung.", "Klicken Sie auf Kündigen."]),
]
SPANISH: list[Pair] = [
    ("¿Cómo agrego una impresora?", ["Abra Configuración.", "Haga clic en Impresoras."]),
    ("¿Cómo cambio mi contraseña?", ["Abra su cuenta.", "Elija Cambiar contraseña.", "Guarde los cambios."]),
]
INDONESIAN: list[Pair] = [
    ("Bagaimana cara menambah pencetak?", ["Buka Pengaturan.", "Klik Pencetak."]),
    ("Bagaimana cara mengganti kata sandi?", ["Buka akun Anda.", "Pilih Ganti kata sandi.", "Simpan."]),
]
ENGLISH: list[Pair] = [
    (
        "How do I pair my headphones?",
        ["Turn on Bluetooth.", "Hold the button for five seconds.", "Choose the headphones."],
    ),
    ("How can I export my contacts, with pictures?", ["Open Contacts; then the menu.", "Tap Export."]),
]


def dots(steps: Sequence[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))


def brackets(steps: Sequence[str]) -> str:
    return "\n".join(f"{number}) {step}" for number, step in enumerate(steps, start=1))


def ordered(steps: Sequence[str]) -> str:
    return "<ol>" + "".join(f"<li>{escape(step)}</li>" for step in steps) + "</ol>"


def dump(value: object, **how: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, **how).encode()  # type: ignore[arg-type]


def lines(records: Sequence[object], end: str = "\n") -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + end for record in records).encode()


def table(pairs: Sequence[Pair], names: str, delimiter: str, end: str = "\r\n") -> str:
    rows = [delimiter.join(f'"{cell}"' for cell in (question, dots(steps))) for question, steps in pairs]
    return end.join([names, *rows]) + end


def zipped(members: dict[str, str], first: str = "") -> bytes:
    """`first`: the media type of an EPUB or OpenDocument file, which stands first and unpacked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        if first:
            file.writestr("mimetype", first)
        for name, text in members.items():
            file.writestr(name, text)
    return out.getvalue()


def epub(pages: dict[str, str], below: str = "OEBPS/", kind: str = "application/xhtml+xml") -> bytes:
    """A book with its pages in the order given, which is not that of their names."""
    items = "".join(f'<item id="p{at}" href="{quote(name)}" media-type="{kind}"/>' for at, name in enumerate(pages))
    spine = "".join(f'<itemref idref="p{at}"/>' for at in range(len(pages)))
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{spine}</spine></package>'
    )
    container = f'<container><rootfiles><rootfile full-path="{below}content.opf"/></rootfiles></container>'
    members = {"META-INF/container.xml": container, f"{below}content.opf": package}
    return zipped({**members, **{f"{below}{name}": page for name, page in pages.items()}}, "application/epub+zip")


def page(body: str) -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>A book</title></head><body>{body}</body></html>'


def ods(sheets: dict[str, list[list[str]]]) -> bytes:
    def cell(text: str) -> str:
        paragraphs = "".join(f"<text:p>{escape(line)}</text:p>" for line in text.split("\n"))
        return f'<table:table-cell office:value-type="string">{paragraphs}</table:table-cell>'

    tables = "".join(
        f'<table:table table:name="{name}">'
        + "".join("<table:table-row>" + "".join(map(cell, row)) + "</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    namespaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {namespaces} office:version="1.2">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="/"'
        ' manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
        "</manifest:manifest>"
    )
    members = {"content.xml": content, "META-INF/manifest.xml": manifest}
    return zipped(members, "application/vnd.oasis.opendocument.spreadsheet")


def confluence(pages: Sequence[tuple[str, str]]) -> str:
    """entities.xml of a space export: a page holds its title, its body is an object of its own that names the page."""
    objects = []
    for at, (title, body) in enumerate(pages, start=100):
        objects.append(
            f'<object class="Page" package="com.atlassian.confluence.pages"><id name="id">{at}</id>'
            f'<property name="title"><![CDATA[{title}]]></property>'
            f'<property name="contentStatus"><![CDATA[current]]></property></object>'
            f'<object class="BodyContent" package="com.atlassian.confluence.core"><id name="id">{at + 900}</id>'
            f'<property name="body"><![CDATA[{body}]]></property><property name="content" class="Page"'
            f' package="com.atlassian.confluence.pages"><id name="id">{at}</id></property></object>'
        )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<hibernate-generic>{"".join(objects)}</hibernate-generic>'


LAYOUT = (
    '<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell>',
    "</ac:layout-cell></ac:layout-section></ac:layout>",
)
INFO = '<ac:structured-macro ac:name="info"><p>Needs rights.</p></ac:structured-macro>'
MACRO = '<ac:structured-macro ac:name="toc"><ac:parameter ac:name="maxLevel">2</ac:parameter></ac:structured-macro>'
LINKED = '<ac:link><ri:page ri:content-title="Printers" /></ac:link>'


def word(paragraphs: Sequence[tuple[str, str]]) -> bytes:
    """A Word document of (style, text); "list" is a numbered paragraph by `numPr`, as Word itself writes lists."""
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

    def paragraph(style: str, text: str) -> str:
        if style == "list":
            look = '<w:pStyle w:val="ListParagraph"/><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
        else:
            look = f'<w:pStyle w:val="{style}"/>' if style else ""
        return f"<w:p><w:pPr>{look}</w:pPr><w:r><w:t>{escape(text)}</w:t></w:r></w:p>"

    named = {
        "Heading1": "heading 1",
        "berschrift1": "heading 1",
        "ListNumber": "List Number",
        "ListParagraph": "List Paragraph",
    }
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in named.items()
    )
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = "http://schemas.openxmlformats.org/package/2006/relationships"
    relations = "".join(
        f'<Relationship Id="r{at}" Type="{office}/{name}" Target="{name}.xml"/>'
        for at, name in enumerate(("styles", "numbering"))
    )
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{types}">'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{related}"><Relationship Id="r1" Type="{office}/officeDocument"'
            ' Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{related}">{relations}</Relationships>',
            "word/styles.xml": f"<w:styles {space}>{styles}</w:styles>",
            "word/numbering.xml": f'<w:numbering {space}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt'
            ' w:val="decimal"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
            "</w:numbering>",
            "word/document.xml": f"<w:document {space}><w:body>"
            + "".join(paragraph(*one) for one in paragraphs)
            + "</w:body></w:document>",
        }
    )


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    out = io.BytesIO()
    write_xlsx(out, sheets)
    return out.getvalue()


def records(pairs: Sequence[Pair], question: str, answer: str, **more: object) -> list[dict[str, object]]:
    return [{question: asked, answer: dots(steps), **more} for asked, steps in pairs]


def posts(pairs: Sequence[Pair], **question: str) -> str:
    """Posts.xml of Stack Exchange: two answers to each question, of which the accepted one has fewer votes."""

    def row(**attributes: object) -> str:
        return f"<row {' '.join(f'{key}={quoteattr(str(value))}' for key, value in attributes.items())} />"

    rows = []
    for at, (asked, steps) in enumerate(pairs, start=1):
        first = at * 10
        rows += [
            row(Id=first, PostTypeId=1, AcceptedAnswerId=first + 2, Score=3, Title=asked, Body="<p>?</p>", **question),
            row(Id=first + 1, PostTypeId=2, ParentId=first, Score=40, Body=ordered(["Buy another one.", "Wait."])),
            row(Id=first + 2, PostTypeId=2, ParentId=first, Score=1, Body=f"<p>So:</p>\r\n{ordered(steps)}"),
        ]
    return '<?xml version="1.0" encoding="utf-8"?>\r\n<posts>\r\n' + "\r\n".join(rows) + "\r\n</posts>\r\n"


def message(question: str, steps: list[str]) -> dict[str, object]:
    return (
        {"role": "user", "content": [{"type": "text", "text": question}]}
        if not steps
        else {
            "role": "assistant",
            "content": [{"type": "text", "text": brackets(steps)}],
            "tool_calls": None,
        }
    )


E = ENGLISH
CASES: dict[str, tuple[str, bytes, Sequence[Pair]]] = {
    # JSON of other nesting
    "array: German keys": ("faq.json", dump(records(GERMAN, "Frage", "Antwort", Kategorie="Büro")), GERMAN),
    "array: escaped, with nulls": (
        "export.json",
        json.dumps([{"id": None, "query": q, "response": dots(s), "tags": None} for q, s in SPANISH]).encode(),
        SPANISH,
    ),
    "indented array: four spaces": ("a.json", dump(records(E, "prompt", "completion"), indent=4), E),
    "indented array: tabs and CRLF": (
        "a.json",
        dump(records(INDONESIAN, "pertanyaan", "jawaban"), indent="\t").replace(b"\n", b"\r\n"),
        INDONESIAN,
    ),
    "array by lines: trailing comma lines": (
        "a.jsonl",
        b"[" + b",\n ".join(dump(one) for one in records(E, "user", "assistant")) + b"]\n",
        E,
    ),
    "array by lines: in .ndjson": (
        "a.ndjson",
        b"[\r\n" + b",\r\n".join(dump(one) for one in records(SPANISH, "pregunta", "respuesta")) + b"\r\n]",
        SPANISH,
    ),
    "under a key: records of pandas": (
        "a.json",
        dump(
            {
                "schema": {"fields": [{"name": "index"}], "primaryKey": ["index"]},
                "data": records(E, "question", "answer"),
            }
        ),
        E,
    ),
    "under a key: a FAQ page's JSON-LD": (
        "faq.json",
        dump(
            {
                "@context": "https://schema.org",
                "@type": "FAQPage",
                "mainEntity": [
                    {"@type": "Question", "name": q, "acceptedAnswer": {"@type": "Answer", "text": dots(s)}}
                    for q, s in GERMAN
                ],
            }
        ),
        GERMAN,
    ),
    "keys down: SQuAD-like": (
        "a.json",
        dump({"version": "1", "payload": {"faq": {"entries": records(SPANISH, "question", "answer")}}}),
        SPANISH,
    ),
    "keys down: Strapi's attributes": (
        "a.json",
        dump(
            {
                "data": [{"id": at, "attributes": {"title": q, "body": dots(s)}} for at, (q, s) in enumerate(E)],
                "meta": {"pagination": {"page": 1}},
            }
        ),
        E,
    ),
    "objects over lines: a blank line between": (
        "a.json",
        b"\n\n".join(dump(one, indent=2) for one in records(GERMAN, "question", "answer")),
        GERMAN,
    ),
    "objects over lines: concatenated": (
        "a.json",
        b"".join(dump(one, indent=1) for one in records(E, "input", "output")),
        E,
    ),
    "lines with commas: last one too": ("a.jsonl", lines(records(E, "question", "answer"), ",\n"), E),
    "lines with commas: CRLF": (
        "a.jsonl",
        b",\r\n".join(dump(one) for one in records(INDONESIAN, "question", "answer")),
        INDONESIAN,
    ),
    "mark: UTF-8 on an array": ("a.json", b"\xef\xbb\xbf" + dump(records(GERMAN, "frage", "antwort")), GERMAN),
    "mark: UTF-16 on lines": ("a.jsonl", lines(records(GERMAN, "prompt", "output")).decode().encode("utf-16"), GERMAN),
    "CR: an indented array": ("a.json", dump(records(E, "prompt", "output"), indent=1).replace(b"\n", b"\r"), E),
    "CR: lines with empty ones": ("a.jsonl", lines(records(SPANISH, "prompt", "output"), "\r\r"), SPANISH),
    "gzip: an array": ("a.json.gz", gzip.compress(dump(records(GERMAN, "question", "answer"))), GERMAN),
    "gzip: in two members": (
        "a.jsonl.gz",
        b"".join(gzip.compress(lines([one])) for one in records(E, "question", "answer")),
        E,
    ),
    "meta as text: no JSON": ("a.jsonl", lines(records(E, "prompt", "output", meta="imported 2024")), E),
    "meta as text: of pandas": (
        "a.json",
        dump(records(SPANISH, "prompt", "output", meta="{'source': 'wiki'}")),
        SPANISH,
    ),
    "meta as list: of objects": ("a.jsonl", lines(records(E, "prompt", "output", meta=[{"k": 1}])), E),
    "meta as list: empty": ("a.json", dump(records(INDONESIAN, "prompt", "output", meta=[])), INDONESIAN),
    "null ids: some": (
        "a.jsonl",
        lines([{"id": at or None, "prompt": q, "output": dots(s)} for at, (q, s) in enumerate(GERMAN)]),
        GERMAN,
    ),
    "null ids: NaN of pandas": ("a.jsonl", lines(records(E, "prompt", "output", id=float("nan"))), E),
    "messages: parts, and a developer's word": (
        "chat.jsonl",
        lines([{"messages": [{"role": "developer", "content": "Help."}, message(q, []), message(q, s)]} for q, s in E]),
        E,
    ),
    "messages: in an array with ids": (
        "chat.json",
        dump(
            [
                {
                    "prompt_id": str(at),
                    "messages": [{"content": q, "role": "user"}, {"content": dots(s), "role": "assistant"}],
                }
                for at, (q, s) in enumerate(GERMAN)
            ],
            indent=2,
        ),
        GERMAN,
    ),
    "ShareGPT: lines with a system text": (
        "sg.jsonl",
        lines(
            [
                {
                    "id": "x",
                    "system": "Be brief.",
                    "conversations": [{"from": "user", "value": q}, {"from": "chatgpt", "value": dots(s)}],
                }
                for q, s in SPANISH
            ]
        ),
        SPANISH,
    ),
    "ShareGPT: `conversation` of role and text": (
        "oa.json",
        dump(
            {
                "dataset": [
                    {"conversation": [{"role": "prompter", "text": q}, {"role": "assistant", "text": dots(s)}]}
                    for q, s in E
                ]
            }
        ),
        E,
    ),
    "Zendesk articles: search results in German": (
        "articles.json",
        dump(
            {
                "count": 3,
                "next_page": None,
                "results": [
                    {
                        "id": at,
                        "html_url": "https://x/1",
                        "title": q,
                        "body": f"<h2>Lösung</h2>{ordered(s)}<p>War das hilfreich?</p>",
                        "locale": "de",
                        "draft": False,
                    }
                    for at, (q, s) in enumerate(GERMAN)
                ],
            }
        ),
        GERMAN,
    ),
    "Zendesk articles: lines of an API client": (
        "articles.jsonl",
        lines(
            [
                {
                    "id": at,
                    "name": q,
                    "title": q,
                    "body": f"<div><p>Try this:</p>{ordered(s)}</div>",
                    "label_names": [],
                    "position": 0,
                }
                for at, (q, s) in enumerate(E)
            ]
        ),
        E,
    ),
    "Freshdesk: articles of Freshdesk Solutions": (
        "solutions.json",
        dump(
            [
                {
                    "id": at,
                    "title": q,
                    "description": ordered(s),
                    "description_text": " ".join(s),
                    "status": 2,
                    "type": 1,
                }
                for at, (q, s) in enumerate(E)
            ]
        ),
        E,
    ),
    "Freshdesk: a ticket a line, in Spanish": (
        "tickets.jsonl",
        lines(
            [
                {
                    "id": at,
                    "subject": q,
                    "description": f"<div>{q}</div>",
                    "description_text": q,
                    "conversations": [
                        {"body": ordered(s), "body_text": " ".join(s), "incoming": False, "private": False}
                    ],
                }
                for at, (q, s) in enumerate(SPANISH)
            ]
        ),
        SPANISH,
    ),
    "Zendesk tickets: a ticket a line": (
        "t.jsonl",
        lines(
            [
                {
                    "id": at,
                    "subject": q,
                    "description": "See subject.",
                    "requester_id": 1,
                    "comments": [
                        {"author_id": 1, "public": True, "body": "Hi!"},
                        {"author_id": 2, "public": False, "body": "ask Joe"},
                        {"author_id": 2, "public": True, "body": "Hello,\n\n" + dots(s)},
                    ],
                }
                for at, (q, s) in enumerate(E)
            ]
        ),
        E,
    ),
    "Zendesk tickets: under results": (
        "t.json",
        dump(
            {
                "results": [
                    {
                        "id": at,
                        "subject": q,
                        "requester_id": 1,
                        "comments": [
                            {"author_id": 2, "public": True, "html_body": ordered(s), "plain_body": " ".join(s)}
                        ],
                    }
                    for at, (q, s) in enumerate(GERMAN)
                ]
            }
        ),
        GERMAN,
    ),
    "nested: three deep": (
        "n.jsonl",
        lines([{"doc": {"q": {"question": q}}, "doc2": {"a": {"answer": dots(s)}}} for q, s in E]),
        E,
    ),
    "nested: a list of one": (
        "n.json",
        dump([{"qas": [{"question": q, "answers": [{"text": dots(s)}]}]} for q, s in GERMAN]),
        GERMAN,
    ),
    "steps as list: German": ("s.json", dump([{"Titel": q, "Schritte": s} for q, s in GERMAN]), GERMAN),
    "steps as list: nested": ("s.jsonl", lines([{"task": q, "result": {"steps": s}} for q, s in E]), E),
    "steps as objects: HowTo of schema.org": (
        "h.json",
        dump([{"@type": "HowTo", "name": q, "step": [{"@type": "HowToStep", "text": one} for one in s]} for q, s in E]),
        E,
    ),
    "steps as objects: numbered": (
        "h.jsonl",
        lines(
            [{"question": q, "steps": [{"step": at, "text": one} for at, one in enumerate(s, 1)]} for q, s in SPANISH]
        ),
        SPANISH,
    ),
    # tables
    "commas: columns around": (
        "a.csv",
        (
            "id,category,title,body,created_at\n"
            + "".join(f'{at},Office,"{q}","{dots(s)}",2024-05-0{at + 1}\n' for at, (q, s) in enumerate(E))
        ).encode(),
        E,
    ),
    "commas: Spanish, doubled quotes": (
        "a.csv",
        table(SPANISH, "Pregunta,Respuesta", ",").replace("contraseña", '""contraseña""').encode(),
        [
            (q.replace("contraseña", '"contraseña"'), [one.replace("contraseña", '"contraseña"') for one in s])
            for q, s in SPANISH
        ],
    ),
    "semicolons: umlauts in cp1252": ("a.csv", table(GERMAN, "Frage;Lösung", ";").encode("cp1252"), GERMAN),
    "semicolons: UTF-8 with a mark, more columns": (
        "a.csv",
        (
            "\ufeffID;Titel;Inhalt;Sprache\r\n"
            + "".join(f'{at};"{q}";"{dots(s)}";de\r\n' for at, (q, s) in enumerate(GERMAN))
        ).encode(),
        GERMAN,
    ),
    "tabs: .tsv": ("a.tsv", table(SPANISH, "prompt\toutput", "\t", "\n").encode(), SPANISH),
    "tabs: UTF-16 big-endian without a mark": ("a.txt", table(E, "question\tanswer", "\t").encode("utf-16-be"), E),
    "sep: a tab": ("a.csv", ("sep=\t\r\n" + table(E, "question\tanswer", "\t")).encode(), E),
    "sep: a bar in cp1252": (
        "a.csv",
        ("SEP=|\r\n" + table(SPANISH, "Pregunta|Respuesta", "|")).encode("cp1252"),
        SPANISH,
    ),
    "gzipped table: tabs": ("a.tsv.gz", gzip.compress(table(GERMAN, "Frage\tAntwort", "\t").encode()), GERMAN),
    "gzipped table: semicolons with a mark": (
        "a.csv.gz",
        gzip.compress(b"\xef\xbb\xbf" + table(INDONESIAN, "pertanyaan;jawaban", ";").encode()),
        INDONESIAN,
    ),
    "CR of a table: semicolons": (
        "a.csv",
        table(GERMAN, "Frage;Antwort", ";", "\r").replace("\n", "\r").encode(),
        GERMAN,
    ),
    "CR of a table: tabs": ("a.tsv", table(E, "question\tanswer", "\t", "\r").replace("\n", "\r").encode(), E),
    "known by content: three columns": (
        "a.csv",
        ("f1,f2,f3\n" + "".join(f'x{at},"{q}","{dots(s)}"\n' for at, (q, s) in enumerate(E))).encode(),
        E,
    ),
    "known by content: answer first": (
        "a.tsv",
        ("what to do\tasked for\n" + "".join(f'"{dots(s)}"\t"{q}"\n' for q, s in GERMAN)).encode(),
        GERMAN,
    ),
    # text
    "Q and A: words in full": ("faq.txt", "\n\n".join(f"Question: {q}\nAnswer:\n{dots(s)}" for q, s in E).encode(), E),
    "Q and A: German, CRLF": (
        "faq.txt",
        "\r\n\r\n".join(f"Frage: {q}\r\nAntwort: {dots(s)}" for q, s in GERMAN).encode(),
        GERMAN,
    ),
    "AsciiDoc: setext titles and numbers": (
        "a.asciidoc",
        "\n\n".join(
            [
                ":toc:",
                *(
                    f"=== {q}\n\nDo this:\n\n" + "\n".join(f"{at}. {one}" for at, one in enumerate(s, 1))
                    for q, s in GERMAN
                ),
            ]
        ).encode(),
        GERMAN,
    ),
    "AsciiDoc: blocks in steps": (
        "a.adoc",
        "\n\n".join(
            ["= Manual", *(f"== {q}\n\n[arabic]\n" + "\n+\nNOTE: Wait.\n".join(f". {one}" for one in s) for q, s in E)]
        ).encode(),
        [(q, [*(f"{one} Wait." for one in s[:-1]), s[-1]]) for q, s in E],
    ),
    "rst: over- and underlined, roles": (
        "a.rst",
        "\n\n".join(
            [
                ".. _top:",
                "======\nManual\n======",
                *(f"{q}\n{'=' * len(q)}\n\n" + "\n".join(f"{at}. {one}" for at, one in enumerate(s, 1)) for q, s in E),
            ]
        ).encode(),
        E,
    ),
    "rst: German, a note between": (
        "a.rst",
        "\n\n".join(
            f"{q}\n{'~' * 60}\n\n.. note:: Als Administrator.\n\n"
            + "\n".join(f"({at}) {one}" for at, one in enumerate(s, 1))
            for q, s in GERMAN
        ).encode(),
        GERMAN,
    ),
    # office files
    "xlsx: a title and an empty row": (
        "a.xlsx",
        workbook({"Tabelle1": [["Frage", "Antwort"], *([q, dots(s)] for q, s in GERMAN)]}),
        GERMAN,
    ),
    "xlsx: a sheet of notes first": (
        "a.xlsx",
        workbook(
            {
                "Read me": [["Version 3"]],
                "Export": [
                    ["Ticket", "Subject", "Resolution"],
                    *([f"T{at}", q, dots(s)] for at, (q, s) in enumerate(E)),
                ],
            }
        ),
        E,
    ),
    "ods: LibreOffice": ("a.ods", ods({"Sheet1": [["Question", "Answer"], *([q, dots(s)] for q, s in E)]}), E),
    "ods: German below a title": (
        "a.ods",
        ods({"Tabelle1": [["Hilfe", ""], ["", ""], ["Frage", "Antwort"], *([q, dots(s)] for q, s in GERMAN)]}),
        GERMAN,
    ),
    "ods: the second sheet": (
        "a.ods",
        ods(
            {
                "Notas": [["Hola"]],
                "FAQ": [["id", "Pregunta", "Respuesta"], *([str(at), q, dots(s)] for at, (q, s) in enumerate(SPANISH))],
            }
        ),
        SPANISH,
    ),
    "Word: lists of its own": (
        "a.docx",
        word([one for q, s in E for one in (("Heading1", q), *(("list", text) for text in s))]),
        E,
    ),
    "Word: German, List Number": (
        "a.docx",
        word(
            [
                one
                for q, s in GERMAN
                for one in (("berschrift1", q), ("", "So geht es:"), *(("ListNumber", text) for text in s))
            ]
        ),
        GERMAN,
    ),
    "Word: typed numbers": (
        "a.docx",
        word(
            [
                one
                for q, s in SPANISH
                for one in (("Heading1", q), *(("", f"{at}. {text}") for at, text in enumerate(s, 1)))
            ]
        ),
        SPANISH,
    ),
    "EPUB: a page a task, against the names": (
        "a.epub",
        epub({f"c{9 - at}.xhtml": page(f"<h1>{q}</h1>{ordered(s)}") for at, (q, s) in enumerate(E)}),
        E,
    ),
    "EPUB: one page, in German, below text/": (
        "a.epub",
        epub(
            {"text/alle A.html": page("".join(f"<h2>{q}</h2><p>So geht es:</p>{ordered(s)}" for q, s in GERMAN))},
            "EPUB/",
        ),
        GERMAN,
    ),
    "EPUB: Calibre's paragraphs": (
        "a.epub",
        epub(
            {
                "index_split_000.html": page(
                    "".join(
                        f'<p class="calibre1"><b>{q}</b></p>'
                        + "".join(f'<p class="calibre2">{at}. {one}</p>' for at, one in enumerate(s, 1))
                        for q, s in SPANISH
                    )
                )
            },
            "",
        ),
        SPANISH,
    ),
    "Confluence: entities.xml of a space": (
        "entities.xml",
        confluence([(q, f"{MACRO}<p>Steps:</p>{ordered(s)}") for q, s in E]).encode(),
        E,
    ),
    "Confluence: the zip of a space, in German": (
        "space.zip",
        zipped(
            {
                "entities.xml": confluence(
                    [
                        (
                            q,
                            f"{LAYOUT[0]}{ordered(s)}{LAYOUT[1]}",
                        )
                        for q, s in GERMAN
                    ]
                ),
                "exportDescriptor.properties": "exportType=space",
            }
        ),
        GERMAN,
    ),
    "alpaca: an indented array, nearly all inputs empty": (
        "alpaca_data.json",
        dump(
            [{"instruction": q, "input": "", "output": dots(s)} for q, s in E]
            + [{"instruction": "How do I do it on this system?", "input": "Debian 12", "output": dots(E[0][1])}],
            indent=4,
        ),
        [*E, ("How do I do it on this system?\nDebian 12", E[0][1])],
    ),
    "alpaca: lines without an input, with the text of a prompt": (
        "train.jsonl",
        lines([{"instruction": q, "output": dots(s), "text": f"### Instruction:\n{q}"} for q, s in SPANISH]),
        SPANISH,
    ),
    "Stack Exchange: tags, a BOM and CRLF": (
        "Posts.xml",
        b"\xef\xbb\xbf" + posts(E, Tags="<bluetooth><contacts>", ContentLicense="CC BY-SA 4.0").encode(),
        E,
    ),
    "Stack Exchange: a German site under a name of its own": (
        "de.stackexchange.xml",
        posts(GERMAN, LastEditDate="2024-05-01T10:00:00.000").encode(),
        GERMAN,
    ),
    "Confluence: macros and links in steps": (
        "entities.xml",
        confluence(
            [
                (
                    "Add a printer",
                    f"{INFO}<ol><li>Open {LINKED}.</li><li>Click&nbsp;<strong>Add</strong>.</li></ol>",
                )
            ]
        ).encode(),
        [("How do I add a printer?", ["Open Printers.", "Click Add."])],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_row_is_read_by_the_path_alone(case: str, tmp_path: Path) -> None:
    name, content, pairs = CASES[case]
    (tmp_path / name).write_bytes(content)
    rows, dropped = read(tmp_path / name)
    assert [(row.prompt, steps_of(row.output)) for row in rows] == [(question, steps) for question, steps in pairs]
    assert [item.reason for item in dropped if item.unreadable] == []


def steps_of(output: str) -> list[str]:
    return parse_steps(output)[0]


def test_books_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for name, content in (("bare.epub", zipped({"a.txt": "x"})), ("torn.epub", epub({"a.html": "<p>x</p>"})[:90])):
        (tmp_path / name).write_bytes(content)
    _, dropped = read(tmp_path / "bare.epub")
    assert [item.reason[:26] for item in dropped] == ['not a readable EPUB ("Ther']
    with pytest.raises(DataError, match="a damaged zip file is not read"):
        read(tmp_path / "torn.epub")
