"""Values as people read them, never as Python writes them; what is wrong with an option, in plain words."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from toolkit import config
from toolkit.errors import ConfigError
from toolkit.planning.columns import column_checks
from toolkit.terminal.values import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (3.0, "3"),
        (2e-4, "0.0002"),
        (1.23456789e-8, "1.23456789e-8"),
        (0.1 + 0.2, "0.30000000000000004"),
        (float("nan"), "nan"),
        (["q_proj", "v_proj"], "q_proj, v_proj"),
        ([], "none"),
        ({"rows": 12, "share": 0.5}, "rows 12, share 0.5"),
        ([{"type": "jsonl", "path": "x"}, ["a", "b"]], "(type jsonl, path x), (a, b)"),
        (datetime.datetime(2026, 11, 30, 14, 5), "2026-11-30 14:05"),
        (datetime.date(2026, 11, 30), "2026-11-30"),
        ("a\x1b[31mb", "ab"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("lora_r=0", "found 0, must be 1 or more"),
        ("lora_r=9999", "found 9999, must be 512 or less"),
        ("seed=x", "found 'x', must be a whole number"),
        ("learning_rate=0", "found 0, must be more than 0"),
        ("packing=maybe", "found 'maybe', must be true or false"),
        ("quantization=nf5", "found 'nf5', must be one of nf4, 8bit, none"),
        ("model=[1, 2]", "found 1, 2, must be a text"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(override: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.resolve("sft", overrides=[f"data={tmp_path}", override])
    assert said in [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("kind", "name", "text", "said"),
    [
        ("jsonl", "a.jsonl", '{"question": "How?", "answer": "1. So."}\n', "prompt_field=question output_field=answer"),
        ("csv", "a.csv", "id,title,output\n1,How?,1. So.\n", "a.csv has id, title, output; expected prompt: set"),
        ("jsonl", "a.jsonl", '{"prompt": "How?", "output": "1. So."}\n', ""),
        ("jsonl", "a.jsonl", "no JSON\n", ""),
        ("jsonl", "a.jsonl", "", ""),
    ],
)
def test_columns_of_other_names_are_said_with_what_to_set(
    tmp_path: Path, kind: str, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    settings = config.resolve("data-build", overrides=[f"sources=[{{type: {kind}, path: {tmp_path / name}}}]"])
    found = [check.message for check in column_checks(settings)]
    assert [said in message for message in found] == ([True] if said else [])
