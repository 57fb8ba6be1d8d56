"""Which rows train, which validate, and which are refused."""

from pathlib import Path

import pytest

from toolkit.errors import DataError
from toolkit.records import Example, write_jsonl
from toolkit.training.rows import hold_out, load_rows


def jsonl(path: Path, *prompts: str) -> Path:
    write_jsonl(path, [{"prompt": prompt, "output": "1. Go."} for prompt in prompts])
    return path


def ids(rows: list[Example]) -> list[str]:
    return [row.id for row in rows]


def test_data_set_folder_gives_its_splits_and_leaves_the_test_split_alone(dataset: Path) -> None:
    (dataset / "test.jsonl").write_text("not even JSON")
    rows = load_rows(dataset, 0.5)
    assert ids(rows.train) == [f"train-{n}" for n in range(24)]
    assert ids(rows.validation) == [f"validation-{n}" for n in range(6)]
    assert rows.files == ["train.jsonl", "validation.jsonl"]


def test_folder_of_jsonl_files_reads_all_but_test_and_ledger(tmp_path: Path) -> None:
    for name, prompt in (("b.jsonl", "one"), ("a.jsonl", "two"), ("test.jsonl", "secret"), ("ledger.jsonl", "noise")):
        jsonl(tmp_path / name, prompt)
    rows = load_rows(tmp_path, 0.0)
    assert (ids(rows.train), rows.files) == (["a:1", "b:1"], ["a.jsonl", "b.jsonl"])


def test_held_out_rows_depend_on_neither_order_nor_case() -> None:
    rows = [Example(str(n), f"How do I do {n % 10}?", "1. Go.") for n in range(20)]
    kept, held = hold_out(rows, 0.2)
    backwards = hold_out([Example(row.id, row.prompt.upper(), row.output) for row in rows[::-1]], 0.2)
    assert (sorted(ids(kept)), sorted(ids(held))) == (sorted(ids(backwards[0])), sorted(ids(backwards[1])))
    assert len(held) == 4
    assert {row.prompt for row in kept}.isdisjoint(row.prompt for row in held)


def test_share_of_zero_holds_out_nothing(tmp_path: Path) -> None:
    rows = load_rows(jsonl(tmp_path / "rows.jsonl", "one", "two"), 0.0)
    assert (len(rows.train), rows.validation) == (2, [])


def test_test_split_is_refused_as_training_data(dataset: Path) -> None:
    with pytest.raises(DataError, match="test split, which is never trained on"):
        load_rows(dataset / "test.jsonl", 0.1)


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows to train on"):
        load_rows(jsonl(tmp_path / "rows.jsonl"), 0.1)


def test_empty_validation_file_is_refused_instead_of_replaced(dataset: Path) -> None:
    (dataset / "validation.jsonl").write_text("")
    with pytest.raises(DataError, match=r"validation\.jsonl is empty"):
        load_rows(dataset, 0.1)


def test_folder_without_jsonl_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no train\.jsonl and no other JSONL files"):
        load_rows(tmp_path, 0.1)


def test_single_row_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="set validation_share to 0"):
        load_rows(jsonl(tmp_path / "rows.jsonl", "one"), 0.1)


def test_dataset_hash_follows_the_bytes_that_were_read(dataset: Path) -> None:
    before = load_rows(dataset, 0.1).dataset_hash
    (dataset / "test.jsonl").write_text("")
    assert load_rows(dataset, 0.1).dataset_hash == before
    jsonl(dataset / "train.jsonl", "other")
    assert load_rows(dataset, 0.1).dataset_hash != before
