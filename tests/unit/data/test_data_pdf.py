from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.data.data_build_case import read_rows
from toolkit.data.pages.pdf_layout import read_pdf
from toolkit.options.sources import DocumentsSource

Text = tuple[float, float, float, str]  # x, y, size, text


def pdf(pages: list[list[Text]], encrypt: bool = False) -> bytes:
    """A PDF written by hand: Helvetica, one string a line."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    kids = []
    for texts in pages:
        stream = "".join(
            f"BT /F1 {size} Tf {x} {y} Td ({text.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}) Tj ET\n"
            for x, y, size, text in texts
        )
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}endstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {len(objects)} 0 R/Resources<</Font<</F1 3 0"
            " R>>>>>>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>"
    body, offsets = "%PDF-1.4\n", []
    for number, item in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{item}\nendobj\n"
    extra = f"/Encrypt<</Filter/Standard/V 1/R 2/O({'o' * 32})/U({'u' * 32})/P -4>>/ID[(a)(a)]" if encrypt else ""
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    return (
        f"{body}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(objects) + 1}/Root 1 0"
        f" R{extra}>>\nstartxref\n{len(body)}\n%%EOF".encode("latin-1")
    )


def column(x: float, y: float, title: str, lines: list[str]) -> list[Text]:
    return [
        (x, y, 14, title),
        *(
            (x + (14 if line.startswith("   ") else 0), y - 20 - 13 * at, 10, line.strip())
            for at, line in enumerate(lines)
        ),
    ]


LAMP = [
    "1. Open the lid of the lamp and",
    "   wait for a minute until it is cold.",
    "2. Take out the bulb.",
    "3. Close the lid.",
]
FILTER = [
    "1. Switch the fan off and pull",
    "   the plug out of the wall.",
    "2. Wipe the filter with a cloth.",
    "3. Wait until it is dry.",
]
LAMP_STEPS = [
    "Open the lid of the lamp and wait for a minute until it is cold.",
    "Take out the bulb.",
    "Close the lid.",
]
FILTER_STEPS = [
    "Switch the fan off and pull the plug out of the wall.",
    "Wipe the filter with a cloth.",
    "Wait until it is dry.",
]


def found(raw: bytes) -> list[tuple[str, list[str]]]:
    return [(section.title, steps.steps) for section in read_pdf(raw) for steps in section.lists]


def test_a_title_in_larger_type_heads_its_numbered_steps() -> None:
    page = [
        *column(50, 700, "Change the bulb", LAMP),
        (50, 600, 10, "The lamp lasts for ten years."),
        *column(50, 560, "Clean the filter", FILTER),
    ]
    assert found(pdf([page])) == [("Change the bulb", LAMP_STEPS), ("Clean the filter", FILTER_STEPS)]


def test_numbers_of_steps_in_larger_type_are_no_titles_wherever_a_page_begins() -> None:
    texts = ["Open the lid of the lamp", "Take out the bulb", "Close the lid"]
    steps = [
        text
        for at, step in enumerate(texts)
        for text in ((50.0, 700.0 - 20 * at, 16.0, f"{at + 1}. "), (80.0, 700.0 - 20 * at, 10.0, step))
    ]
    first = [(50.0, 760.0 - 13 * at, 10.0, "This page says at length what a lamp is.") for at in range(5)] + [
        (50.0, 100.0, 20.0, "Change the bulb")
    ]
    assert found(pdf([first, steps])) == [("Change the bulb", texts)]


def test_columns_are_read_one_after_the_other_however_they_are_drawn() -> None:
    left, right = column(50, 700, "Change the bulb", LAMP), column(320, 700, "Clean the filter", FILTER)
    expected = [("Change the bulb", LAMP_STEPS), ("Clean the filter", FILTER_STEPS)]
    assert found(pdf([left + right])) == expected
    assert found(pdf([[text for pair in zip(left, right, strict=True) for text in pair]])) == expected


def test_running_headers_footers_and_page_numbers_are_no_steps() -> None:
    pages = []
    for number in range(1, 5):
        frame = [
            (50.0, 780.0, 9.0, "The manual - chapter 3"),
            (50.0, 20.0, 9.0, f"Page {number} of 4"),
            (280.0, 20.0, 9.0, "Example Ltd"),
        ]
        pages.append(
            [
                *frame[:1],
                *column(50, 130 if number == 1 else 700, f"Change bulb {number}", LAMP[:3] if number == 1 else LAMP),
                *frame[1:],
            ]
        )
        if number == 2:
            pages[-1].insert(1, (50.0, 740.0, 10.0, "3. Close the lid."))
    assert found(pdf(pages)) == [(f"Change bulb {number}", LAMP_STEPS) for number in range(1, 5)]


def test_hyphens_at_line_ends_join_words_but_not_names_and_compounds() -> None:
    lines = [
        "1. Open the con-",
        "   figuration of the Wi-",
        "   Fi and the e-",
        "   mail account.",
        "2. Send an e-mail.",
    ]
    assert found(pdf([column(50, 700, "Change the mail", lines)])) == [
        ("Change the mail", ["Open the configuration of the Wi-Fi and the e-mail account.", "Send an e-mail."])
    ]


def test_sub_steps_stay_in_their_step() -> None:
    lines = ["1. Fill in the form:", "   a. Type a name.", "   b. Type a PIN.", "2. Save it."]
    assert found(pdf([column(50, 700, "Change the PIN", lines)])) == [
        ("Change the PIN", ["Fill in the form: type a name; type a PIN.", "Save it."])
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"%PDF-1.7", "not a readable PDF (damaged or cut)"),
        (pdf([[(50, 700, 10, "x")]])[:200], "not a readable PDF (damaged or cut)"),
        (pdf([[(50, 700, 10, "x")]], encrypt=True), "the PDF is encrypted; save it without a password"),
        (pdf([[]]), "the PDF has no text (scanned pages?); recognise its text first"),
    ],
)
def test_pdfs_that_hold_no_text_to_read_are_named(tmp_path: Path, raw: bytes, reason: str) -> None:
    (tmp_path / "a.pdf").write_bytes(raw)
    (item,) = read_rows(DocumentsSource(path=tmp_path / "a.pdf")).dropped
    assert (item.row.place, item.reason, item.unreadable) == ("a.pdf", reason, True)


def test_each_title_is_a_row_with_its_page(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([[(50, 700, 10, "Intro.")], column(50, 700, "Change the bulb", LAMP)]))
    batch = read_rows(DocumentsSource(path=tmp_path / "a.pdf", language="en"))
    assert [(row.place, row.prompt) for row in batch.kept] == [("a.pdf:2", "How do I change the bulb?")]
