import json
import random
from pathlib import Path

import pytest
from rouge_score import rouge_scorer

from toolkit.evaluation.rouge import lcs_length, rouge_l, rouge_lsum, tokenize, tokenizer_for

SAMPLE = Path(__file__).parents[3] / "recipes" / "sample" / "howto"


def peer(reference: str, candidate: str) -> float:
    return float(rouge_scorer.RougeScorer(["rougeL"]).score(reference, candidate)["rougeL"].fmeasure)


def ours(reference: str, candidate: str) -> float:
    return rouge_l(tokenize(reference), tokenize(candidate))


def test_equals_rouge_score_on_real_texts() -> None:
    texts = [
        json.loads(line)["output"]
        for path in sorted(SAMPLE.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    generator = random.Random(1)
    for _ in range(150):
        reference, candidate = generator.choice(texts), generator.choice(texts)
        assert ours(reference, candidate) == peer(reference, candidate)


def test_equals_rouge_score_on_random_texts() -> None:
    generator = random.Random(2)
    pieces = ["a", "b", "ab", "1.", "İ", "ß", "K", "é", "\x00", "\n", "- ", "𝟙", "foo_bar", "x1"]
    for _ in range(400):
        reference, candidate = (" ".join(generator.choices(pieces, k=generator.randint(0, 40))) for _ in range(2))
        assert ours(reference, candidate) == peer(reference, candidate)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("", "abc", 0), ("abc", "abc", 3), ("abcbdab", "bdcaba", 4), ("xmjyauz", "mzjawxu", 4)],
)
def test_longest_common_subsequence(left: str, right: str, expected: int) -> None:
    assert lcs_length(left, right) == expected


def test_published_example_of_lin() -> None:
    reference = "police killed the gunman"
    assert ours(reference, "police kill the gunman") == 0.75
    assert ours(reference, "the gunman kill police") == 0.5


def test_published_example_of_lin_for_the_union() -> None:
    found = rouge_lsum(
        [["w1", "w2", "w3", "w4", "w5"]], [["w1", "w2", "w6", "w7", "w8"], ["w1", "w3", "w8", "w9", "w5"]]
    )
    assert (found.recall, found.precision, round(found.f1, 4)) == (0.8, 0.4, 0.5333)
    assert rouge_lsum([], [["a"]]).f1 == 0.0


def test_union_equals_rouge_score_on_random_lines() -> None:
    generator = random.Random(5)
    scorer = rouge_scorer.RougeScorer(["rougeLsum"])
    for _ in range(200):
        reference, candidate = (
            "\n".join(" ".join(generator.choices("abcd", k=generator.randint(0, 7))) for _ in range(4))
            for _ in range(2)
        )
        theirs = scorer.score(reference, candidate)["rougeLsum"]
        ours = rouge_lsum(*([tokenize(line) for line in text.splitlines()] for text in (reference, candidate)))
        assert (ours.precision, ours.recall, ours.f1) == (theirs.precision, theirs.recall, theirs.fmeasure)


def test_reversed_lines_are_all_the_same_to_the_union() -> None:
    lines = [tokenize(line) for line in ("open the app", "choose settings", "tap wifi")]
    assert rouge_lsum(lines, lines[::-1]).f1 == 1.0


def test_unicode_tokenizer_keeps_other_scripts() -> None:
    assert tokenize("Öffne die Straße_1", "unicode") == ["öffne", "die", "strasse", "1"]
    assert tokenize("नमस्ते दुनिया", "unicode") == ["नमस्ते", "दुनिया"]
    assert tokenize("Öffne", "ascii") == ["ffne"]


def test_ten_thousand_words_take_no_time() -> None:
    generator = random.Random(3)
    words = [str(generator.randint(0, 500)) for _ in range(10_000)]
    assert rouge_l(words, words) == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Öffne die Einstellungen und wähle für alle Geräte.", "ascii"),
        ("Откройте приложение и нажмите Wi-Fi.", "unicode"),
        ("打开应用。", "unicode"),
        ("1. 2. 3.", "ascii"),
    ],
)
def test_the_tokenizer_keeps_the_letters_of_other_scripts(text: str, expected: str) -> None:
    assert tokenizer_for([text]) == expected
