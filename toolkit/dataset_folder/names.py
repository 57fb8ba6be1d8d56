"""The names in the folder of a data set."""

from __future__ import annotations

SPLITS = ("train", "validation", "test")
LEDGER_FILE = "ledger.jsonl"  # where every row of the input ended, and why
CERTIFICATE_FILE = "leak_certificate.json"
REVIEW_FILE = "review.jsonl"  # the rows that a person should look at
CARD_FILE = "card.json"
CARD_TEXT_FILE = "card.md"


def split_file(split: str) -> str:
    """The file of a split's rows."""
    return f"{split}.jsonl"
