"""Each recipe has one complete record, and what is true of one recipe is asked of its record or its settings."""

from __future__ import annotations

import tomllib

import pytest
from pydantic import BaseModel

from tests.source_strings import ROOT, spelled
from toolkit import catalog
from toolkit.catalog import RECIPES
from toolkit.settings import Settings

ROOMS = (
    "toolkit/catalog.py",  # the records
    "toolkit/settings",  # which stage gets what from the ones before
    "toolkit/commands/doctor.py",  # `evaluate` is a package on PyPI as well
    "toolkit/options/evaluation.py",  # the same package
    "toolkit/evaluation/peers.py",  # the same package
    "toolkit/generation/answers.py",  # `generate` is a phase of the progress, too
    "toolkit/cli.py",  # the command of the recipe's name
    "toolkit/generation/serving.py",  # a part of its server's job
    "toolkit/generation/serve_transformers.py",  # the same
    "toolkit/shipping/llama_runtime.py",  # the mode of its process
    "toolkit/shipping/subject.py",  # the section of a pipeline's config
    "toolkit/runs/phases.py",  # the phase of the progress
)


def test_a_recipes_name_is_spelled_in_its_record() -> None:
    assert spelled(set(RECIPES), ("toolkit", "tui", "recipes"), ROOMS) == []


def test_a_recipe_is_a_folder_with_a_program() -> None:
    assert {path.parent.name for path in (ROOT / "recipes").glob("*/run.py")} == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_record_is_complete(recipe: catalog.Recipe) -> None:
    assert issubclass(recipe.settings, Settings)
    assert f"run_recipe({recipe.settings_name}, main)" in recipe.script.read_text()
    assert recipe.summary
    assert recipe.outputs
    assert all(recipe.outputs)
    assert {"default", "demo"} <= set(recipe.presets)
    assert recipe.script.with_name("preview.py").exists() is (recipe.preview is not None)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert bool(recipe.modules) is (recipe.extra in extras)
    assert {*recipe.settings.required, *recipe.settings.from_pipeline} <= recipe.settings.model_fields.keys()
    assert recipe.trains is (recipe.settings.model_construct().training is not None)
    if recipe.fail_under:
        model: type[BaseModel] = recipe.settings
        for name in recipe.fail_under.split("."):
            assert name in model.model_fields
            model = model.model_fields[name].annotation or model


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_stages_are_the_sections_of_the_settings(recipe: catalog.Recipe) -> None:
    sections = {
        name: field.annotation
        for name, field in recipe.settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
    }
    assert {section: RECIPES[stage].settings for section, stage in recipe.sections.items()} == sections
    assert len({stage.name for stage in recipe.stages}) == len({stage.kept_as for stage in recipe.stages})


def test_a_run_of_an_unknown_recipe_can_nothing() -> None:
    unknown = catalog.recipe_of_run("dpo")
    assert (unknown.name, unknown.trains, unknown.stages, any(unknown.outputs)) == ("dpo", False, (), False)
