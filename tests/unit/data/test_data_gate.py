"""Precision first: what of a document becomes a row, and what only looks like a task with steps."""

from pathlib import Path

import pytest

from toolkit.data.reading.sources import read_sources
from toolkit.data.rows import Dropped, Row
from toolkit.data.words.questions import ask
from toolkit.options.data import ReadingOptions
from toolkit.runs.recorder import Recorder

STEPS = "<ol><li>Open the lid.</li><li>Press the button.</li></ol>"
WANTED = "1. Open the lid.\n2. Press the button."


def read(tmp_path: Path, page: str, name: str = "a.html", language: str = "en") -> tuple[list[Row], list[Dropped]]:
    path = tmp_path / name
    path.write_text(page)
    options = ReadingOptions.model_validate({"sources": {"type": "documents", "path": str(path), "language": language}})
    items = list(read_sources(options.sources, False, Recorder(None)))
    return [item for item in items if isinstance(item, Row)], [item for item in items if isinstance(item, Dropped)]


@pytest.mark.parametrize(
    "body",
    [
        f"<h1>Reset the router</h1>{STEPS}",
        f"<h1>Reset the router<a class='headerlink' href='#x'>¶</a></h1>{STEPS}",
        f"<h1>Reset the router</h1><h2>Step-by-step guide</h2>{STEPS}",
        f"<h1>Reset the router</h1><h2>Usage</h2><p>Follow these steps:</p>{STEPS}",
        f"<h1 id='title-heading'><span>HELP : Reset the router</span></h1>"
        f"<ol id='breadcrumbs'><li>Go home</li><li>Go up</li></ol><h2>Instructions</h2>{STEPS}",
        f"<h1>Router</h1><p>To reset the router, please follow these steps:</p>{STEPS}",
        "<h1>Reset the router</h1><p>1. Open the lid.<br>2. Press the button.</p>",
        "<h1>Reset the router</h1><p>1) Open the lid.</p><p>2) Press the button.</p>",
        "<h1>Reset the router</h1><table><tr><th>No.</th><th>What</th></tr><tr><td>1</td><td>Open the lid.</td></tr>"
        "<tr><td>2</td><td>Press the button.</td></tr></table>",
        "<h1>Reset the router</h1><h2>Step 1: Open the lid.</h2><h2>Step 2: Press the button.</h2>",
        "<h1>Reset the router</h1><ol><li>Open the lid.<div class='figure'><img alt='The lid'><p>Figure 1. The lid"
        "</p></div></li><li>Press the button.<img alt='The screenshot shows a red button, and a green one.'></li></ol>",
        f"<h1>Reset the router</h1>{STEPS}<div class='colist arabic'>"
        "<ol><li>This is a lid.</li><li>A button.</li></ol></div>",
    ],
)
def test_a_task_is_found_in_each_dress(body: str, tmp_path: Path) -> None:
    rows, _ = read(tmp_path, f"<html><body>{body}</body></html>")
    assert [(row.prompt, row.output) for row in rows] == [("How do I reset the router?", WANTED)]


PLACES = [
    f"<div class='procedure'><p class='title'>Procedure 1.{at}. On {name}</p>{STEPS}</div>"
    for at, name in enumerate(("Linux", "Windows"))
]


@pytest.mark.parametrize(
    ("body", "questions"),
    [
        (
            f"<h1>Resetting the router</h1>{''.join(PLACES)}",
            ["How do I reset the router on Linux?", "How do I reset the router on Windows?"],
        ),
        (
            f"<h1>Reset the router</h1><p>On Linux:</p>{STEPS}<p>For Windows:</p>{STEPS}",
            ["How do I reset the router on Linux?", "How do I reset the router for Windows?"],
        ),
        (f"<h1>Reset the router</h1><h2>Under Windows</h2>{STEPS}", ["How do I reset the router under Windows?"]),
        (
            f"<h1>Routers</h1><div class='procedure'><p class='title'>Procedure 3. Reset the router</p>{STEPS}</div>",
            ["How do I reset the router?"],
        ),
        (
            f"<h1>Routers</h1><p>Here is a trick that is good for resetting the router:</p>{STEPS}",
            ["How do I reset the router?"],
        ),
        (f"<h1>Reset Tool</h1><h2>A Brief Tutorial</h2>{STEPS}", ["How do I use Reset Tool?"]),
        (
            f"<h1>Overview</h1><p>If you want to reset the router, do the following:</p>{STEPS}",
            ["How do I reset the router?"],
        ),
        (
            f"<h1>Printing</h1><p>If you wish to print on both sides, pull it out. Proceed as follows:</p>{STEPS}",
            ["How do I print on both sides?"],
        ),
        (f"<h1>Reset the router</h1><p>If you want to keep the logs, do the following:</p>{STEPS}", []),
        (f"<h1>Reset the router</h1><p>If you want to keep the logs, save them. Then press:</p>{STEPS}", []),
        (
            "<h1>Reset the router</h1><p>You can do this in several ways:</p><ol><li>By pulling the plug.</li>"
            f"<li><p>By using the menu:</p>{STEPS}</li></ol>",
            ["How do I reset the router by using the menu?"],
        ),
        (
            "<h1>Reset the router</h1><ol><li>Is the light red? If so, press the button.</li>"
            "<li>Do you see a menu? If not, pull the plug. Otherwise go on.</li></ol>",
            ["How do I reset the router?"],
        ),
        ("<h1>Reset the router</h1><ol><li>Is the light red?</li><li>Do you see a menu? Good.</li></ol>", []),
        (f"<h1>Routers</h1><p>There is a report. To print this report:</p>{STEPS}", []),
        (f"<h1>Using example for the router</h1>{STEPS}", []),
        ("<h1>Track parcels</h1><ol><li>Use the app. It is quick.</li><li>Use the phone. It is free.</li></ol>", []),
    ],
)
def test_titles_and_lines_together_say_what_a_list_is_for(body: str, questions: list[str], tmp_path: Path) -> None:
    rows, _ = read(tmp_path, f"<html><body>{body}</body></html>")
    assert [row.prompt for row in rows] == questions


