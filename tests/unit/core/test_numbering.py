"""One grammar of numbering: what data-build makes of an answer, what evaluation finds in it, and what stays."""

import pytest

from tests.unit.data.numbering_forms import FORMS, STEPS, UNDAMAGED
from toolkit.data.pages.written_steps import NoSteps, number_steps, parse_steps
from toolkit.evaluation.steps import step_texts
from toolkit.numbering import find_marks, written


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_steps_everywhere(form: str) -> None:
    assert parse_steps(FORMS[form])[0] == STEPS
    assert step_texts(FORMS[form]) == STEPS


@pytest.mark.parametrize("name", UNDAMAGED)
def test_numbers_of_the_text_stay(name: str) -> None:
    steps = UNDAMAGED[name]
    assert parse_steps(number_steps(steps))[0] == steps
    assert step_texts(number_steps(steps)) == steps
    for line in steps:
        assert find_marks([line]) == [None], line


@pytest.mark.parametrize("text", ["1- Open it.", "a) Open it.", "1.Open it.", "i. Open it.", "[1] See below."])
def test_a_doubtful_mark_alone_is_none(text: str) -> None:
    assert find_marks([text]) == [None]
    assert find_marks([text, "Close it."]) == [None, None]


def test_a_missing_space_between_good_marks_is_a_slip() -> None:
    assert parse_steps("1. Open it.\n2.Tap it.\n3. Close it.")[0] == ["Open it.", "Tap it.", "Close it."]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1. Open it.\n3. Tap it.\n4. Close it.", "a gap in the numbering: step 2 is missing"),
        ("1. Open it.\n5. Close it.", "a gap in the numbering: steps 2 to 4 are missing"),
        ("1. Open it.\n2. Tap it.\n1. Close it.", "two numbered lists in one answer"),
    ],
)
def test_steps_that_are_not_all_there_are_no_answer(text: str, reason: str) -> None:
    with pytest.raises(NoSteps, match=reason):
        parse_steps(text)


@pytest.mark.parametrize(
    ("style", "shown"),
    [("1.", "3."), ("Step 1:", "Step 3:"), ("①", "③"), ("**1.**", "**3.**"), ("a)", "c)"), ("I.", "III.")],
)
def test_a_mark_is_written_in_its_own_style(style: str, shown: str) -> None:
    assert written(style, 3) == shown
