"""Rating on the screen, at both sizes: keys, what is recorded, what must never be shown, and texts that are hard to
show.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.hostile import HOSTILE, forbidden_output
from tests.tui.pilot import SIZES, looks_as, outside_parent, running, shows, text_of, until
from tests.tui.sample_packet import make_packet
from tests.unit.review.study_case import make_study, rate_all, sample_files
from toolkit.errors import DiskFullError
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.packet import Packet
from toolkit.review.study.plan import Criterion, StudyPlan
from toolkit.review.study.ratings import read_ratings
from toolkit.review.study.session import latest_values
from tui.app import SteptuneApp
from tui.destinations import ToRating
from tui.logic.rating import Rating
from tui.screens.help import help_lines
from tui.screens.rate import RateScreen

LONG = "\n".join(f"{n}. " + "word " * 1700 for n in range(1, 60))  # 100,300 words
RTL = "1. افتح الإعدادات.\n2. اضغط على «حفظ».\n3. أغلق التطبيق."
CJK = "1. 設定を開きます。\n2. 「保存」をタップします。\n3. " + "画面を閉じます。" * 12


def at_packet(packet: Path) -> dict[str, object]:
    return {"start_at": "rate", "opens": ToRating(packet)}


def entries(packet: Packet) -> list[dict[str, object]]:
    return read_ratings(packet.ratings_file, packet.study, packet.rater, packet.sha256)


def rating_of(app: SteptuneApp) -> Rating:
    assert isinstance(app.screen, RateScreen)
    return app.screen.rating


async def opened(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await shows(pilot, "Unit 1 of 3")
    await pilot.pause()


async def test_a_rater_who_was_started_for_a_packet_sees_nothing_else(tmp_path: Path) -> None:
    packet = make_packet(tmp_path / "study")
    async with running(tmp_path / "runs", alone=True, **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        assert text_of(app).splitlines()[0].strip() == "steptune"
        await pilot.press("ctrl+p", "8", "6")
        await pilot.pause(0.1)
        assert isinstance(app.screen, RateScreen)
        await pilot.press("escape")
        await until(pilot, lambda: not app.is_running or app._exit)


async def test_a_study_is_locked_unblinded_and_reported_from_the_screens(tmp_path: Path) -> None:
    made = make_study(tmp_path / "study")
    rate_all(made, "anna")
    async with running(tmp_path / "runs", (100, 30), start_at="rate") as (_app, pilot):
        await shows(pilot, "2 packets to rate")
        await pilot.press("O")
        await shows(pilot, "The ratings are not locked yet")
        await pilot.press("K")
        await shows(pilot, "Nothing can be rated or changed")
        await pilot.press("y")
        await shows(pilot, "Lock although not everybody is done?")
        await pilot.press("y")
        await shows(pilot, "Hand this hash out now")
        await pilot.press("O")
        await shows(pilot, "Open the key of study?")
        await pilot.press("y")
        await shows(pilot, "Report of study")
    assert made.folder.report_file.exists()


async def typed(pilot: Pilot[None], text: str, after: str) -> None:
    """Answer the question on the screen by a text, and wait for what comes next."""
    pilot.app.screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press("enter")
    letters = re.sub(r"\W", "", after)  # a notice wraps where it must
    await until(pilot, lambda: letters in re.sub(r"\W", "", text_of(pilot.app)))  # type: ignore[arg-type]


async def test_a_study_is_made_from_the_screens(tmp_path: Path) -> None:
    references, files = sample_files(tmp_path / "made")
    folder = tmp_path / "new study"
    async with running(tmp_path / "runs", (100, 30), start_at="rate") as (_app, pilot):
        await shows(pilot, "There is no blind study in this folder yet")
        await pilot.press("a")
        await shows(pilot, "Data set with the questions and the human answers")
        await typed(pilot, str(references), "Answers of the system tuned")
        await typed(pilot, str(files["tuned"]), "Answers of the system baseline")
        await typed(pilot, str(files["baseline"]), "Who rates?")
        await typed(pilot, " anna, ben ,", "Folder of the study")
        await typed(pilot, str(folder), "Keep the key from the raters")
        await shows(pilot, "2 packets to rate")
    made = StudyFolder(folder)
    assert made.raters() == ["anna", "ben"]
    assert made.default_key_file.exists()


async def test_a_study_of_one_system_and_one_that_is_there_already(tmp_path: Path) -> None:
    references, files = sample_files(tmp_path / "made")
    async with running(tmp_path / "runs", (100, 30), start_at="rate") as (_app, pilot):
        for answer in ("Keep the key from the raters", "exists already; give the name of a new folder"):
            await pilot.press("a")
            await typed(pilot, str(references), "Answers of the system tuned")
            await typed(pilot, str(files["tuned"]), "no further system")
            await typed(pilot, "no further", "Who rates?")
            await typed(pilot, "anna", "Folder of the study")
            await typed(pilot, str(tmp_path / "one"), answer)
        await pilot.press("a")
        await shows(pilot, "Data set with")
        await pilot.press("escape")
        await shows(pilot, "1 packet to rate")


async def test_data_for_a_study_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with running(tmp_path / "runs", (100, 30), start_at="rate") as (_app, pilot):
        await pilot.press("a")
        await typed(pilot, "/not/there.jsonl", "Answers of the system tuned")
        await typed(pilot, "/nor/this.jsonl", "no further system")
        await typed(pilot, "no further", "Who rates?")
        await typed(pilot, "anna", "Folder of the study")
        await typed(pilot, str(tmp_path / "none"), "does not exist")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("size", SIZES)
async def test_a_digit_sets_and_advances_and_enter_records_only_what_is_complete(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    packet = make_packet(tmp_path / "study")
    async with running(tmp_path / "runs", size, **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("4", "3", "enter")
        await shows(pilot, "missing: clarity, format adherence")
        assert len(entries(packet)) == 1  # the line that opens the file
        await pilot.press("5", "2")
        await shows(pilot, "records")
        await pilot.press("x", "enter")
        await shows(pilot, "answer B")
        assert entries(packet)[1]["scores"] == {"accuracy": 4, "completeness": 3, "clarity": 5, "format adherence": 2}
        assert entries(packet)[1]["critical"] is True
        assert outside_parent(app) == []


async def test_a_whole_packet_is_rated_ranked_and_guessed_from_the_keyboard(tmp_path: Path) -> None:
    packet = make_packet(tmp_path / "study")
    async with running(tmp_path / "runs", **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        for unit in range(2):
            for _ in range(3):
                await pilot.press(*"4444", "enter")
            await pilot.press(*"211", "enter")
            if unit == 0:
                await shows(pilot, "What was wrong with these answers")
                await pilot.press("enter")
        await shows(pilot, "a person")
        await pilot.press("3", "enter", "0", "enter", "1", "enter")
        await shows(pilot, "All done. Thank you")
        await pilot.press("enter")  # nothing more to record
        assert rating_of(app).session.done == 11
        await pilot.press("N")
        await shows(pilot, "Unit 3 of 3, answer C")
        assert "All done" not in text_of(app)
    values = latest_values(entries(packet))
    assert values["u1", "rank", None]["ranks"] == [2, 1, 1]
    assert [values["u2", "guess", n]["option"] for n in range(3)] == [2, None, 0]


async def test_rating_goes_on_where_it_stopped_and_can_be_changed(tmp_path: Path) -> None:
    packet = make_packet(tmp_path / "study")
    async with running(tmp_path / "runs", **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        await pilot.press(*"4444", "enter")
        await shows(pilot, "answer B")
    async with running(tmp_path / "runs", **at_packet(packet.path)) as (app, pilot):
        await shows(pilot, "answer B")
        await pilot.press("N")
        await shows(pilot, "[4]")
        await pilot.press("up", "up", "up", "1", "enter")
        await until(pilot, lambda: len(entries(packet)) == 3)
    assert latest_values(entries(packet))["u0", "scores", 0]["scores"] == {
        "accuracy": 1,
        "completeness": 4,
        "clarity": 4,
        "format adherence": 4,
    }


async def test_a_plan_with_six_criteria_and_two_answers_fits(tmp_path: Path) -> None:
    criteria = [
        Criterion(name=f"criterion {n}", question=f"Question {n}?", anchors=["one", "two", "three", "four", "five"])
        for n in range(6)
    ]
    packet = make_packet(tmp_path / "study", ("1. A.", "1. B."), plan=StudyPlan(criteria=criteria))
    async with running(tmp_path / "runs", **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        for n in range(6):
            await shows(pilot, f"criterion {n}")
        await pilot.press(*"123451", "enter")
        await shows(pilot, "answer B")
        assert outside_parent(app) == []


async def test_a_comment_is_kept_with_the_scores(tmp_path: Path) -> None:
    packet = make_packet(tmp_path / "study")
    async with running(tmp_path / "runs", **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        await pilot.press(*"4444", "f")
        await shows(pilot, "Comment on this answer")
        await pilot.press(*"too short", "enter")
        await shows(pilot, "comment: too short")
        await pilot.press("enter")
        await shows(pilot, "answer B")
    assert entries(packet)[1]["comment"] == "too short"


async def test_the_anchors_are_a_key_away_where_there_is_no_second_pane(tmp_path: Path) -> None:
    async with running(tmp_path / "runs", **at_packet(make_packet(tmp_path / "study").path)) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("i")
        await shows(pilot, "What the numbers mean")
        await shows(pilot, "right in every step")
        await pilot.press("escape", "question_mark")
        await shows(pilot, "esc closes")
        await pilot.press("escape")
        helped = "\n".join("".join(span.text for span in spans) for spans in help_lines(app.screen))
        for key in (
            "1 to 5: score, rank or guess",
            "Record",
            "Critical",
            "Comment",
            "Before",
            "After",
            "Anchors",
            "Leave",
        ):
            assert key in helped


@pytest.mark.parametrize(
    ("name", "size"), [("score", (80, 24)), ("score", (160, 48)), ("rank", (80, 24)), ("guess", (80, 24))]
)
async def test_the_rate_screen_looks_as_it_did(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    packet = make_packet(tmp_path / "study")
    async with running(tmp_path / "runs", size, **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        rating = rating_of(app)
        rating.load(
            next(
                at
                for at, task in enumerate(rating.session.tasks)
                if task.kind == ("scores" if name == "score" else name)
            )
        )
        await pilot.press("2", "1")
        await looks_as(pilot, f"rate-{name}-{size[0]}x{size[1]}", lambda text: "\n".join(text.splitlines()[1:]))
        assert outside_parent(app) == []


async def test_nothing_on_the_screen_says_what_is_compared_or_when(tmp_path: Path) -> None:
    made = make_study(tmp_path, ("anna",))
    async with running(tmp_path / "runs", (160, 48)) as (app, pilot):
        await pilot.press("4")
        await shows(pilot, "1 packet to rate")
        seen = [text_of(app)]
        await pilot.press("enter")
        await shows(pilot, "Unit 1 of")
        for at in range(0, len(rating_of(app).session.tasks), 3):
            rating_of(app).load(at)
            await pilot.press("up")  # draws it
            seen.append(text_of(app))
    text = "\n".join(seen)
    assert not re.search(
        r"\b(?:baseline|tuned|human|gemma|mistral|control|predictions)\b",
        re.sub(r"remote control\w*|parental control\w*", "", text),
        re.I,
    )
    assert str(tmp_path) not in text
    assert str(made.key_file.name) not in text
    assert not re.search(r"\d{4}-\d\d-\d\d|\b\d\d:\d\d:\d\d\b", text)


@pytest.mark.parametrize(
    ("answer", "size"),
    [(LONG, SIZES[0]), (RTL, SIZES[0]), (CJK, SIZES[0]), (CJK, SIZES[1]), ("", SIZES[0]), ("word" * 5000, SIZES[1])],
    ids=["long", "right to left", "cjk, narrow", "cjk, wide", "empty", "one long word"],
)
async def test_texts_that_are_hard_to_show_fit_and_scroll(tmp_path: Path, answer: str, size: tuple[int, int]) -> None:
    packet = make_packet(tmp_path / "study", (answer,) * 3, "質問: " + "なぜ？" * 40)
    async with running(tmp_path / "runs", size, **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)
        assert outside_parent(app) == []
        assert max(cell_len(line) for line in text_of(app).splitlines()) <= size[0]
        await pilot.press("G")
        await pilot.pause(0.1)
        if answer == LONG:
            assert "59. word" in text_of(app) or "word word" in text_of(app)
        await pilot.press(*"3333", "enter")
        await shows(pilot, "answer B")
        await pilot.pause(0.05)
        if answer in (RTL, CJK):
            assert ("افتح" if answer == RTL else "設定を開きます") in text_of(app)


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_answer_drives_the_terminal(tmp_path: Path, text: str) -> None:
    safe = text.encode("utf-8", "replace").decode()
    packet = make_packet(tmp_path / "study", (safe,) * 3, safe or "?")
    rating = Rating(_session(packet))
    for _ in range(5):
        lines = [rating.head(80), *rating.question(80, 2), *rating.text(80), *rating.rubric(80), *rating.side(60)]
        sent = "".join(span.text for spans in lines for span in spans).encode("utf-8", "replace")
        assert forbidden_output(sent, safe) == 0
        rating.go(1)
    rating.session.close()


def _session(packet: Packet):  # type: ignore[no-untyped-def]
    from toolkit.review.study.session import Session

    return Session(packet)


async def test_a_packet_that_cannot_be_rated_says_why(tmp_path: Path) -> None:
    made = make_study(tmp_path, ("anna",))
    path = made.folder.ratings_file("anna")
    path.write_text("not a rating\n")
    async with running(tmp_path / "runs", (160, 48)) as (_app, pilot):
        await pilot.press("4")
        await shows(pilot, "was changed")
        await pilot.press("enter")
        await shows(pilot, "does not continue the chain")


async def test_read_only_screens_do_not_rate(tmp_path: Path) -> None:
    make_study(tmp_path, ("anna",))
    async with running(tmp_path / "runs", read_only=True) as (app, pilot):
        await pilot.press("4")
        await shows(pilot, "1 packet to rate")
        await pilot.press("enter")
        await shows(pilot, "rating is switched off")
        assert not isinstance(app.screen, RateScreen)


async def test_a_full_disk_is_said_and_the_scores_stay_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packet = make_packet(tmp_path / "study")
    async with running(tmp_path / "runs", **at_packet(packet.path)) as (app, pilot):
        await opened(app, pilot)

        def full(*_: object, **__: object) -> None:
            raise DiskFullError("No space left.")

        monkeypatch.setattr(rating_of(app).session._journal, "append", full)
        await pilot.press(*"4444", "enter")
        await shows(pilot, "No space left")
        assert rating_of(app).values == [4, 4, 4, 4]
        assert rating_of(app).task.answer == 0
