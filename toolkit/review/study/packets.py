"""What each rater gets: units in a random order, with balanced orders of the answers, hidden controls and repeats,
practice first.

A packet row is `{"unit", "part", "prompt", "answers"}` and says nothing about items or systems; what each unit is
stands in the key alone. `part` is `practice`, `rate` or `guess`; practice rows also tell afterwards what was wrong
(`notes`).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from toolkit.damage import DAMAGES, Damage
from toolkit.records import JSON
from toolkit.review.study.perturb import perturb
from toolkit.review.study.plan import HUMAN, StudyPlan

ITEM, CONTROL, REPEAT, PRACTICE, GUESS = "item", "control", "repeat", "practice", "guess"
CONTROL_SOURCE = "control:"
_NOTES = {
    "intact": "nothing was wrong with it",
    "shuffle": "the steps were put into another order",
    "drop": "one step was taken out",
    "duplicate": "one step was there twice",
    "negate": "one step was turned into its opposite",
    "foreign": "one step came from another question",
    "unnumber": "the numbers were taken away",
}


@dataclass(frozen=True)
class Question:
    """One item of the study with the answer of every system (`human` is the reference)."""

    id: str
    prompt: str
    answers: Mapping[str, str]
    group: str
    language: str = "en"


@dataclass
class Drawn:
    """What was drawn: packet rows, and what each of a rater's units is, for the key."""

    packets: dict[str, list[JSON]] = field(default_factory=dict)
    units: dict[str, dict[str, JSON]] = field(default_factory=dict)
    damaged: dict[tuple[str, str], str] = field(default_factory=dict)  # (item, control:KIND) -> text


def draw_packets(
    questions: Sequence[Question],
    practice: Sequence[Question],
    raters: Sequence[str],
    plan: StudyPlan,
    generator: random.Random,
) -> Drawn:
    """One packet for each rater. `practice` are questions from outside the study and its systems (`practice.py`)."""
    systems = list(questions[0].answers)
    drawn = Drawn()
    for rater, items in assign([question.id for question in questions], raters, plan.core_items, generator).items():
        own = [question for question in questions if question.id in items]
        _draw_one(rater, own, questions, practice, systems, plan, generator, drawn)
    return drawn


def assign(items: Sequence[str], raters: Sequence[str], core: int, generator: random.Random) -> dict[str, set[str]]:
    """Who rates what: the core set for everyone, each other item for two raters, with equal loads."""
    shuffled = generator.sample(list(items), len(items))
    if len(raters) <= 2:
        return {rater: set(items) for rater in raters}
    given: dict[str, set[str]] = {rater: set(shuffled[:core]) for rater in raters}
    for item in shuffled[core:]:
        order = generator.sample(list(raters), len(raters))
        for rater in sorted(order, key=lambda name: len(given[name]))[:2]:
            given[rater].add(item)
    return given


def balanced_orders(systems: Sequence[str], count: int, generator: random.Random) -> list[tuple[str, ...]]:
    """`count` orders of the systems in which all permutations occur equally often, give or take one, in any prefix of
    whole blocks.
    """
    permutations = list(itertools.permutations(systems))
    orders: list[tuple[str, ...]] = []
    while len(orders) < count:
        orders += generator.sample(permutations, len(permutations))
    return orders[:count]


def _draw_one(
    rater: str,
    own: list[Question],
    questions: Sequence[Question],
    practice: Sequence[Question],
    systems: list[str],
    plan: StudyPlan,
    generator: random.Random,
    drawn: Drawn,
) -> None:
    generator.shuffle(own)
    controls = _controls(own, questions, math.ceil(plan.control_share * len(own)), generator, drawn)
    repeats = own[: math.ceil(plan.repeat_share * len(own))]  # early ones, so that their second time can be far away
    units: list[tuple[Question, JSON, Mapping[str, str]]] = [
        (question, {"kind": ITEM}, question.answers) for question in own
    ]
    hidden: list[tuple[Question, JSON, Mapping[str, str]]] = [
        (question, {"kind": REPEAT}, question.answers) for question in repeats
    ]
    for question, kind, text in controls:
        hidden.append((question, {"kind": CONTROL, "control": kind}, {**question.answers, HUMAN: text}))
    orders = balanced_orders(systems, len(units) + len(hidden), generator)
    placed = [(*unit, order) for unit, order in zip([*units, *hidden], orders, strict=True)]
    sequence = placed[: len(units)]
    for late in placed[len(units) :]:
        first = len(own) // 2 + len(repeats) if late[1]["kind"] == REPEAT else 0
        sequence.insert(_far_place([row[0].id for row in sequence], late[0].id, first, generator), late)
    writer = _Writer(generator)
    for question in practice[: plan.practice_units]:
        writer.practice(question, practice, len(systems))
    for question, what, answers, order in sequence:
        writer.unit("rate", question, what, answers, order)
    for question in generator.sample(own, min(plan.guess_units, len(own))):
        writer.unit(
            "guess", question, {"kind": GUESS}, question.answers, tuple(generator.sample(systems, len(systems)))
        )
    drawn.packets[rater], drawn.units[rater] = writer.rows, writer.key


