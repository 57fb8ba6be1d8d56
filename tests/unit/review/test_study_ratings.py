"""Rating: nothing acknowledged is lost, edits are new lines, and the line dialogue does what the screen does."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.hostile import HOSTILE, forbidden_output
from tests.unit.review.study_case import make_study
from toolkit.review.study.packet import Packet, find_packet, read_packet
from toolkit.review.study.plain import describe, practice_note, rate_plain
from toolkit.review.study.ratings import read_ratings
from toolkit.review.study.session import Session
from toolkit.terminal.text import safe

CRITERIA = ("accuracy", "completeness", "clarity", "format adherence")


@pytest.fixture
def packet(tmp_path: Path) -> Packet:
    return read_packet(find_packet(make_study(tmp_path, raters=("anna",)).folder.path, None))


def entries_of(packet: Packet) -> list[dict[str, object]]:
    return read_ratings(packet.ratings_file, packet.study, packet.rater, packet.sha256)


def say(session: Session, *lines: str) -> str:
    """The dialogue with these lines typed in; what it wrote."""
    waiting, written = list(lines), []

    def read(prompt: str) -> str:
        written.append(prompt)
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    rate_plain(session, read, written.append)
    return "\n".join(written)


def test_kill_9_at_random_moments_loses_no_acknowledged_rating(packet: Packet) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.review.kill_rating", str(packet.path), "200"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    found = json.loads(done.stdout)
    assert (found["kills"], found["lost"]) == (200, 0)
    assert found["acknowledged"] >= 200
    with Session(packet) as session:  # and it goes on
        session.rank(session.tasks[3], [1, 1, 1])


def test_a_line_that_a_crash_cut_off_is_removed_and_rating_goes_on(packet: Packet) -> None:
    with Session(packet) as session:
        session.rate(session.tasks[0], dict.fromkeys(CRITERIA, 4))
    with packet.ratings_file.open("ab") as file:
        file.write(b'{"n": 3, "kind": "scores", "un')
    with Session(packet) as session:
        assert session.done == 1
        session.rate(session.tasks[1], dict.fromkeys(CRITERIA, 2))
    assert [entry["n"] for entry in entries_of(packet)] == [1, 2, 3]


def test_an_edit_is_a_new_line_and_the_last_one_counts(packet: Packet) -> None:
    with Session(packet) as session:
        task = session.tasks[0]
        session.rate(task, dict.fromkeys(CRITERIA, 4))
        session.rate(task, dict.fromkeys(CRITERIA, 1), critical=True, comment="loses the photos")
    with Session(packet) as session:
        value = session.value(task)
        assert value is not None
        assert (value["scores"]["accuracy"], value["critical"], value["comment"]) == (1, True, "loses the photos")
    assert len(entries_of(packet)) == 3


def test_a_ratings_file_has_no_time_and_no_name_of_a_system(packet: Packet) -> None:
    with Session(packet) as session:
        session.rate(session.tasks[0], dict.fromkeys(CRITERIA, 4))
    assert sorted(entries_of(packet)[1]) == [
        "answer",
        "comment",
        "critical",
        "hash",
        "kind",
        "n",
        "previous",
        "scores",
        "unit",
    ]


@pytest.mark.parametrize(
    "scores",
    [
        {},
        {"accuracy": 3},
        dict.fromkeys(CRITERIA, 6),
        dict.fromkeys(CRITERIA, 0),
        dict.fromkeys((*CRITERIA, "more"), 3),
    ],
)
def test_incomplete_or_impossible_scores_are_not_recorded(packet: Packet, scores: dict[str, int]) -> None:
    with Session(packet) as session, pytest.raises(ValueError, match="expected a score"):
        session.rate(session.tasks[0], scores)
    assert len(entries_of(packet)) == 1


def test_ranks_are_stored_without_gaps(packet: Packet) -> None:
    with Session(packet) as session:
        task = next(task for task in session.tasks if task.kind == "rank")
        session.rank(task, [3, 1, 3])
        assert session.value(task)["ranks"] == [2, 1, 2]  # type: ignore[index]
        with pytest.raises(ValueError, match="expected a rank"):
            session.rank(task, [1, 2])


def test_the_line_dialogue_rates_ranks_goes_back_and_says_what_is_wrong(packet: Packet) -> None:
    with Session(packet) as session:
        text = say(
            session, "4 4 4", "4 4 4 4", "what?", "2 2 2 2 ! # breaks the phone", "5555", "1 2 2", "b", "3 2 1", "q"
        )
        assert "3 numbers, expected 4" in text
        assert "'what?' is nothing to answer here" in text
        assert "Answer A: " in text  # the notes on the practice unit
        assert "Said before: 1 2 2" in text
        assert "4 of 42 done; everything is saved." in text
        values = [session.value(task) for task in session.tasks[:4]]
    assert values[1]["critical"] is True  # type: ignore[index]
    assert values[1]["comment"] == "breaks the phone"  # type: ignore[index]
    assert values[3]["ranks"] == [3, 2, 1]  # type: ignore[index]


def test_the_dialogue_goes_on_where_it_stopped_and_ends_with_thanks(packet: Packet) -> None:
    with Session(packet) as session:
        say(session, "4 4 4 4")
    with Session(packet) as session:
        assert "1 done" in say(session)
        noise = random.Random(1)
        while (at := session.next_open()) is not None:
            kind = session.tasks[at].kind
            say(session, "3 3 3 3" if kind == "scores" else "1 1 2" if kind == "rank" else str(noise.randint(0, 3)))
        assert "All done" in say(session)


def test_help_and_anchors_are_in_the_dialogue(packet: Packet) -> None:
    with Session(packet) as session:
        text = say(session, "?", "a", "r")
    assert "b: back" in text
    assert "5 right in every step" in text
    assert text.count("Question:") == 2


def test_the_dialogue_lets_no_answer_drive_the_terminal(packet: Packet) -> None:
    with Session(packet) as session:
        unit = session.tasks[0].unit
        for text in HOSTILE:
            hostile = replace(unit, prompt=text, answers=(text,) * 3, notes=("fine",) * 3)
            for task in session.tasks[:4]:
                shown = safe(describe(session, replace(task, unit=hostile)))
                assert forbidden_output(shown.encode("utf-8", "replace").replace(b"\t", b" "), text) == 0, text
            assert practice_note(replace(task, unit=hostile)).startswith("Answer A: fine.")
