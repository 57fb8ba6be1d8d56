"""What raters get: balanced orders, the core set, controls, repeats, practice, and nothing that tells where an answer
is from.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.review.study_case import SAMPLE, make_study
from toolkit.damage import DAMAGES, Damage
from toolkit.records import read_examples
from toolkit.review.study.key import read_key
from toolkit.review.study.leaks import find_leaks
from toolkit.review.study.packets import Drawn, Question, assign, balanced_orders, draw_packets
from toolkit.review.study.perturb import perturb
from toolkit.review.study.plan import StudyPlan

REFERENCE = "1. Open the lid.\n2. Take out the filter.\n3. Rinse it under the tap.\n4. Let it dry.\n5. Put it back."
OTHER = "1. Sign in.\n2. Choose a plan.\n3. Pay."


def questions(count: int) -> list[Question]:
    return [
        Question(
            f"q{n}",
            f"How {n}?",
            {
                "baseline": f"1. B{n}.\n2. Do.\n3. End.",
                "tuned": f"1. T{n}.\n2. Do.\n3. End.",
                "human": f"{REFERENCE} {n}",
            },
            f"q{n}",
        )
        for n in range(count)
    ]


def draw(items: int, raters: int, core: int, seed: int, **plan: object) -> Drawn:
    names = [f"r{n}" for n in range(raters)]
    options = {"core_items": core, "items": items, **plan}
    return draw_packets(
        questions(items), questions(items + 8)[items:], names, StudyPlan.model_validate(options), random.Random(seed)
    )


@settings(max_examples=25)
@given(items=st.integers(1, 40), raters=st.integers(1, 6), core=st.integers(0, 20), seed=st.integers(0, 10**6))
def test_each_of_the_six_orders_is_as_frequent_as_the_others_for_every_rater(
    items: int, raters: int, core: int, seed: int
) -> None:
    drawn = draw(items, raters, core, seed)
    for units in drawn.units.values():
        ordinary = Counter(tuple(unit["sources"]) for unit in units.values() if unit["kind"] == "item")
        counts = [ordinary[order] for order in permutations(("baseline", "tuned", "human"))]
        assert max(counts) - min(counts) <= 1
        hidden = [
            tuple("human" if source.startswith("control") else source for source in unit["sources"])
            for unit in units.values()
            if unit["kind"] in ("item", "control", "repeat")
        ]
        counts = [Counter(hidden)[order] for order in permutations(("baseline", "tuned", "human"))]
        assert max(counts) - min(counts) <= 1


@settings(max_examples=25)
@given(items=st.integers(1, 60), raters=st.integers(3, 7), core=st.integers(0, 30), seed=st.integers(0, 10**6))
def test_everyone_has_the_core_set_and_two_raters_each_other_item(
    items: int, raters: int, core: int, seed: int
) -> None:
    given = assign([f"q{n}" for n in range(items)], [f"r{n}" for n in range(raters)], core, random.Random(seed))
    raters_of = Counter(item for own in given.values() for item in own)
    assert sorted(raters_of.values()) == sorted([raters] * min(core, items) + [2] * max(0, items - core))
    assert max(map(len, given.values())) - min(map(len, given.values())) <= 1


def test_a_packet_has_practice_first_then_hidden_controls_and_repeats_then_guesses() -> None:
    drawn = draw(30, 3, 12, 4)
    for rater, rows in drawn.packets.items():
        kinds = [drawn.units[rater][row["unit"]]["kind"] for row in rows]
        own = kinds.count("item")
        assert kinds[:6] == ["practice"] * 6
        assert kinds[-4:] == ["guess"] * 4
        assert kinds.count("control") == kinds.count("repeat") == -(-own // 10)
        assert len({row["unit"] for row in rows}) == len(rows)


def test_a_repeat_comes_after_its_first_time_and_a_control_shows_a_damaged_reference() -> None:
    drawn = draw(30, 2, 12, 9)
    for rater, rows in drawn.packets.items():
        place: dict[str, int] = {}
        for at, row in enumerate(rows):
            unit = drawn.units[rater][row["unit"]]
            if unit["kind"] == "item":
                place[unit["item"]] = at
            elif unit["kind"] == "repeat":
                assert place[unit["item"]] < at - 3
            elif unit["kind"] == "control":
                damaged = unit["sources"].index(f"control:{unit['control']}")
                assert row["answers"][damaged] == drawn.damaged[unit["item"], f"control:{unit['control']}"]
                assert not row["answers"][damaged].startswith(REFERENCE)


def test_orders_of_two_systems_alternate() -> None:
    assert Counter(balanced_orders(["a", "b"], 9, random.Random(1))).most_common()[0][1] == 5


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_damage_is_the_one_it_is_called(kind: Damage) -> None:
    damaged = perturb(REFERENCE, kind, OTHER, random.Random(3))
    assert damaged is not None
    steps = [line.split(". ", 1)[-1] for line in damaged.splitlines()]
    intact = [line.split(". ", 1)[1] for line in REFERENCE.splitlines()]
    expected = {
        "shuffle": sorted(steps) == sorted(intact) and steps != intact,
        "drop": len(steps) == 4 and set(steps) < set(intact),
        "duplicate": len(steps) == 6 and len(set(steps)) == 5,
        "negate": len(steps) == 5 and sum(step.startswith("Do not ") for step in steps) == 1,
        "foreign": len(steps) == 5 and len(set(steps) & {line.split(". ", 1)[1] for line in OTHER.splitlines()}) == 1,
        "unnumber": damaged == "\n".join(intact),
    }
    assert expected[kind]
    if kind != "unnumber":
        assert [line.split(".")[0] for line in damaged.splitlines()] == [str(n) for n in range(1, len(steps) + 1)]


def test_what_cannot_be_damaged_is_left_alone() -> None:
    assert perturb("Just do it.", "shuffle", OTHER, random.Random(1)) is None
    assert perturb("1. One.\n2. Two.", "drop", OTHER, random.Random(1)) is None
    assert perturb(REFERENCE, "foreign", "", random.Random(1)) is None


def test_negation_is_in_the_answers_language_and_turns_a_prohibition_round() -> None:
    damaged = perturb("1. Buka.\n2. Ketuk Simpan.\n3. Tutup.", "negate", OTHER, random.Random(1), "id")
    assert damaged == "1. Buka.\n2. Jangan ketuk Simpan.\n3. Tutup."
    assert (
        perturb("1. Open.\n2. Do not tap Save.\n3. Close.", "negate", OTHER, random.Random(1))
        == "1. Open.\n2. Tap Save.\n3. Close."
    )


def test_packets_say_nothing_of_systems_models_paths_times_or_items(tmp_path: Path) -> None:
    made = make_study(tmp_path / "folder-of-the-owner", raters=("anna", "ben", "cara"))
    body = read_key(made.key_file).body
    for rater in ("anna", "ben", "cara"):
        text = made.folder.packet_file(rater).read_text(encoding="utf-8")
        words = set(re.findall(r"[a-z0-9_.-]+", text.lower()))
        assert not words & {"baseline", "tuned", "human", "gemma", "gemma-3-270m", "mistral"}
        rows = [json.loads(line) for line in text.splitlines()[1:]]
        assert {(row["part"], *sorted(row)) for row in rows} == {
            ("practice", "answers", "notes", "part", "prompt", "unit"),
            ("rate", "answers", "part", "prompt", "unit"),
            ("guess", "answers", "part", "prompt", "unit"),
        }
        assert str(tmp_path) not in text
        assert "folder-of-the-owner" not in text
        assert not [item for item in body["items"] if item in text]
        assert not re.search(r"\d{4}-\d{2}-\d{2}|\d{2}:\d{2}:\d{2}|\b1[67]\d{8}\b", text)


@pytest.mark.parametrize(
    ("output", "reason", "kind"),
    [
        ("1. Ask <|im_end|> now.", "stop", "special token"),
        ("1. As an AI language model I cannot.", "stop", "assistant phrase"),
        ("1. ChatGPT says so.", "stop", "model name"),
        ("1. The tuned model says so.", "stop", "system name"),
        ("1. Open the lid.\n2. Then take", "stop", "tail looks cut"),
        ("1. Open the lid.", "length", "cut off"),
        ("", "stop", "empty"),
    ],
)
def test_the_leak_scan_finds(output: str, reason: str, kind: str) -> None:
    assert kind in [leak.kind for leak in find_leaks("tuned", "q1", output, reason, ("baseline", "tuned", "human"))]


def test_the_leak_scan_lets_ordinary_answers_be() -> None:
    assert (
        find_leaks(
            "tuned",
            "q1",
            '1. Talk to a human agent.\n2. Set a baseline and press "Go".',
            "stop",
            ("baseline", "tuned", "human"),
        )
        == []
    )


def test_a_control_is_far_from_its_original_and_practice_is_from_nobody_who_is_compared() -> None:
    for seed in range(12):
        drawn = draw(24, 2, 24, seed, control_share=0.25)
        for rater, rows in drawn.packets.items():
            units = [drawn.units[rater][row["unit"]] for row in rows]
            rated = [unit for unit in units if unit["kind"] in ("item", "control", "repeat")]
            for at, unit in enumerate(rated):
                if unit["kind"] == "control":
                    others = [
                        abs(at - place) for place, o in enumerate(rated) if o["item"] == unit["item"] and o != unit
                    ]
                    assert min(others) >= 6


def test_the_sealed_plan_names_no_system_and_practice_teaches_nobodys_style(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    plan = (made.folder.path / "plan.json").read_text(encoding="utf-8")
    assert not re.search(r"baseline|tuned|human|model|person", plan)
    key = read_key(made.key_file).body
    assert made.folder.plan(key["marks"]).comparisons == StudyPlan().comparisons
    answers = {json.loads(line)["text"] for line in made.folder.outputs_file.read_text(encoding="utf-8").splitlines()}
    references = {row.output for path in SAMPLE.glob("*.jsonl") for row in read_examples(path)}
    first, *rows = [json.loads(line) for line in made.folder.packet_file("anna").read_text("utf-8").splitlines()]
    practised = {text for row in rows if row["part"] == "practice" for text in row["answers"]}
    assert practised
    assert not practised & (answers | references)
    assert "nothing was wrong with it" in str(rows)
    assert first["guess_options"]