def _far_place(items: Sequence[str], item: str, first: int, generator: random.Random) -> int:
    """A random place, from `first` on, that is far from the other units about the same question: a third of the packet
    where there is one, else half of that, and so on. Units that are put in later only move them further apart.
    """
    places = [at for at, other in enumerate(items) if other == item]
    gap = len(items) // 3
    while gap:
        free = [
            at
            for at in range(min(first, len(items)), len(items) + 1)
            if all(at - place > gap or place - at >= gap for place in places)
        ]
        if free:
            return generator.choice(free)
        gap //= 2
    return len(items)


def _controls(
    own: list[Question], questions: Sequence[Question], count: int, generator: random.Random, drawn: Drawn
) -> list[tuple[Question, str, str]]:
    """Damaged references: of questions that this rater does not see intact where there are such, all kinds equally
    often.
    """
    names = {question.id for question in own}
    others = [question for question in questions if question.id not in names]
    waiting = generator.sample(others, len(others)) + own[::-1]
    kinds = itertools.cycle(generator.sample(DAMAGES, len(DAMAGES)))
    found: list[tuple[Question, str, str]] = []
    for question in waiting:
        if len(found) == count:
            break
        for kind in itertools.islice(kinds, len(DAMAGES)):
            text = drawn.damaged.get((question.id, CONTROL_SOURCE + kind)) or _damage(
                question, kind, questions, generator
            )
            if text is not None:
                drawn.damaged[question.id, CONTROL_SOURCE + kind] = text
                found.append((question, kind, text))
                break
    return found


def _damage(question: Question, kind: Damage, questions: Sequence[Question], generator: random.Random) -> str | None:
    others = [other for other in questions if other.id != question.id]
    foreign = generator.choice(others).answers[HUMAN] if others else ""
    return perturb(question.answers[HUMAN], kind, foreign, generator, question.language)


class _Writer:
    """Collects a packet's rows and the key's entries for them."""

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        self.rows: list[JSON] = []
        self.key: dict[str, JSON] = {}

    def unit(self, part: str, question: Question, what: JSON, answers: Mapping[str, str], order: Sequence[str]) -> None:
        name = self._name()
        self.rows.append(
            {"unit": name, "part": part, "prompt": question.prompt, "answers": [answers[system] for system in order]}
        )
        damaged = CONTROL_SOURCE + what["control"] if what["kind"] == CONTROL else HUMAN
        sources = [damaged if system == HUMAN else system for system in order]
        self.key[name] = {"item": question.id, **what, "sources": sources}

    def practice(self, question: Question, questions: Sequence[Question], count: int) -> None:
        """The intact answer and damaged ones, in a random order."""
        variants = {"intact": question.answers[HUMAN]}
        for kind in self.generator.sample(DAMAGES, len(DAMAGES)):
            if len(variants) < count and (text := _damage(question, kind, questions, self.generator)):
                variants[kind] = text
        order = self.generator.sample(list(variants), len(variants))
        name = self._name()
        texts = [variants[kind] for kind in order]
        self.rows.append(
            {
                "unit": name,
                "part": PRACTICE,
                "prompt": question.prompt,
                "answers": texts,
                "notes": [_NOTES[kind] for kind in order],
            }
        )
        self.key[name] = {"item": question.id, "kind": PRACTICE, "sources": order}

    def _name(self) -> str:
        return f"u{self.generator.getrandbits(48):012x}"
