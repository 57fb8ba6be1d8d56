from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.unit.data.data_build_case import build, pair, split_ids, write_rows
from toolkit.data.selection.leak_check import certify, find_leaks
from toolkit.data.selection.split import choose_split
from toolkit.errors import DataError
from toolkit.options.data import SplitOptions
from toolkit.options.sources import JsonlSource
from toolkit.records import JSON, iter_jsonl, write_jsonl


def test_shares_come_close_to_what_was_asked(tmp_path: Path) -> None:
    card = build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(380)]))], tmp_path)
    assert card.splits["train"].rows + card.splits["validation"].rows + card.splits["test"].rows == 380
    assert 0.11 <= card.splits["test"].share <= 0.19
    assert 0.06 <= card.splits["validation"].share <= 0.14


def test_shares_of_many_groups_are_exact_to_a_percent() -> None:
    splits = [choose_split(f"group {n}", SplitOptions()) for n in range(20_000)]
    assert abs(splits.count("test") / 20_000 - 0.15) < 0.01
    assert abs(splits.count("validation") / 20_000 - 0.1) < 0.01


def test_a_share_of_zero_leaves_the_split_empty(tmp_path: Path) -> None:
    card = build(
        [JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(40)]))],
        tmp_path,
        validation_share=0.0,
    )
    assert card.splits["validation"].rows == 0
    assert not any("validation split is empty" in line for line in card.worth_a_look)
    assert (tmp_path / "dataset" / "validation.jsonl").read_text() == ""


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    source = JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(60)]))
    build([source], tmp_path / "one")
    build([source], tmp_path / "two", seed=18)
    assert split_ids(tmp_path / "one") != split_ids(tmp_path / "two")


def test_rows_added_anywhere_move_no_old_row(tmp_path: Path) -> None:
    old, new = [pair(n) for n in range(0, 300, 2)], [pair(n) for n in range(1, 300, 2)]
    build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", old))], tmp_path / "one")
    mixed = [*old, *new]
    random.Random(3).shuffle(mixed)
    build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", mixed))], tmp_path / "two")
    before, after = split_ids(tmp_path / "one"), split_ids(tmp_path / "two")
    assert {name: after[name] for name in before} == before


def related(number: int, **meta: str) -> JSON:
    return {**pair(number), "meta": meta}


def test_group_and_parent_keep_rows_together_in_chains(tmp_path: Path) -> None:
    rows: list[JSON | str] = []
    for base in range(0, 240, 4):
        rows += [
            pair(base),
            related(base + 1, parent=f"r{base}"),
            related(base + 2, parent=f"r{base + 1}", group=f"g{base}"),
            related(base + 3, group=f"g{base}"),
        ]
    build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", rows))], tmp_path)
    splits = split_ids(tmp_path)
    assert set(splits.values()) == {"train", "validation", "test"}
    assert all(len({splits[f"r{base + n}"] for n in range(4)}) == 1 for base in range(0, 240, 4))


def test_relatives_of_a_row_left_out_as_a_copy_follow_the_row_that_was_kept(tmp_path: Path) -> None:
    rows: list[JSON | str] = []
    for base in range(0, 120, 2):
        rows += [pair(base), {**pair(base), "id": f"copy{base}"}, related(base + 1, parent=f"copy{base}")]
    build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", rows))], tmp_path)
    splits = split_ids(tmp_path)
    assert len(splits) == 120
    assert all(splits[f"r{base}"] == splits[f"r{base + 1}"] for base in range(0, 120, 2))


def test_near_duplicates_that_both_stay_share_a_split(tmp_path: Path) -> None:
    output = (
        "1. Open {app} and sign in with your number.\n2. Tap Profile, then Security.\n3. Choose Reset PIN and"
        " confirm.\n4. Enter the new PIN twice and save it."
    )
    apps = ["Gojek", "DANA", "OVO", "LinkAja", "ShopeePay", "Jenius"]
    rows: list[JSON | str] = [
        {"prompt": f"How do I reset the PIN in {app}?", "output": output.format(app=app)} for app in apps
    ]
    for seed in range(6):
        build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", rows))], tmp_path / str(seed), seed=seed)
        splits = split_ids(tmp_path / str(seed))
        assert len(splits) == 6
        assert len(set(splits.values())) == 1


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(120)]))], tmp_path)
    return tmp_path / "dataset"


def inject(dataset: Path, **changed: object) -> None:
    """Put a changed copy of the first train row into test."""
    victim = next(iter_jsonl(dataset / "train.jsonl"))
    copy = {**victim, "id": "injected", "meta": {"group": "injected"}, **changed}
    write_jsonl(dataset / "test.jsonl", [*iter_jsonl(dataset / "test.jsonl"), copy])


def test_a_clean_data_set_is_certified(dataset: Path) -> None:
    certificate = certify(dataset, 0.55)
    assert certificate.leak_free is True
    assert certificate.crossing_pairs == {"exact": 0, "near-duplicate": 0, "question": 0, "lineage": 0}


def test_an_exact_copy_in_another_split_is_found(dataset: Path) -> None:
    inject(dataset)
    leaks = find_leaks(dataset, 0.55)
    assert [(leak.kind, leak.left_split, leak.right_split, leak.right_id) for leak in leaks] == [
        ("exact", "train", "test", "injected")
    ]
    with pytest.raises(DataError, match="1 pairs of rows cross"):
        certify(dataset, 0.55)


def test_a_near_copy_in_another_split_is_found(dataset: Path) -> None:
    victim = next(iter_jsonl(dataset / "train.jsonl"))
    inject(
        dataset,
        prompt=victim["prompt"].replace("How do I", "How can one"),
        output=victim["output"].replace("done", "finished"),
    )
    assert [leak.kind for leak in find_leaks(dataset, 0.55)] == ["near-duplicate"]


def test_a_shared_group_or_parent_is_found(dataset: Path) -> None:
    victim = next(iter_jsonl(dataset / "train.jsonl"))
    inject(dataset, prompt="Wie?", output="1. Eins.\n2. Zwei.", meta={"group": victim["meta"]["group"]})
    assert [(leak.kind, leak.detail) for leak in find_leaks(dataset, 0.55)] == [
        ("lineage", f"group {victim['meta']['group']}")
    ]
    inject(dataset, id="child", prompt="Was?", output="1. Drei.\n2. Vier.", meta={"group": "x", "parent": victim["id"]})
    assert [leak.detail for leak in find_leaks(dataset, 0.55) if leak.right_id == "child"] == [f"row {victim['id']}"]
