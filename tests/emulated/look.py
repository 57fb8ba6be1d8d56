"""What steptune says on an emulated machine: doctor, and preflight of every preset with what is chosen."""

from __future__ import annotations

import contextlib
import io
import os
import platform
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.emulated.emulate import ROOT, emulated
from tests.emulated.machines import Emulated
from toolkit import catalog, config
from toolkit.commands import doctor
from toolkit.errors import SteptuneError
from toolkit.planning import plan as planning
from toolkit.planning import preflight
from toolkit.planning.accelerate_config import default_on
from toolkit.planning.check import Check
from toolkit.planning.plan import LaunchPlan, plan_launch

# The training rows of the bundled sample as Mistral's tokenizer counts them; a test counts them again.
SAMPLE = {"rows": 259, "tokens": 36_256, "longest": 254}
HOWTO, QUESTIONS = "data=bundled:sample/howto", "data=bundled:sample/howto/finance.jsonl"
# What a preset needs to be given, and the accelerate config that it is made for.
GIVEN = {"sft": [HOWTO], "generate": [QUESTIONS], "evaluate": [QUESTIONS, f"predictions.tuned={ROOT / 'LICENSE'}"]}
MADE_FOR = {"zero3": "deepspeed_zero3", "fsdp": "fsdp_qlora", "multi_node": "multi_node_zero3"}
ALSO_ON_SEVERAL = (
    ("sft", "default", "multi_gpu"),
    ("sft", "default", "deepspeed_zero2"),
    ("pipeline", "default", "multi_gpu"),
)
QUIET = ("disk", "memory", "GPU", "packages")  # as on every machine, or shown by doctor


@dataclass(frozen=True)
class Look:
    """Preflight of one preset: the plan and its checks, or why there is none."""

    recipe: str
    preset: str
    on: str
    plan: LaunchPlan | None
    checks: tuple[Check, ...]
    problem: str = ""

    @property
    def refused(self) -> list[Check]:
        return [check for check in self.checks if check.level == "refused"]

    def message(self, name: str) -> str:
        return next((check.message for check in self.checks if check.name == name), "")

    def lines(self) -> Iterator[str]:
        verdict = "cannot run" if self.problem or self.refused else "can run"
        yield f"{self.recipe} {self.preset} --on {self.on}: {verdict}"
        if self.problem:
            yield f"  {self.problem}"
        for check in self.checks:
            if check.level != "ok" or not check.name.startswith(QUIET):
                yield f"  {check.level:<8} {check.name}: {check.message}"
        if self.plan and self.plan.training:
            chosen = self.plan.training.options
            yield (
                f"  {'':<8} chosen: {chosen.per_device_train_batch_size} x {chosen.gradient_accumulation_steps} rows x"
                f" {self.plan.machine.processes}, gradient_checkpointing={chosen.gradient_checkpointing},"
                f" {chosen.quantization}, {self.plan.machine.precision}"
            )
        if self.plan and (cards := self.plan.environment.get("CUDA_VISIBLE_DEVICES")):
            yield f"  {'':<8} CUDA_VISIBLE_DEVICES={cards}"


@dataclass(frozen=True)
class Found:
    """All of one machine."""

    machine: Emulated
    doctor: str
    looks: tuple[Look, ...]

    def look(self, recipe: str, preset: str, on: str | None = None) -> Look:
        return next(
            look for look in self.looks if (look.recipe, look.preset) == (recipe, preset) and on in (None, look.on)
        )

    @property
    def golden(self) -> str:
        parts = [self.doctor, *("\n".join(line.rstrip() for line in look.lines()) for look in self.looks)]
        return f"# {self.machine.what}\n\n" + "\n\n".join(part.strip() for part in parts) + "\n"


def look_at(machine: Emulated) -> Found:
    with TemporaryDirectory() as temporary, emulated(machine, Path(temporary)) as patch:
        folder = Path(temporary)
        patch.setattr(planning, "recipe_preview", lambda *_given: {"counts": {"train": SAMPLE}})
        for name, value in {
            "TERM": "xterm",
            "COLUMNS": "80",
            "LINES": "24",
            "STEPTUNE_RUNS": str(folder / "runs"),
        }.items():
            patch.setenv(name, value)
        patch.setattr(os, "cpu_count", lambda: 16)
        patch.setattr(platform, "platform", lambda: "Linux")
        patch.setattr(platform, "python_version", lambda: "3.12")
        patch.setattr(preflight, "port_problem", lambda *_given: "")  # whoever listens on this computer
        patch.setattr(doctor, "generator_interpreters", lambda *_given: [])
        patch.setattr(doctor.locale, "getpreferredencoding", lambda _do: "UTF-8")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            doctor.doctor(Namespace(python=[], json=False))
        looks = tuple(_look(*which) for which in _presets())
        return _named(Found(machine, said.getvalue(), looks), folder)


def _presets() -> Iterator[tuple[str, str, str]]:
    several = len(planning.read_accelerate_config("multi_gpu").gpus().cards) > 1
    for recipe in catalog.RECIPES.values():
        for preset in recipe.presets:
            yield recipe.name, preset, MADE_FOR.get(preset) or default_on()
    if several:
        yield from ALSO_ON_SEVERAL


def _look(recipe: str, preset: str, on: str) -> Look:
    try:
        settings = config.resolve(recipe, preset, overrides=GIVEN.get(recipe, []))
        plan = plan_launch(settings, on, planning_only=True, count_rows=True)
        return Look(recipe, preset, on, plan, tuple(preflight.check_launch(plan, ROOT)))
    except SteptuneError as error:
        return Look(recipe, preset, on, None, (), str(error))


def _named(found: Found, folder: Path) -> Found:
    """Without the paths of this computer."""

    def plain(text: str) -> str:
        return text.replace(str(folder), "~").replace(str(ROOT), "steptune")

    looks = tuple(
        Look(
            look.recipe,
            look.preset,
            look.on,
            look.plan,
            tuple(Check(check.name, check.level, plain(check.message)) for check in look.checks),
            plain(look.problem),
        )
        for look in found.looks
    )
    return Found(found.machine, plain(found.doctor), looks)
