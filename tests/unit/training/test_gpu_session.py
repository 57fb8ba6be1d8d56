"""The nine-minute session for a GPU, rehearsed on a CPU with a tiny model: every part runs and nothing fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks import gpu_session

SESSION = Path(gpu_session.__file__)


@pytest.mark.slow
@pytest.mark.long
def test_the_rehearsal_runs_every_part(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SESSION), "--rehearse"],
        env={**os.environ, "STEPTUNE_BENCH_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    rows = json.loads(done.stdout.splitlines()[-1])["rows"]
    assert [row["failed"] for row in rows if "failed" in row] == []
    assert done.returncode == 0, done.stderr[-2000:]
    values = {row["what"]: row.get("value") for row in rows}
    assert values["stop and resume: steps in all"] == 6
    assert values["merge: likeliest tokens that agree with base + adapter"] == 1
    assert values["nf4: loss against the CPU's (relative)"] == 0
    assert [row["what"] for row in rows if "skipped" in row] == ["fp16 with a loss scaler"]
    assert len(next(row for row in rows if row["what"] == "top kernels of a step")["shown"]["kernels"]) == 20
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_time_left_is_skipped_and_what_fails_lets_the_next_go_on(tmp_path: Path) -> None:
    def fails(_: gpu_session.Session):  # type: ignore[no-untyped-def]
        yield gpu_session.Row("before", 1.0)
        raise ValueError("broken")

    session = gpu_session.Session(tmp_path, True, 0.0)
    (late,) = gpu_session._rows_of(gpu_session.Part("late", fails, 10.0), session)
    assert "are needed" in str(late.skipped)
    session.ends = float("inf")
    first, failed, seconds = gpu_session._rows_of(gpu_session.Part("fails", fails, 10.0), session)
    assert (first.value, failed.failed, seconds.what) == (1.0, "ValueError: broken", "fails: seconds")


def test_packages_come_from_wheel_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "carried-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("carried_by_wheel.py", "VALUE = 7\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "")
    gpu_session.unpack_wheels(tmp_path / "wheels", tmp_path / "packages")
    import carried_by_wheel  # type: ignore[import-not-found]

    assert carried_by_wheel.VALUE == 7
    assert str(tmp_path / "packages") in os.environ["PYTHONPATH"]
