"""The grid of what a data set should cover, and which of its cells to ask a teacher for next.

The core of a cell is domain x app x task x register x language; persona and difficulty vary within it. Rows that are
there already count for the cells that they lie in, so that prompts go to the least covered ones.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from toolkit.data.rows import Row
from toolkit.options.teacher import GridOptions


@dataclass(frozen=True)
class Cell:
    """One prompt's place in the grid. `variation` counts the prompts of the same place from 1."""

    domain: str
    app: str
    task: str
    register: str
    language: str
    persona: str = ""
    difficulty: str = ""
    variation: int = 1

    @property
    def meta(self) -> dict[str, str]:
        values = {
            name: getattr(self, name)
            for name in ("domain", "app", "task", "register", "language", "persona", "difficulty")
        }
        return {name: value for name, value in values.items() if value}


def plan_cells(grid: GridOptions, languages: tuple[str, ...], rows: Iterable[Row], count: int, seed: int) -> list[Cell]:
    """`count` cells of the grid in these languages, always the least covered one next.

    Ties are broken by hash(seed, cell), so that the order of the axes does not matter.
    """
    cores = [
        (domain.name, app, task, register, language)
        for domain in grid.domains
        for app, task, register, language in product(domain.apps or ("",), domain.tasks, grid.registers, languages)
    ]
    covered = _covered(rows)
    heap = [(covered[core], _order(seed, core), core) for core in cores]
    heapq.heapify(heap)
    used: Counter[tuple[str, ...]] = Counter()
    planned = []
    for _ in range(count if heap else 0):
        times, order, core = heapq.heappop(heap)
        heapq.heappush(heap, (times + 1, order, core))
        persona = _least_used(grid.personas, used, core, seed)
        difficulty = _least_used(grid.difficulties, used, (*core, "difficulty"), seed)
        used[core] += 1
        planned.append(Cell(*core, persona=persona, difficulty=difficulty, variation=used[core]))
    return planned


def _covered(rows: Iterable[Row]) -> Counter[tuple[str, ...]]:
    """Rows per core; a row counts where all five of its keys are known."""
    keys = ("domain", "app", "task", "register", "language")
    return Counter(tuple(row.meta.get(key, "") for key in keys) for row in rows)


def _order(seed: int, core: Sequence[str]) -> str:
    return hashlib.sha256("\n".join([str(seed), *core]).encode()).hexdigest()


def _least_used(values: tuple[str, ...], used: Counter[tuple[str, ...]], core: tuple[str, ...], seed: int) -> str:
    """The value of a minor axis that this cell, and then the whole plan, has used least."""
    if not values:
        return ""
    chosen = min(values, key=lambda value: (used[(*core, value)], used[("all", value)], _order(seed, (*core, value))))
    used[(*core, chosen)] += 1
    used[("all", chosen)] += 1
    return chosen
