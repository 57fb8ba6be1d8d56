"""Did the raters know what they saw? Bang's blinding index from their guesses at the end.

Bang, Ni and Davis, "Assessment of blinding in clinical trials", 2004. Per system: 0 = guessed as if by chance, 1 = all
guesses right, negative = mistaken for something else. "Don't know" counts as 0 and stays in the denominator. With more
than two possible answers a wrong guess weighs 1 / (options - 1), so that guessing at random still gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.records import JSON
from toolkit.review.study.crossed import CrossedMean, crossed_mean


@dataclass(frozen=True)
class Guess:
    """One guess about one answer; `guessed` is None for "don't know"."""

    item: str
    rater: str
    system: str
    guessed: str | None


def blinding_index(
    guesses: Sequence[Guess], system: str, options: int, samples: int, seed: int
) -> tuple[JSON, CrossedMean | None]:
    """Counts of right, wrong and no guesses about a system's answers, and the index with its interval; None without a
    guess.
    """
    own = [guess for guess in guesses if guess.system == system]
    right = sum(guess.guessed == system for guess in own)
    unsure = sum(guess.guessed is None for guess in own)
    counts: JSON = {"n": len(own), "right": right, "wrong": len(own) - right - unsure, "dont_know": unsure}
    if not own:
        return counts, None
    cells = {
        (guess.item, guess.rater): 0.0
        if guess.guessed is None
        else 1.0
        if guess.guessed == system
        else -1.0 / max(1, options - 1)
        for guess in own
    }
    return counts, crossed_mean(cells, samples, seed)
