import pytest

from toolkit.evaluation.steps import Step, parse_answer, strip_markers


@pytest.mark.parametrize(
    ("line", "style"),
    [
        ("1. Open it", "1."),
        ("1) Open it", "1)"),
        ("**1.** Open it", "**1.**"),
        ("**1. Open it**", "**1.**"),
        ("Step 1: Open it", "Step 1:"),
        ("**Step 1:** Open it", "**Step 1:**"),
        ("### Step 1 - Open it", "### Step 1"),
        ("Langkah 1: Open it", "Langkah 1:"),
        ("#### 1. Open it", "#### 1."),
        ("① Open it", "①"),
        ("  1. Open it", "1."),
    ],
)
def test_known_markers_start_a_step(line: str, style: str) -> None:
    steps = parse_answer(line).steps
    assert [(step.number, step.style) for step in steps] == [(1, style)]
    assert "Open it" in steps[0].text


@pytest.mark.parametrize(
    "line",
    [
        "10 minutes later",
        "2024 was good",
        "1.5 cups of rice",
        "2024. A year",
        "Step one",
        "Stepping 1: no",
        "3",
        "1.Open",
        "a. Open",
    ],
)
def test_other_lines_with_numbers_are_no_steps(line: str) -> None:
    assert parse_answer(line).steps == []
    assert strip_markers(line) == line


def test_continuation_and_nested_lines_belong_to_their_step() -> None:
    answer = parse_answer(
        "1. Open the box.\n   - Keep the lid.\n   1. Cut the tape.\n2. Wait\nfor the light.\n\n   It blinks.\n"
    )
    assert answer.steps == [
        Step(1, "1.", "Open the box.\n- Keep the lid.\n1. Cut the tape."),
        Step(2, "1.", "Wait\nfor the light.\n\n   It blinks."),
    ]
    assert (answer.before, answer.after) == ("", "")


def test_text_around_the_list_is_kept_apart() -> None:
    answer = parse_answer("Here is how:\n\n1. Open it.\n2. Close it.\n\nGood luck!")
    assert (answer.before, [step.text for step in answer.steps], answer.after) == (
        "Here is how:",
        ["Open it.", "Close it."],
        "Good luck!",
    )


def test_a_new_sentence_directly_below_the_last_step_is_outside() -> None:
    assert parse_answer("1. Open it.\n2. Close it.\nI hope this helps!").after == "I hope this helps!"


def test_the_paragraph_below_a_heading_is_the_step() -> None:
    answer = parse_answer("#### 1. Open\n\nTap the icon.\n\n#### 2. Close\n\nTap the cross.\n\nDone!")
    assert [step.text for step in answer.steps] == ["Open\n\nTap the icon.", "Close\n\nTap the cross."]
    assert answer.after == "Done!"


@pytest.mark.parametrize(
    "text", ["", " \n\n", "\x00", "**", "1.", "**1.**\n__2.__", "①", "<script>alert(1)</script>", "1. " * 5000]
)
def test_hostile_texts_are_parsed(text: str) -> None:
    parse_answer(text)
    strip_markers(text)


def test_markers_are_stripped_and_words_stay() -> None:
    assert strip_markers("Do:\n1. Open it\n  2) Add 1.5 cups\n- a tip\n**3. Bold** end\nStep 4: Wait 10 minutes") == (
        "Do:\nOpen it\nAdd 1.5 cups\na tip\nBold end\nWait 10 minutes"
    )
