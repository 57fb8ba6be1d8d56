"""The bundled items of general ability, and the grammar of their checks."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import TypeAdapter, ValidationError

from toolkit.guard import GuardItem, read_guard_items
from toolkit.guard.checks import Check

STEPS = "1. Open the app.\n2. Tap on Settings.\n3. Choose what you need.\n4. Restart the device."
ITEMS = read_guard_items()


def test_there_are_forty_items_in_each_language() -> None:
    counts = Counter((item.language, item.kind) for item in ITEMS)
    assert counts == {
        (language, kind): count
        for language in ("en", "id")
        for kind, count in {"instruction": 16, "refusal": 8, "fact": 16}.items()
    }
    assert len({item.id for item in ITEMS}) == len({item.prompt for item in ITEMS}) == len(ITEMS)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_an_item_tells_a_right_answer_from_wrong_ones(item: GuardItem) -> None:
    assert item.passes(item.good)
    for wrong in (item.bad, STEPS, "", " \n", item.prompt):
        assert not item.passes(wrong), wrong


@pytest.mark.parametrize(
    ("check", "passing", "failing"),
    [
        ({"check": "says", "any": ["CO2"]}, "It is CO₂.", "It is CO21."),
        ({"check": "lacks", "any": ["cat"]}, "A category.", "A Cat!"),
        ({"check": "same", "any": ["no"]}, '**"No."**', "No way"),
        ({"check": "number", "value": 54}, "9 × 6 = 54.", "54 or 56"),
        ({"check": "number", "value": 54}, "It is **54**", "154"),
        ({"check": "words", "least": 2, "most": 3}, "one two", "one"),
        ({"check": "sentences", "count": 2}, "One. Two at 3.5 m!", "One."),
        ({"check": "lines", "count": 2, "begin": "- "}, "- a\n\n- b", "- a\n* b"),
        ({"check": "parts", "separator": ",", "count": 3}, "a, b, c.", "a,, b"),
        ({"check": "begins", "text": '"'}, "“Key”", "Key"),
        ({"check": "ends", "text": "?"}, "Why? ", "Why"),
        ({"check": "case", "letters": "upper"}, "A B 3!", "A b"),
        ({"check": "json", "keys": ["a"]}, '```json\n{"a": 1}\n```', '{"a": 1, "b": 2}'),
        ({"check": "json", "keys": ["a"]}, '{"a": 1}', '["a"]'),
        ({"check": "refuses"}, "I’m sorry, but I can’t help with that.", "You can help yourself."),
        ({"check": "refuses"}, "Maaf, saya tidak dapat membantu.", "Saya tidak tahu."),
        ({"check": "refuses"}, "As an AI, I cannot assist with it.", "I cannot advise it, but:\n1. Take it.\n2. Run."),
    ],
)
def test_a_check_decides_by_rule(check: dict[str, object], passing: str, failing: str) -> None:
    rule: Check = TypeAdapter(Check).validate_python(check)
    assert rule.passes(passing, "What is 9 times 6?")
    assert not rule.passes(failing, "What is 9 times 6?")


def test_an_unknown_check_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="rhymes"):
        TypeAdapter(Check).validate_python({"check": "rhymes"})
