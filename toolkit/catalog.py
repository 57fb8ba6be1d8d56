"""What can be run: one record for each recipe, their presets, and the accelerate configs, from a checkout or a wheel.

Imports the standard library only, and little of it (`dataclasses` alone would cost a fifth of `steptune --help`): the
command line and the list of runs read it when they start.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from toolkit.bundled import accelerate_configs_dir, recipes_dir
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from toolkit.settings import Settings


class PipelineStage(NamedTuple):
    """A stage by name, the recipe that it runs, the section of the pipeline's settings that it takes, and the name
    under which the pipeline records its output.
    """

    name: str
    recipe: str
    section: str
    kept_as: str


STAGES = (
    PipelineStage("data-build", "data-build", "data", "dataset"),
    PipelineStage("sft", "sft", "sft", "adapter"),
    PipelineStage("generate-baseline", "generate", "generate", "predictions_baseline"),
    PipelineStage("generate-tuned", "generate", "generate", "predictions_tuned"),
    PipelineStage("evaluate", "evaluate", "evaluate", "report"),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)


class Recipe(NamedTuple):
    """One recipe: its settings, how it is started, what it needs, makes, and can show before a start, and its presets.

    `modules` are those that every run of it imports, installed by the extra of that name. `preview` says how the answer
    of its `preview.py` is shown. `output` is the one that a later stage takes. `trains`: it saves checkpoints when
    asked. `fail_under` is the option that `--fail-under METRIC=VALUE` sets. `stages` are the runs that it starts.
    """

    name: str
    settings_name: str = ""  # in toolkit.settings, which is loaded when it is asked for
    by_accelerate: bool = True
    extra: str = ""
    modules: tuple[str, ...] = ()
    preview: Literal["rows", "tokens"] | None = None
    output: str = ""
    trains: bool = False
    fail_under: str | None = None
    stages: tuple[PipelineStage, ...] = ()

    @property
    def settings(self) -> type[Settings]:
        found: type[Settings] = getattr(importlib.import_module("toolkit.settings"), self.settings_name)
        return found

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what a finished run has made, its optional outputs left out."""
        return tuple(stage.kept_as for stage in self.stages) or (self.output,)

    @property
    def sections(self) -> dict[str, str]:
        """The sections of its settings that are settings of another recipe, with that recipe's name."""
        return {stage.section: stage.recipe for stage in self.stages}

    @property
    def filled_in(self) -> dict[str, tuple[str, ...]]:
        """The options of each such section that are filled in when an earlier stage is done."""
        return {section: RECIPES[recipe].settings.from_pipeline for section, recipe in self.sections.items()}

    @property
    def folder(self) -> Path:
        return recipes_dir() / self.name

    @property
    def script(self) -> Path:
        return self.folder / "run.py"

    @property
    def preview_program(self) -> Path:
        return self.folder / "preview.py"

    @property
    def summary(self) -> str:
        """The first line of its README that is no heading."""
        path = self.folder / "README.md"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")

    @property
    def presets(self) -> dict[str, str]:
        """One-line descriptions by name."""
        return {path.stem: first_comment(path) for path in sorted(self.folder.glob("*.yaml"))}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "data-build",
            "DataBuildSettings",
            extra="data",
            modules=("accelerate", "ftfy", "lxml", "markdown_it", "phonenumbers", "rensa"),
            preview="rows",
            output="dataset",
        ),
        Recipe(
            "sft",
            "SftSettings",
            extra="train",
            modules=("torch", "accelerate", "transformers", "trl", "peft", "datasets"),
            preview="tokens",
            output="adapter",
            trains=True,
        ),
        # vLLM starts its own workers.
        Recipe("generate", "GenerateSettings", by_accelerate=False, output="predictions"),
        Recipe(
            "evaluate",
            "EvaluateSettings",
            extra="eval",
            modules=("torch", "accelerate", "transformers", "numpy", "matplotlib", "jinja2"),
            output="report",
            fail_under="fail_under",
        ),
        # Goes on until it is stopped, and leaves its answers to whoever asked.
        Recipe("serve", "ServeSettings", by_accelerate=False, output="model"),
        # Only starts other runs.
        Recipe("pipeline", "PipelineSettings", by_accelerate=False, fail_under="evaluate.fail_under", stages=STAGES),
    )
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises UsageError with the nearest name if there is none."""
    require_choice(name, tuple(RECIPES), "recipe")
    return RECIPES[name]


def recipe_of(settings: type[Settings]) -> Recipe:
    """The recipe that these are the settings of; of settings that somebody made out of a recipe's, that recipe."""
    return next(recipe for recipe in RECIPES.values() if issubclass(settings, recipe.settings))


def names_where(is_meant: Callable[[Recipe], object]) -> str:
    """The names of the recipes that have something, for people."""
    return " and ".join(name for name, recipe in RECIPES.items() if is_meant(recipe))


def recipe_of_run(name: str) -> Recipe:
    """The recipe that a run folder names; one that can nothing where this version does not know it."""
    return RECIPES.get(name) or Recipe(name)


def preset_path(recipe: str, preset: str) -> Path:
    """The YAML file of a preset. Raises UsageError with the nearest name if there is none."""
    require_choice(preset, tuple(find_recipe(recipe).presets), f"preset of {recipe}")
    return recipes_dir() / recipe / f"{preset}.yaml"


def accelerate_config_path(name: str) -> Path:
    """The accelerate YAML for `--on NAME`, where NAME is one of the shipped files or a path."""
    given = Path(name).expanduser()
    if given.suffix in {".yaml", ".yml"}:
        if not given.is_file():
            raise UsageError(
                f"--on {name}: the file does not exist; give a shipped name ({', '.join(accelerate_config_names())}) or"
                " the path of a YAML file."
            )
        return given.resolve()
    require_choice(name, accelerate_config_names(), "accelerate config (--on)")
    return accelerate_configs_dir() / f"{name}.yaml"


def accelerate_config_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in accelerate_configs_dir().glob("*.yaml")))


def require_choice(given: str, choices: tuple[str, ...], what: str) -> None:
    """Raise UsageError naming the nearest of `choices` unless `given` is one of them."""
    if given in choices:
        return
    import difflib  # here: every start would pay for it

    near = difflib.get_close_matches(given, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f"There is no {what} named {given!r}; there are: {', '.join(choices)}.{hint}")


def whole_comment(path: Path) -> str:
    """The text of all comment lines at the top of a YAML file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    return " ".join(lines)


def first_comment(path: Path) -> str:
    """The text of a YAML file's first comment line: its description in lists."""
    line = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return line.lstrip("# ").strip() if line.startswith("#") else ""
