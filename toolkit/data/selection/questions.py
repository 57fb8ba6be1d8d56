"""When two questions are the same: equal but for case, punctuation and the small words of asking, or nearly equal.

A question of the test that is also one of training is answered from memory, whatever the two answers say.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from toolkit.data.rows import Row
from toolkit.data.words.task_words import words
from toolkit.grams import comparable

# Jaccard of character 4-grams from which two questions are grouped, and the one from which the certificate fails: a
# search by MinHash misses one of a thousand pairs right at its limit.
GROUPED_FROM, CERTIFIED_FROM = 0.8, 0.85
# What "How do I reset my router?" and "How can I reset the router, please?" differ in.
SMALL_WORDS = words(
    "how do does can could should would to i we you one my your our the a an is it there any way please tell me help"
    " with what s best hi hello"
    " bagaimana gimana cara caranya saya aku anda kamu bisa bisakah apakah untuk tolong mohon ya dong sih"
)
WARN_FROM = 0.05  # share of questions that are asked more than once from which a card warns


def question_key(question: str) -> bytes:
    """16 bytes that equal questions share."""
    asked = comparable(question, "").split()
    said = [word for word in asked if word not in SMALL_WORDS] or asked
    return hashlib.blake2b(" ".join(said).encode("utf-8"), digest_size=16).digest()


def count_repeated(questions: Iterable[str]) -> int:
    """How many of the questions another one equals."""
    counts = Counter(map(question_key, questions))
    return sum(count for count in counts.values() if count > 1)


def comparable_question(row: Row) -> str:
    """A row's question in the form whose 4-grams are compared."""
    return comparable(row.prompt, "")
