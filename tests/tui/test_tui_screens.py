"""Every screen at 80x24 and 160x48: what it shows, its keys, that it asks before it destroys, and that nothing hostile
gets out.
"""

from __future__ import annotations

import fcntl
import json
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.hostile import HOSTILE, make_hostile
from tests.tui.pilot import SIZES, looks_as, outside_parent, running, settled, shows, text_of, until
from tests.tui.sample_runs import FIXED_TIME, make_pipeline, make_run
from tests.unit.runs import fake_model
from toolkit.records import write_json
from toolkit.runs import asking
from tui.app import SteptuneApp
from tui.logic.store import Store
from tui.pages.dialogs import Confirm
from tui.pages.page import Page
from tui.places import PLACES
from tui.screens.help import help_lines
from tui.widgets.form_view import FormView

Visit = Callable[[SteptuneApp, Pilot[None]], Awaitable[None]]
FORBIDDEN_KEYS = {f"ctrl+{letter}" for letter in "hijmabsz"} | {"ctrl+circumflex_accent"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four runs: a pipeline, a failed and a finished training, and one that is live."""
    root = tmp_path / "runs"
    root.mkdir()
    make_run(root, "20261118-100000-sft-aaaa", steps=60, config={"learning_rate": 1e-4})
    make_run(
        root,
        "20261118-110000-sft-bbbb",
        steps=40,
        state="failed",
        headline={},
        message="CUDA out of memory",
        created=FIXED_TIME + 3600,
    )
    make_pipeline(root, "20261118-120000-pipeline-cccc", created=FIXED_TIME + 7200)
    live = make_run(root, "20261118-130000-sft-dddd", state=None, steps=25, total=60, created=FIXED_TIME + 10_800)
    lock = (live / "run.lock").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    monkeypatch.setattr("time.time", lambda: FIXED_TIME + 11_000)
    monkeypatch.setattr("toolkit.run_folder.folder.STALLED_AFTER_S", 1e12)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    request_close.append(lock)
    return root


request_close: list[Any] = []


async def runs_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await shows(pilot, "20261118-100000-sft-aaaa")


async def follow_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("enter")
    await shows(pilot, "checkpoint at step 20")


async def follow_pipeline_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("j", "enter")
    await shows(pilot, "generate-tuned")


async def logs_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("l")
    await shows(pilot, "40 lines")


async def new_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("2")
    await shows(pilot, "New run")


async def form_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    from tui.logic.form import Form
    from tui.screens.form import FormScreen

    app.push_screen(FormScreen(Form("sft", "demo")))
    await shows(pilot, "bundled:sample/howto")


async def preflight_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await form_page(app, pilot)
    await pilot.press("p")
    await shows(pilot, "memory of one training process")


async def results_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("5")
    await shows(pilot, "1 evaluation ")


async def report_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await results_page(app, pilot)
    await pilot.press("enter")
    await shows(pilot, "24 items")


async def item_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await report_page(app, pilot)
    await pilot.press("enter")
    await shows(pilot, "1 of 24")


async def compare_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("G", "space", "k", "k", "space", "equals_sign")
    await shows(pilot, "settings that differ")
    await shows(pilot, "loss 1/5")


async def rows_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    from tui.pages.outputs import open_outputs

    path = app.root / "20261118-100000-sft-aaaa"
    (path / "rows.jsonl").write_text(
        "".join(json.dumps({"id": f"row-{n}", "prompt": f"How {n}?", "output": "1. So."}) + "\n" for n in range(3000))
    )
    row = app.snapshot.find(path)
    assert row is not None
    assert isinstance(app.screen, Page)
    open_outputs(app.screen, row)
    await shows(pilot, "3000 rows")


async def doctor_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    findings = {
        "steptune": "0.1.0",
        "machine": {
            "python": "3.11",
            "system": "Linux",
            "cpu_cores": 2,
            "gpus": [],
            "memory_gib": 24,
            "memory_free_gib": 20,
        },
        "packages": {"torch": "2.13.0", "vllm": None},
        "warnings": ["systemd ends your processes at logout"],
        "recipes": [
            {"recipe": "sft", "preset": "default", "ok": False, "reasons": ["GPU: none"]},
            {"recipe": "sft", "preset": "demo", "ok": True, "reasons": []},
        ],
    }
    import tui.screens.doctor

    original, tui.screens.doctor.ask_doctor = tui.screens.doctor.ask_doctor, lambda: (findings, "")
    try:
        await pilot.press("6")
        await shows(pilot, "cannot run")
    finally:
        tui.screens.doctor.ask_doctor = original


async def ask_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    adapter = app.root / "20261118-100000-sft-aaaa" / "adapter"
    adapter.mkdir()
    result = json.loads((adapter.parent / "result.json").read_text())
    outputs = {"adapter": {"path": "adapter"}}
    (adapter.parent / "result.json").write_text(json.dumps({**result, "outputs": outputs}))
    original, asking.COMMAND = asking.COMMAND, fake_model.COMMAND
    try:
        await pilot.press("G", "a")
        await shows(pilot, "your question")
    finally:
        asking.COMMAND = original
    await pilot.press(*"How?", "enter")
    await shows(pilot, "tuned 0: How?")


PAGES: dict[str, Visit] = {
    "runs": runs_page,
    "follow": follow_page,
    "pipeline": follow_pipeline_page,
    "logs": logs_page,
    "new": new_page,
    "form": form_page,
    "preflight": preflight_page,
    "results": results_page,
    "report": report_page,
    "item": item_page,
    "compare": compare_page,
    "rows": rows_page,
    "doctor": doctor_page,
    "ask": ask_page,
}


GOLDEN_PAGES = ("runs", "follow", "pipeline", "logs", "form", "results", "report", "item", "compare", "doctor", "ask")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
async def test_a_screen_looks_as_it_did_keeps_to_its_place_and_has_its_keys_in_the_help(
    folder: Path, name: str, size: tuple[int, int]
) -> None:
    async with running(folder, size) as (app, pilot):
        await PAGES[name](app, pilot)
        await settled(pilot)
        if name in GOLDEN_PAGES:
            await looks_as(pilot, f"{name}-{size[0]}x{size[1]}", lambda text: portable(text, folder))
        assert outside_parent(app) == []
        keys = [key for key, active in app.screen.active_bindings.items() if active.enabled]
        assert not [key for key in keys if "alt+" in key]
        own = [
            binding
            for node in (app.screen, app.focused, app)
            if node is not None
            for bindings in node._bindings.key_to_bindings.values()
            for binding in bindings
        ]
        assert not {binding.key for binding in own if type(app.focused).__module__.startswith("tui")} & FORBIDDEN_KEYS
        helped = "\n".join("".join(span.text for span in spans) for spans in help_lines(app.screen))
        active = {item.binding.action for item in app.screen.active_bindings.values()}
        shown = [
            binding
            for binding in own
            if binding.description
            and binding.action in active
            and not binding.action.startswith(("help_quit", "screen.", "app.focus"))
        ]
        assert shown
        assert [
            binding.description
            for binding in shown
            if binding.description not in helped and binding.key not in ("ctrl+q", "ctrl+c")
        ] == []
        await pilot.press("question_mark")
        await shows(pilot, "esc closes")
        assert outside_parent(app) == []
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Page)


async def test_the_top_line_names_every_place_and_its_key_goes_there(folder: Path) -> None:
    async with running(folder, read_only=True) as (app, pilot):
        for place in PLACES:
            await pilot.press(place.key)
            await until(pilot, lambda name=place.name: app.current_mode == name)  # type: ignore[misc]
            top = text_of(app).splitlines()[0]
            assert place.title in top
            assert [each.key for each in PLACES if f" {each.key} " not in top] == []
            assert "read-only" in top


def portable(text: str, folder: Path) -> str:
    """The screen below its top line, without what depends on where the test runs."""
    text = text.replace(str(Path(__file__).resolve().parents[2]), "/steptune")
    text = re.sub(rf"/{folder.parts[1]}/\S+", "/TEMPORARY", text)  # as long as the test's folder is
    return "\n".join(line.rstrip() for line in text.splitlines()[1:])


async def test_an_empty_folder_says_how_to_begin(tmp_path: Path) -> None:
    async with running(tmp_path / "none") as (_app, pilot):
        await shows(pilot, "There are no runs in")
        await shows(pilot, "picks a recipe")


async def test_the_filter_narrows_as_it_is_typed_and_is_remembered(folder: Path, tmp_path: Path) -> None:
    async with running(folder) as (_app, pilot):
        await pilot.press("slash", *"state=failed")
        await shows(pilot, "1 of 4 runs")
        await pilot.press("enter", "o", *"stat", "enter")
        await shows(pilot, "by state")
        await pilot.pause(0.7)
    async with running(folder) as (_app, pilot):
        await shows(pilot, "1 of 4 runs  by state  filter: state=failed")
        await pilot.press("escape")
        await shows(pilot, "4 runs")


async def test_a_half_typed_filter_says_what_is_missing(folder: Path) -> None:
    async with running(folder) as (_, pilot):
        await pilot.press("slash", *"lr>=")
        await shows(pilot, "a value is missing")


async def test_place_cursor_and_theme_are_restored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    async with running(folder) as (app, pilot):
        await pilot.press("j", "j")
        app.theme = "steptune-light"
        await pilot.pause(0.8)
    app = SteptuneApp(root=folder, store=Store(folder.parent / "state"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "sft-bbbb ─")
        assert app.theme == "steptune-light"


@pytest.mark.parametrize(("keys", "question"), [("c", "Stop"), ("GD", "Delete"), ("jjR", "Resume")])
async def test_what_cannot_be_taken_back_asks_and_no_is_the_default(folder: Path, keys: str, question: str) -> None:
    async with running(folder) as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert app.screen.question.startswith(question)  # type: ignore[attr-defined]
        before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert isinstance(app.screen, Page)
        assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


async def test_a_checkpoint_is_asked_for_after_yes(folder: Path) -> None:
    request = folder / "20261118-130000-sft-dddd" / "checkpoint.request"
    async with running(folder) as (app, pilot):
        await follow_page(app, pilot)
        for answer, asked in (("enter", False), ("y", True)):
            await pilot.press("K")
            await shows(pilot, "Checkpoint of 20261118-130000-sft-dddd now?")
            await pilot.press(answer)
            await pilot.pause(0.1)
            assert isinstance(app.screen, Page)
            if asked:
                await until(pilot, request.exists)
            assert request.exists() is asked


@pytest.mark.parametrize("cursor", ["j", "jj", "G"])
async def test_only_a_training_that_runs_is_asked_for_a_checkpoint(folder: Path, cursor: str) -> None:
    async with running(folder) as (app, pilot):
        await pilot.press(*cursor, "enter")
        await shows(pilot, "esc Back")
        await pilot.press("K")
        await pilot.pause(0.1)
        assert isinstance(app.screen, Page)
        assert "checkpoint" not in {item.binding.action for item in app.screen.active_bindings.values()}


async def test_delete_removes_an_ended_run_after_yes(folder: Path) -> None:
    async with running(folder) as (app, pilot):
        await pilot.press("G", "D")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: not (folder / "20261118-100000-sft-aaaa").exists())
        await shows(pilot, "3 runs")


async def test_delete_acts_on_the_marks_says_the_size_and_is_taken_back(folder: Path) -> None:
    ended = ("20261118-100000-sft-aaaa", "20261118-110000-sft-bbbb", "20261118-120000-pipeline-cccc")
    async with running(folder) as (app, pilot):
        await pilot.press("asterisk", "D")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        question = app.screen
        assert isinstance(question, Confirm)
        assert question.question == "Delete 3 runs?"
        assert "kB" in question.detail
        assert "20261118-130000-sft-dddd is running" in question.detail
        await pilot.press("y")
        await shows(pilot, "1 runs")
        assert [name for name in ended if (folder / name).exists()] == []
        await pilot.press("v")
        await shows(pilot, "3 runs, ")
        await pilot.press("u")
        await shows(pilot, "2 runs, ")
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await shows(pilot, "1 run, ")
        await pilot.press("escape", "u")
        await pilot.pause(0.2)
        assert len([name for name in ended if (folder / name).exists()]) == 1


async def test_tags_pins_and_notes_are_given_to_the_marked_runs_and_shown(folder: Path) -> None:
    async with running(folder) as (_app, pilot):
        await pilot.press("G", "space", "k", "k", "space", "t", *"night", "enter")
        await shows(pilot, "2 runs tagged")
        await pilot.press("escape", "G", "f", *"keep me", "enter")
        await shows(pilot, "note: keep me")
        await pilot.press("P")
        await shows(pilot, "★ ")
        await pilot.press("slash", *"tag=night", "enter")
        await shows(pilot, "2 of 4 runs")


async def test_runs_are_sorted_by_any_number_which_is_a_column_then(folder: Path) -> None:
    async with running(folder) as (app, pilot):
        await pilot.press("o", *"best", "enter")
        await shows(pilot, "by best_step")
        rows = text_of(app).splitlines()
        assert rows[2].split()[-1] == "best_step"
        assert rows[3].split()[-1] == "50"
        await pilot.press("o", "enter")
        await shows(pilot, "by best_step turned")


async def test_tab_leaves_no_line_open_behind_the_focus(folder: Path) -> None:
    async with running(folder) as (app, pilot):
        await form_page(app, pilot)
        app.screen.query_one(FormView).select_key("seed")
        await pilot.pause(0.1)
        await pilot.press("enter", "5", "tab")
        await pilot.pause(0.2)
        page = app.screen
        assert (page.is_editing, page.form.changes) == (False, {"seed": "175"})  # type: ignore[attr-defined]
        await pilot.press("slash", "x", "tab")
        await pilot.pause(0.2)
        assert not page.is_typing  # type: ignore[attr-defined]
        assert isinstance(app.focused, FormView)


async def test_after_memory_ran_out_the_form_of_a_new_run_has_what_takes_less(folder: Path) -> None:
    batch = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    make_run(folder, "20261118-140000-sft-eeee", state="out of memory", config=batch, created=FIXED_TIME + 10_900)
    async with running(folder) as (app, pilot):
        await pilot.press("enter")
        await shows(pilot, "e  new run with per_device_train_batch_size=2 gradient_accumulation_steps=4")
        await pilot.press("e")
        await shows(pilot, "2 changed")
        changes = app.screen.form.changes  # type: ignore[attr-defined]
        assert changes == {"per_device_train_batch_size": "2", "gradient_accumulation_steps": "4"}


async def test_whoever_has_no_run_yet_is_offered_the_demo(tmp_path: Path) -> None:
    async with running(tmp_path / "none") as (_app, pilot):
        await shows(pilot, "shows the demo of all that")
        await pilot.press("L")
        await shows(pilot, "Preflight of pipeline")


async def test_data_is_picked_from_what_runs_have_made(folder: Path) -> None:
    run = make_run(folder, "20261118-140000-data-build-ffff", "data-build", headline={"rows": 12}, created=FIXED_TIME)
    (run / "dataset").mkdir()
    result = json.loads((run / "result.json").read_text())
    write_json(run / "result.json", {**result, "outputs": {"dataset": {"path": "dataset", "sha256": "0"}}})
    async with running(folder) as (app, pilot):
        await form_page(app, pilot)
        app.screen.query_one(FormView).select_key("data")
        await pilot.pause(0.1)
        await pilot.press("enter", *"ffff", "enter")
        await until(pilot, lambda: app.screen.form.changes == {"data": str(run / "dataset")})  # type: ignore[attr-defined]


async def test_a_live_run_is_not_deleted_or_resumed(folder: Path) -> None:
    async with running(folder) as (app, pilot):
        await pilot.press("g", "D", "R")
        await pilot.pause(0.2)
        assert isinstance(app.screen, Page)


async def test_read_only_offers_nothing_that_changes_a_run(folder: Path) -> None:
    async with running(folder, read_only=True) as (app, pilot):
        await shows(pilot, "read-only")
        for keys in ("c", "D", "R", "e"):
            await pilot.press(keys)
        await pilot.pause(0.2)
        assert len(app.screen_stack) == 1
        assert app.current_mode == "runs"
        actions = {item.binding.action for item in app.screen.active_bindings.values()}
        assert not actions & {"stop", "delete", "resume", "again"}
        await preflight_page(app, pilot)
        await pilot.press("L")
        await pilot.pause(0.2)
        assert len(list(folder.iterdir())) == 4


async def test_a_value_is_edited_checked_as_typed_and_kept_as_a_draft(folder: Path) -> None:
    store = Store(folder.parent / "state")
    async with running(folder, store=store) as (app, pilot):
        await form_page(app, pilot)
        view = app.screen.query_one(FormView)
        view.select_key("lora_r")
        await pilot.pause(0.1)
        await pilot.press("enter", "9", "9", "9")
        await shows(pilot, "must be 512 or less")
        await pilot.press("backspace", "backspace", "backspace", "backspace", "8", "enter")
        await shows(pilot, "was 16")
        await shows(pilot, "ready")
        await until(pilot, lambda: store.load("draft-sft")["changes"] == {"lora_r": "18"})
        await pilot.press("u")
        await shows(pilot, "as the preset has it")


async def test_escape_takes_an_edit_back(folder: Path) -> None:
    async with running(folder) as (app, pilot):
        await form_page(app, pilot)
        app.screen.query_one(FormView).select_key("seed")
        await pilot.pause(0.1)
        await pilot.press("enter", "5", "escape")
        await pilot.pause(0.3)
        assert app.screen.form.changes == {}  # type: ignore[attr-defined]


async def test_choices_open_as_a_list(folder: Path) -> None:
    async with running(folder) as (app, pilot):
        await form_page(app, pilot)
        app.screen.query_one(FormView).select_key("quantization")
        await pilot.pause(0.1)
        await pilot.press("enter")
        await shows(pilot, "● nf4")
        await pilot.press("j", "enter")
        await shows(pilot, "was nf4")


async def test_drafts_are_listed_opened_and_dropped(folder: Path) -> None:
    store = Store(folder.parent / "state")
    store.save("draft-sft", {"recipe": "sft", "preset": "demo", "changes": {"seed": "5"}, "saved": FIXED_TIME})
    store.save("draft-gone", {"recipe": "gone", "changes": {}})
    async with running(folder, store=store) as (app, pilot):
        await new_page(app, pilot)
        await shows(pilot, "draft  sft")
        await pilot.press("g")
        if "gone" in text_of(app).splitlines()[2]:
            await pilot.press("j")
        await pilot.press("enter")
        await shows(pilot, "1 changed")
        await pilot.press("escape")
        await new_page(app, pilot)


async def test_the_editor_hands_back_what_was_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.form.edit_text", lambda _app, text, _name: text.replace("lora_r: 16", "lora_r: 4"))
    async with running(folder) as (app, pilot):
        await form_page(app, pilot)
        await pilot.press("ctrl+e")
        await shows(pilot, "1 changed")
        monkeypatch.setattr("tui.screens.form.edit_text", lambda _app, _text, _name: "a: [")
        await pilot.press("ctrl+e")
        await shows(pilot, "Your changes were not applied")


async def test_a_form_with_problems_is_not_launched(folder: Path) -> None:
    from tui.logic.form import Form
    from tui.screens.form import FormScreen

    async with running(folder) as (app, pilot):
        app.push_screen(FormScreen(Form("evaluate", "default")))
        await shows(pilot, "2 options have to be corrected")
        await pilot.press("p")
        await pilot.pause(0.2)
        assert isinstance(app.screen, FormScreen)


async def test_search_in_the_log(folder: Path) -> None:
    async with running(folder) as (app, pilot):
        await logs_page(app, pilot)
        await pilot.press("slash", *"step 7 loss", "enter")
        await shows(pilot, "/step 7 loss")
        await until(pilot, lambda: app.screen.query_one("#log").match_line == 7)  # type: ignore[attr-defined]
        await pilot.press("slash", *"([", "enter")
        await shows(pilot, "Not a regular expression")


async def test_compare_writes_markdown_and_csv(folder: Path, tmp_path: Path) -> None:
    async with running(folder) as (app, pilot):
        await compare_page(app, pilot)
        app.screen._write(tmp_path / "out.md")  # type: ignore[attr-defined]
        assert "`learning_rate`" in (tmp_path / "out.md").read_text()
        assert (tmp_path / "out.csv").read_text().startswith("kind,name,")
        app.screen._write(tmp_path / "runs" / "20261118-100000-sft-aaaa" / "log.txt" / "below.md")  # type: ignore[attr-defined]
        await shows(pilot, "Not written")


async def test_comparing_needs_two_marks(folder: Path) -> None:
    async with running(folder) as (_app, pilot):
        await pilot.press("space", "equals_sign")
        await shows(pilot, "Mark two to six runs")


async def test_the_palette_finds_runs_and_actions(folder: Path) -> None:
    async with running(folder) as (_app, pilot):
        await pilot.press("ctrl+p", *"bbbb")
        await shows(pilot, "Run 20261118-110000-sft-bbbb")
        await pilot.press("enter")
        await shows(pilot, "CUDA out of memory")


async def test_a_terminal_that_is_too_small_gets_a_sentence(folder: Path) -> None:
    async with running(folder, (50, 12)) as (_app, pilot):
        await shows(pilot, "60x18")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "20261118-100000-sft-aaaa")


@pytest.mark.parametrize("size", [(60, 18), (99, 30), (119, 40), (121, 20), (200, 60)])
async def test_sizes_in_between(folder: Path, size: tuple[int, int]) -> None:
    async with running(folder, size) as (app, pilot):
        for page in (follow_page, report_page):
            await page(app, pilot)
            await pilot.pause(0.1)
            assert outside_parent(app) == []


async def test_a_folder_that_is_deleted_while_it_is_followed(folder: Path) -> None:
    import shutil

    async with running(folder) as (_app, pilot):
        await pilot.press("G", "enter")
        await shows(pilot, "checkpoint at step 60")
        shutil.rmtree(folder / "20261118-100000-sft-aaaa")
        await shows(pilot, "its folder is gone")


async def test_ascii_sends_nothing_but_ascii(folder: Path) -> None:
    async with running(folder, ascii_only=True) as (app, pilot):
        for name in ("runs", "follow", "report"):
            await PAGES[name](app, pilot)
            await pilot.pause(0.2)
            strips = app.screen._compositor.render_strips()
            for strip in strips:
                for line_filter in app.get_line_filters():
                    strip = strip.apply_filter(line_filter, app.screen.styles.background)
                assert strip.text.isascii(), strip.text


async def test_no_color_sends_no_colour(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = SteptuneApp(root=folder, store=Store(folder.parent / "state"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "20261118-100000-sft-aaaa")
        for strip in app.screen._compositor.render_strips():
            for line_filter in app.get_line_filters():
                strip = strip.apply_filter(line_filter, app.screen.styles.background)
            for segment in strip:
                assert segment.style is None or not {
                    color.name for color in (segment.style.color, segment.style.bgcolor) if color
                } - {"default"}
        assert app.theme == "ansi-dark"


@pytest.mark.parametrize("theme", ["steptune-light", "ansi-dark", "ansi-light", "nord"])
async def test_other_themes_start(folder: Path, theme: str) -> None:
    app = SteptuneApp(root=folder, store=Store(folder.parent / "state"), theme=theme)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "20261118-100000-sft-aaaa")
        await follow_page(app, pilot)


@pytest.mark.parametrize("text", HOSTILE[::7])
async def test_hostile_texts_on_every_screen(tmp_path: Path, text: str) -> None:
    make_hostile(tmp_path / "runs", text)
    async with running(tmp_path / "runs") as (app, pilot):
        for keys in (
            "enter",
            "v",
            "escape",
            "i",
            "escape",
            "O",
            "escape",
            "l",
            "escape",
            "escape",
            "space",
            "space",
            "equals_sign",
            "m",
            "escape",
            "5",
            "enter",
            "enter",
            "escape",
            "escape",
            "1",
            "e",
            "d",
            "escape",
            "escape",
            "question_mark",
            "escape",
            "1",
            "o",
            "escape",
            "C",
            "escape",
            "t",
            "escape",
            "f",
            "escape",
            "asterisk",
            "D",
            "y",
            "v",
            "escape",
            "7",
            "8",
        ):
            await pilot.press(keys)
            shown = text_of(app)
            assert not [
                character
                for character in shown
                if (ord(character) < 32 and character != "\n") or 0x7F <= ord(character) < 0xA0
            ]
            assert not set(shown) & set("\u202e\u2066\u2067\u200f")
