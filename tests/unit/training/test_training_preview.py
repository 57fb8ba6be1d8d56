"""The preview of `steptune run sft --dry-run`: counts, proof, and one row token by token."""

from pathlib import Path

import pytest

from toolkit.options.training import SftOptions
from toolkit.planning.token_preview import preview_lines, token_pieces
from toolkit.terminal.output import say_painted
from toolkit.training.prepared import prepare, preview


@pytest.fixture(scope="module")
def shown(tiny_model: Path, shared_dataset: Path) -> dict:
    options = SftOptions(model=str(tiny_model), data=shared_dataset, prompt_format="mistral_v0.2", max_length=40)
    return preview(prepare(options))


def test_tokens_join_to_the_text_and_only_the_answer_is_learned(shown: dict) -> None:
    assert (
        "".join(text for text, _ in shown["tokens"])
        == "<s> [INST] How do I reset my PIN? (train 0) [/INST] 1. Open the app.\n2. Tap Reset.</s>"
    )
    learned = "".join(text for text, is_learned in shown["tokens"] if is_learned)
    assert learned.strip() == "1. Open the app.\n2. Tap Reset.</s>"


def test_rows_that_are_left_out_are_named(shown: dict) -> None:
    lines = list(preview_lines(shown))
    left_out = shown["counts"]["train"]["too_long"]
    assert left_out == [f"train-{number}" for number in (1, 2, 4, 5, 7, 10, 13, 16, 17, 19, 20, 22, 23)]
    assert lines[0].startswith(f"train       {24 - len(left_out)} rows, ")
    assert lines[1].startswith(f"            left out, longer than max_length: {left_out[0]}, ")


def test_the_learned_part_is_marked_with_and_without_colour(shown: dict, capsys: pytest.CaptureFixture[str]) -> None:
    plain, coloured = (_painted(shown["tokens"], colour, capsys) for colour in (False, True))
    assert "[/INST]« 1. Open the app.\n2. Tap Reset.</s>»" in plain
    assert "\x1b" not in plain
    assert "\x1b[32m" in coloured
    assert "\x1b[90m" in coloured


def test_text_of_the_data_is_never_a_command_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert _painted([("a\x1b[2Jb\a", True)], False, capsys) == "«a\ufffdb\ufffd»\n"
    assert _painted([("a\x1b[2Jb\a", True)], True, capsys) == "\x1b[32ma\ufffdb\ufffd\x1b[0m\n"


def _painted(tokens: list[tuple[str, bool]], colour: bool, capsys: pytest.CaptureFixture[str]) -> str:
    say_painted(token_pieces(tokens, colour))
    return capsys.readouterr().out


def test_a_refusal_is_shown_in_place_of_the_preview() -> None:
    assert list(preview_lines({"error": "no rows", "exit_code": 2})) == ["Preview: no rows"]
