"""Options with entries (sources, predictions): added, removed and filled in one by one, in the logic and on the
screens.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.tui.pilot import SIZES, outside_parent, running, shows, text_of, until
from toolkit import config
from tui.logic.entries import Entries, EntryForm
from tui.logic.form import Form
from tui.screens.entries import EntriesScreen, EntryScreen
from tui.screens.form import FormScreen
from tui.widgets.form_view import FormView


def filled(form: Form, key: str, tag: str = "", **texts: str) -> Entries:
    """The entries of an option with one more, filled in."""
    entries = Entries(form, key)
    entry = EntryForm(entries, entries.add(tag))
    for name, text in texts.items():
        entry.set(name, text)
    return entries


def test_the_kinds_of_sources_have_their_own_fields_with_the_type_first() -> None:
    shape = Form("data-build", "demo").fields["sources"].shape
    assert shape is not None
    fields = {kind.tag: [field.key for field in kind.fields] for kind in shape.kinds}
    assert {tag: names[:2] for tag, names in fields.items()} == {
        tag: ["type", "path"]
        for tag in ("auto", "jsonl", "csv", "sheet", "parquet", "hf", "documents", "forum", "tickets")
    }
    assert "delimiter" in fields["csv"]
    assert "prompt_field" not in fields["documents"]


def test_an_entry_is_written_short_as_the_command_line_takes_it(tmp_path: Path) -> None:
    form = Form("data-build", "demo")
    before = len(Entries(form, "sources").items)
    filled(form, "sources", "csv", path=str(tmp_path), delimiter='"\\t"', licence="no")
    written = yaml.safe_load(form.changes["sources"])
    assert written[before] == {"type": "csv", "path": str(tmp_path), "delimiter": "\t", "licence": "no"}
    settings, problems = form.check()
    assert problems == []
    assert config.resolve("data-build", "demo", None, form.overrides()) == settings
    assert getattr(settings, "sources")[before].delimiter == "\t"  # noqa: B009


def test_removing_what_was_added_is_no_change(tmp_path: Path) -> None:
    form = Form("data-build", "demo")
    entries = filled(form, "sources", "documents", path=str(tmp_path))
    assert list(form.changes) == ["sources"]
    entries.remove(len(entries.items) - 1)
    assert form.changes == {}


def test_another_type_keeps_the_fields_that_both_have(tmp_path: Path) -> None:
    form = Form("data-build", "demo")
    entries = filled(form, "sources", "csv", path=str(tmp_path), delimiter=";", type="documents")
    assert entries.items[-1] == {"type": "documents", "path": str(tmp_path)}


def test_problems_stand_at_the_field_of_the_entry() -> None:
    form = Form("data-build", "demo")
    entries = filled(form, "sources", "csv", path="/nowhere", delimiter=";;")
    index = len(entries.items) - 1
    found = entries.problems(index, form.check()[1])
    assert sorted(found) == ["delimiter", "path"]
    assert found["path"].startswith("/nowhere does not exist")
    assert entries.problems(0, form.check()[1]) == {}


def test_a_mapping_has_names_and_refuses_two_alike(tmp_path: Path) -> None:
    form = Form("evaluate", "default")
    form.set("data", str(tmp_path))
    entries = filled(form, "predictions", name="tuned", path="/nowhere")
    assert entries.problems(0, form.check()[1]) == {
        "path": "/nowhere does not exist; give the path of an existing file or folder"
    }
    EntryForm(entries, 0).set("path", str(tmp_path))
    assert (form.changes["predictions"], form.check()[1]) == (f"{{tuned: {tmp_path}}}", [])
    second = EntryForm(entries, entries.add(""))
    second.set("name", "tuned")
    assert entries.own_problems().keys() == {0, 1}
    second.set("name", "")
    assert entries.problems(1, []) == {"name": "give it a name"}
    second.set("name", "no")
    assert yaml.safe_load(form.changes["predictions"]) == {"tuned": str(tmp_path), "no": None}


def test_an_entry_is_taken_out_of_a_mapping_that_a_run_was_given(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        f"data: {tmp_path}\npredictions: {{baseline: {tmp_path}, tuned: {tmp_path}}}\n"
    )
    form = Form("evaluate", None, tmp_path / "config.yaml")
    entries = Entries(form, "predictions")
    assert [entries.summary(index) for index in range(2)] == [("baseline", str(tmp_path)), ("tuned", str(tmp_path))]
    entries.remove(0)
    settings, _ = form.check()
    assert getattr(settings, "predictions") == {"tuned": tmp_path}  # noqa: B009
    entries.add("")
    entries.remove(1)
    EntryForm(entries, 0).set("name", "tuned")
    assert form.overrides() == [f"predictions={{tuned: {tmp_path}}}"]


def test_a_dotted_name_still_adds_to_a_mapping(tmp_path: Path) -> None:
    given = [f"data={tmp_path}", f"predictions={{a: {tmp_path}}}", f"predictions.b={tmp_path}"]
    assert getattr(config.resolve("evaluate", None, None, given), "predictions") == {"a": tmp_path, "b": tmp_path}  # noqa: B009
    replaced = config.resolve("evaluate", None, None, [*given, f"predictions={{c: {tmp_path}}}"])
    assert getattr(replaced, "predictions") == {"c": tmp_path}  # noqa: B009
    section = config.resolve("pipeline", "demo", None, ["sft={lora_r: 4}"])
    assert (section.sft.lora_r, section.sft.model) == (4, "embedded:smollm2-135m-instruct")  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["[3, {path: /}, {type: gone, path: /}]", "just text", "{a: 1}", "[["])
def test_what_an_edited_file_left_can_be_seen_and_removed(text: str) -> None:
    form = Form("data-build", "demo")
    form.set("sources", text)
    entries = Entries(form, "sources")
    kinds = [entries.kind_of(item) for item in entries.items]
    assert {kind.tag for kind in kinds if kind} <= {"auto"}  # a path, or a mapping without a type
    assert all(entries.summary(index) for index in range(len(kinds)))
    while entries.items:
        entries.remove(0)
    assert "sources" in {problem.key for problem in form.check()[1]}


@pytest.mark.parametrize("size", SIZES)
async def test_a_source_is_added_filled_in_and_removed_from_the_keyboard(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "manual.csv").write_text("prompt,output\n")
    async with running(tmp_path / "runs", size) as (app, pilot):
        form = Form("data-build", "demo")
        app.push_screen(FormScreen(form))
        await shows(pilot, "3 entries")
        app.screen.query_one(FormView).select_key("sources")
        await pilot.press("enter")
        await shows(pilot, "bundled:sample/documents/manual.md")
        await pilot.press("a")
        await shows(pilot, "A CSV file with a header line")
        await pilot.press("j", "j", "enter")
        await shows(pilot, "entry 4 of 4")
        await shows(pilot, "is required")
        assert outside_parent(app) == []
        await pilot.press("enter", *str(tmp_path / "manual.cs"))
        await shows(pilot, "does not exist; give the path")
        await pilot.press("v", "enter")
        await shows(pilot, "esc goes back to the list")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EntriesScreen))
        await shows(pilot, "manual.csv")
        assert outside_parent(app) == []
        assert yaml.safe_load(form.changes["sources"])[3] == {"type": "csv", "path": str(tmp_path / "manual.csv")}
        await pilot.press("G", "D")
        await shows(pilot, "Remove this entry?")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EntriesScreen))
        assert len(yaml.safe_load(form.changes["sources"])) == 4
        await pilot.press("D", "y")
        await until(pilot, lambda: form.changes == {})
        await pilot.press("escape")
        await shows(pilot, "as the preset has it")


async def test_two_entries_of_one_name_are_not_left_behind(tmp_path: Path) -> None:
    async with running(tmp_path / "runs") as (app, pilot):
        form = Form("evaluate", "default")
        form.set("predictions", f"{{a: {tmp_path}, b: {tmp_path}}}")
        app.push_screen(EntriesScreen(form, "predictions"))
        await shows(pilot, "b ")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, EntryScreen))
        await pilot.press("enter", "backspace", "a", "enter")
        await shows(pilot, "another one is named a")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, EntriesScreen))
        await shows(pilot, "another one is named a")
        assert "2 " in text_of(app)
