"""Curves of any length in bounded memory: the least and greatest value of each stretch of the x axis.

A series of 5 million points keeps at most `MAX_BUCKETS` stretches; no spike is lost, for each keeps its extremes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.records import JSON
from toolkit.terminal.numbers import as_number

MAX_BUCKETS = 2048
# Counters and clocks of a metrics line: not curves.
NOT_CURVES = frozenset({"time", "step", "epoch", "done", "total", "total_steps", "eta_s", "unit_s", "stage", "phase"})
# In this order where a run has them; the rest by name.
PREFERRED = ("loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_gib", "rows_per_second")


@dataclass(slots=True)
class Bucket:
    """The points of a stretch of the x axis."""

    x_first: float
    x_last: float
    low: float
    high: float
    last: float
    total: float
    count: int


class Series:
    """One curve. Points come in the order of the file; an x that goes back (a resumed run) starts over from there."""

    def __init__(self) -> None:
        self.buckets: list[Bucket] = []
        self.per_bucket = 1
        self.count = 0
        self.not_finite = 0
        self.last: float | None = None

    def add(self, x: float, y: float) -> None:
        self.count += 1
        if not math.isfinite(y) or not math.isfinite(x):
            self.not_finite += 1
            return
        if self.buckets and x < self.buckets[-1].x_last:
            while self.buckets and self.buckets[-1].x_first >= x:
                self.buckets.pop()
            if self.buckets:
                self.buckets[-1].x_last = min(self.buckets[-1].x_last, x)
        self.last = y
        if self.buckets and self.buckets[-1].count < self.per_bucket:
            bucket = self.buckets[-1]
            bucket.x_last, bucket.last = x, y
            bucket.low, bucket.high = min(bucket.low, y), max(bucket.high, y)
            bucket.total += y
            bucket.count += 1
            return
        self.buckets.append(Bucket(x, x, y, y, y, y, 1))
        if len(self.buckets) > MAX_BUCKETS:
            self._halve()

    def _halve(self) -> None:
        pairs = zip(self.buckets[::2], self.buckets[1::2], strict=False)
        merged = [
            Bucket(
                a.x_first,
                b.x_last,
                min(a.low, b.low),
                max(a.high, b.high),
                b.last,
                a.total + b.total,
                a.count + b.count,
            )
            for a, b in pairs
        ]
        if len(self.buckets) % 2:
            merged.append(self.buckets[-1])
        self.buckets = merged
        self.per_bucket *= 2

    def points(self) -> list[tuple[float, float, float, float]]:
        """(x, low, high, mean) of each stretch, x in its middle."""
        return [((b.x_first + b.x_last) / 2, b.low, b.high, b.total / b.count) for b in list(self.buckets)]


class Curves:
    """All curves of a metrics.jsonl by name, with what its newest lines say."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.newest: JSON = {}
        self.rows = 0

    def add(self, rows: Iterable[JSON]) -> None:
        newest = dict(self.newest)
        for row in rows:
            self.rows += 1
            x = _x_of(row, self.rows)
            for name, value in row.items():
                if name not in NOT_CURVES and (number := as_number(value)) is not None:
                    self._series(name).add(x, number)
            newest.update(row)
        self.newest = newest  # replaced whole, for screens read it from another thread

    def _series(self, name: str) -> Series:
        if name not in self.series and len(self.series) < 64:  # a damaged file must not make a curve a line
            self.series[name] = Series()
        return self.series.get(name) or Series()

    def names(self) -> list[str]:
        """Curves with at least one point, the ones that people look at first."""
        known = [name for name in PREFERRED if name in self.series]
        return [name for name in [*known, *sorted(set(self.series) - set(known))] if self.series[name].buckets]


def _x_of(row: JSON, index: int) -> float:
    for name in ("step", "done"):
        if (value := as_number(row.get(name))) is not None:
            return value
    return float(index)