def test_a_note_in_a_table_within_a_step_is_text(tmp_path: Path) -> None:
    note = "<table><tr><td><img alt='Note'></td><td>The lid may be hot, so wear gloves.</td></tr></table>"
    rows, _ = read(
        tmp_path, f"<h1>Reset the router</h1><ol><li>Open the lid.{note}</li><li>Press the button.</li></ol>"
    )
    assert rows[0].output == "1. Open the lid. The lid may be hot, so wear gloves.\n2. Press the button."


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "<h1>Compare the results</h1><ol><li>The method matters.</li><li>The colours matter too.</li></ol>",
            "the leading words of the steps do not tell to do something",
        ),
        ("<h1>Crop the layer</h1><ol><li>Crop to selection</li><li>Crop to content</li></ol>", "the steps are choices"),
        (f"<h1>Monitor Resolution</h1>{STEPS}", "the title names no task: 'Monitor Resolution'"),
        (f"<h1>Editing such files requires that the lid is open</h1>{STEPS}", "the title names no task"),
        (f"<h1>Fill with</h1>{STEPS}", "the title names no task"),
        (f"<h1>Release checklist</h1>{STEPS}", "the title names no task"),
    ],
)
def test_what_only_looks_like_a_task_is_left_out(body: str, reason: str, tmp_path: Path) -> None:
    rows, dropped = read(tmp_path, f"<html><body>{body}</body></html>")
    assert rows == []
    assert any(item.reason.startswith(reason) for item in dropped), [item.reason for item in dropped]


@pytest.mark.parametrize(
    ("title", "language", "question"),
    [
        ("WLAN-Passwort ändern", "de", "Wie kann ich WLAN-Passwort ändern?"),
        ("Ihre Adresse ändern", "de", "Wie kann ich meine Adresse ändern?"),
        ("So ändern Sie das Passwort", "de", "Wie kann ich das Passwort ändern?"),
        ("Einstellungen", "de", None),
        ("Cambiar su contraseña", "es", "¿Cómo puedo cambiar mi contraseña?"),
        ("Cómo añadir una impresora", "es", "¿Cómo puedo añadir una impresora?"),
        ("Lugar de trabajo", "es", None),
        ("Modifier le mot de passe", "fr", "Comment puis-je modifier le mot de passe ?"),
        ("Comment ajouter une imprimante", "fr", "Comment puis-je ajouter une imprimante ?"),
        ("Dossier de partage", "fr", None),
        ("Alterar a sua senha", "pt", "Como posso alterar a minha senha?"),
        ("Como adicionar uma impressora", "pt", "Como posso adicionar uma impressora?"),
        ("Celular e tablet", "pt", None),
        ("パスワードを変更する", "ja", "パスワードを変更するにはどうすればよいですか？"),
        ("パスワードの変更", "ja", "パスワードを変更するにはどうすればよいですか？"),
        ("パスワードを変更する方法", "ja", "パスワードを変更するにはどうすればよいですか？"),
        ("パスワード", "ja", None),
        ("Wachtwoord wijzigen", "nl", None),
    ],
)
def test_titles_of_other_languages_become_questions(title: str, language: str, question: str | None) -> None:
    assert ask(title, language) == question


def test_a_language_whose_titles_are_not_known_is_named(tmp_path: Path) -> None:
    rows, dropped = read(tmp_path, f"<h1>Wachtwoord wijzigen</h1>{STEPS}", language="nl")
    assert rows == []
    assert dropped[0].reason == "titles in this language (nl) are not turned into questions: 'Wachtwoord wijzigen'"
