"""The pictures of the screens in docs/pictures, made by the program itself from real runs.

    .venv/bin/python scripts/pictures.py [--runs DIR] [NAME ...]

Without --runs it starts the demo pipeline and short trainings in a folder of its own, queues a small sweep, makes a
study, deletes a run, and takes pictures of those. Writes NAME-80x24.svg and NAME-160x48.svg for each of its pictures,
or for the names that are given; that of the graphics cards only where there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from textual.pilot import Pilot  # noqa: E402

from toolkit.run_folder.folder import RunFolder  # noqa: E402
from toolkit.run_folder.queue_folder import QueueFolder  # noqa: E402
from toolkit.run_folder.sweep_folder import list_sweeps  # noqa: E402
from toolkit.runs.queue import going_on, hold  # noqa: E402
from toolkit.runs.row import RunRow  # noqa: E402
from toolkit.runs.stop import ask_to_stop, wait_until_ended  # noqa: E402
from toolkit.runs.sweep_table import sweep_table  # noqa: E402
from tui.app import SteptuneApp  # noqa: E402
from tui.destinations import ToAsk, ToComparison, ToForm, ToRun, ToSweep, ToTrash  # noqa: E402
from tui.logic.store import Store  # noqa: E402
from tui.screens.ask import AskScreen  # noqa: E402
from tui.screens.gpus import GpuScreen  # noqa: E402

PICTURES = REPOSITORY / "docs" / "pictures"
SIZES = ((80, 24), (160, 48))
STEPTUNE = str(Path(sys.executable).with_name("steptune"))
Visit = Callable[[SteptuneApp, Pilot[None]], Awaitable[None]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="a runs folder with a finished pipeline and two trainings")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*VISITS, []], help="default: all")
    args = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="steptune-pictures-") as scratch:
        runs = args.runs.resolve() if args.runs else make_runs(Path(scratch) / "runs")
        os.environ["STEPTUNE_RUNS"] = str(runs)
        for size in SIZES:
            for name in args.names or VISITS:
                asyncio.run(take(runs, Path(scratch) / f"{name}-{size[0]}", name, size, VISITS[name]))
        if not args.runs:
            end_queue(runs)
    return 0


def end_queue(runs: Path) -> None:
    """Nothing of it is left running when its folder goes."""
    queue = QueueFolder(runs)
    hold(queue, queue.waiting(), True)
    for run in going_on(queue):
        ask_to_stop(run)
        wait_until_ended(run)


def make_runs(runs: Path) -> Path:
    """A real demo pipeline, two trainings that differ in one setting, and a sweep of which the first run goes on."""
    environment = {**os.environ, "STEPTUNE_RUNS": str(runs), "HF_HUB_OFFLINE": "1"}
    commands = [
        ["run", "pipeline", "--preset", "demo", "--on", "cpu"],
        ["run", "sft", "--preset", "demo", "--on", "cpu", "max_steps=12", "learning_rate=1e-4"],
        ["run", "sft", "--preset", "demo", "--on", "cpu", "max_steps=12", "learning_rate=5e-4"],
        ["run", "sft", "--preset", "demo", "--on", "cpu", "--sweep", "learning_rate=1e-4,1e-3", "--seeds", "2"],
    ]
    for command in commands:
        subprocess.run([STEPTUNE, *command], env=environment, check=True)
    last = sorted(path.name for path in runs.glob("*-sft-*"))[-1]
    (pipeline,) = runs.glob("*-pipeline-*")
    made = RunFolder(pipeline).outputs()
    systems = [f"{name}={made[f'predictions_{name}']}" for name in ("tuned", "baseline")]
    study = ["study", "new", str(runs.parent / "study"), "--data", str(made["dataset"]), "--raters", "anna,ben"]
    for command in (
        ["queue", "drop", last],
        ["rm", "-y", last],
        [*study, *(part for system in systems for part in ("--system", system)), "--acknowledge-leaks"],
    ):
        subprocess.run([STEPTUNE, *command], env=environment, check=True)
    return runs


async def take(runs: Path, state: Path, name: str, size: tuple[int, int], visit: Visit) -> None:
    """One picture at one size."""
    app = SteptuneApp(root=runs, store=Store(state), theme="steptune-dark")
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.5)
        await visit(app, pilot)
        await pilot.pause(1.5)
        if isinstance(app.screen, GpuScreen) and not app.screen.cards:
            print(f"no picture of {name}: {app.screen.problem}")
            return
        path = PICTURES / f"{name}-{size[0]}x{size[1]}.svg"
        path.write_text(
            app.export_screenshot(title="steptune").replace(str(REPOSITORY), "~/steptune"), encoding="utf-8"
        )
        print(path.relative_to(REPOSITORY))


async def runs_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    """The newest run that did something itself: a pipeline whose stages were all unchanged has no curve."""
    rows = app.snapshot.rows
    chosen = next((index for index, row in enumerate(rows) if row.step or any(stage.step for stage in row.stages)), 0)
    await pilot.press("g", *["j"] * chosen)


async def new_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    from tui.logic.form import Form
    from tui.widgets.form_view import FormView

    await pilot.press("2")
    await pilot.pause(0.5)
    form = Form("sft", "demo")
    form.set("learning_rate", "1e-4")
    form.set("lora_r", "0")
    app.open(ToForm(form))
    await pilot.pause(0.5)
    app.screen.query_one(FormView).select_key("learning_rate")


async def follow_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    app.open(ToRun(trainings(app)[0]))


async def results_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("5")
    await pilot.pause(0.5)
    await pilot.press("enter")


async def queue_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("7")
    await pilot.pause(0.5)
    await pilot.press("j")


async def trash_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    app.open(ToTrash())


async def studies_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    await pilot.press("4")


async def gpu_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    """Long enough for curves."""
    await pilot.press("8")
    await pilot.pause(30)


async def sweep_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    """The sweep with the most runs that have finished."""
    found = max(list_sweeps(app.root), key=lambda sweep: len(sweep_table(sweep).rows[0].values), default=None)
    if found is None:
        raise SystemExit(f"{app.root} holds no sweep.")
    app.open(ToSweep(found.path))


async def compare_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    app.open(ToComparison(trainings(app)[:3]))


async def ask_page(app: SteptuneApp, pilot: Pilot[None]) -> None:
    """The model of a pipeline, or of the longest training, with a question that it has answered."""
    pipelines = [run for run in app.snapshot.rows if run.stages]
    app.open(ToAsk((pipelines or trainings(app))[0].path, "How do I reset my router?"))
    for _ in range(1200):
        await pilot.pause(0.1)
        if isinstance(app.screen, AskScreen) and app.screen.shown and not app.screen.busy:
            return
    raise SystemExit("the model did not answer within two minutes")


def trainings(app: SteptuneApp) -> list[RunRow]:
    """Trainings with the most steps first, those inside pipelines too."""
    rows = [row for run in app.snapshot.rows for row in (run, *run.stages) if row.recipe == "sft" and row.step]
    if len(rows) < 2:
        raise SystemExit(
            f"{app.root} holds {len(rows)} trainings with metrics; two are needed for the picture of Compare."
        )
    return sorted(rows, key=lambda row: -(row.step or 0))


VISITS: dict[str, Visit] = {
    "runs": runs_page,
    "new": new_page,
    "follow": follow_page,
    "results": results_page,
    "compare": compare_page,
    "queue": queue_page,
    "sweep": sweep_page,
    "trash": trash_page,
    "studies": studies_page,
    "gpu": gpu_page,
    "ask": ask_page,
}

if __name__ == "__main__":
    sys.exit(main())
