from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.cleaning.check import REPAIRED, clean_row
from toolkit.data.cleaning.typos import Vocabulary, WordCounts, repair_typos
from toolkit.data.rows import Row
from toolkit.options.data import CleaningOptions

BOTH = ("en", "id")
REPAIRING = CleaningOptions(anonymise=(), rules=(), languages=BOTH, repair_typos=True)


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
    cleaned = clean_row(row, REPAIRING)
    assert isinstance(cleaned, Row)
    assert cleaned.output == row.output


def vocabulary(*texts: str) -> Vocabulary:
    counts = WordCounts(BOTH)
    for text in texts:
        counts.see(text)
    return counts.found()


def test_a_word_that_several_rows_use_is_a_term() -> None:
    found = vocabulary("Press the wibget.", "Hide the wibget and the setings.", "Stop.")
    assert found.terms == frozenset({"wibget"})
    assert repair_typos("The wibget of the setings", BOTH, found) == ("The wibget of the settings", 1)


def test_an_error_that_many_rows_make_is_no_term() -> None:
    found = vocabulary(*["Open the settings of the printer."] * 40, *["Open the setings."] * 3)
    assert repair_typos("Open the setings.", BOTH, found) == ("Open the settings.", 1)


def test_words_of_the_data_set_are_meant_though_no_list_has_them() -> None:
    assert repair_typos("Drag the joyapd.", BOTH) == ("Drag the joyapd.", 0)
    assert repair_typos("Drag the joyapd.", BOTH, vocabulary(*["Drag the joypad."] * 5)) == ("Drag the joypad.", 1)


def test_a_seldom_word_is_an_error_where_many_rows_have_its_neighbour() -> None:
    text = "Tekan tombol, sepeti di atas."
    assert repair_typos(text, BOTH) == (text, 0)
    found = vocabulary(*["Tekan tombol seperti di bawah."] * 8)
    assert repair_typos(text, BOTH, found) == ("Tekan tombol, seperti di atas.", 1)


def test_forms_of_a_word_are_not_changed_into_each_other() -> None:
    found = vocabulary(*["The joypad is configured by the daemon, it optimized it."] * 8)
    text = "She configures daemons and optimizes joypads."
    assert repair_typos(text, BOTH, found) == (text, 0)


def test_what_a_text_means_is_a_word_of_its_language() -> None:
    assert repair_typos("Pilih kolum yang ingin diurutkan.", BOTH)[0] == "Pilih kolom yang ingin diurutkan."
    assert (
        repair_typos("Choose the colum that you want to sort.", BOTH)[0] == "Choose the column that you want to sort."
    )


def test_a_vocabulary_comes_back_from_its_file() -> None:
    found = vocabulary(*["Drag the joypad."] * 5)
    back = Vocabulary.of(found.as_json())
    assert back.as_json() == found.as_json()


def test_a_repair_is_noted() -> None:
    row = clean_row(
        Row("s", "f:1", prompt="How?", output="1. Open the setings.\n2. Done."),
        REPAIRING,
    )
    assert isinstance(row, Row)
    assert (row.output, row.notes) == ("1. Open the settings.\n2. Done.", (REPAIRED,))


@given(st.text(alphabet="abcdeinoprst .,\n", max_size=60))
def test_repairing_twice_is_repairing_once_and_changes_no_word_by_more_than_a_letter(text: str) -> None:
    once, _ = repair_typos(text, BOTH)
    assert repair_typos(once, BOTH)[0] == once
    assert abs(len(once) - len(text)) <= len(text.split())
