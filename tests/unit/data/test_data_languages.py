"""What depends on a language works where it is known and steps aside elsewhere, with a note."""

from __future__ import annotations

import random

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from toolkit.data.cleaning.anonymise import NOT_LOOKED_FOR, anonymise_row
from toolkit.data.cleaning.check import clean_row
from toolkit.data.cleaning.rules import UNJUDGED
from toolkit.data.rows import Dropped, Row
from toolkit.data.selection.deduplicate import are_different_tasks
from toolkit.data.words.languages import CANDIDATES, detected, identifier, language_of
from toolkit.options.data import CleaningOptions, MaskingOptions

GERMAN = (
    "1. Öffnen Sie die Einstellungen und wählen Sie Konto aus.\n"
    "2. Klicken Sie auf Kennwort ändern und geben Sie das alte Kennwort ein.\n"
    "3. Schreiben Sie bei Fragen an hilfe@firma.de."
)
CLEAN = {
    "de": "Klicken Sie im Menü Bearbeiten auf Einfügen, um den Inhalt der Zwischenablage am Cursor einzufügen.",
    "fr": "Dans le menu Édition, choisissez Coller pour insérer le contenu du presse-papiers à la position du curseur.",
    "es": "En el menú Editar, elija Pegar para insertar el contenido del portapapeles en la posición del cursor.",
    "pt": "No menu Editar, escolha Colar para inserir o conteúdo da área de transferência na posição do cursor.",
    "nl": "Kies in het menu Bewerken de opdracht Plakken om de inhoud van het klembord in te voegen.",
    "ja": "「編集」メニューで「貼り付け」を選択すると、クリップボードの内容がカーソルの位置に挿入されます。",
}


@pytest.mark.parametrize(("language", "text"), CLEAN.items())
def test_clean_text_of_a_language_that_the_model_does_not_know_stays(language: str, text: str) -> None:
    row = anonymise_row(Row("s", "f:1", prompt=text), MaskingOptions())
    assert (row.prompt, row.masks, row.notes) == (text, {}, (f"{NOT_LOOKED_FOR}: {language}",))


@pytest.mark.parametrize("declared", ["de", "de-AT", ""])
def test_identifiers_are_masked_in_any_language_and_names_only_in_known_ones(declared: str) -> None:
    meta = {"language": declared} if declared else {}
    row = clean_row(Row("s", "f:1", prompt="Wie ändere ich mein Kennwort", output=GERMAN, meta=meta), CleaningOptions())
    assert isinstance(row, Row)
    assert row.output == GERMAN.replace("hilfe@firma.de", "[EMAIL_1]")
    assert (row.language, row.meta) == ("de", meta)
    assert row.notes == (f"{NOT_LOOKED_FOR}: de", f"{UNJUDGED}: de")


def test_the_declared_language_counts_before_the_text() -> None:
    row = anonymise_row(Row("s", "f:1", prompt="Saya Susan Walker.", meta={"language": "en-US"}), MaskingOptions())
    assert row.prompt == "Saya [NAME_1]."
    assert language_of("pt_BR", "Open the settings and choose your language.") == "pt"


def test_a_row_without_a_language_is_not_repaired_as_one_of_the_first_language() -> None:
    asked = CleaningOptions(repair_typos=True, anonymise=())
    row = clean_row(Row("s", "f:1", prompt="Wie ändere ich mein Kennwort?", output=GERMAN), asked)
    assert isinstance(row, Row)
    assert row.output == GERMAN


def test_the_rules_still_judge_what_they_know() -> None:
    steps = "1. The weather was nice.\n2. The birds sang."
    row = clean_row(Row("s", "f:1", prompt="How is the weather today in the city?", output=steps), CleaningOptions())
    assert isinstance(row, Dropped)
    assert row.reason == "the steps do not instruct"


def test_opposites_of_an_unknown_language_are_two_tasks() -> None:
    on, off = (
        Row("s", "f:1", prompt=f"Wie kann ich die automatische Sicherung {verb}?", output=GERMAN, language="de")
        for verb in ("einschalten", "ausschalten")
    )
    assert are_different_tasks(on, off)
    assert not are_different_tasks(on, on)


@pytest.mark.parametrize(
    ("text", "language"),
    [("", ""), ("12 34", ""), ("[NAME_1] 4711", ""), ("Buka menu lalu pilih berkas yang baru saja Anda simpan.", "id")],
)
def test_a_text_without_words_has_no_language(text: str, language: str) -> None:
    assert detected(text) == language


def test_the_quick_classifier_answers_as_the_library_does_to_the_last_bit() -> None:
    chooser = random.Random(5)
    texts = [*CLEAN.values(), GERMAN, "", "a", "\0", "ÄÖ", "1. 2. 3.", "MENÜ " * 40, "ひらがな と 漢字"]
    texts += ["".join(map(chr, chooser.choices(range(1, 0x2000), k=length))) for length in range(1, 60)]
    for languages in (("en", "id", "ms"), CANDIDATES):
        theirs = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        theirs.set_languages(list(languages))
        for text in texts:
            assert identifier(languages).rank(text) == theirs.rank(text)
