"""Six real trainings of the embedded model that differ by their seed alone: how often are two of them called better
than two others?

    make bench-seeds
    python benchmarks/trainings.py FOLDER        (keeps the six trainings there, and takes up what FOLDER has)

Nothing is better here by construction, so each "better" is a false one. A trial draws four of the six, two for each
side, and two thirds of the test set's groups, and runs evaluate as a whole, verdict included.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report import finish
from toolkit.evaluation.inputs import System, TestItem, human_system, read_references, read_system, run_name
from toolkit.evaluation.results import evaluate_systems
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import Results
from toolkit.results.metrics import PRIMARY
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.recorder import Recorder

STEPTUNE = str(Path(sys.executable).with_name("steptune"))
SEEDS = (1, 2, 3, 4, 5, 6)
STEPS = 20  # half of the demo's: a seed decides as much, and six trainings take half an hour
TRIALS = 200
KEPT = 2 / 3  # of the groups of the test set, in a trial
OPTIONS = MetricOptions(bertscore_model="embedded:all-minilm-l6-v2", sensitivity_items=0, bootstrap_samples=1_000)


def main() -> int:
    if len(sys.argv) > 1:
        return _measure(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        return _measure(Path(scratch))


def _measure(folder: Path) -> int:
    data = _run(folder / "data-build", "data-build", "--preset", "demo") / "dataset"
    predictions = [_answers(folder, data, seed) for seed in SEEDS]
    items, _ = read_references(data, "test")
    systems = [read_system("training", path, items) for path in predictions]
    generator = random.Random(23)
    trials = [_trial(items, systems, generator) for _ in range(TRIALS)]
    outcomes = Counter(trial.verdict.outcome for trial in trials)
    primary = sum(_primary(trial) == "better" for trial in trials)
    beside = {"outcomes": dict(outcomes), "ROUGE-L of the six": _means(_evaluate(items, systems[:3], systems[3:]))}
    return finish(
        "seeds",
        {
            "A/A of two trainings each: verdict better (share)": outcomes["better"] / TRIALS,
            "A/A of two trainings each: ROUGE-L called better (share)": primary / TRIALS,
        },
        {"A/A of two trainings each: verdict better (share)": beside},
    )


def _answers(folder: Path, data: Path, seed: int) -> Path:
    """The predictions of one training on the whole test set."""
    train = (f"data={data}", f"seed={seed}", f"max_steps={STEPS}", f"eval_steps={STEPS}")
    adapter = _run(folder / f"sft-{seed}", "sft", "--preset", "demo", *train) / "adapter"
    options = (f"data={data}", f"adapter={adapter}", "max_rows=none", "proof_rows=0")
    return _run(folder / f"generate-{seed}", "generate", "--preset", "demo", *options) / "predictions.jsonl"


def _run(folder: Path, recipe: str, *arguments: str) -> Path:
    """The folder of a finished run of the recipe; it is started only where there is none."""
    if RunFolder(folder).state() is not State.FINISHED:
        command = [STEPTUNE, "run", recipe, *arguments, "--on", "cpu", "--run-dir", str(folder)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        subprocess.run(command, env=environment, stdout=sys.stderr, check=True)
    return folder


def _trial(items: list[TestItem], systems: Sequence[System], generator: random.Random) -> Results:
    groups = sorted({item.group for item in items})
    kept = set(generator.sample(groups, round(KEPT * len(groups))))
    places = [place for place, item in enumerate(items) if item.group in kept]
    drawn = [_part(system, places) for system in generator.sample(list(systems), 4)]
    return _evaluate([items[place] for place in places], drawn[:2], drawn[2:])


def _part(system: System, places: Sequence[int]) -> System:
    return replace(
        system,
        outputs=[system.outputs[place] for place in places],
        finish_reasons=[system.finish_reasons[place] for place in places],
    )


def _evaluate(items: list[TestItem], first: Sequence[System], second: Sequence[System]) -> Results:
    systems = [_pooled("baseline", first), _pooled("tuned", second)]
    return evaluate_systems(items, systems, human_system(items, first[0].source), OPTIONS, Recorder(None))


def _pooled(name: str, trainings: Sequence[System]) -> System:
    named = [replace(one, name=run_name(name, number)) for number, one in enumerate(trainings, start=1)]
    return replace(named[0], rest=tuple(named[1:]))


def _primary(results: Results) -> str:
    return next(row.conclusion for row in results.comparisons if row.metric == PRIMARY)


def _means(results: Results) -> list[float]:
    """ROUGE-L of each training: what a seed alone changes."""
    runs = [run for name in ("baseline", "tuned") for run in results.systems[name].runs or ()]
    return [mean for run in runs if (mean := run.means[PRIMARY]) is not None]


if __name__ == "__main__":
    sys.exit(main())
