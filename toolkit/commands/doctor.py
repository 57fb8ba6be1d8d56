"""`steptune doctor`: what this machine is, what is installed, and what each recipe can do here and why not."""

from __future__ import annotations

import argparse
import locale
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from toolkit import __version__, catalog, config
from toolkit.errors import ConfigError, SteptuneError
from toolkit.machine import packages
from toolkit.machine.gpus import VISIBLE_VARIABLE, Gpus, my_gpus
from toolkit.machine.hardware import GIB
from toolkit.machine.interpreters import generator_interpreters
from toolkit.planning import preflight
from toolkit.planning.accelerate_config import default_on
from toolkit.planning.gpu_checks import describe, gpu_problems, no_compiler
from toolkit.planning.plan import plan_launch
from toolkit.run_folder.find import runs_root
from toolkit.terminal.output import say, say_json

CORE = ("textual", "rich")


def doctor(args: argparse.Namespace) -> int:
    """Print the findings; exit code 0 even where something is missing, for looking is not running."""
    findings = _findings(args.python or [])
    if args.json:
        say_json(findings)
        return 0
    machine = findings["machine"]
    say(f"steptune {__version__}, Python {machine['python']}, {machine['system']}")
    say(
        f"CPU       {machine['cpu_cores']} cores, memory {machine['memory_free_gib']} of {machine['memory_gib']} GiB"
        " free"
    )
    for gpu in machine["gpus"] or [{"shown": "none found (nvidia-smi)"}]:
        say(f"GPU       {gpu['shown']}")
    say(f"Disk      {machine['disk_free_gib']} GiB free at {machine['runs_folder']}")
    say(f"Terminal  TERM={machine['terminal']}, encoding {machine['encoding']}, {machine['columns']}x{machine['rows']}")
    say("Packages  " + ", ".join(f"{name} {version or '(missing)'}" for name, version in findings["packages"].items()))
    for interpreter in findings["interpreters"]:
        say(f"Generator {_interpreter_line(interpreter)}")
    for warning in findings["warnings"]:
        say(f"Note      {warning}")
    say(f"\nRecipes here (--on {default_on()}):")
    for recipe in findings["recipes"]:
        say(f"  {recipe['recipe']:<12} {recipe['preset']:<8} {'can run' if recipe['ok'] else 'cannot run'}")
        for reason in recipe["reasons"]:
            say(f"      {reason}")
    return 0


def _interpreter_line(found: dict[str, Any]) -> str:
    if "problem" in found:
        return f"{found['python']} {found['problem']}"
    missing = [name for name in ("steptune", "torch", "transformers") if not found[name]]
    lacks = f"; lacks {', '.join(missing)}, which generate needs there" if missing else ""
    return f"{found['python']} (Python {found['version']}): {found['vllm'] or 'no vLLM'}{lacks}"


def _findings(interpreters: list[str]) -> dict[str, Any]:
    memory, size = psutil.virtual_memory(), shutil.get_terminal_size()
    gpus = my_gpus()
    root = next(folder for folder in (runs_root(), *runs_root().parents) if folder.exists())
    machine = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu_cores": os.cpu_count(),
        "memory_gib": round(memory.total / GIB, 1),
        "memory_free_gib": round(memory.available / GIB, 1),
        "gpus": [
            {**card.to_json(), "shown": f"{describe(card)}, compute {card.compute_capability}, driver {card.driver}"}
            for card in gpus.cards
        ],
        "disk_free_gib": round(shutil.disk_usage(root).free / GIB, 1),
        "runs_folder": str(runs_root()),
        "terminal": os.environ.get("TERM", "none"),
        "encoding": locale.getpreferredencoding(False),
        "columns": size.columns,
        "rows": size.lines,
    }
    presets = [
        (recipe.name, preset)
        for recipe in catalog.RECIPES.values()
        for preset in ("default", "demo")
        if preset in recipe.presets
    ]
    return {
        "steptune": __version__,
        "machine": machine,
        "packages": _packages(),
        "interpreters": generator_interpreters(runs_root(), interpreters),
        "warnings": list(_warnings(gpus)),
        "recipes": [_recipe(name, preset) for name, preset in presets],
    }


def _packages() -> dict[str, str | None]:
    """Versions of the packages that recipes and screens import, by the recipes' own lists."""
    modules = [module for recipe in catalog.RECIPES.values() for module in recipe.modules]
    names = dict.fromkeys([*modules, *preflight.TRAINING_MODULES, *CORE])
    return {**{name: preflight.version_of_module(name) for name in names}, "vllm": packages.vllm_distribution()}


def _warnings(gpus: Gpus) -> Any:
    yield from (check.message for check in gpu_problems(gpus))
    if gpus.on_machine > len(gpus.cards):
        visible = os.environ.get(VISIBLE_VARIABLE)
        yield f"{len(gpus.cards)} of {gpus.on_machine} GPUs visible (CUDA_VISIBLE_DEVICES={visible})."
    if gpus.cards and (missing := packages.compiler_missing()):
        yield no_compiler(missing)
    if sys.prefix == sys.base_prefix:
        yield "steptune runs outside a virtual environment; `make setup` makes .venv."
    if _kills_user_processes():
        yield (
            "systemd ends your processes at logout (KillUserProcesses=yes): run `loginctl enable-linger`, or start"
            " steptune with `systemd-run --user --scope`."
        )
    for name in ("torchvision", "torchaudio", "torchcodec"):
        torch, other = packages.version_of("torch"), packages.version_of(name)
        if other and torch and torch.endswith("+cpu") and not other.endswith("+cpu"):
            yield (
                f"{name} {other} does not fit the CPU build of torch and breaks transformers; `pip uninstall {name}`"
                " (steptune does not need it)."
            )


def _kills_user_processes() -> bool:
    """Whether logind is set to end a user's processes at logout and lingering is off."""
    if shutil.which("loginctl") is None or shutil.which("busctl") is None or not Path("/run/systemd/system").exists():
        return False
    query = [
        "busctl",
        "get-property",
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        "KillUserProcesses",
    ]
    setting = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    linger = Path(f"/var/lib/systemd/linger/{os.environ.get('USER', '')}").exists()
    return setting == "b true" and not linger


def _recipe(name: str, preset: str) -> dict[str, Any]:
    """Whether a preset could start now. Options that only a user can give (data, predictions) do not count."""
    try:
        settings = config.resolve(name, preset=preset)
        checks = preflight.check_launch(plan_launch(settings), runs_root() / "doctor")
        reasons = [f"{check.name}: {check.message}" for check in checks if check.level != "ok"]
        return {
            "recipe": name,
            "preset": preset,
            "ok": all(check.level != "refused" for check in checks),
            "reasons": reasons,
        }
    except SteptuneError as error:
        problems = error.problems if isinstance(error, ConfigError) else []
        needed = [f"needs {problem.key}" for problem in problems if problem.is_missing]
        # What the user gives does not change which packages the recipe needs.
        defaults = catalog.find_recipe(name).settings.model_construct()
        packages_check = preflight.check_packages(defaults, gpu=bool(my_gpus().cards))
        refused = [f"{packages_check.name}: {packages_check.message}"] if packages_check.level == "refused" else []
        return {
            "recipe": name,
            "preset": preset,
            "ok": bool(needed) and not refused,
            "reasons": [*refused, *needed] or [str(error)],
        }
