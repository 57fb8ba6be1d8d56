"""Colours: dark and light (for 256 colours each anew), the terminal's own 16 colours, and none. Which one fits is read
from the terminal's environment.
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
# Over SSH a terminal often says no more than that it has 256 colours. The nearest of those to a dark grey with some
# blue in it is a full blue, so these themes are made of colours that come out as one of the 256.
DARK_256 = Theme(
    name="steptune-dark-256",
    primary="#5fafff",
    secondary="#87afd7",
    accent="#ffaf5f",
    warning="#d7af5f",
    error="#ff5f5f",
    success="#87d787",
    foreground="#dcdcdc",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    dark=True,
    variables={
        "s1": "#5fafff",
        "s2": "#ffaf5f",
        "s3": "#87d787",
        "s4": "#ff87af",
        "s5": "#d7afff",
        "s6": "#d7d75f",
        "muted": "#8a8a8a",
        "cursor-background": "#005f87",
        "cursor-foreground": "#ffffff",
        "edge": "#444444",
    },
)
LIGHT_256 = Theme(
    name="steptune-light-256",
    primary="#005faf",
    secondary="#5f5f87",
    accent="#af5f00",
    warning="#875f00",
    error="#af0000",
    success="#008700",
    foreground="#1c1c1c",
    background="#ffffff",
    surface="#f0f0f0",
    panel="#e6e6e6",
    dark=False,
    variables={
        "s1": "#005faf",
        "s2": "#af5f00",
        "s3": "#008700",
        "s4": "#af005f",
        "s5": "#5f00af",
        "s6": "#87875f",
        "muted": "#626262",
        "cursor-background": "#afd7ff",
        "cursor-foreground": "#000000",
        "edge": "#bdbdbd",
    },
)
THEMES = (DARK, LIGHT, DARK_256, LIGHT_256)
# Own themes as full colours, 256 and 16 show them.
_BY_COLOURS = (
    ("steptune-dark", "steptune-dark-256", "ansi-dark"),
    ("steptune-light", "steptune-light-256", "ansi-light"),
)
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
    """Dark, with the colours that the terminal has; its own ones where none are wanted."""
    found = os.environ if environment is None else environment
    return "ansi-dark" if wants_no_color(found) else fitting(DARK.name, found)


def fitting(theme: str, environment: Mapping[str, str] | None = None) -> str:
    """The theme as this terminal can show it: one that was remembered may come from another terminal."""
    found = os.environ if environment is None else environment
    own = next((row for row in _BY_COLOURS if theme in row[:2]), None)
    if own is None:
        return theme
    if found.get("COLORTERM", "") in ("truecolor", "24bit"):
        return own[0]
    return own[1] if "256" in found.get("TERM", "") or "kitty" in found.get("TERM", "") else own[2]
