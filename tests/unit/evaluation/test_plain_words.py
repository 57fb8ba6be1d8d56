"""An evaluation in plain words: what is claimed, for which language, and which question is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.evaluation.evaluation_samples import numbered, write_rows
from tests.unit.evaluation.test_evaluation_results import evaluated
from toolkit.commands.ending import _say_ending
from toolkit.records import write_json
from toolkit.results.document import Results
from toolkit.results.plain_words import plain_words, typical_example
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.layout import side_by_side

REFERENCES = [
    numbered("Open settings.", "Tap wifi.", "Choose on."),
    numbered("Press power.", "Wait for light.", "Sign in."),
    numbered("Close window.", "Save your file.", "Open app."),
    numbered("Turn it on.", "Choose account.", "Tap save."),
] * 4
PROSE = ["press the power button and wait"] * 16


@pytest.fixture
def bilingual(test_set: Callable[..., Path], tiny_bert: Path) -> Results:
    """12 English questions that the tuned model answers rightly, 4 Indonesian ones that it answers in prose."""
    folder = test_set(REFERENCES, {"baseline": PROSE, "tuned": [*REFERENCES[:12], *PROSE[12:]]})
    file = folder / "dataset" / "test.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for index, row in enumerate(rows):
        row["meta"]["language"] = "en" if index < 12 else "id"
    write_rows(file, rows)
    return evaluated(folder, ["baseline", "tuned"], tiny_bert)


def test_what_was_learnt_and_the_slices_by_language(bilingual: Results) -> None:
    first, by_language, weakest, *faults = plain_words(bilingual)
    assert first.startswith("tuned learnt to answer with one clean numbered list, to use the words of the right answer")
    assert by_language == "Clean numbered lists from tuned: 12 of 12 (baseline 0) in en, 0 of 4 (baseline 0) in id."
    assert weakest.startswith("Weakest: 0 of 4 answers are clean numbered lists where language is id, 95 % interval 0")
    assert faults[-1].startswith(
        "4 of 16 answers leave out more than half of the steps (baseline 16), for example to: How"
    )


def test_what_the_correction_does_not_let_stand_was_not_learnt(bilingual: Results) -> None:
    """The verdict speaks by Holm's p, and so do the words beside it."""
    changed = bilingual.model_copy(deep=True)
    [row] = [row for row in changed.comparisons if row.metric == "rouge_l"]
    row.p_holm = 0.06
    first = plain_words(changed)[0]
    assert row.conclusion == "uncorrected"
    assert "to use the words of the right answer" in first.partition("; not shown: ")[2]


def test_one_generic_list_for_all_questions_is_not_called_content(
    test_set: Callable[..., Path], tiny_bert: Path
) -> None:
    generic = [numbered("Open settings.", "Tap wifi.", "Choose on.")] * 16
    results = evaluated(test_set(REFERENCES, {"baseline": PROSE, "tuned": generic}), ["baseline", "tuned"], tiny_bert)
    first = plain_words(results)[0]
    assert first.startswith("tuned learnt to answer with one clean numbered list; not shown: that it learnt to use the")


def test_nothing_learnt_and_nothing_compared(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    folder = test_set(REFERENCES, {"baseline": PROSE, "tuned": PROSE})
    assert plain_words(evaluated(folder, ["baseline", "tuned"], tiny_bert))[0] == (
        "tuned was not shown to do better than baseline."
    )
    alone = evaluated(folder, ["tuned"], tiny_bert)
    assert (plain_words(alone), typical_example(alone)) == ([], None)


def test_a_repeated_step_and_an_answer_that_does_not_end_are_counted(
    test_set: Callable[..., Path], tiny_bert: Path
) -> None:
    repeated = numbered("Open settings.", "Tap wifi.", "Tap wifi.")
    folder = test_set(REFERENCES, {"baseline": PROSE, "tuned": [repeated, *REFERENCES[1:]]})
    file = folder / "tuned" / "predictions.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[3]["finish_reason"] = "length"
    write_rows(file, rows)
    results = evaluated(folder, ["baseline", "tuned"], tiny_bert)
    twice, unended = plain_words(results)[-2:]
    assert twice.startswith("1 of 16 answers say a step twice (baseline 0), for example to: ")
    assert unended.startswith("1 of 16 answers do not end (baseline 0), for example to: ")


def test_the_example_is_of_the_commonest_language_and_neither_the_best_nor_the_worst(bilingual: Results) -> None:
    example = typical_example(bilingual)
    assert example is not None
    shown = next(item for item in bilingual.items if item.prompt == example.prompt)
    gains = sorted(
        (item.scores["tuned"]["rouge_l"] or 0) - (item.scores["baseline"]["rouge_l"] or 0)
        for item in bilingual.items
        if item.language == "en"
    )
    assert shown.language == "en"
    assert (shown.scores["tuned"]["rouge_l"] or 0) - (shown.scores["baseline"]["rouge_l"] or 0) == gains[6]
    assert list(example.answers) == ["baseline", "tuned"]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_two_answers_side_by_side_keep_within_the_width(width: int) -> None:
    lines = side_by_side({"baseline": "日本語 " * 30 + "\n1. x", "tuned": "1. Open\n2. Close"}, width)
    from rich.cells import cell_len

    assert max(map(cell_len, lines)) <= width
    assert lines[0].split() == ["baseline", "|", "tuned"]


@pytest.mark.parametrize(("model", "says_next"), [("embedded:smollm2-135m-instruct", True), ("org/model", False)])
def test_only_a_trial_ends_with_what_to_do_next(
    bilingual: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, says_next: bool
) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_json(run.info_file, {"id": "run", "recipe": "pipeline", "model": model})
    _say_ending(run, bilingual)
    printed = capsys.readouterr().out
    assert printed.startswith(bilingual.verdict.plain[:60])
    assert "A typical question: How " in printed
    assert ("Next:" in printed) is says_next
