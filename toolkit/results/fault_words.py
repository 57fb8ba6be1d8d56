"""Faults of answers as they are said to people: "more of its answers ...", "3 of 48 answers ..."."""

from __future__ import annotations

FAULT_WORDS = {
    "repeats_step": "say a step twice",
    "cut_off": "do not end",
    "inverted_order": "put steps in the reverse order",
    "opposite": "tell to do the opposite",
    "incomplete": "leave out more than half of the steps",
}
