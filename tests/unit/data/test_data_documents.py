from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.data.data_build_case import read_rows
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.sources import DocumentsSource

SAMPLE = Path(__file__).resolve().parents[3] / "recipes" / "sample" / "documents"


def read(path: Path, language: str = "en") -> tuple[list[Row], list[Dropped]]:
    batch = read_rows(DocumentsSource(path=path, language=language))
    return batch.kept, batch.dropped


def read_text(tmp_path: Path, name: str, text: str, language: str = "en") -> tuple[list[Row], list[Dropped]]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read(tmp_path / name, language)


def mallard(body: str, language: str = "", head: str = "") -> str:
    lang = f' xml:lang="{language}"' if language else ""
    return (
        f'{head}<page xmlns="http://projectmallard.org/1.0/" xmlns:if="http://projectmallard.org/if/1.0/"'
        f' id="p"{lang}>{body}</page>'
    )


def test_the_sample_faq_gives_each_question_with_steps_once_per_place() -> None:
    kept, dropped = read(SAMPLE / "faq.html")
    assert [row.prompt for row in kept] == [
        "How do I track my parcel?",
        "How do I change my delivery day?",
        "How do I send my parcel to a pickup point instead?",
        'What should I do if my parcel says "delivered" but I can\'t find it?',
        "How do I open a Pelican locker?",
        "How should I pack something fragile?",
        "How do I return an online order with Pelican Post?",
        "How do I report a damaged parcel?",
        "How do I track my parcel?",
        "Bagaimana cara mengubah alamat pengiriman?",
        "Bagaimana cara menjadwalkan penjemputan paket di rumah?",
        "Bagaimana cara membatalkan kiriman yang sudah dibayar?",
    ]
    assert [row.meta["language"] for row in kept] == ["en"] * 9 + ["id"] * 3
    assert [item.row.meta["task"] for item in dropped] == [
        "Help and questions",
        "Do you deliver on Sundays?",
        "How long do you keep a parcel at a pickup point?",
    ]
    fragile = kept[5].output.split("\n")
    assert (
        fragile[1]
        == "2. Protect the item: wrap each piece on its own in two layers of bubble wrap; tape the wrap shut so that it"
        " cannot slip off."
    )
    assert kept[1].output.split("\n")[2] == "3. Choose Delivery options, then Another day."


def test_the_sample_manual_gives_its_17_tasks_and_no_log_or_table() -> None:
    kept, dropped = read(SAMPLE / "manual.md")
    assert len(kept) == 17
    assert kept[5].prompt == "How do I set up a guest network?"
    assert (
        kept[5].output.split("\n")[2]
        == "3. Fill in the details: type a name that differs from your main network; type a password that you don't use"
        " anywhere else."
    )
    assert kept[6].output.startswith("1. Sign in to the admin page on a computer or tablet.\n2. Open Wi-Fi > Share.\n")
    assert [item.row.place for item in dropped] == [
        "manual.md:1",
        "manual.md:7",
        "manual.md:117",
        "manual.md:177",
        "manual.md:189",
    ]


def test_each_question_of_a_page_is_a_group_of_its_own() -> None:
    kept, _ = read(SAMPLE / "manual.md")
    assert len({row.lineage for row in kept}) == 17
    assert kept[2].lineage == ("manual.md#change-the-admin-password",)


def test_lists_in_navigation_tables_code_and_notes_are_no_howtos(tmp_path: Path) -> None:
    ol = "<ol><li>Open it.</li><li>Close it.</li></ol>"
    page = (
        "<h1>Change the"
        f" lamp</h1><p>Easy.</p><nav>{ol}</nav><header>{ol}</header><table><tr><td>{ol}</td></tr></table><pre>1. a\n2."
        " b</pre>"
        f'<div class="cookie-banner">{ol}</div><div role="dialog">{ol}</div><aside>{ol}</aside><footer>{ol}</footer>'
    )
    kept, dropped = read_text(tmp_path, "a.html", page)
    assert (kept, [item.reason for item in dropped]) == ([], ["no numbered steps under this title"])


def test_an_interrupted_list_goes_on(tmp_path: Path) -> None:
    kept, _ = read_text(
        tmp_path, "a.md", "# Change the lamp\n\n1. Switch off.\n\nWait.\n\n2. Unscrew it.\n3. Fit the new one.\n"
    )
    assert [row.output for row in kept] == ["1. Switch off.\n2. Unscrew it.\n3. Fit the new one."]
    kept, _ = read_text(
        tmp_path,
        "a.html",
        "<h1>Change the lamp</h1><ol><li>Switch off.</ol><p>Wait.</p><ol start=2><li>Unscrew it.<li>Fit it.</ol>",
    )
    assert [row.output for row in kept] == ["1. Switch off.\n2. Unscrew it.\n3. Fit it."]


