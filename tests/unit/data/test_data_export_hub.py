"""The export in the Hub's layout, read by the library that the Hub's users read it with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.data.data_build_case import SPLITS, build, pair, write_rows
from toolkit.data.publishing.export import export
from toolkit.options.sources import JsonlSource
from toolkit.records import read_examples

COLUMNS = ["id", "prompt", "output", "source", "domain", "task", "register", "language", "group", "parent"]
LOAD = """
import json, sys
from datasets import load_dataset
loaded = load_dataset(sys.argv[1], cache_dir=sys.argv[2])
print(json.dumps({name: {"columns": rows.column_names, "rows": rows.to_list()} for name, rows in loaded.items()}))
"""


@pytest.mark.slow
def test_load_dataset_reads_the_splits_and_columns_offline(tmp_path: Path) -> None:
    source = JsonlSource(
        path=write_rows(tmp_path / "a.jsonl", [{**pair(n), "language": "en"} for n in range(60)]), licence="MIT"
    )
    card = build([source], tmp_path / "run")
    export(tmp_path / "run/dataset", tmp_path / "export", ("hub",), card)
    argv = [sys.executable, "-c", LOAD, str(tmp_path / "export/hub"), str(tmp_path / "cache")]
    loaded = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    assert sorted(loaded) == sorted(SPLITS)
    for split in SPLITS:
        written = read_examples(tmp_path / f"run/dataset/{split}.jsonl")
        assert loaded[split]["columns"] == COLUMNS
        assert [(row["id"], row["prompt"], row["output"]) for row in loaded[split]["rows"]] == [
            (row.id, row.prompt, row.output) for row in written
        ]
