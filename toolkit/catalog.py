"""What can be run: the recipes, their presets, and the accelerate configs, from a checkout or an installed wheel."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from toolkit.bundled import accelerate_configs_dir, recipes_dir
from toolkit.errors import UsageError

RECIPES = ("data-build", "sft", "generate", "evaluate", "pipeline")
# Started by plain python: vLLM starts its own workers, and the pipeline only starts other runs.
PLAIN_PYTHON_RECIPES = frozenset({"generate", "pipeline"})


@dataclass(frozen=True)
class Recipe:
    """A recipe as listed by `steptune recipes`: `presets` maps a preset's name to its one-line description."""

    name: str
    summary: str
    presets: dict[str, str]

    @property
    def script(self) -> Path:
        return recipes_dir() / self.name / "run.py"


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises UsageError with the nearest name if there is none."""
    require_choice(name, RECIPES, "recipe")
    folder = recipes_dir() / name
    presets = {path.stem: first_comment(path) for path in sorted(folder.glob("*.yaml"))}
    return Recipe(name, _first_line(folder / "README.md"), presets)


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