def test_several_lists_under_a_title_are_told_apart_by_the_line_before(tmp_path: Path) -> None:
    steps = "1. Open it.\n2. Close it.\n"
    kept, dropped = read_text(
        tmp_path, "a.md", f"# Turn Bluetooth on or off\n\n{steps}\nOr:\n\n{steps}\nTo turn Bluetooth off:\n\n{steps}"
    )
    assert [row.prompt for row in kept] == ["How do I turn Bluetooth off?"]
    assert [item.reason for item in dropped] == [
        "several lists under one title, and no line says what this one is for"
    ] * 2


def test_a_list_that_holds_for_one_case_is_no_answer_to_the_title(tmp_path: Path) -> None:
    kept, dropped = read_text(
        tmp_path, "a.md", "# Print a booklet\n\nIf the pages are no multiple of 4:\n\n1. Make pages.\n2. Add them.\n"
    )
    assert (kept, [item.reason for item in dropped]) == (
        [],
        ["the steps hold for one case only: 'If the pages are no multiple of 4:'"],
    )


def test_wordings_that_a_script_chooses_between_are_read_once(tmp_path: Path) -> None:
    choice = "<span><span hidden class=mac>Preferences</span><span hidden>Tools - Options</span></span>"
    page = (
        f"<h1>Change the lamp</h1><span hidden><ol><li>Open {choice}.<li><div><img alt='Note icon'></div><p>Close"
        " it.</p></ol></span>"
    )
    kept, _ = read_text(tmp_path, "a.html", page)
    assert [row.output for row in kept] == ["1. Open Tools - Options.\n2. Close it."]


def test_icons_stand_for_their_alternative_text_and_pages_without_end_are_read(tmp_path: Path) -> None:
    kept, _ = read_text(
        tmp_path, "a.html", '<h2>Change the lamp<ol><li>Tap <img alt="Menu" src=x><br>now<li>Tap <b>Save</b> .'
    )
    assert [(row.prompt, row.output) for row in kept] == [
        ("How do I change the lamp?", "1. Tap Menu now\n2. Tap Save.")
    ]


def test_a_mallard_page_gives_labels_keys_notes_and_general_content(tmp_path: Path) -> None:
    page = mallard("""<title>Change the <app>lamp</app></title><steps>
        <item><p>Open <guiseq><gui>Settings</gui><gui><media src="x"/> Lamp</gui></guiseq>.</p><note>\
<p>It may be dark</p></note></item>
        <item><p>Press <keyseq><key>Ctrl</key><key>S</key></keyseq> or <media src="y"><span>Save</span></media></p>\
</item>
        <item><if:choose><if:when test="platform:gnome-classic"><p>Classic.</p></if:when><p>General.</p></if:choose>\
</item>
        <item><p if:test="platform:ubuntu">Ubuntu.</p><p>Choose:</p><list><item><p>Left</p></item><item>\
<p>Open the box</p></item></list></item>
        </steps>""")
    kept, _ = read_text(tmp_path, "p.page", page)
    assert [(row.prompt, row.lineage) for row in kept] == [("How do I change the lamp?", ("mallard:p",))]
    assert kept[0].output.split("\n") == [
        "1. Open Settings > Lamp. It may be dark",
        "2. Press Ctrl+S or Save",
        "3. General.",
        "4. Choose: Left; open the box.",
    ]


def test_mallard_sections_take_their_own_titles_and_the_language_of_the_page(tmp_path: Path) -> None:
    steps = "<steps><item><p>Buka kotak.</p></item><item><p>Tutup kotak.</p></item></steps>"
    page = mallard(
        f"<title>Kotak</title><section><title>Membuka kotak</title>{steps}</section><section><title>Ubah"
        f" kotak</title>{steps}</section>",
        "id",
    )
    kept, dropped = read_text(tmp_path, "p.page", page)
    assert [(row.prompt, row.meta["language"]) for row in kept] == [
        ("Bagaimana cara membuka kotak?", "id"),
        ("Bagaimana cara mengubah kotak?", "id"),
    ]
    assert dropped == []


