"""The places of the top line, in its order: the one list behind navigation, keys, palette and what is restored at the
start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """`name` is the mode that the application switches to, `key` goes there from everywhere."""

    key: str
    title: str
    name: str


RUNS = Place("1", "Runs", "runs")
NEW = Place("2", "New", "new")
DATA = Place("3", "Data", "data")
RATE = Place("4", "Rate", "rate")
RESULTS = Place("5", "Results", "results")
DOCTOR = Place("6", "Doctor", "doctor")
QUEUE = Place("7", "Queue", "queue")
GPU = Place("8", "GPU", "gpu")
PLACES = (RUNS, NEW, DATA, RATE, RESULTS, DOCTOR, QUEUE, GPU)
HOME = RUNS
