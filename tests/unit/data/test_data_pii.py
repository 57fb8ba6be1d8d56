from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolkit.data.cleaning.anonymise import UNSURE, anonymise_row, find_personal
from toolkit.data.pii.checks import is_card, is_iban, is_nik, is_npwp, is_passport_zone, is_ssn
from toolkit.data.pii.features import resource
from toolkit.data.pii.quality import measured_quality
from toolkit.data.pii.spans import KINDS
from toolkit.data.pii.tagger import MODEL_FILE
from toolkit.data.rows import Row
from toolkit.options.data import MaskingOptions

REGIONS = ("US", "GB", "ID")


def masked(text: str, with_surrogates: bool = False) -> str:
    options = MaskingOptions(anonymise_with="surrogate" if with_surrogates else "placeholder")
    return anonymise_row(Row("s", "f:1", prompt="How?", output=text, language="en"), options).output


@pytest.mark.parametrize(
    ("check", "valid", "invalid"),
    [
        (is_card, "4111111111111111", "4111111111111112"),
        (is_card, "378282246310005", "0000000000000000"),
        (is_iban, "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),  # the example of ISO 13616's registry
        (is_npwp, "013000666091000", "123456789091000"),  # the example of python-stdnum
        (is_nik, "3171015708900001", "3171013213900001"),
        (is_ssn, "536904399", "666904399"),
        # ICAO 9303-4.
        (
            is_passport_zone,
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
            "L898902C46UTO7408122F1204159ZE184226B<<<<<10",
        ),
    ],
)
def test_published_numbers_pass_and_changed_ones_fail(check: object, valid: str, invalid: str) -> None:
    assert callable(check)
    assert (check(valid), check(invalid)) == (True, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kartu 4111 1111 1111 1111 ditolak.", "Kartu [CARD_1] ditolak."),
        ("Pay to GB82 WEST 1234 5698 7654 32 today.", "Pay to [IBAN_1] today."),
        ("NIK saya 3171015708900001.", "NIK saya [NIK_1]."),
        ("NPWP 01.300.066.6-091.000", "NPWP [NPWP_1]"),
        ("My SSN is 536-90-4399.", "My SSN is [SSN_1]."),
        ("The server 8.8.8.8 does not answer.", "The server [IP_1] does not answer."),
        ("Nomor paspor: X1234567", "Nomor paspor: [PASSPORT_1]"),
        ("Follow @rina_88 on Instagram.", "Follow [HANDLE_1] on Instagram."),
        ("Call 0812-3456-7890 or 0812 3456 7890.", "Call [PHONE_1] or [PHONE_1]."),
        ("Bank account number 1234567890", "Bank account number [ACCOUNT_1]"),
    ],
)
def test_identifiers_become_typed_placeholders(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Susan Walker and my code never arrived.", "My name is [NAME_1] and my code never arrived."),
        ("Best regards,\nSusan Walker", "Best regards,\n[NAME_1]"),
        ("Nama saya Budi Santoso, PIN saya salah.", "Nama saya [NAME_1], PIN saya salah."),
        ("Please send it to 12 Baker Street, Springfield, IL 62704.", "Please send it to [ADDRESS_1]."),
        ("Kirim paket ke Jl. Merdeka No. 12, Bandung 40111.", "Kirim paket ke [ADDRESS_1]."),
        ("Block the card of Angela Scott.", "Block the card of [NAME_1]."),
        ("As Kevin said, it works.", "As [NAME_1] said, it works."),  # on the list of names, and no word
        ("Ring 07700900662-Office\\,or 0676 648 88 46-Fax", "Ring [PHONE_1]-Office\\,or [PHONE_2]-Fax"),
        ("I get messages at 747 722 753.", "I get messages at [PHONE_1]."),
    ],
)
def test_names_and_addresses_are_found(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1. Open Gojek and tap Settings.\n2. Choose Security, then Change PIN.\n3. Confirm with the OTP.",
        "1. Buka Tokopedia, lalu ketuk Akun.\n2. Pilih Keamanan Akun.\n3. Masukkan PIN baru.",
        "Go to Settings > Privacy & Security > Location Services.",
        "Install version 17.2.1.8 and restart the Samsung Galaxy.",
        "Connect to 192.168.1.1 and wait 10 minutes.",
        "Fly from Jakarta to Singapore with Garuda.",
        "The order 4821 3390 ships on 2026-11-24.",
        "3. Peck in the password and wait.",  # an imperative behind its number
        "Page number (styled)",
        "Lebar (opsional) adalah lebar kolom.",
        "Kata sandi peka terhadap huruf besar.",
        "Choose Insert - More Fields, then Page Footer.",
        "Call DateSerial or WebDAV first.",
        "The range B2:B6 holds 18,5.",
        "The codes are 32 9 10 11 12 13 133 160 8232 8233",
        "The time is 59.999999 seconds.",
        "A whole number (-32768 - 32767)",
    ],
)
def test_help_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_what_the_tagger_is_unsure_of_stays_and_is_marked_for_review(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.data.cleaning.anonymise.SURE_FROM", 1.01)
    row = anonymise_row(
        Row("s", "f:1", prompt="How?", output="My name is Susan Walker."), MaskingOptions(anonymise=("name",))
    )
    assert (row.output, row.notes, row.masks) == ("My name is Susan Walker.", (UNSURE,), {})


def test_surrogates_read_like_the_real_thing_and_are_the_same_for_the_same_person() -> None:
    text = (
        "My name is Susan Walker. Write to Susan Walker at sw@mail.com or +44 20 7946 0123, card 4111 1111 1111 1111."
    )
    assert (
        masked(text, with_surrogates=True)
        == "My name is Alex Sample. Write to Alex Sample at person1@example.org or +1 202-555-0101, card [CARD_1]."
    )


PIECES = [
    "My name is ",
    "Susan Walker",
    "Budi Santoso",
    " lives at ",
    "12 Baker Street, Springfield",
    "Jl. Merdeka No. 12",
    "sw@mail.com",
    "4111 1111 1111 1111",
    " ",
    "\n",
    ", ",
    ".",
    "+44 20 7946 0123",
    "[NAME_1]",
    "3171015708900001",
    "SSN 536-90-4399",
    "Tap Settings",
    "@rina_88",
    "8.8.8.8",
    "IBAN GB82 WEST 1234 5698 7654 32",
    "Regards,\n",
    "Alex Sample",
    "x",
]


@example("Susan Walker 4111 1111 1111 1111@rina_88", True)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.booleans())
def test_masking_everything_twice_is_masking_it_once(text: str, with_surrogates: bool) -> None:
    once = masked(text, with_surrogates)
    assert masked(once, with_surrogates) == once


def test_the_shipped_model_is_small_and_its_quality_is_on_record() -> None:
    assert resource(MODEL_FILE).stat().st_size <= 500_000
    quality = measured_quality(["id", "en", "fr"])
    assert "template" in quality["synthetic"]
    assert list(quality["languages"]) == ["en", "fr", "id"]
    assert quality["languages"]["fr"] is None
    for language in ("en", "id"):
        assert quality["languages"][language]["recall"]["name"] >= 0.85
        assert quality["languages"][language]["hard_recall"] >= 0.99


def test_training_and_test_templates_are_disjoint() -> None:
    scripts = resource("..").resolve().parents[1] / "scripts" / "pii"
    if not scripts.exists():
        pytest.skip("an installed package has no scripts")
    lines = {
        name: {re.sub(r"\W+", " ", line).casefold() for line in (scripts / name).read_text().splitlines()}
        for name in ("train_en.txt", "test_en.txt", "train_id.txt", "test_id.txt")
    }
    assert not (lines["train_en.txt"] & lines["test_en.txt"]) | (lines["train_id.txt"] & lines["test_id.txt"])


def test_a_long_line_of_capitals_costs_no_square() -> None:
    assert find_personal("Aa " * 20_000, frozenset(KINDS), REGIONS) is not None
