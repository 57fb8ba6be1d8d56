"""Prompts, requests and the journal: order, limits, keys, and a run that continues."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from toolkit.errors import DataError
from toolkit.generation.journal import Answer, Journal
from toolkit.generation.prompts import Codec, Prompt, Request, build_requests, read_prompts
from toolkit.options.generation import SamplingOptions
from toolkit.options.shared import HeldOutOptions
from toolkit.prompting import PromptFormat


class LetterTokenizer:
    """One token per letter; 1 is BOS, 2 is EOS."""

    bos_token_id, eos_token_id, chat_template = 1, 2, None
    added_tokens_decoder: ClassVar[dict[int, object]] = {}

    def __len__(self) -> int:
        return 128

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [ord(letter) for letter in text]

    def decode(self, ids: list[int], skip_special_tokens: bool, **_: object) -> str:
        return "".join(chr(token) for token in ids if token > 2)


CODEC = Codec(LetterTokenizer(), PromptFormat("plain", "Q:", "A:"), [2])  # type: ignore[arg-type]


def write_rows(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def request(name: str, length: int = 3) -> Request:
    return Request(name, name, [5] * length, 4, 0, f"key-{name}")


def answer(name: str, text: str = "1. Go.") -> Answer:
    return Answer(f"key-{name}", text, "stop", 3)


def test_prompts_keep_their_order_and_need_no_reference(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "p.jsonl",
        {"id": "b", "prompt": "Two?"},
        {"prompt": ""},
        {"id": 7, "prompt": "Three?", "output": "1. x"},
    )
    assert read_prompts(HeldOutOptions(data=path)) == [Prompt("b", "Two?"), Prompt("2", ""), Prompt("7", "Three?")]
    assert read_prompts(HeldOutOptions(data=path, max_rows=1)) == [Prompt("b", "Two?")]


def test_split_of_a_data_set_folder_is_read(tmp_path: Path) -> None:
    write_rows(tmp_path / "test.jsonl", {"prompt": "A?"})
    assert read_prompts(HeldOutOptions(data=tmp_path)) == [Prompt("1", "A?")]
    with pytest.raises(DataError, match=r"has no validation\.jsonl \(found test\.jsonl\)"):
        read_prompts(HeldOutOptions(data=tmp_path, split="validation"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (({"prompt": 5},), r"p\.jsonl:1: `prompt` must be a text; found int"),
        (({"text": "x"},), r"p\.jsonl:1: `prompt` must be a text; found NoneType"),
        (({"id": 1, "prompt": "a"}, {"id": "1", "prompt": "b"}), "'1' occurs twice"),
        ((), "has no prompts"),
    ],
)
def test_rows_that_cannot_be_answered_are_named(tmp_path: Path, rows: tuple[object, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_prompts(HeldOutOptions(data=write_rows(tmp_path / "p.jsonl", *rows)))


def test_requests_fit_the_context_and_the_rest_is_refused() -> None:
    prompts = [Prompt("fits", "abc"), Prompt("tight", "abcdefgh"), Prompt("long", "abcdefghij"), Prompt("empty", " \n")]
    requests = build_requests(prompts, CODEC, SamplingOptions(max_new_tokens=4), context=15, system="s")
    assert [(r.id, len(r.prompt_ids), r.max_tokens, r.refused) for r in requests] == [
        ("fits", 8, 4, None),
        ("tight", 13, 2, None),
        ("long", 15, 0, "prompt_too_long"),
        ("empty", 0, 0, "empty_prompt"),
    ]
    assert requests[0].prompt_ids == [1, *map(ord, "Q:abcA:")]
    assert build_requests(prompts, CODEC, SamplingOptions(max_new_tokens=4), None, "s")[2].max_tokens == 4


def test_key_changes_with_whatever_changes_the_answer() -> None:
    def key(text: str = "a", identifier: str = "1", system: str = "s", **sampling: float) -> str:
        return build_requests(
            [Prompt(identifier, text)], CODEC, SamplingOptions(**{"max_new_tokens": 4, **sampling}), None, system
        )[0].key  # type: ignore[arg-type]

    assert key() == key(identifier="2") == key(seed=3)  # greedy: neither row nor seed matters
    drawn = {
        key(temperature=1.0),
        key(temperature=1.0, identifier="2"),
        key(temperature=1.0, seed=3),
        key(temperature=1.0, top_p=0.5),
        key(presence_penalty=1.0),
    }
    assert len({key(), key("b"), key(system="t"), key(max_new_tokens=5), *drawn}) == 9


def test_decoded_answer_has_no_stop_token_and_no_space_around() -> None:
    assert CODEC.decode([ord(" "), ord("1"), ord("."), 10, 2]) == "1."


def test_journal_continues_after_a_torn_line_with_no_row_twice_and_none_lost(tmp_path: Path) -> None:
    requests = [request("a", 2), request("b", 9), request("c", 5), Request("d", "", [], 0, 0, "", "empty_prompt")]
    whole = Journal(tmp_path / "whole") if (tmp_path / "whole").mkdir() is None else None
    assert whole is not None
    assert [r.id for r in whole.missing(requests)] == ["b", "c", "a"]
    for name in ("b", "c", "a"):
        whole.add(answer(name))
    whole.write_predictions(requests)

    (tmp_path / "torn").mkdir()
    first = Journal(tmp_path / "torn")
    first.add(answer("b"))
    first.add(answer("c"))
    partial = tmp_path / "torn" / "partial.jsonl"
    partial.write_bytes(partial.read_bytes()[:-7])  # killed while writing c
    second = Journal(tmp_path / "torn")
    assert [r.id for r in second.missing(requests)] == ["c", "a"]
    for name in ("c", "a", "a"):
        second.add(answer(name))
    second.write_predictions(requests)

    assert (tmp_path / "torn" / "predictions.jsonl").read_bytes() == (
        tmp_path / "whole" / "predictions.jsonl"
    ).read_bytes()
    assert sorted(Journal(tmp_path / "torn").answers) == ["key-a", "key-b", "key-c"]
    rows = [json.loads(line) for line in (tmp_path / "torn" / "predictions.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "id": "a",
        "prompt": "a",
        "output": "1. Go.",
        "finish_reason": "stop",
        "prompt_tokens": 2,
        "output_tokens": 3,
    }
    assert rows[3] == {
        "id": "d",
        "prompt": "",
        "output": "",
        "finish_reason": "empty_prompt",
        "prompt_tokens": 0,
        "output_tokens": 0,
    }


def test_equal_requests_are_generated_once_and_answered_each(tmp_path: Path) -> None:
    first, second = SimpleNamespace(**vars(request("a"))), SimpleNamespace(**{**vars(request("a")), "id": "again"})
    journal = Journal(tmp_path)
    assert len(journal.missing([first, second])) == 1  # type: ignore[list-item]
    journal.add(answer("a"))
    assert [row["id"] for row in journal.write_predictions([first, second])] == ["a", "again"]  # type: ignore[list-item]
