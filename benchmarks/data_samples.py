"""Made-up how-to rows for the data benchmarks: sentences of ordinary words, with near-duplicates, lineage, typing
errors and personal data.

Nothing here was used to fit anything: words are drawn from wordfreq's lists, people from Faker, by seeds of their own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache

from wordfreq import top_n_list

SEED = 2027
STEPS, STEP_WORDS, QUESTION_WORDS = 5, 11, 7
# One row in so many has personal data, is a near-copy, is a child of another.
PERSONAL_EVERY, COPY_EVERY, PARENT_EVERY = 10, 10, 20


@cache
def vocabulary(language: str) -> list[str]:
    return [word for word in top_n_list(language, 12_000) if word.isascii() and word.isalpha() and len(word) > 2]


def row(number: int) -> dict:
    """Row `number`, the same whoever asks: a near-copy of the row before it, or words drawn by its number."""
    if number % COPY_EVERY == COPY_EVERY - 1:
        return {**near_copy(row(number - 1), random.Random(SEED + number), changes=3), "id": f"r{number}"}
    chooser = random.Random(SEED + number)
    language = "id" if number % 3 == 0 else "en"
    words = vocabulary(language)
    question = (
        ("Bagaimana cara " if language == "id" else "How do I ")
        + " ".join(chooser.choices(words, k=QUESTION_WORDS))
        + "?"
    )
    steps = [" ".join(chooser.choices(words, k=STEP_WORDS)).capitalize() + "." for _ in range(STEPS)]
    if number % PERSONAL_EVERY == 0:
        steps.append(
            f"Write to person{number}@mail.example.com or call"
            f" 0812-{chooser.randint(1000, 9999)}-{chooser.randint(1000, 9999)}, ask for Susan Walker."
        )
    meta = {"language": language, "domain": "bench"} | (
        {"parent": f"r{number - 3}"} if number % PARENT_EVERY == 5 else {}
    )
    return {
        "id": f"r{number}",
        "prompt": question,
        "output": "\n".join(f"{at}) {step}" for at, step in enumerate(steps, start=1)),
        "meta": meta,
    }


def rows(count: int) -> Iterator[dict]:
    return (row(number) for number in range(count))


def near_copy(original: dict, chooser: random.Random, changes: int) -> dict:
    """A row with some words of its steps replaced."""
    words = re.split(r"(\s+)", original["output"])
    places = [at for at, word in enumerate(words) if word.isalpha()]
    for at in chooser.sample(places, min(changes, len(places))):
        words[at] = chooser.choice(vocabulary("en"))
    return {**original, "output": "".join(words)}


def typing_error(word: str, chooser: random.Random) -> str:
    """One letter left out, doubled up, changed or swapped, the first one kept."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    while True:
        at, letter = chooser.randrange(1, len(word)), chooser.choice(letters)
        swapped = word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
        wrong = chooser.choice(
            (word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], swapped)
        )
        if wrong != word and len(wrong) >= 5:
            return wrong
