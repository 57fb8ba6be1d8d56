"""Colours: dark and light, the terminal's own 16 colours, and none. Which one fits is read from the terminal's
environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

SERIES = {"s1": "#4fb3ff", "s2": "#f2a65a", "s3": "#7bd88f", "s4": "#e879a6", "s5": "#c4a7ff", "s6": "#e5d352"}
SERIES_LIGHT = {"s1": "#0b63b0", "s2": "#b35a00", "s3": "#1e7d34", "s4": "#b02a6b", "s5": "#6a3fc0", "s6": "#7d6b00"}
SERIES_ANSI = {
    "s1": "ansi_cyan",
    "s2": "ansi_yellow",
    "s3": "ansi_green",
    "s4": "ansi_magenta",
    "s5": "ansi_blue",
    "s6": "ansi_red",
}

DARK = Theme(
    name="steptune-dark",
    primary="#4fb3ff",
    secondary="#7aa2c4",
    accent="#f2a65a",
    warning="#e5c07b",
    error="#ff6b6b",
    success="#7bd88f",
    foreground="#d7dee8",
    background="#10151c",
    surface="#161d27",
    panel="#1e2733",
    dark=True,
    variables={
        **SERIES,
        "muted": "#8593a5",
        "cursor-background": "#24405c",
        "cursor-foreground": "#ffffff",
        "edge": "#32404f",
    },
)
LIGHT = Theme(
    name="steptune-light",
    primary="#0b63b0",
    secondary="#3d5a73",
    accent="#a34f00",
    warning="#8a6100",
    error="#b3261e",
    success="#1e7d34",
    foreground="#1b2430",
    background="#fbfcfd",
    surface="#f1f4f8",
    panel="#e4eaf1",
    dark=False,
    variables={
        **SERIES_LIGHT,
        "muted": "#5a6878",
        "cursor-background": "#cfe3f7",
        "cursor-foreground": "#0b1620",
        "edge": "#b9c5d2",
    },
)
THEMES = (DARK, LIGHT)
NAMES = {
    "dark": "steptune-dark",
    "light": "steptune-light",
    "16 colours, dark": "ansi-dark",
    "16 colours, light": "ansi-light",
}
# For themes that come with Textual, the ANSI ones among them.
DEFAULT_VARIABLES = {
    **SERIES_ANSI,
    "muted": "ansi_bright_black",
    "cursor-background": "ansi_blue",
    "cursor-foreground": "ansi_bright_white",
    "edge": "ansi_bright_black",
}


# How a line's style names look: the theme's variable for the colour, and whether it is bold.
_LINE_STYLES: dict[str, tuple[str, bool]] = {
    "dim": ("muted", False),
    "bold": ("", True),
    "good": ("success", False),
    "bad": ("error", False),
    "warn": ("warning", False),
    "accent": ("primary", True),
    "title": ("primary", True),
    "mark": ("accent", True),
    "key": ("accent", True),
    "added": ("success", False),
    "removed": ("error", False),
    **{name: (name, False) for name in SERIES},
}


def line_styles(variables: Mapping[str, str], ansi: bool) -> dict[str, Style]:
    """The styles of tui.logic.lines under a theme.

    They are not CSS component classes, because Textual works out each of those for each widget at every start.
    """

    def color(name: str) -> Any:
        return Color.parse(variables[name]).rich_color if name else None

    found = {name: Style(color=color(variable), bold=bold or None) for name, (variable, bold) in _LINE_STYLES.items()}
    found["match"] = Style(color=color("accent"), bold=True, underline=True)
    if ansi:  # without colours of its own the cursor's line is reversed, and what is unimportant is dim
        return {**found, "dim": Style(dim=True), "cursor": Style(reverse=True)}
    return {**found, "cursor": Style(color=color("cursor-foreground"), bgcolor=color("cursor-background"), bold=True)}


def wants_no_color(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("NO_COLOR"))


def default_theme(environment: Mapping[str, str] | None = None) -> str:
    """The terminal's own colours where it has only 8 or 16 (or none are wanted), else dark."""
    found = os.environ if environment is None else environment
    few = (
        found.get("COLORTERM", "") not in ("truecolor", "24bit")
        and "256" not in found.get("TERM", "")
        and "kitty" not in found.get("TERM", "")
    )
    return "ansi-dark" if few or wants_no_color(found) else DARK.name
