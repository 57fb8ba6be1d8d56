"""Whether the base model has seen the test questions: twins, the difference against known truth, and a real model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.unit.generation.conftest import make_base
from toolkit.errors import ModelError
from toolkit.evaluation.contamination import Question, _batch_scores, _differences, cut, measure_contamination
from toolkit.evaluation.inputs import TestItem
from toolkit.options.evaluation import MetricOptions
from toolkit.runs.recorder import Recorder

RESTS = ["open a tight jar", "mend a flat tyre", "fold a large map", "boil a fresh egg", "clean an old pan"]
OWN = ["How do I", "How do I", "How can I", "How do I", "What is the best way to"]


class Words:
    """A tokenizer of whole words, each with an id of its own."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def __call__(self, text: str) -> Words:
        self.input_ids = [self.ids.setdefault(word, len(self.ids)) for word in text.split()]
        return self


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How do I  open a jar?", Question("How do I", " open a jar?", 0)),
        ("how to open a jar", Question("How to", " open a jar", 0)),
        ("What is the best way to open a jar?", Question("What is the best way to", " open a jar?", 0)),
        ("Bagaimana caranya membuka toples kaca?", Question("Bagaimana caranya", " membuka toples kaca?", 1)),
        ("How do I open?", None),
        ("Why does a jar not open?", None),
        ("How do icebergs float so well?", None),
    ],
)
def test_a_question_is_cut_after_a_known_opening(question: str, expected: Question | None) -> None:
    assert cut(question) == expected


@pytest.mark.parametrize("known", [0.0, 0.3])
def test_the_mean_is_what_the_own_opening_adds_whatever_openings_and_questions_are_like(known: float) -> None:
    generator = np.random.default_rng(0)
    tokenizer, of_opening = Words(), dict(zip(sorted(set(OWN)), generator.normal(size=3), strict=True))
    of_rest = dict(zip(RESTS, generator.normal(size=5), strict=True))
    cuts = [cut(f"{opening} {rest}") for opening, rest in zip(OWN, RESTS, strict=True)]
    own = {(tuple(tokenizer(o).input_ids), tuple(tokenizer(r).input_ids)) for o, r in zip(OWN, RESTS, strict=True)}
    values = {tuple(tokenizer(opening).input_ids): value for opening, value in of_opening.items()}
    values |= {tuple(tokenizer(rest).input_ids): value for rest, value in of_rest.items()}

    def score(pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[float]:
        for before, rest in pairs:
            both = (tuple(before), tuple(rest))
            yield values[both[0]] + values[both[1]] + known * (both in own)

    found = _differences([*cuts, None], tokenizer, score)  # type: ignore[arg-type]
    assert np.isnan(found[-1])
    assert found[:-1].mean() == pytest.approx(known)


def test_questions_that_all_open_alike_have_no_twin() -> None:
    cuts = [cut(f"How do I {rest}") for rest in RESTS]
    assert np.isnan(_differences(cuts, Words(), lambda pairs: iter([0.0] * len(pairs)))).all()  # type: ignore[arg-type]


def items(openings: Sequence[str] = OWN) -> list[TestItem]:
    return [
        TestItem(str(n), f"{opening} {rest}?", "1. x", f"g{n}")
        for n, (opening, rest) in enumerate(zip(openings, RESTS, strict=True))
    ]


def test_a_real_model_is_asked_for_the_rest_alone(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = make_base(tmp_path / "base")
    found = measure_contamination(str(base), items(), MetricOptions(), Recorder(None))
    assert (found.n, found.questions, found.openings) == (
        5,
        5,
        {"How can I": 1, "How do I": 3, "What is the best way to": 1},
    )
    assert found.ci95 is not None
    assert "nats a token" in found.text
    alone = measure_contamination(str(base), items(["How do I"] * 5), MetricOptions(), Recorder(None))
    assert (alone.n, alone.difference) == (0, None)
    assert "could not be measured: 0 of 5 test questions" in alone.text
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base).eval(), AutoTokenizer.from_pretrained(base)
    before, rest = tokenizer("How do I").input_ids, tokenizer(" open it").input_ids
    with torch.inference_mode():
        loss = model(
            input_ids=torch.tensor([[*before, *rest]]), labels=torch.tensor([[*[-100] * len(before), *rest]])
        ).loss
    scores = _batch_scores(model, [(before, rest), (before, [*rest, *rest])])
    assert scores[0] == pytest.approx(-float(loss), rel=1e-4)


def test_a_model_that_is_none_is_refused(test_set: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        measure_contamination(str(tmp_path / "nowhere"), items(), MetricOptions(), Recorder(None))
