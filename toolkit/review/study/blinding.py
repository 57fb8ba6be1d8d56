"""Did the raters know what they saw? Bang's blinding index from their guesses at the end.

Bang, Ni and Davis, "Assessment of blinding in clinical trials", 2004. Per system: 0 = guessed as if by chance, 1 = all
guesses right, negative = mistaken for something else. "Don't know" counts as 0 and stays in the denominator. With more
than two possible answers a wrong guess weighs 1 / (options - 1), so that guessing at random still gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.results.study import Blinding
from toolkit.review.study.crossed import crossed_mean


@dataclass(frozen=True)
class Guess:
    """One guess about one answer; `guessed` is None for "don't know"."""

    item: str
    rater: str
    system: str
    guessed: str | None


def blinding_index(guesses: Sequence[Guess], system: str, options: int) -> Blinding:
    """Counts of right, wrong and no guesses about a system's answers, and the index with its interval; `options` is how
    many answers are possible.
    """
    own = [guess for guess in guesses if guess.system == system]
    right = sum(guess.guessed == system for guess in own)
    unsure = sum(guess.guessed is None for guess in own)
    found = Blinding(
        n=len(own),
        right=right,
        wrong=len(own) - right - unsure,
        dont_know=unsure,
        value=None,
        ci95=None,
        note="no guesses",
    )
    if not own:
        return found
    cells = {
        (guess.item, guess.rater): 0.0
        if guess.guessed is None
        else 1.0
        if guess.guessed == system
        else -1.0 / max(1, options - 1)
        for guess in own
    }
    index = crossed_mean(cells)
    found.value, found.ci95, found.note = index.mean, index.ci95, index.note
    return found
