"""What can be run: the recipes, their presets, and the accelerate configs, from a checkout or an installed wheel."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from toolkit.bundled import accelerate_configs_dir, recipes_dir
from toolkit.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """One recipe: how it is started, what it needs, what it can show before a start, and its presets.

    `modules` are those that every run of it imports, installed by the extra of that name. `preview` says how the answer
    of its `preview.py` is shown. `fail_under` is the option that `--fail-under METRIC=VALUE` sets. `presets` maps a
    preset's name to its one-line description.
    """

    name: str
    by_accelerate: bool = True
    extra: str = ""
    modules: tuple[str, ...] = ()
    preview: Literal["rows", "tokens"] | None = None
    fail_under: str | None = None
    summary: str = ""
    presets: dict[str, str] = field(default_factory=dict)

    @property
    def script(self) -> Path:
        return recipes_dir() / self.name / "run.py"


_RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "data-build",
            extra="data",
            modules=("accelerate", "ftfy", "lxml", "markdown_it", "phonenumbers", "rensa"),
            preview="rows",
        ),
        Recipe(
            "sft",
            extra="train",
            modules=("torch", "accelerate", "transformers", "trl", "peft", "datasets"),
            preview="tokens",
        ),
        Recipe("generate", by_accelerate=False),  # vLLM starts its own workers
        Recipe(
            "evaluate",
            extra="eval",
            modules=("torch", "accelerate", "transformers", "numpy", "matplotlib", "jinja2"),
            fail_under="fail_under",
        ),
        Recipe("pipeline", by_accelerate=False, fail_under="evaluate.fail_under"),  # only starts other runs
    )
}
RECIPES = tuple(_RECIPES)


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises UsageError with the nearest name if there is none."""
    require_choice(name, RECIPES, "recipe")
    folder = recipes_dir() / name
    presets = {path.stem: first_comment(path) for path in sorted(folder.glob("*.yaml"))}
    return replace(_RECIPES[name], summary=_first_line(folder / "README.md"), presets=presets)


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
    near = difflib.get_close_matches(given, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f"There is no {what} named {given!r}; there are: {', '.join(choices)}.{hint}")


def first_comment(path: Path) -> str:
    """The text of a YAML file's first comment line: its description in lists."""
    line = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return line.lstrip("# ").strip() if line.startswith("#") else ""


def _first_line(path: Path) -> str:
    """First non-heading line of a README: the recipe in a sentence."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")
