"""Properties of the step parser, and the lines that only look like steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.evaluation.steps import parse_answer, render_steps, step_texts, strip_markers

PIECES = st.sampled_from(
    [
        "1.",
        "2)",
        "**1.**",
        "**2. ",
        "Step 3:",
        "langkah 4 - ",
        "#### 1. ",
        "①",
        "⑫ x",
        "- ",
        "* ",
        "\t",
        "  ",
        "    ",
        "\n",
        "\n\n",
        "\u00a0",
        "\u2028",
        "Open it.",
        "wait",
        "10 minutes later",
        "2024 was",
        "1.5 cups",
        "Done!",
        ":",
        "**",
        "__",
        "打开",
        "1、",
        "افتح",
        "١. ",
        "\x0c",
        "\x00",
        "7. 8. ",
    ]
)
ANSWERS = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=24).map("".join)


@given(st.lists(ANSWERS, max_size=5))
def test_rendered_steps_are_parsed_back(texts: list[str]) -> None:
    steps = [step.text for text in texts for step in parse_answer(text).steps]
    assert [step.text for step in parse_answer(render_steps(steps)).steps] == steps


@given(st.lists(st.from_regex(r"[A-Z][a-z0-9 .,()-]{0,30}[a-z.]", fullmatch=True), min_size=1, max_size=12))
def test_plain_sentences_survive_as_steps(sentences: list[str]) -> None:
    answer = parse_answer(render_steps(sentences))
    assert [step.text for step in answer.steps] == sentences
    assert [step.number for step in answer.steps] == list(range(1, len(sentences) + 1))
    assert (answer.before, answer.after) == ("", "")


@pytest.mark.parametrize(
    "line",
    [
        "10 minutes later",
        "2024 was a good year",
        "1.5 cups of flour",
        "3,5 cm",
        "1/2 teaspoon",
        "12:30 is noon",
        "5% off",
        "-1. Open",
        "v1. Open",
        "(1. Open",
    ],
)
def test_false_friends_start_no_step(line: str) -> None:
    assert parse_answer(line).steps == []
    assert parse_answer(f"1. Mix it.\n   {line}\n2. Bake it.").steps[0].text == f"Mix it.\n{line}"
    assert strip_markers(line) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1、打开\n2、关闭", ["打开", "关闭"]), ("١. افتح\n٢. أغلق", ["افتح", "أغلق"]), ("１．開く", ["開く"])],
)
def test_other_scripts_have_steps_too(text: str, expected: list[str]) -> None:
    assert [step.text for step in parse_answer(text).steps] == expected


def test_lines_of_an_answer_without_markers_are_its_steps() -> None:
    assert step_texts("Open it.\n\n- Close it.\n") == ["Open it.", "Close it."]
    assert step_texts("1. Open it.\n2.\n3. Close it.") == ["Open it.", "Close it."]
    assert step_texts(" \n") == []
