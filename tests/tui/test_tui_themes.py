"""Which theme fits a terminal, and that each keeps its colours there."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as TextualColor

from tui.themes import DARK_256, LIGHT_256, default_theme, fitting

TRUE = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
SSH = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("remembered", "environment", "shown"),
    [
        ("steptune-dark", TRUE, "steptune-dark"),
        ("steptune-dark", SSH, "steptune-dark-256"),
        ("steptune-light", SSH, "steptune-light-256"),
        ("steptune-light-256", TRUE, "steptune-light"),
        ("steptune-light", {"TERM": "xterm"}, "ansi-light"),
        ("steptune-dark", {"TERM": "xterm-kitty"}, "steptune-dark-256"),
        ("nord", SSH, "nord"),
    ],
)
def test_a_theme_is_shown_with_the_colours_that_the_terminal_has(
    remembered: str, environment: dict[str, str], shown: str
) -> None:
    assert fitting(remembered, environment) == shown


def test_without_a_choice_it_is_dark_and_without_colours_the_terminals_own() -> None:
    found = [default_theme(environment) for environment in (TRUE, SSH, {"TERM": "linux"}, {**TRUE, "NO_COLOR": "1"})]
    assert found == ["steptune-dark", "steptune-dark-256", "ansi-dark", "ansi-dark"]


@pytest.mark.parametrize("theme", [DARK_256, LIGHT_256], ids=lambda theme: theme.name)
def test_themes_for_256_colours_are_made_of_those(theme: object) -> None:
    names = (
        "primary",
        "secondary",
        "accent",
        "warning",
        "error",
        "success",
        "foreground",
        "background",
        "surface",
        "panel",
    )
    colours = {**{name: getattr(theme, name) for name in names}, **theme.variables}  # type: ignore[attr-defined]
    moved = {}
    for name, colour in colours.items():
        wanted = TextualColor.parse(colour)
        sent = Color.from_rgb(*wanted.rgb).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        if max(abs(a - b) for a, b in zip(wanted.rgb, sent, strict=True)) > 4:
            moved[name] = (colour, sent.hex)
    assert moved == {}
