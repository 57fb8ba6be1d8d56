from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolkit.data.cleaning.anonymise import anonymise_row
from toolkit.data.rows import Row
from toolkit.options.data import MaskingOptions

REGIONS = ("US", "GB", "ID")


def masked(text: str, kinds: tuple[str, ...] = ("email", "phone"), regions: tuple[str, ...] = REGIONS) -> str:
    return anonymise_row(
        Row("s", "f:1", prompt="How?", output=text), MaskingOptions(anonymise=kinds, phone_regions=regions)
    ).output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to help@pelicanpost.example.", "Write to [EMAIL_1]."),
        ("a.b+c@mail.co.id or A.B+C@mail.co.id or d@x.org", "[EMAIL_1] or [EMAIL_1] or [EMAIL_2]"),
        ("Call +44 20 7946 0123 now.", "Call [PHONE_1] now."),
        ("Hubungi (202) 555-0143 jika perlu.", "Hubungi [PHONE_1] jika perlu."),
        ("Kirim ke 0812-3456-7890 atau +62 812 3456 7890.", "Kirim ke [PHONE_1] atau [PHONE_1]."),
        ("WhatsApp 081234567890", "WhatsApp [PHONE_1]"),
    ],
)
def test_addresses_and_numbers_become_consistent_placeholders(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Open http://192.168.20.1 or 10.0.0.138 in a browser.",
        "Pay Rp 1.500.000, $1,299.00 or € 20.000,50 by 2026-11-24 or 24/11/2026.",
        "Install version 17.2.1 or v2.4.18.7 of 2011-2014.",
        "Type the tracking number 2025550143 into the box.",
        "Wait 10 to 15 minutes and dial *123#.",
        "Send a message to @gojek.",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert masked(text) == text


def test_placeholders_are_shared_by_question_and_steps_and_counted() -> None:
    row = anonymise_row(
        Row("s", "f:1", prompt="Who is a@b.org?", output="1. Mail a@b.org.\n2. Mail c@d.org."),
        MaskingOptions(anonymise=("email",)),
    )
    assert (row.prompt, row.output) == ("Who is [EMAIL_1]?", "1. Mail [EMAIL_1].\n2. Mail [EMAIL_2].")
    assert row.masks == {"email": 3}


def test_only_the_asked_kinds_are_masked() -> None:
    assert masked("a@b.org, +44 20 7946 0123", kinds=("phone",)) == "a@b.org, [PHONE_1]"


def test_numbering_goes_on_behind_placeholders_of_the_input() -> None:
    assert masked("Mail [EMAIL_2] or a@b.org.") == "Mail [EMAIL_2] or [EMAIL_3]."


@example("a@b.org xx0812-3456-7890")
@given(
    st.lists(
        st.sampled_from(["a@b.org", " ", "+44 20 7946 0123", "[PHONE_1]", "x", "0812-3456-7890", "."]), max_size=8
    ).map("".join)
)
def test_masking_twice_is_masking_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)
