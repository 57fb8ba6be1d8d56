from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.rows import Batch, Row
from toolkit.data.selection.deduplicate import are_different_tasks, find_copies
from toolkit.data.selection.similarity import crossing_pairs, plan_bands, similar_pairs
from toolkit.grams import GramSets, comparable
from toolkit.runs.recorder import Recorder

PIN = (
    "1. Open the {app} app and sign in.\n2. Tap Profile, then Security settings.\n3. Choose Reset PIN and confirm with"
    " the code sent to your phone.\n4. Enter the new PIN twice."
)


def jaccard(left: str, right: str) -> float:
    """By the book: sets of the 4-grams themselves, a shorter text being one gram."""
    a, b = ({text[at : at + 4] for at in range(len(text) - 3)} or {text} for text in (left, right))
    return len(a & b) / len(a | b)


def row(name: str, prompt: str, output: str) -> Row:
    return Row("s", name, prompt=prompt, output=output, id=name)


def kept_and_dropped(*rows: Row) -> tuple[list[str], list[tuple[str, str, str]]]:
    batch = Batch(list(rows))
    batch = batch.without_copies(find_copies(batch.kept, 0.8, Recorder(None)))
    return [item.id for item in batch.kept], [(item.row.id, item.reason, item.kept_for) for item in batch.dropped]


def test_copies_are_left_out_for_the_first() -> None:
    a = row("a", "How do I reset my PIN?", PIN.format(app="Gojek"))
    b = row("b", "how do I reset my PIN", PIN.format(app="Gojek").replace(".\n", "\n"))
    c = row(
        "c", "How do I reset my PIN?", PIN.format(app="Gojek").replace("Choose", "Chose").replace("twice", "two times")
    )
    assert kept_and_dropped(a, b, c) == (["a"], [("b", "exact duplicate", "a"), ("c", "near-duplicate", "a")])


@pytest.mark.parametrize(
    ("left", "right", "left_app", "right_app"),
    [
        ("How do I reset the PIN in Gojek?", "How do I reset the PIN in DANA?", "Gojek", "DANA"),
        ("how do i reset the pin in gojek?", "how do i reset the pin in dana?", "Gojek", "DANA"),
        ("How do I reset the PIN on iOS 16?", "How do I reset the PIN on iOS 17?", "bank", "bank"),
        ("How do I turn the PIN on?", "How do I turn the PIN off?", "bank", "bank"),
        ("How do I move money from GoPay to OVO?", "How do I move money from OVO to GoPay?", "bank", "bank"),
        ("Bagaimana cara mengaktifkan PIN?", "Bagaimana cara menonaktifkan PIN?", "bank", "bank"),
    ],
)
def test_the_same_steps_for_another_name_are_another_task(left: str, right: str, left_app: str, right_app: str) -> None:
    a, b = row("a", left, PIN.format(app=left_app)), row("b", right, PIN.format(app=right_app))
    assert jaccard(comparable(a.prompt, a.output), comparable(b.prompt, b.output)) >= 0.7
    assert are_different_tasks(a, b)
    assert kept_and_dropped(a, b) == (["a", "b"], [])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("How do I reset the PIN in Gojek?", "How do I reset the PIN in Gojec?"),
        ("How do I reset the PIN in Gojek?", "How can I reset the PIN in Gojek?"),
        ("How do I reset the PIN?", "How do I reset the PIN in Gojek?"),
    ],
)
def test_typos_and_other_wording_are_the_same_task(left: str, right: str) -> None:
    a, b = row("a", left, PIN.format(app="Gojek")), row("b", right, PIN.format(app="Gojek"))
    assert kept_and_dropped(a, b) == (["a"], [("b", "near-duplicate", "a")])


def test_the_most_similar_earlier_row_is_the_one_that_is_named() -> None:
    base = PIN.format(app="Gojek")
    a = row("a", "How do I reset the PIN?", base)
    b = row("b", "How do I reset the PIN in iOS 16?", base.replace("twice", "two times over again"))
    c = row("c", "How do I reset the PIN in iOS 16?", base.replace("twice", "two times over and again"))
    kept, dropped = kept_and_dropped(a, b, c)
    assert ("c", "near-duplicate", "b" if "b" in kept else "a") in dropped


def test_markers_case_and_punctuation_do_not_count() -> None:
    assert comparable("How?", "1. Open C++, now!\n2. Close  it.") == "how open c++ now close it"


def test_narrow_bands_for_few_rows_and_wide_ones_for_rows_that_are_alike_by_chance() -> None:
    rng = random.Random(2)
    few = GramSets("".join(rng.choices("abcdefghijklmnopqrstuvwxyz ", k=200)) for _ in range(50))
    bands, rows = plan_bands(few, 0.8)
    assert 1 - (1 - 0.8**rows) ** bands >= 0.999
    alike = GramSets("open the settings and tap " + "".join(rng.choices("abcdef ", k=120)) for _ in range(3_000))
    assert plan_bands(alike, 0.55)[1] > plan_bands(few, 0.55)[1]


def test_candidates_and_exact_search_agree_with_comparing_all_pairs() -> None:
    rng = random.Random(5)
    vocabulary = [f"{a}{b}ra" for a in "bdfgklmnprst" for b in "aeiou"]
    texts: list[str] = []
    for _ in range(40):
        words = rng.choices(vocabulary, k=40)
        for changes in (0, 2, 6, 12):
            other = list(words)
            for _ in range(changes):
                other[rng.randrange(40)] = rng.choice(vocabulary)
            texts.append(" ".join(other))
    grams = GramSets(texts)
    expected = {(i, j) for j in range(len(texts)) for i in range(j) if jaccard(texts[i], texts[j]) >= 0.55}
    assert len(expected) > 100
    assert {(i, j) for i, j, _ in similar_pairs(grams, 0.55)} == expected
    half = len(texts) // 2 + 2
    assert {(i, half + j) for i, j, _ in crossing_pairs(GramSets(texts[:half]), GramSets(texts[half:]), 0.55)} == {
        (i, j) for i, j in expected if i < half <= j
    }


@given(
    st.lists(st.text(alphabet="ab ", max_size=30), max_size=8),
    st.lists(st.text(alphabet="ab ", max_size=30), max_size=8),
    st.sampled_from([0.3, 0.55, 0.8, 1.0]),
)
def test_the_exact_search_finds_every_crossing_pair(left: list[str], right: list[str], threshold: float) -> None:
    expected = [(i, j) for i in range(len(left)) for j in range(len(right)) if jaccard(left[i], right[j]) >= threshold]
    assert sorted((i, j) for i, j, _ in crossing_pairs(GramSets(left), GramSets(right), threshold)) == expected
