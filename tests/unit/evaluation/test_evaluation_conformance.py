import pytest

from benchmarks.evaluation_format import disagreements, judged_answers
from toolkit.evaluation.conformance import CHECKS, check_format, failures_by_check

GOOD = "1. Open it.\n2. Close it.\n3. Wait."


def failed(text: str, finish_reason: str | None = "stop") -> set[str]:
    return {name for name, passed in check_format(text, finish_reason, 2, 4).checks.items() if not passed}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "1) A\n2) B",
        "Step 1: A\nStep 2: B",
        "**1.** A\n**2.** B",
        "① A\n② B",
        "#### 1. A\nfirst\n#### 2. B\nsecond",
        "#### 1. Open\n\nOpen the box.\n\n#### 2. Close\n\nClose the box.",
        "1. Open it:\n   - slowly\n   - with care\n\n2. Type `a < b` and press <Enter>.",
        "1. Open it.\n\n   It may take a while.\n\n2. Choose what you hope helps.",
        "1. Turn it on\n2. Sign in",
        "1. Open it\n2. Press A",
    ],
)
def test_one_numbered_list_in_one_style_conforms(text: str) -> None:
    assert failed(text) == set()
    assert check_format(text, "stop", 2, 4).conforms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2. A\n3. B", {"starts_at_1"}),
        ("1. A\n3. B", {"no_gap"}),
        ("1. A\n1. B", {"no_gap"}),
        ("1. A\n2) B", {"one_style"}),
        ("1. A\n2.\n3. C", {"no_empty_step"}),
        ("1. A\n2. **", {"no_empty_step"}),
        ("1. Open it.\n2. open  IT", {"no_repeated_step"}),
        ("Sure:\n1. A\n2. B", {"nothing_before"}),
        ("1. A\n2. B\n\nBye.", {"nothing_after"}),
        ("1. Open it.\n2. Wait.\nI hope this helps!", {"nothing_after"}),
        ("1. Open it\n2. Wait\nI hope this helps!", {"nothing_after"}),
        ("1. Buka.\n2. Tunggu. Semoga membantu!", {"nothing_after"}),
        ("1. Open it.\n\nNow the second part begins.\n\n2. Wait.", {"nothing_between"}),
        ("1. Open it.\n2. Wait.<|im_end|>", {"no_special_token"}),
        ("1. Open it.\n2. Wait.</s>", {"no_special_token"}),
        ("1. Open it.\n2. Wait for the", {"not_broken_off"}),
        ("1. Open it.\n2. Wait, then (", {"not_broken_off"}),
        ("1. Buka.\n2. Tunggu untuk", {"not_broken_off"}),
        ("1. A", {"step_count_in_range"}),
        ("1. A\n2. B\n3. C\n4. D\n5. E", {"step_count_in_range"}),
        ("", set(CHECKS) - {"not_cut_off", "no_special_token"}),
    ],
)
def test_each_check_finds_its_fault(text: str, expected: set[str]) -> None:
    assert failed(text) == expected


@pytest.mark.parametrize("reason", ["length", None, "", "abort", "error"])
def test_an_answer_that_did_not_end_by_itself_is_cut_off(reason: str | None) -> None:
    assert failed(GOOD, reason) == {"not_cut_off"}


def test_failures_are_counted_by_check() -> None:
    counts = failures_by_check([check_format(text, "stop", 2, 4) for text in (GOOD, "1. A\n3. B", "2. A\n4. B")])
    assert {name: count for name, count in counts.items() if count} == {"starts_at_1": 1, "no_gap": 2}


@pytest.mark.parametrize(
    "last",
    [
        "Öffnen Sie die Tür und",
        "Cliquez sur le",
        "Pulsa el botón para",
        "Нажмите кнопку в",
        "Fix the board with",
        "Run this:",
        "Choose **Save",
        "Run this:\n   ```\n   sudo apt",
        'Click on "Save',
        "See [the page](https://exam",
    ],
)
def test_an_answer_that_stops_in_the_middle_is_broken_off(last: str) -> None:
    assert failed(f"1. Open it.\n2. {last}") == {"not_broken_off"}


def test_whole_sentences_are_not_broken_off() -> None:
    assert not failed("1. Pick a folder\n2. Choose where you want to save it to")
    assert not failed('1. Cut 5" of tape.\n2. Type `(` or `"`.')


@pytest.mark.parametrize("remark", ["Viel Erfolg!", "J'espère que cela vous aide !", "¡Espero que te sirva!"])
def test_a_closing_remark_in_other_languages_fails(remark: str) -> None:
    assert failed(f"1. A b.\n2. C d. {remark}") == {"nothing_after"}


def test_the_grammar_agrees_with_hand_judged_answers() -> None:
    assert len(judged_answers()) == 200
    assert len(disagreements()) <= 10
