"""The place of the graphics cards, by a stand-in for nvidia-smi."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tui.hostile import HOSTILE
from tests.tui.pilot import outside_parent, running, shows, text_of
from toolkit.machine.gpu_status import CardStatus, GpuProcess, card_status
from tui.logic.follow_lines import hardware_line
from tui.logic.gpu_history import METRICS, GpuHistory
from tui.logic.gpu_lines import gpu_lines
from tui.logic.lines import plain, width_of

SMI = """#!/bin/sh
case "$1" in
  --query-gpu=*) echo "0, GPU-a, NVIDIA A10, 12100, 23028, 97, 63, 148.20"
                 echo "1, GPU-b, NVIDIA A10, [N/A], 23028, 0, 40, [N/A]" ;;
  --query-compute-apps=*) echo "GPU-a, PID, 11500" ;;
esac
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(SMI.replace("PID", str(os.getpid())))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_cards_are_read_with_their_processes_and_what_is_not_said_is_left_open(smi: None) -> None:
    (first, second), problem = card_status()
    assert problem == ""
    assert (first.memory_used_mib, first.utilization_percent, first.temperature_c, first.power_w) == (
        12100,
        97,
        63,
        148.2,
    )
    assert [(process.pid, process.memory_mib) for process in first.processes] == [(os.getpid(), 11500)]
    assert (second.memory_used_mib, second.power_w, second.processes) == (None, None, ())


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_the_place_shows_them(tmp_path: Path, smi: None, size: tuple[int, int]) -> None:
    async with running(tmp_path / "runs", size) as (app, pilot):
        await pilot.press("8")
        await shows(pilot, "11.8/22.5 GiB  97 % busy  63 °C  148.2 W")
        await shows(pilot, "nothing computes on it")
        assert "2 cards" in text_of(app)
        assert outside_parent(app) == []


async def test_load_memory_temperature_and_power_have_curves(tmp_path: Path, smi: None) -> None:
    async with running(tmp_path / "runs", (160, 48)) as (app, pilot):
        await pilot.press("8")
        for name in METRICS:
            await shows(pilot, f"{name}, by minutes")
        assert outside_parent(app) == []
    async with running(tmp_path / "runs", (80, 24)) as (app, pilot):
        await pilot.press("8")
        for key, name in (("m", "load, %"), ("m", "memory, GiB"), ("m", "temperature, °C"), ("M", "power, W")):
            await shows(pilot, f"{name}  {list(METRICS).index(name) + 1}/4, m changes")
            await pilot.press(key)
        await shows(pilot, "temperature, °C")
        assert outside_parent(app) == []
    async with running(tmp_path / "runs", (120, 24)) as (app, pilot):
        await pilot.press("8")
        await shows(pilot, "load, %, by minutes")
        await shows(pilot, "11.8/22.5 GiB")
        assert outside_parent(app) == []
    async with running(tmp_path / "runs", (60, 18)) as (app, pilot):
        await pilot.press("8")
        await shows(pilot, "A10")
        assert "m changes" not in text_of(app)
        assert outside_parent(app) == []


def test_the_curves_of_cards_are_apart_and_bounded() -> None:
    history = GpuHistory()
    for minute in range(5000):
        cards = [CardStatus(index, "x", 1024.0 * minute, None, None, 40.0 + index, None) for index in (1, 0)]
        history.add(cards, float(minute))
    assert [(curve.name, curve.style) for curve in history.curves("temperature, °C")] == [("0", "s1"), ("1", "s2")]
    assert {point[3] for point in history.curves("temperature, °C")[1].points} == {41.0}
    assert (history.curves("power, W"), history.curves("load, %")) == ([], [])
    assert len(history.curves("memory, GiB")[0].points) < 2000


async def test_without_cards_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.machine.gpu_status.shutil.which", lambda _name: None)
    async with running(tmp_path / "runs") as (_app, pilot):
        await pilot.press("8")
        await shows(pilot, "nvidia-smi is not there")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_cards_and_processes_are_harmless(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    card = CardStatus(0, text, 1.0, 2.0, 3.0, 4.0, 5.0, (GpuProcess(1, 2.0, text, text, text),))
    for spans in gpu_lines([card], "", 79) + gpu_lines([], text, 79):
        shown = plain(spans)
        assert not [character for character in shown if ord(character) < 32 or 0x7F <= ord(character) < 0xA0]
        assert width_of(spans) <= 79


def test_a_narrow_screen_has_the_cards_in_one_line() -> None:
    gpus = tuple(
        {"index": index, "utilization_percent": busy, "memory_used_mib": 63_488, "memory_total_mib": 81_920}
        for index, busy in ((0, 12), (1, 93), (2, 80))
    )
    shown = plain(hardware_line({"cpu_percent": 61.0, "memory_gib": 3.1}, gpus, 79, is_brief=True))
    assert shown == " GPU 1 93 %, 62.0/80.0 GiB, 2 more   CPU 61 %, 3.1 GiB"
