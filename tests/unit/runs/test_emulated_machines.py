"""Doctor, preflight and choices on every emulated machine against its golden; docs/gpus.md is made of the same."""

from __future__ import annotations

from functools import cache

import pytest
from mistral_common.protocol.instruct.messages import AssistantMessage, UserMessage
from mistral_common.protocol.instruct.request import InstructRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

from tests.emulated.first_hour import FIRST_HOUR, first_hour
from tests.emulated.look import SAMPLE, Found, look_at
from tests.emulated.machines import BY_NAME, MACHINES
from tests.emulated.pages import GOLDENS, PAGE, page
from toolkit.bundled import recipes_dir
from toolkit.settings import SftSettings
from toolkit.training.rows import load_rows

AGAIN = "`make gpu-pages` writes goldens and docs/gpus.md again"


@cache
def found(name: str) -> Found:
    return look_at(BY_NAME[name])


@pytest.mark.parametrize("name", BY_NAME)
def test_what_steptune_says_on_the_machine(name: str) -> None:
    golden = GOLDENS / f"{name}.txt"
    assert golden.is_file(), AGAIN
    assert found(name).golden == golden.read_text(encoding="utf-8"), AGAIN


def test_the_page_of_the_cards_is_up_to_date() -> None:
    assert page([found(machine.name) for machine in MACHINES]) == PAGE.read_text(encoding="utf-8"), AGAIN
    assert first_hour([found(machine.name) for machine in MACHINES]) == FIRST_HOUR.read_text(encoding="utf-8"), AGAIN
    assert {path.stem for path in GOLDENS.glob("*.txt")} == set(BY_NAME), AGAIN


def test_the_tokens_of_the_sample_are_those_of_mistral_common() -> None:
    encoder = MistralTokenizer.v1().instruct_tokenizer
    rows = load_rows(recipes_dir() / "sample" / "howto", SftSettings().validation_share).train
    lengths = [
        len(
            encoder.encode_instruct(
                InstructRequest(messages=[UserMessage(content=row.prompt), AssistantMessage(content=row.output)])
            ).tokens
        )
        for row in rows
    ]
    assert {"rows": len(lengths), "tokens": sum(lengths), "longest": max(lengths)} == SAMPLE


def test_every_machine_can_or_says_why_not() -> None:
    for machine in MACHINES:
        for look in found(machine.name).looks:
            assert look.plan is not None or look.problem
