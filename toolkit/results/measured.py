"""The numbers that `--fail-under` knows (toolkit.results.metrics), each found in results.json with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.results.document import AboveFloor, Metric, Results
from toolkit.results.headline import headline_of
from toolkit.results.metrics import COMPARED, split_name
from toolkit.results.parts import Interval


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval and n; None where there is none."""

    value: float | None
    ci95: Interval | None
    n: int


NOTHING = Measured(None, None, 0)


def measured(results: Results, name: str) -> Measured:
    """The number of the headline's system; NOTHING where results.json does not hold it."""
    number, by, value = split_name(name)
    metric = next(known for known in sorted(COMPARED, key=len, reverse=True) if number.startswith(known))
    kind = number.removeprefix(metric)
    system = headline_of(results).system
    return _of_slice(results, system, metric, kind, by, value) if by else _of_all(results, system, metric, kind)


def _of_all(results: Results, system: str, metric: str, kind: str) -> Measured:
    found = results.systems[system].metrics[metric]
    if not kind:
        return Measured(found.mean, found.ci95, found.n)
    if kind == "_above_floor":
        return _of_part(found.above_floor, found)
    row = next((row for row in results.comparisons if (row.a, row.metric) == (system, metric)), None)
    if row is None:
        return NOTHING
    if kind == "_difference":
        return Measured(row.difference, row.ci95, row.n)
    return Measured(row.above_floor.difference, row.above_floor.ci95, row.n) if row.above_floor else NOTHING


def _of_part(part: AboveFloor | None, metric: Metric) -> Measured:
    return Measured(part.difference, part.ci95, metric.n) if part else NOTHING


def _of_slice(results: Results, system: str, metric: str, kind: str, by: str, value: str) -> Measured:
    part = next((part for part in results.slices if (part.by, part.value) == (by, value)), None)
    number = part.numbers.get(system, {}).get(metric) if part else None
    if number is None:
        return NOTHING
    if not kind:
        return Measured(number.mean, number.ci95, number.n)
    found = {
        "_difference": number.difference,
        "_above_floor": number.above_floor,
        "_above_floor_difference": number.above_floor_difference,
    }[kind]
    return Measured(found.difference, found.ci95, number.n) if found else NOTHING
