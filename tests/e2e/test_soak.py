"""A few trials of `make soak`: the real chain on a model of two layers under faults, every one made good again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"
TRIALS = 8


@pytest.mark.long
def test_the_chain_comes_through_faults_at_random_moments_with_the_same_bytes() -> None:
    command = [sys.executable, str(SOAK), "--trials", str(TRIALS), "--lanes", "1", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)

    rows = {row["what"]: row for row in json.loads(done.stdout.splitlines()[-1])["rows"]}
    assert rows["losses"]["value"] == 0, rows["losses"]["beside"]["problems"]
    assert rows["trials"]["value"] >= TRIALS
