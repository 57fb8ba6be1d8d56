"""The form: made from the settings models, checked by the same call as the command line, kept as a draft."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.tui.sample_runs import make_run
from toolkit import catalog, config
from toolkit.run_folder.config_values import flatten
from tui.logic.assignments import AssignmentError, assignments, is_assignment, wanted_name
from tui.logic.fields import next_choice, sections
from tui.logic.form import Form, form_from_draft, values_of
from tui.logic.form_yaml import take_yaml, to_yaml
from tui.logic.values import difference, value_text

PRESETS = [(name, preset) for name in catalog.RECIPES for preset in catalog.find_recipe(name).presets]


@pytest.mark.parametrize("recipe", catalog.RECIPES)
def test_every_option_is_a_field_with_help(recipe: str) -> None:
    fields = [field for section in sections(recipe) for field in section.fields]
    assert all(field.help for field in fields)
    assert len({field.key for field in fields}) == len(fields)
    if recipe != "pipeline":
        top_level = {key.split(".")[0] for key in (field.key for field in fields)}
        assert top_level == set(catalog.RECIPES[recipe].settings.model_fields)


def test_a_pipeline_has_its_stages_as_sections_without_what_it_fills_in() -> None:
    found = sections("pipeline")
    of_data = ["data", "data.teacher", "data.synthesis", "data.balance", "data.curation"]
    assert [section.title for section in found] == [
        "",
        *of_data,
        "sft",
        "generate",
        "generate.generator",
        "evaluate",
        "evaluate.judge",
    ]
    keys = {field.key for section in found for field in section.fields}
    assert "sft.model" in keys
    assert not keys & {"generate.model", "sft.data", "evaluate.predictions", "generate.adapter"}


def test_kinds_of_fields() -> None:
    fields = {field.key: field for section in sections("sft") for field in section.fields}
    assert (fields["quantization"].kind, fields["quantization"].choices) == ("choice", ("nf4", "8bit", "none"))
    assert (fields["packing"].kind, fields["learning_rate"].kind, fields["model"].kind, fields["lora_alpha"].kind) == (
        "switch",
        "number",
        "text",
        "number",
    )
    assert (fields["report_to"].kind, fields["target_modules"].kind) == ("list", "list")
    assert [key for key, field in fields.items() if field.required] == ["data"]


@pytest.mark.parametrize(("recipe", "preset"), PRESETS)
def test_an_unchanged_form_is_the_preset(recipe: str, preset: str) -> None:
    form = Form(recipe, preset)
    settings, problems = form.check()
    assert form.command() == ["steptune", "run", recipe, "--preset", preset]
    assert all(problem.is_missing for problem in problems)
    if settings is not None:
        assert config.to_json(settings) == config.to_json(config.resolve(recipe, preset))
    for key in form.fields:
        text = form.text(key)
        form.set(key, text)
    assert form.changes == {}


@pytest.mark.parametrize(("recipe", "preset"), PRESETS)
def test_every_value_goes_through_its_text(recipe: str, preset: str) -> None:
    """Setting each option to its own text on the command line changes nothing."""
    form = Form(recipe, preset)
    settings, problems = form.check()
    if settings is None:
        assert problems
        return
    texts = [f"{key}={form.text(key)}" for key in form.fields]
    assert config.to_json(config.resolve(recipe, preset, None, texts)) == config.to_json(settings)


@pytest.mark.parametrize(("recipe", "preset"), PRESETS)
def test_the_yaml_for_the_editor_changes_nothing_by_itself(recipe: str, preset: str) -> None:
    form = Form(recipe, preset)
    assert take_yaml(form, to_yaml(form)) == []
    assert form.changes == {}


def test_what_was_changed_in_the_editor_is_taken_over() -> None:
    form = Form("pipeline", "demo")
    text = to_yaml(form).replace("lora_r: 16", "lora_r: 8", 1).replace("reuse: true", "reuse: no")
    assert take_yaml(form, text) == ["reuse", "sft.lora_r"]
    assert form.overrides() == ["reuse=false", "sft.lora_r=8"]


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just text"])
def test_an_editor_file_that_is_no_config_is_refused(text: str) -> None:
    form = Form("sft", "demo")
    with pytest.raises((yaml.YAMLError, ValueError)):
        take_yaml(form, text)
    assert form.changes == {}


def test_problems_are_those_of_the_command_line() -> None:
    form = Form("sft", "demo")
    form.set("learning_rate", "fast")
    form.set("lora_r", "0")
    settings, problems = form.check()
    assert settings is None
    assert sorted(problem.key for problem in problems) == ["learning_rate", "lora_r"]
    form.reset("lora_r")
    form.set("learning_rate", "1e-4")
    settings, problems = form.check()
    assert problems == []
    assert getattr(settings, "learning_rate") == 1e-4  # noqa: B009


def test_the_value_of_the_preset_takes_a_change_back() -> None:
    form = Form("sft", "demo")
    before = form.text("seed")
    form.set("seed", "3")
    form.set("seed", before)
    assert form.changes == {}


def test_choices_go_round() -> None:
    form = Form("sft", "demo")
    seen = []
    for _ in range(4):
        seen.append(form.text("quantization"))
        next_choice(form, "quantization")
    assert seen == ["nf4", "8bit", "none", "nf4"]


def test_a_draft_comes_back_whole() -> None:
    form = Form("sft", "demo", on="cpu")
    form.set("lora_r", "4")
    back = form_from_draft(form.to_draft())
    assert back is not None
    assert back.command() == form.command() == ["steptune", "run", "sft", "--preset", "demo", "--on", "cpu", "lora_r=4"]


@pytest.mark.parametrize(
    "draft",
    [
        {},
        {"recipe": "gone", "changes": {}},
        {"recipe": "sft", "changes": 3},
        {"recipe": "sft", "preset": "gone", "changes": {}},
    ],
)
def test_a_draft_that_does_not_fit_is_none(draft: dict) -> None:
    assert form_from_draft(draft) is None


def test_a_form_from_a_run_starts_from_its_config(tmp_path: Path) -> None:
    path = make_run(tmp_path, "x-sft-1")
    (path / "config.yaml").write_text("data: /nowhere\nlearning_rate: 3.0e-4\n")
    form = Form("sft", None, path / "config.yaml")
    assert form.text("learning_rate") == "0.0003"
    settings, problems = form.check()
    assert settings is None
    assert [problem.key for problem in problems] == ["data"]
    assert form.command()[:5] == ["steptune", "run", "sft", "-c", str(path / "config.yaml")]


def test_differences_name_old_and_new() -> None:
    form = Form("sft", "demo")
    form.set("lora_r", "4")
    settings, _ = form.check()
    assert difference(form.base, values_of(form, settings)) == [("lora_r", "16", "4")]


def test_values_as_text() -> None:
    values = (None, True, 2e-4, 3.0, 16, "auto", "1e-4", "no", [1, "a"], {"a": None}, ("x",), 0.1 + 0.2)
    assert [value_text(value) for value in values] == [
        "",
        "true",
        "0.0002",
        "3",
        "16",
        "auto",
        "1e-4",
        '"no"',
        "[1, a]",
        "{a: null}",
        "[x]",
        "0.30000000000000004",
    ]


def test_the_base_of_a_preset_holds_every_option() -> None:
    form = Form("evaluate", "default")
    assert set(form.base) >= set(form.fields)
    assert flatten({"x": 1}) == {"x": 1}


KEYS = ["lora_r", "lora_alpha", "learning_rate", "data.sources", "sft.seed", "generate.seed"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lora_r=32", {"lora_r": "32"}),
        ("alpha=8 learning=1e-4", {"lora_alpha": "8", "learning_rate": "1e-4"}),
        ("sources=/my data/rows.jsonl lora_r=8", {"data.sources": "/my data/rows.jsonl", "lora_r": "8"}),
        ("sft.seed=a=b", {"sft.seed": "a=b"}),
        (" lora_r= ", {"lora_r": ""}),
    ],
)
def test_options_with_values_where_one_looks_for_them(text: str, found: dict[str, str]) -> None:
    assert is_assignment(text)
    assert assignments(text, KEYS) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed=1", "seed fits sft.seed, generate.seed; write more of its name."),
        ("lora=1", "lora fits lora_r, lora_alpha"),
        ("lora_r=1 nothing=2", "There is no option nothing."),
    ],
)
def test_a_name_that_fits_none_or_several_is_said(text: str, message: str) -> None:
    with pytest.raises(AssignmentError, match=message):
        assignments(text, KEYS)


@pytest.mark.parametrize(
    ("text", "name"), [("lora", "lora"), ("lora_r=3", "lora_r"), ("a=1 lr=2", "lr"), ("a b", "a b")]
)
def test_what_is_looked_for_while_one_types(text: str, name: str) -> None:
    assert wanted_name(text) == name
