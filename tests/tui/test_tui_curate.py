"""The Data place and the curation screen, over a data set on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review_case import write_dataset
from tests.tui.pilot import looks_as, outside_parent, running, shows, text_of
from tests.tui.sample_runs import make_pipeline, make_run
from toolkit.records import read_json, write_json
from toolkit.review.journal import standing_entries
from toolkit.review.rulings import read_journals
from tui.destinations import ToCuration
from tui.logic.curate_lines import read_edit
from tui.screens.curate import CurateScreen


def at_rows(dataset: Path) -> dict[str, object]:
    return {"start_at": "data", "opens": ToCuration(dataset, "ann")}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    run = make_run(root, "20261118-100000-data-build-aaaa", "data-build", headline={"rows": 12})
    write_dataset(run / "dataset")
    result = read_json(run / "result.json") or {}
    write_json(run / "result.json", {**result, "outputs": {"dataset": {"path": "dataset", "sha256": "0"}}})
    return root


def dataset(runs: Path) -> Path:
    return runs / "20261118-100000-data-build-aaaa" / "dataset"


def entries(runs: Path, name: str = "ann") -> list[tuple[str, str]]:
    return [
        (entry["kind"], entry.get("verdict", ""))
        for entry in read_journals(dataset(runs).parent / "dataset.curation").get(name, [])
    ]


async def test_data_lists_data_sets_and_opens_the_card(runs: Path) -> None:
    async with running(runs) as (app, pilot):
        await pilot.press("3")
        await shows(pilot, "1 data set")
        assert "12 rows" in text_of(app)
        assert "leak-free" in text_of(app)
        await pilot.press("enter")
        await shows(pilot, "Data card")
        assert "picture: coverage.svg" in text_of(app)
        await pilot.press("escape")
        await shows(pilot, "1 data set")


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_curation_looks_as_drawn(runs: Path, size: tuple[int, int]) -> None:
    async with running(runs, size, **at_rows(dataset(runs))) as (app, pilot):
        await shows(pilot, "queue: 1 of 12")
        await looks_as(pilot, f"curate-{size[0]}x{size[1]}")
        assert outside_parent(app) == []


async def test_a_second_annotator_is_chosen_and_has_a_journal_of_her_own(runs: Path) -> None:
    async with running(runs, start_at="data") as (_app, pilot):
        await shows(pilot, "1 data set")
        await pilot.press("e")
        await shows(pilot, "Who decides?")
        await pilot.press("G", "enter", *"siti", "enter")
        await shows(pilot, "siti, 0 decided")
        await pilot.press("a")
        assert entries(runs, "siti") == [("decision", "accept")]
        await pilot.press("escape", "e")
        await shows(pilot, "siti  1 row decided")


async def test_a_disagreement_shows_who_said_what_on_a_small_terminal(runs: Path) -> None:
    from toolkit.review.curation import Curation

    for name, verdict in (("budi", "accept"), ("siti", "reject")):
        other = Curation(dataset(runs), name, overlap=1)
        other.decide(other.items["r05"], verdict, reason="unsafe" if verdict == "reject" else "")  # type: ignore[arg-type]
        other.close()
    async with running(runs, (80, 24), **at_rows(dataset(runs))) as (app, pilot):
        await shows(pilot, "queue: 1 of 12")
        await pilot.press("v", "v")
        await shows(pilot, "siti reject")
        assert "budi accept" in text_of(app)
        assert "unsafe" in text_of(app)


async def test_an_empty_split_is_not_green_and_a_pipelines_data_set_is_listed(runs: Path) -> None:
    card = dataset(runs) / "card.json"
    write_json(card, {"splits": {"train": {"rows": 0}, "validation": {"rows": 2}, "test": {"rows": 2}}})
    pipeline = make_pipeline(runs, "20261118-110000-pipeline-bbbb")
    stage = pipeline / "stages" / "data-build"
    write_dataset(stage / "dataset")
    result = read_json(pipeline / "result.json") or {}
    outputs = {"dataset": {"path": "stages/data-build/dataset", "sha256": "0"}}
    write_json(pipeline / "result.json", {**result, "outputs": outputs})
    async with running(runs, start_at="data") as (app, pilot):
        await shows(pilot, "2 data sets")
        listed = [text for text in text_of(app).splitlines() if "rows" in text]
        assert ("pipeline-bbbb" in listed[0], "leak-free" in listed[0]) == (True, True)
        assert ("train is empty" in listed[1], "leak-free" in listed[1]) == (True, False)


def test_shared_rows_come_first_for_agreement_is_known_only_from_them(runs: Path) -> None:
    from toolkit.review.curation import Curation

    curation = Curation(dataset(runs), "ann", overlap=0.5)
    shared = [curation.is_shared(item.id) for item in curation.queue() if not item.why]
    curation.close()
    assert shared == sorted(shared, reverse=True)
    assert {True, False} == set(shared)


async def test_every_key_decides_and_is_on_the_disk_at_once(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(runs, **at_rows(dataset(runs))) as (app, pilot):
        await shows(pilot, "queue: 1 of 12")
        first = app.screen.item.id  # type: ignore[attr-defined]
        await pilot.press("a")
        assert entries(runs) == [("decision", "accept")]
        await pilot.press("x")
        await shows(pilot, "Why is it rejected?")
        await pilot.press("down", "enter")
        await shows(pilot, "rejected (unsafe)")
        monkeypatch.setattr(
            "tui.screens.curate.edit_text",
            lambda app, text, name: "# note\nHow do I clean it?\n\n1. Unplug it.\nWipe it.\n",
        )
        await pilot.press("e")
        await shows(pilot, "edited")
        await pilot.press("f")
        await shows(pilot, "What should the others look at?")
        await pilot.press(*"true", "enter")
        await shows(pilot, "flagged")
        await pilot.press("s")
        await shows(pilot, "skipped")
        await pilot.press("u", "u", "u", "U")
        await shows(pilot, "brought back: edit")
        await pilot.press("a")
        kinds = entries(runs)
        assert kinds == [
            ("decision", "accept"),
            ("decision", "reject"),
            ("decision", "edit"),
            ("flag", ""),
            ("skip", ""),
            ("undo", ""),
            ("undo", ""),
            ("undo", ""),
            ("redo", ""),
            ("decision", "accept"),
        ]
        written = read_journals(dataset(runs).parent / "dataset.curation")["ann"]
        assert written[0]["id"] == first
        assert written[1]["reason"] == "unsafe"
        assert written[2]["output"] == "1. Unplug it.\n2. Wipe it."
        assert [entry["verdict"] for entry in standing_entries(written)] == ["accept", "reject", "edit", "accept"]


async def test_duplicates_show_the_row_that_was_kept_and_disagreements_are_settled(runs: Path) -> None:
    from toolkit.review.curation import Curation

    for name, verdict in (("budi", "accept"), ("siti", "reject")):
        other = Curation(dataset(runs), name, overlap=1)
        other.decide(other.items["r05"], verdict, reason="unsafe" if verdict == "reject" else "")  # type: ignore[arg-type]
        other.close()
    async with running(runs, (160, 48), **at_rows(dataset(runs))) as (app, pilot):
        await shows(pilot, "queue: 1 of 12")
        await pilot.press("v")
        await shows(pilot, "duplicates: 1 of 1")
        assert "kept instead: r01" in text_of(app)
        await pilot.press("v")
        await shows(pilot, "disagreements: 1 of 1")
        assert "siti reject" in text_of(app)
        assert "unsafe" in text_of(app)
        await pilot.press("a")
        await shows(pilot, "Nothing is left in this view")
        assert read_journals(dataset(runs).parent / "dataset.curation")["ann"][-1]["adjudicates"] is True
        await pilot.press("i")
        await shows(pilot, "open disagreements 0, settled 1")


async def test_a_journal_that_is_open_elsewhere_and_looking_only_are_said(runs: Path) -> None:
    from toolkit.review.curation import Curation

    other = Curation(dataset(runs), "ann")
    async with running(runs, **at_rows(dataset(runs))) as (app, pilot):
        await shows(pilot, "open in another window")
        assert not isinstance(app.screen, CurateScreen)
    other.close()
    async with running(runs, read_only=True, start_at="data") as (_, pilot):
        await shows(pilot, "1 data set")
        await pilot.press("e")
        await shows(pilot, "--readonly")


def test_an_edited_text_is_read_with_or_without_numbers() -> None:
    assert read_edit("# help\nHow?\n\n1. Open it.\n2) Close it.\nLeave 2 cups.\n") == (
        "How?",
        "1. Open it.\n2. Close it.\n3. Leave 2 cups.",
    )
    assert read_edit("# help\nHow?\n") == ("", "")
