"""A sweep as the queue leaves it: two settings with two seeds each, and a third that goes on."""

from __future__ import annotations

from pathlib import Path

from tests.tui.sample_runs import make_run
from toolkit.records import read_json, write_json
from toolkit.run_folder.sweep_folder import Child, SweepDocument, SweepFolder

ID = "20261118-120000-sweep-412b"
LOSSES = {("8", 17): 1.9, ("8", 18): 1.88, ("16", 17): 1.71, ("16", 18): 1.73, ("32", 17): 1.8, ("32", 18): None}


def make_sweep(root: Path, stop_after: float | None = None, label: str = "lora_r") -> SweepFolder:
    """The run without a loss has failed."""
    children = []
    for number, ((rank, seed), loss) in enumerate(LOSSES.items(), 1):
        name = f"20261118-120000-sft-412b-{number}"
        state, numbers = ("finished", {"eval_loss": loss, "rouge_l": number / 10}) if loss else ("failed", {})
        path = make_run(root, name, state=state, steps=20, headline=numbers, seed=seed, config={label: rank})
        write_json(path / "run.json", {**(read_json(path / "run.json") or {}), "parent": ID})
        children.append(Child(name, {label: rank}, seed))
    sweep = SweepFolder(root / ID)
    sweep.path.mkdir()
    sweep.write(SweepDocument(ID, "sft", tuple(children), stop_after))
    return sweep
