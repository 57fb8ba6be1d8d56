"""Equal and nearly equal questions lie in one split, whatever their answers; a teacher's rows are trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.data.data_build_case import build, pair, split_ids, write_rows
from tests.unit.data.test_data_split import inject
from toolkit.data.rows import SYNTHETIC, Batch, Row
from toolkit.data.selection.leak_check import certify, find_leaks
from toolkit.data.selection.questions import count_repeated, question_key
from toolkit.data.selection.split import SHARES_A_GROUP, group_rows, split_groups, teacher_rows_in_train
from toolkit.options.data import SplitOptions
from toolkit.options.sources import JsonlSource
from toolkit.records import JSON, iter_jsonl


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("How do I reset my router?", "how can i reset the router"),
        ("Bagaimana cara menyetel ulang PIN saya?", "Gimana caranya menyetel ulang PIN ya"),
        ("Reset the PIN!", "How do I reset my PIN?"),
    ],
)
def test_questions_that_differ_in_small_words_are_the_same(left: str, right: str) -> None:
    assert question_key(left) == question_key(right)
    assert question_key(left) != question_key("How do I reset my phone?")


def asked_twice(number: int) -> list[JSON | str]:
    """Two rows that share a question and nothing else; of every third pair one is worded a little differently."""
    first, other = pair(number), pair(number + 10_000)
    question = str(first["prompt"])
    again = question.replace("How do I", "How can I") if number % 3 else question[:-2] + "xx?"
    return [first, {**other, "prompt": again}]


def test_planted_pairs_of_equal_questions_never_cross(tmp_path: Path) -> None:
    rows = [row for number in range(200) for row in asked_twice(number)]
    card = build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", rows))], tmp_path)
    splits = split_ids(tmp_path)
    assert len(splits) == 400
    assert [n for n in range(200) if splits[f"r{n}"] != splits[f"r{n + 10_000}"]] == []
    assert set(splits.values()) == {"train", "validation", "test"}
    assert any("asked more than once" in line for line in card.worth_a_look)


def test_an_equal_question_in_another_split_fails_the_certificate(tmp_path: Path) -> None:
    build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(80)]))], tmp_path)
    dataset = tmp_path / "dataset"
    assert certify(dataset, 0.55).equal_questions == 0
    victim = next(iter_jsonl(dataset / "train.jsonl"))
    inject(dataset, prompt=victim["prompt"].upper(), output="1. Nothing.\n2. Like the other answer at all.")
    assert [(leak.kind, leak.detail) for leak in find_leaks(dataset, 0.55)] == [("question", "the same question")]


def test_repeated_questions_are_counted() -> None:
    assert count_repeated(["How do I pay?", "how can I pay", "How do I leave?"]) == 2


def row(number: int, source: str = "s", **meta: str) -> Row:
    made = pair(number)
    return Row(
        source, f"f:{number}", number, str(made["prompt"]), str(made["output"]), id=f"r{number}", meta=dict(meta)
    )


def test_rows_of_a_teacher_stay_in_train_and_leave_held_out_groups() -> None:
    batch = Batch([*(row(n, group=f"g{n}") for n in range(100)), *(row(n, SYNTHETIC) for n in range(100, 200))])
    batch = Batch([*batch.kept, *(row(n, SYNTHETIC, group=f"g{n - 200}") for n in range(200, 300))])
    options = SplitOptions()
    split = split_groups(batch.kept, group_rows(batch, 0.55), options)
    after, held = teacher_rows_in_train(batch, split)
    assert {held.split_of[f"r{n}"] for n in range(100)} == {"train", "validation", "test"}
    assert {held.split_of[f"r{n}"] for n in range(100, 200)} == {"train"}
    assert {held.split_of[kept.id] for kept in after.kept if kept.source == SYNTHETIC} == {"train"}
    assert {item.reason for item in after.dropped} == {SHARES_A_GROUP}
    assert len(after.kept) + len(after.dropped) == 300
    assert all(
        item.row.meta["group"] in {f"g{n}" for n in range(100) if held.split_of[f"r{n}"] != "train"}
        for item in after.dropped
    )
