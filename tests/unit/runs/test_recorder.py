"""What a recipe reports on the way: how long its longest piece of work took, by which a stop knows how long to wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.run_folder.folder import RunFolder
from toolkit.runs import recorder
from toolkit.runs.recorder import Recorder


def test_the_longest_time_between_two_reports_of_a_phase_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 100.5, 140.5, 150.0, 400.0, 400.2])
    monkeypatch.setattr(recorder.time, "monotonic", lambda: next(clock))
    reports = Recorder(tmp_path)
    for phase, done in (("train", 0), ("train", 1), ("train", 2), ("train", 9), ("merge", 0), ("merge", 1)):
        reports.progress(phase, done, 9 if phase == "train" else 1)
    assert [(row["phase"], row["done"], row.get("unit_s")) for row in RunFolder(tmp_path).metrics()] == [
        ("train", 0, None),
        ("train", 2, 40.0),
        ("train", 9, 40.0),
        ("merge", 0, None),
        ("merge", 1, None),
    ]
    progress = RunFolder(tmp_path).progress()
    assert progress is not None
    assert progress.unit_s is None