def test_untranslated_steps_are_left_out(tmp_path: Path) -> None:
    page = mallard(
        "<title>Membuka kotak</title><steps><item><p>Buka kotak.</p></item><item><p>Close the box with your"
        " hand.</p></item></steps>",
        "id",
    )
    kept, dropped = read_text(tmp_path, "p.page", page)
    assert kept == []
    assert [item.reason for item in dropped] == ["the text is not all in the language of the document (id)"]


def test_includes_are_followed_inside_the_source_only(tmp_path: Path) -> None:
    xi = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
    (tmp_path / "secret.xml").write_text('<item xmlns="http://projectmallard.org/1.0/"><p>Secret.</p></item>')
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "more.xml").write_text('<item xmlns="http://projectmallard.org/1.0/"><p>Close it.</p></item>')
    for name, href in (
        ("a", "more.xml"),
        ("b", "../secret.xml"),
        ("c", "http://localhost:1/x.xml"),
        ("d", "file:///etc/passwd"),
    ):
        body = (
            f'<title>Change the lamp</title><steps><item><p>Open it.</p></item><xi:include {xi} href="{href}"/></steps>'
        )
        (tmp_path / "in" / f"{name}.page").write_text(mallard(body))
    kept, dropped = read(tmp_path / "in")
    assert [(row.place, row.output) for row in kept] == [("in/a.page:1", "1. Open it.\n2. Close it.")]
    assert [item.reason for item in dropped if ".page" in item.row.place] == [
        "a step stands in another file that cannot be read"
    ] * 3


def test_entity_bombs_and_external_entities_do_no_harm(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = mallard("<title>&e9;</title>", head=f'<!DOCTYPE page [<!ENTITY e0 "ha">{levels}]>')
    kept, dropped = read_text(tmp_path, "bomb.page", bomb)
    assert kept == []
    assert dropped[0].reason.startswith("not well-formed XML")
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    steps = "<steps><item><p>&app; &x;</p></item><item><p>Close it.</p></item></steps>"
    page = mallard(
        f"<title>Change the lamp</title>{steps}",
        head=f'<!DOCTYPE page [<!ENTITY app "Lamp"><!ENTITY x SYSTEM "file://{secret}">]>',
    )
    kept, dropped = read_text(tmp_path, "x.page", page)
    assert "SECRET" not in "".join(row.output for row in kept)
    assert [row.output for row in kept] in ([], ["1. Lamp\n2. Close it."])


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# Change the lamp\n\n1. Open it.\n2. Close it.\n")
    (folder / "b.md").write_bytes(b"# Caf\xe9\n")
    (folder / "c.html").write_bytes(b"<h1>x\0</h1>")
    (folder / "d.page").write_text("<page><title>")
    (folder / "e.pdf").write_bytes(b"%PDF-1.7")
    (folder / "e2.docx").write_bytes(b"PK")
    (folder / "e3.odt").write_bytes(b"PK")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "f.html").write_text("")
    (folder / "sub" / "g.md").write_text("# Change the bulb\n\n1. Open it.\n2. Close it.\n")
    kept, dropped = read(folder)
    assert [row.place for row in kept] == ["docs/a.md:1", "docs/sub/g.md:1"]
    assert [(item.row.place, item.reason.split(" (")[0]) for item in dropped] == [
        ("docs/b.md", "line 1 is not utf-8; set the source's `encoding` or save the file as UTF-8"),
        ("docs/c.html", "NUL byte in line 1"),
        ("docs/d.page", "not well-formed XML"),
        ("docs/e.pdf", "not a readable PDF"),
        ("docs/e2.docx", "not a readable Word document"),
        ("docs/e3.odt", ".odt files are not read; convert it to Markdown or HTML"),
        ("docs/f.html", "no headings"),
        ("docs/*.png", "1 file of a kind that is not read"),
    ]
    with pytest.raises(DataError, match=r"not from \.odt"):
        read(folder / "e3.odt")


def test_deep_nesting_is_left_out_not_a_crash(tmp_path: Path) -> None:
    kept, dropped = read_text(
        tmp_path, "a.html", "<h1>Change the lamp</h1>" + "<div>" * 20000 + "<ol><li>Open it.<li>Close it.</ol>"
    )
    assert (kept, [item.reason for item in dropped]) == ([], ["nested too deeply"])
    kept, dropped = read_text(tmp_path, "a.md", "# Change the lamp\n\n" + "> " * 3000 + "x\n\n" + "- " * 3000 + "x\n")
    assert kept == []
