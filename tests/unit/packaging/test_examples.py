"""Every file of examples/ is run or parsed, as its first lines say that it is used; one that no test looks at fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.unit.data.data_build_case import build, ledger
from toolkit import catalog, config
from toolkit.dataset_folder.documents import DROPPED
from toolkit.dataset_folder.names import SPLITS
from toolkit.options.data import DataBuildOptions
from toolkit.records import Example, read_examples, write_jsonl
from toolkit.review.study.plan import read_plan
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
CONFIGS = {f"configs/{name}.yaml": name for name in catalog.RECIPES}
PROJECT_FILES = "tests/unit/packaging/test_project_files.py"
LOOKED_AT_BY = {
    **dict.fromkeys(
        [
            *("README.md", "rows.jsonl", "router.md", "plan.yaml", "from_python.py", *CONFIGS),
            *(f"extend/{name}" for name in ("notes.org", "source.py", "metric.py", "recipe.py")),
        ],
        "tests/unit/packaging/test_examples.py",
    ),
    "night.sh": PROJECT_FILES,
    "systemd/steptune-queue.service": PROJECT_FILES,
    "slurm/several_machines.sh": PROJECT_FILES,
    "docker/Dockerfile": PROJECT_FILES,
}


def run_example(name: str, *arguments: str, cwd: Path) -> str:
    """What the program printed; its own first lines say how it is called."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(folder: Path, options: DataBuildOptions) -> list[Example]:
    """All rows of the data set that these options make, with the recipe's own rules and masks."""
    build(options.sources, folder, rules=options.rules, anonymise=options.anonymise, test_share=options.test_share)
    return [row for name in SPLITS for row in read_examples(folder / "dataset" / f"{name}.jsonl")]


def test_no_file_lies_there_without_a_test() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "examples"], cwd=ROOT, capture_output=True)
    files = {line.removeprefix("examples/") for line in listed.stdout.decode().splitlines()}
    assert files == set(LOOKED_AT_BY)
    for name, test in LOOKED_AT_BY.items():
        assert Path(name).name in (ROOT / test).read_text("utf-8") or name in CONFIGS
    page = (EXAMPLES / "README.md").read_text("utf-8")
    assert [name for name in files if f"]({name})" not in page and f"`{Path(name).parent}/`" not in page] == [
        "README.md"
    ]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    given = ["predictions.tuned=README.md", "data=examples/rows.jsonl"] if CONFIGS[name] == "evaluate" else []
    settings = config.resolve(CONFIGS[name], config_file=EXAMPLES / name, overrides=given)
    first = (EXAMPLES / name).read_text("utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert type(settings) is catalog.RECIPES[CONFIGS[name]].settings


def test_the_rows_and_the_manual_become_a_data_set_without_a_row_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    kept = built(tmp_path, config.resolve("data-build", config_file=EXAMPLES / "configs/data-build.yaml"))
    assert [line["reason"] for line in ledger(tmp_path) if line["ended"] == DROPPED] == []
    wanted = len(read_examples(EXAMPLES / "rows.jsonl")) + (EXAMPLES / "router.md").read_text("utf-8").count("\n## ")
    assert len(kept) == wanted


def test_the_plan_of_a_study_is_taken() -> None:
    plan = read_plan(EXAMPLES / "plan.yaml")
    assert plan.criterion_names == ["accuracy"]
    assert [(claim.a, claim.b) for claim in plan.comparisons] == [("tuned", "baseline")]


def test_the_example_from_python_tells_known_answers_apart(tmp_path: Path) -> None:
    shown = run_example("from_python.py", str(EXAMPLES / "rows.jsonl"), cwd=tmp_path)
    score = {line[:18].strip(): float(line.split()[-3].rstrip(",")) for line in shown.splitlines()[1:]}
    assert score["half of the steps"] > score["other questions"]
    assert (tmp_path / "from-python/dataset/card.md").exists()


def test_a_source_of_ones_own_gives_rows_that_data_build_keeps(tmp_path: Path) -> None:
    shown = run_example("extend/source.py", str(EXAMPLES / "extend/notes.org"), "rows.jsonl", cwd=tmp_path)
    assert shown == "3 rows in rows.jsonl; 1 headings without steps were left out\n"
    kept = built(tmp_path, DataBuildOptions(sources=str(tmp_path / "rows.jsonl")))
    assert {row.prompt for row in kept} >= {"How do I glue two boards edge to edge?"}
    group = {row.prompt: row.meta["group"] for row in kept}
    assert len(group) == 3
    assert len({group[question] for question in group if "blade" in question}) == 1  # one heading, one split


def test_a_metric_of_ones_own_has_floor_interval_and_test(tmp_path: Path) -> None:
    rows = [
        {"id": str(at), "prompt": f"How do I do {at}?", "output": f'1. Tap "Menu {at}".\n2. Tap "Save {at}x".'}
        for at in range(12)
    ]
    write_jsonl(tmp_path / "test.jsonl", [*rows, {"id": "none", "prompt": "Why?", "output": "1. Wait.\n2. Go."}])
    plain = [{"id": row["id"], "output": "1. Open it."} for row in [*rows, {"id": "none"}]]
    write_jsonl(tmp_path / "b.jsonl", plain)
    write_jsonl(tmp_path / "t.jsonl", [*rows, plain[-1]])
    shown = run_example("extend/metric.py", "test.jsonl", "baseline=b.jsonl", "tuned=t.jsonl", cwd=tmp_path)
    baseline, tuned, difference = shown.splitlines()
    assert baseline == "baseline: 0.000, floor 0.000, n 12 of 13"
    assert tuned.startswith("tuned: 1.000, floor 0.")
    assert difference.startswith("tuned - baseline: +1.000 [+")
    assert float(difference.rpartition(" ")[2]) < 0.05


def test_a_recipe_of_ones_own_is_a_run_as_any_other(runs: Path, tmp_path: Path) -> None:
    shown = run_example("extend/recipe.py", str(EXAMPLES / "rows.jsonl"), cwd=tmp_path)
    run = RunFolder(Path(shown.splitlines()[0]))
    wait_for(lambda: run.result)
    assert run.state() is State.FINISHED, run.log_file.read_text()
    assert run.result is not None
    assert run.result.headline == {"rows": 5, "most_steps": 5}
    assert len(read_examples(run.path / "longest.jsonl")) == 5
    listed = subprocess.run([Path(sys.executable).with_name("steptune"), "runs"], capture_output=True, text=True)
    assert run.id in listed.stdout
