from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.check import REPAIRED, Cleaning, clean_row
from toolkit.data.rows import Row
from toolkit.data.typos import Terms, repair_typos

BOTH = ("en", "id")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Open the setings and choose a new passwrod.", "Open the settings and choose a new password."),
        ("You will recieve a notifcation.", "You will receive a notification."),
        ("Pilih penganturan keamanan.", "Pilih pengaturan keamanan."),
        ("Masukan kata sandi dan tekan tombl kirim.", "Masukan kata sandi dan tekan tombol kirim."),
    ],
)
def test_typing_errors_are_repaired(text: str, expected: str) -> None:
    assert repair_typos(text, BOTH)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "Open gojek, tokopedia or whatsapp and rebind the hotkey.",  # brands, forms, technical words
        "Unpair the smartwatch, then resync it over bluetooth.",
        "Ketuk tautan lalu nonaktifkan pratinjau gawai.",
        "Setings and PASWORD stay, they may be labels.",
        "Type sevrer.example.com or user@setings.org or ./setings or it's.",
        "Teh kopi susu.",
    ],
)
def test_what_may_be_meant_stays(text: str) -> None:
    assert repair_typos(text, BOTH) == (text, 0)


def test_a_text_in_another_language_stays() -> None:
    text = "Öffnen Sie die Einstellungen und wählen Sie das gewünschte Netzwerk aus, dann bestätigen Sie den Vorgang."
    assert repair_typos(text, BOTH) == (text, 0)
    assert repair_typos("setings", ("xx",)) == ("setings", 0)
    row = Row("s", "f:1", prompt="How?", output="1. Open the setings.\n2. Done.", meta={"language": "de"})
    cleaned = clean_row(row, Cleaning((), (), 1, 15, 4000, languages=BOTH))
    assert isinstance(cleaned, Row)
    assert cleaned.output == row.output


def test_a_word_that_several_rows_use_is_a_term() -> None:
    terms = Terms(BOTH)
    for text in ("Press the wibget.", "Hide the wibget and the setings.", "Stop."):
        terms.see(text)
    assert terms.found() == frozenset({"wibget"})
    assert repair_typos("The wibget of the setings", BOTH, terms.found()) == ("The wibget of the settings", 1)


def test_a_repair_is_noted() -> None:
    row = clean_row(Row("s", "f:1", prompt="How?", output="1. Open the setings.\n2. Done."), Cleaning((), (), 1, 15, 4000, languages=BOTH))
    assert isinstance(row, Row)
    assert (row.output, row.notes) == ("1. Open the settings.\n2. Done.", (REPAIRED,))


@given(st.text(alphabet="abcdeinoprst .,\n", max_size=60))
def test_repairing_twice_is_repairing_once_and_changes_no_word_by_more_than_a_letter(text: str) -> None:
    once, _ = repair_typos(text, BOTH)
    assert repair_typos(once, BOTH)[0] == once
    assert abs(len(once) - len(text)) <= len(text.split())
