"""Wide and low, narrow and high: on every place the line of keys stands at the bottom, and nothing reaches beyond."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.pilot import outside_parent, running, settled, text_of
from tests.tui.sample_runs import make_run
from tests.tui.sample_sweep import make_sweep
from tui.places import PLACES

ODD = ((120, 24), (200, 20), (60, 18), (72, 60), (120, 30))


@pytest.mark.parametrize("size", ODD, ids=str)
async def test_the_keys_of_every_place_are_on_the_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    make_sweep(tmp_path / "runs")
    make_run(tmp_path / "runs", "20261118-140000-sft-aaaa", steps=20)
    async with running(tmp_path / "runs", size) as (app, pilot):
        lost = []
        for place in PLACES:
            await pilot.press(place.key)
            await settled(pilot)
            if "? Help" not in text_of(app).splitlines()[-1] or len(text_of(app).splitlines()) != size[1]:
                lost.append(place.title)
            lost += [f"{place.title}: {found}" for found in outside_parent(app)]
        await pilot.press("1", "slash")
        await settled(pilot)
        if "state=running" not in text_of(app):
            lost.append("the filter's line")
        await pilot.press("escape", "enter")
        await settled(pilot)
        if "? Help" not in text_of(app).splitlines()[-1]:
            lost.append("Follow")
        assert lost == []
