from __future__ import annotations

from pathlib import Path

from tests.unit.data.data_build_case import read_rows
from toolkit.data.rows import Batch
from toolkit.options.sources import DocumentsSource

BOOK = """<book xmlns="http://docbook.org/ns/docbook" xml:lang="en"><info><title>The lamp</title></info><chapter>\
<title>Use</title><para>Text.</para>
<section xml:id="bulb"><title>Changing the <application>bulb</application></title><procedure>
 <step><para>Open <menuchoice><guimenu>Tools</guimenu><guimenuitem>Lamp</guimenuitem>\
</menuchoice> or press <keycombo><keycap>Ctrl</keycap><keycap>L</keycap></keycombo>.</para></step>
 <step><para>Do this:</para><substeps><step><para>Lift the lid</para></step><step><para>Take it off</para></step>\
</substeps></step>
 <step><para>See <xref linkend="bulb"/>.</para><note><para>It may be hot</para></note></step></procedure></section>
<section><title>Cleaning</title><procedure><title>Clean the lid</title><step><para>Wipe it.</para></step><step>\
<para>Dry it.</para></step></procedure>
 <para>To clean the foot:</para><orderedlist><listitem><para>Wash it.</para></listitem><listitem><para>Dry it.</para>\
</listitem></orderedlist></section>
<qandaset><qandaentry><question><para>How do I turn it off?</para></question><answer><orderedlist><listitem>\
<para>Press the button.</para></listitem><listitem><para>Wait.</para></listitem></orderedlist></answer></qandaentry>
<qandaentry><question><para>Is it safe?</para></question><answer><para>Yes.</para></answer></qandaentry></qandaset>\
</chapter></book>"""


def read(folder: Path) -> Batch:
    return read_rows(DocumentsSource(path=folder, language="en"))


def test_procedures_lists_and_questions_of_a_book(tmp_path: Path) -> None:
    (tmp_path / "book.xml").write_text(BOOK)
    batch = read(tmp_path / "book.xml")
    assert [(row.prompt, row.output.split("\n")) for row in batch.kept] == [
        (
            "How do I change the bulb?",
            [
                "1. Open Tools > Lamp or press Ctrl+L.",
                "2. Do this: lift the lid; take it off.",
                "3. See Changing the bulb. It may be hot",
            ],
        ),
        ("How do I clean the foot?", ["1. Wash it.", "2. Dry it."]),
        ("How do I clean the lid?", ["1. Wipe it.", "2. Dry it."]),
        ("How do I turn it off?", ["1. Press the button.", "2. Wait."]),
    ]
    assert [item.row.meta["task"] for item in batch.dropped] == ["Use", "Is it safe?"]


def test_entities_of_the_file_and_of_the_standard_are_read_and_others_become_their_names(tmp_path: Path) -> None:
    doctype = (
        '<!DOCTYPE article PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "http://localhost:1/docbookx.dtd" [<!ENTITY lamp'
        ' "Lamp">]>'
    )
    body = (
        "<article><title>Change the bulb</title><orderedlist><listitem><para>Open"
        " &{};.</para></listitem><listitem><para>Close it.</para></listitem></orderedlist></article>"
    )
    (tmp_path / "a.docbook").write_text(doctype + body.format("lamp").replace("Close it", "Close&nbsp;it"))
    (tmp_path / "b.docbook").write_text(doctype + body.format("appname"))
    batch = read(tmp_path)
    assert [(row.place.split("/")[1], row.output) for row in batch.kept] == [
        ("a.docbook:1", "1. Open Lamp.\n2. Close it."),
        ("b.docbook:1", "1. Open appname.\n2. Close it."),
    ]
    assert batch.dropped == []


def test_other_xml_is_named_and_bombs_do_no_harm(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    (tmp_path / "bomb.xml").write_text(f'<!DOCTYPE book [<!ENTITY e0 "ha">{levels}]><book><title>&e9;</title></book>')
    (tmp_path / "feed.xml").write_text("<rss><item/></rss>")
    batch = read(tmp_path)
    assert [item.reason.split(" (")[0] for item in batch.dropped] == [
        "not well-formed XML",
        "XML that is neither DocBook nor Mallard nor Confluence's",
    ]
