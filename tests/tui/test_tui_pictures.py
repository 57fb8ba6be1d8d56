"""The pictures in docs/pictures show today's program: its places, its keys, its columns. They are made from real runs
(scripts/pictures.py), so what is between the lines is compared for the form alone, which needs no run.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from textual.binding import Binding

from scripts import pictures
from tui.logic.lines import plain
from tui.logic.run_table import header, visible_columns
from tui.pages.page import Page
from tui.places import PLACES
from tui.screens.compare import CompareScreen
from tui.screens.follow import FollowScreen
from tui.screens.form import FormScreen
from tui.screens.queue import QueueScreen
from tui.screens.report import ReportScreen
from tui.screens.runs import RunsScreen
from tui.screens.studies import StudiesScreen
from tui.screens.sweep import SweepScreen
from tui.screens.trash import TrashScreen
from tui.widgets.bars import key_name
from tui.widgets.form_view import FormView
from tui.widgets.item_list import ItemList

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SCREENS: dict[str, type[Page]] = {
    "runs": RunsScreen,
    "new": FormScreen,
    "follow": FollowScreen,
    "results": ReportScreen,
    "compare": CompareScreen,
    "queue": QueueScreen,
    "studies": StudiesScreen,
    "sweep": SweepScreen,
    "trash": TrashScreen,
}


@pytest.mark.parametrize("size", ["80x24", "160x48"])
@pytest.mark.parametrize("name", SCREENS)
def test_a_picture_has_the_places_and_keys_of_the_program(name: str, size: str) -> None:
    shown = lines_of(PICTURES / f"{name}-{size}.svg")
    top, keys = shown[0], shown[-1]
    assert [place.key for place in PLACES if f" {place.key} " not in top] == []
    if size == "160x48":
        assert [place.title for place in PLACES if f"{place.key} {place.title}" not in top] == []
    known = {
        f"{key_name(key)} {binding.description}" for binding in bindings(SCREENS[name]) for key in keys_of(binding)
    }
    pieces = [piece.strip() for piece in re.split(r"\s{2,}", keys.removesuffix("? Help").strip())]
    assert [piece for piece in pieces if piece not in known] == []


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
def test_the_picture_of_the_runs_has_the_columns_of_the_list(size: tuple[int, int]) -> None:
    shown = lines_of(PICTURES / f"runs-{size[0]}x{size[1]}.svg")
    wanted = plain(header(size[0], visible_columns(size[0]))).split()
    assert shown[2].split() == wanted


@pytest.mark.slow
@pytest.mark.parametrize("size", pictures.SIZES)
async def test_the_picture_of_the_form_is_what_the_program_draws(
    size: tuple[int, int], tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands to the right of it at 160 columns, the differences from the last run, is of the runs of the day."""
    monkeypatch.setattr(pictures, "PICTURES", tmp_path)
    monkeypatch.setattr(pictures, "REPOSITORY", tmp_path)
    runs.mkdir()
    await pictures.take(runs, tmp_path / "state", "new", size, pictures.VISITS["new"])
    name = f"new-{size[0]}x{size[1]}.svg"
    drawn, kept = ([line[:96].rstrip() for line in lines_of(folder / name)] for folder in (tmp_path, PICTURES))
    assert drawn == kept, f"make it again: .venv/bin/python scripts/pictures.py new ({name})"


def bindings(screen: type[Page]) -> list[Binding]:
    owners = [*screen.__mro__, ItemList, FormView]
    return [found for owner in owners for found in owner.__dict__.get("BINDINGS", ()) if isinstance(found, Binding)]


def keys_of(binding: Binding) -> list[str]:
    return binding.key.split(",")


def lines_of(picture: Path) -> list[str]:
    """The text of a picture, line by line; what is drawn at a place stands at that column."""
    rows: dict[int, list[tuple[float, str]]] = {}
    pattern = r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*?line-(\d+)\)">([^<]*)</text>'
    for x, _y, row, text in re.findall(pattern, picture.read_text(encoding="utf-8")):
        rows.setdefault(int(row), []).append((float(x), html.unescape(text).replace("\u00a0", " ")))
    found = []
    for row in range(max(rows) + 1):
        line = ""
        for x, text in sorted(rows.get(row, [])):
            line = line.ljust(round(x / 12.2)) + text
        found.append(line.rstrip())
    while found and not found[-1]:
        found.pop()
    return found
