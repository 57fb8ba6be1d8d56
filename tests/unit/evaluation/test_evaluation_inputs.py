from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.evaluation.evaluation_samples import write_rows
from toolkit.errors import DataError
from toolkit.evaluation.inputs import TestItem, human_system, read_references, read_system

ITEMS = [TestItem("a", "How?", "1. A", "a"), TestItem("b", "Why?", "1. B", "b")]


def rows(*ids: str) -> list[dict[str, str]]:
    return [{"id": name, "output": f"text {name}", "finish_reason": "stop"} for name in ids]


def test_predictions_are_joined_by_id_in_the_order_of_the_references(tmp_path: Path) -> None:
    system = read_system("tuned", write_rows(tmp_path / "p.jsonl", rows("b", "a")), ITEMS)
    assert system.outputs == ["text a", "text b"]
    assert system.finish_reasons == ["stop", "stop"]


def test_missing_and_extra_ids_are_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", rows("a", "x", "y"))
    with pytest.raises(
        DataError,
        match=(
            r"found 3 predictions, expected 2, one for each reference\. Missing: b\. Not among the references: x, y\."
        ),
    ):
        read_system("tuned", path, ITEMS)


def test_a_repeated_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"p.jsonl:2: the id 'a' occurs twice"):
        read_system("tuned", write_rows(tmp_path / "p.jsonl", rows("a", "a")), ITEMS)


def test_an_output_that_is_no_text_is_refused_and_an_empty_one_is_not(tmp_path: Path) -> None:
    good = write_rows(tmp_path / "good.jsonl", [{"id": "a", "output": ""}, {"id": "b", "output": "x"}])
    assert read_system("tuned", good, ITEMS).finish_reasons == [None, None]
    bad = write_rows(tmp_path / "bad.jsonl", [{"id": "a", "output": None}, {"id": "b", "output": "x"}])
    with pytest.raises(DataError, match="`output` of a must be a text"):
        read_system("tuned", bad, ITEMS)


def test_predictions_for_other_questions_are_refused(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "p.jsonl",
        [{"id": "a", "prompt": "What?", "output": "x"}, {"id": "b", "prompt": " Why? ", "output": "x"}],
    )
    with pytest.raises(DataError, match="the prompt of a is not the reference's prompt"):
        read_system("tuned", path, ITEMS)


def test_the_name_human_is_kept_for_the_references(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="kept for the references"):
        read_system("human", tmp_path / "p.jsonl", ITEMS)


def test_references_carry_group_and_second_answers(tmp_path: Path) -> None:
    first = {"id": "a", "prompt": "How?", "output": "1. A", "meta": {"group": "g", "references": ["1. A", "1. Z"]}}
    write_rows(tmp_path / "test.jsonl", [first, {"id": "b", "prompt": "Why?", "output": "1. B \ud800"}])
    items, source = read_references(tmp_path, "test")
    assert items == [TestItem("a", "How?", "1. A", "g", None, ("1. Z",)), TestItem("b", "Why?", "1. B \ufffd", "b")]
    assert source.rows == 2
    assert human_system(items, source).outputs == ["1. A", "1. B \ufffd"]


def test_a_missing_split_is_a_data_error(test_set: Callable[..., Path]) -> None:
    folder = test_set(["1. A"], {})
    with pytest.raises(DataError, match="does not exist"):
        read_references(folder / "dataset", "validation")
