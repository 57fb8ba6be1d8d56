from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.data.data_build_case import pair, read_rows, write_rows
from toolkit.data.rows import Batch
from toolkit.errors import DataError
from toolkit.options.sources import HfSource, JsonlSource, ParquetSource

RECORDS = [
    {
        "ticket": {"no": 7},
        "q": "How do I open it?",
        "a": {"steps": ["Lift the lid.", "Take it out."]},
        "area": "travel",
    },
    {"ticket": {"no": 8}, "q": "How do I close it?", "a": {"steps": ["Put it in.", "Shut the lid."]}, "area": None},
]
COLUMNS = {"prompt_field": "q", "output_field": "a.steps", "columns": {"id": "ticket.no", "domain": "area"}}
ROWS = [
    ("7", "How do I open it?", "1. Lift the lid.\n2. Take it out.", {"source": "x", "domain": "travel"}),
    ("8", "How do I close it?", "1. Put it in.\n2. Shut the lid.", {"source": "x"}),
]


def rows(batch: Batch) -> list[tuple[str, str, str, dict[str, str]]]:
    return [(row.given_id, row.prompt, row.output, row.meta) for row in batch.kept]


def test_a_column_map_reaches_into_nested_objects_in_every_kind_of_source(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "a.parquet")
    write_rows(tmp_path / "a.jsonl", RECORDS)
    datasets.Dataset.from_list(RECORDS).save_to_disk(tmp_path / "saved")
    for source, name in ((ParquetSource, "a.parquet"), (JsonlSource, "a.jsonl"), (HfSource, "saved")):
        batch = read_rows(source(path=tmp_path / name, name="x", **COLUMNS))
        assert rows(batch) == ROWS
    assert [row.place for row in read_rows(ParquetSource(path=tmp_path / "a.parquet", **COLUMNS)).kept] == [
        "a.parquet:1",
        "a.parquet:2",
    ]


def test_datasets_folders_give_all_splits_or_the_one_asked_for(tmp_path: Path) -> None:
    parts = {"train": datasets.Dataset.from_list([pair(1), pair(2)]), "test": datasets.Dataset.from_list([pair(3)])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    hub = tmp_path / "hub"
    (hub / "data").mkdir(parents=True)
    for name, part in parts.items():
        part.to_parquet(hub / "data" / f"{name}-00000-of-00001.parquet")
    for folder in ("saved", "hub"):
        assert [row.place for row in read_rows(HfSource(path=tmp_path / folder)).kept] == [
            f"{folder}/test:1",
            f"{folder}/train:1",
            f"{folder}/train:2",
        ]
        assert [row.given_id for row in read_rows(HfSource(path=tmp_path / folder, split="test")).kept] == ["r3"]
    with pytest.raises(DataError, match="has no split 'dev'; it has: test, train"):
        read_rows(HfSource(path=hub, split="dev"))


def test_a_folder_that_is_no_dataset_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be read as a dataset"):
        read_rows(HfSource(path=tmp_path / "empty"))
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be read as a dataset"):
        read_rows(HfSource(path=tmp_path / "saved"))


def test_a_cut_parquet_file_is_named_and_a_damaged_one_read_up_to_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_pylist([pair(number) for number in range(3000)]),
        path,
        row_group_size=1000,
        compression="none",
        use_dictionary=False,
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (item,) = read_rows(ParquetSource(path=path)).dropped
    assert (item.row.place, item.unreadable) == ("a.parquet", True)
    assert item.reason.startswith("not a readable parquet file (")
    offset = pq.ParquetFile(pa.BufferReader(whole)).metadata.row_group(1).column(0).data_page_offset
    path.write_bytes(whole[:offset] + b"\xff" * 400 + whole[offset + 400 :])
    batch = read_rows(ParquetSource(path=path))
    assert len(batch.kept) == 1000
    assert [item.row.place for item in batch.dropped] == ["a.parquet:1001"]
    with pytest.raises(DataError, match=r"a\.parquet:1001: not a readable parquet"):
        read_rows(ParquetSource(path=path), strict=True)


def test_values_that_are_no_text_end_in_the_ledger(tmp_path: Path) -> None:
    table = pa.table({"prompt": ["How?", None, "How\0?", "x" * 1_000_001], "output": ["1. a\n2. b"] * 4})
    pq.write_table(table, tmp_path / "a.parquet")
    batch = read_rows(ParquetSource(path=tmp_path / "a.parquet"))
    assert [(item.row.place, item.reason) for item in batch.dropped] == [
        ("a.parquet:2", "`prompt` is missing"),
        ("a.parquet:3", "NUL byte in `prompt`"),
        ("a.parquet:4", "`prompt` is longer than 1,000,000 characters"),
    ]


def test_a_missing_column_is_an_error_that_names_the_others(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["How?"], "output": ["1. a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"no column 'prompt'; the file has: question, output\. Set prompt_field"):
        read_rows(ParquetSource(path=tmp_path / "a.parquet"))
    with pytest.raises(DataError, match="no column 'topic'"):
        read_rows(ParquetSource(path=tmp_path / "a.parquet", prompt_field="question", columns={"domain": "topic"}))
