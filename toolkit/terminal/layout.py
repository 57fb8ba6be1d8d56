"""Text laid out in the cells of a terminal: fitted, cut and wrapped. A cell is the width of one Latin letter."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def fit(text: str, width: int) -> str:
    """The text in exactly `width` cells, cut with an ellipsis where it is longer."""
    if width <= 0:
        return ""
    length = len(text) if text.isascii() else cell_len(text)
    if length == width:
        return text
    return text + " " * (width - length) if length < width else cut(text, width)


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis where something was cut."""
    if width <= 0:
        return ""
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return text
    return set_cell_size(text[: 4 * width + 64], width - 1) + "…"  # measuring a text of 100 kB takes its time


def fit_right(text: str, width: int) -> str:
    """The text at the right of `width` cells."""
    shown = cut(text, width)
    return " " * (width - cell_len(shown)) + shown


def cut_start(text: str, width: int) -> str:
    """The end of the text in at most `width` cells: for paths and ids, whose end tells them apart."""
    if cell_len(text) <= width or width <= 0:
        return text if width > 0 else ""
    kept = text[-(width - 1) :]
    while cell_len(kept) > width - 1:
        kept = kept[1:]
    return "…" + kept


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces where possible. [""] for no text."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            candidate = f"{line} {word}" if line else word
            if cell_len(candidate) <= width:
                line = candidate
                continue
            if line:
                lines.append(line)
            while width > 0 and cell_len(word[: width + 1]) > width:
                part = set_cell_size(word[: width + 1], width)
                lines.append(part.rstrip())
                word = word[len(part.rstrip()) or 1 :]
            line = word
        lines.append(line)
    return lines


def side_by_side(columns: dict[str, str], width: int) -> list[str]:
    """Texts next to each other under their names, in lines of at most `width` cells."""
    cells = (width - 3 * (len(columns) - 1)) // max(1, len(columns))
    wrapped = [[name, "-" * cells, *wrap(text, cells)] for name, text in columns.items()]
    height = max(map(len, wrapped), default=0)
    return [
        " | ".join(fit(lines[row] if row < len(lines) else "", cells) for lines in wrapped).rstrip()
        for row in range(height)
    ]
