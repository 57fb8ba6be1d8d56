from __future__ import annotations

import re

import ftfy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.cleaning.normalise import normalise_row
from toolkit.data.pages.written_steps import (
    LINE_ENDS,
    NOT_PRINTED,
    NoSteps,
    _clean,
    number_steps,
    one_line,
    parse_steps,
)
from toolkit.data.rows import Dropped, Row


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("1. Open Settings.\n2. Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("1) Open Settings.\n2) Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("(1) Open Settings.\n(2) Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("Step 1: Open Settings.\nStep 2: Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("**Step 1:** Open Settings.\n**Step 2:** Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("Step 1\nOpen Settings.\nStep 2\nTap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("Langkah 1: Buka Setelan.\nLangkah 2: Ketuk Wi-Fi.", ["Buka Setelan.", "Ketuk Wi-Fi."]),
        ("Langkah 1 Buka Setelan.\nLangkah ke-2 Ketuk Wi-Fi.", ["Buka Setelan.", "Ketuk Wi-Fi."]),
        ("Langkah 1: Buka Setelan. Langkah 2: Ketuk Wi-Fi.", ["Buka Setelan.", "Ketuk Wi-Fi."]),
        ("2) Open1. 2) Tap", ["Open1.", "Tap"]),
        (
            "1. Read Step 2 of the wizard.\nStep 2 of the wizard is next.",
            ["Read Step 2 of the wizard. Step 2 of the wizard is next."],
        ),
        ("1. Open Settings.\x0b2. Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("1. Open Settings.\x0c2. Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("1. Open Settings.\x852. Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("1. Wait\x85 and open Settings.\n2. Tap Wi-Fi.", ["Wait… and open Settings.", "Tap Wi-Fi."]),
        ("- Open Settings.\n- Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("• Open Settings.\n• Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("1) Open Settings. 2) Tap Wi-Fi. 3) Wait.", ["Open Settings.", "Tap Wi-Fi.", "Wait."]),
        ("Step 1: Open Settings. Step 2: Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("1. Step 1: Open Settings.\n2. Step 2: Tap Wi-Fi.", ["Open Settings.", "Tap Wi-Fi."]),
        ("1. Open\n   the Settings app.\n2. Tap Wi-Fi.", ["Open the Settings app.", "Tap Wi-Fi."]),
        ("1. Open Settings.\n\n2. Tap Wi-Fi.\n\n", ["Open Settings.", "Tap Wi-Fi."]),
        ("1. Open Settings.\n1. Tap Wi-Fi.\n1. Wait.", ["Open Settings.", "Tap Wi-Fi.", "Wait."]),
        ("2. Open Settings.\n3. Tap Wi-Fi.\n4. ", ["Open Settings.", "Tap Wi-Fi."]),
        (
            "1. Fill in:\n   1. Type a name.\n   2. Type a PIN.\n2. Tap Save.",
            ["Fill in: type a name; type a PIN.", "Tap Save."],
        ),
        (
            "1. Fill in:\n- Type a name.\n- Type a PIN.\n2. Tap Save.",
            ["Fill in: type a name; type a PIN.", "Tap Save."],
        ),
        (
            "1. Isi data:\n   a) Ketik nama.\n   b) Ketik PIN.\n2. Simpan.",
            ["Isi data: ketik nama; ketik PIN.", "Simpan."],
        ),
        (
            "1. Open http://192.168.1.1 now.\n2. Pay Rp 1.500.000 by 3.30 p.m.",
            ["Open http://192.168.1.1 now.", "Pay Rp 1.500.000 by 3.30 p.m."],
        ),
    ],
)
def test_each_list_form_becomes_the_same_steps(text: str, steps: list[str]) -> None:
    assert parse_steps(text)[0] == steps


def test_text_around_the_steps_is_taken_away_and_noted() -> None:
    row = normalise_row(
        Row("s", "f:1", prompt="How?", output="Here is how:\n\n1. Open it.\n2. Close it.\n\nHope this helps!")
    )
    assert isinstance(row, Row)
    assert (row.output, row.notes) == ("1. Open it.\n2. Close it.", ("text around the steps removed",))


@pytest.mark.parametrize("text", ["Just restart the phone.", "", "Pay 2.50 at 3.", "Version 1. is old"])
def test_text_without_a_list_is_left_out(text: str) -> None:
    result = normalise_row(Row("s", "f:1", prompt="How?", output=text))
    assert isinstance(result, Dropped)
    assert result.reason == "no numbered steps in the answer"


def test_two_lists_in_one_answer_are_left_out() -> None:
    with pytest.raises(NoSteps, match="two numbered lists"):
        parse_steps("Android:\n1. Open A.\n2. Tap B.\n\niPhone:\n1. Open C.\n2. Tap D.")


def test_broken_unicode_is_repaired_and_invisible_characters_go() -> None:
    assert one_line("Caf\u00c3\u00a9\u200b  \u201cmenu\u201d\n now") == 'Café "menu" now'


PIECES = st.sampled_from(
    [
        "1. ",
        "2) ",
        "Step 3: ",
        "- ",
        "\n",
        "  ",
        "   1. ",
        "Open",
        "**",
        "__",
        "…",
        "\u200b",
        "â€™",
        "(4) ",
        ":",
        ".",
        "Langkah 2 ",
        "\t",
        "x",
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=14).map("".join))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    try:
        once = number_steps(parse_steps(text)[0])
    except NoSteps:
        return
    assert re.fullmatch(r"(\d+\. \S[^\n]*\n?)+", once)
    assert number_steps(parse_steps(once)[0]) == once


@given(st.text())
def test_a_question_is_stable_after_one_pass(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=40))
def test_the_short_cut_for_plain_ascii_is_what_ftfy_gives(text: str) -> None:
    assert _clean(text) == NOT_PRINTED.sub("", ftfy.fix_text(LINE_ENDS.sub("\n", text)))


@pytest.mark.parametrize(
    "step", ["![Settings](img/a.png)", "<img src='a.png'>", "[Screenshot of the menu]", "![](a.png)."]
)
def test_a_step_that_is_only_a_picture_leaves_the_row_out(step: str) -> None:
    result = normalise_row(Row("s", "f:1", prompt="How?", output=f"1. Open it.\n2. {step}\n3. Close it."))
    assert isinstance(result, Dropped)
    assert result.reason == "a step is only a picture"
    beside = normalise_row(Row("s", "f:1", prompt="How?", output=f"1. Open it {step}\n2. Close it."))
    assert isinstance(beside, Row)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1. Open it.\n2. Wait.\n3.\n4. Close it.", "step 3 is empty"), ("1) A b\n2)\n3) C d", "step 2 is empty")],
)
def test_a_number_without_a_step_is_named(text: str, reason: str) -> None:
    item = normalise_row(Row("s", "f:1", prompt="How do I open it?", output=text))
    assert isinstance(item, Dropped)
    assert item.reason == reason


def test_a_bare_number_at_the_end_is_noted() -> None:
    item = normalise_row(Row("s", "f:1", prompt="How do I open it?", output="1. Open it.\n2. Wait.\n3."))
    assert isinstance(item, Row)
    assert (item.output, item.notes) == ("1. Open it.\n2. Wait.", ("text around the steps removed",))
