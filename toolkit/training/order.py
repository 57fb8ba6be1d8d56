"""The order of rows: shuffled anew each epoch, rows of similar length together, a pure function of seed and epoch.

transformers' LengthGroupedSampler draws from the global random state, so a run that resumes inside an epoch would meet
another order than the unbroken run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from torch.utils.data import Sampler

BATCHES_PER_POOL = 8


class LengthGroupedOrder(Sampler[int]):
    """Indices of all rows. Within pools of eight optimiser steps rows are sorted by length and cut into micro-batches,
    which are shuffled.

    A pool is large enough to save most of the padding and small enough to keep the order random over the epoch.
    """

    def __init__(self, lengths: list[int], micro_batch: int, rows_per_step: int, seed: int) -> None:
        self.lengths = lengths
        self.micro_batch = micro_batch
        self.pool = rows_per_step * BATCHES_PER_POOL
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        chance = random.Random(f"{self.seed}:{self.epoch}")
        order = list(range(len(self.lengths)))
        chance.shuffle(order)
        for start in range(0, len(order), self.pool):
            yield from self._grouped(order[start : start + self.pool], chance)

    def _grouped(self, pool: list[int], chance: random.Random) -> Iterator[int]:
        pool = sorted(pool, key=lambda index: -self.lengths[index])
        batches = [pool[start : start + self.micro_batch] for start in range(0, len(pool), self.micro_batch)]
        # Stays last, or it would shift the others' borders.
        short = batches.pop() if len(batches[-1]) < self.micro_batch else []
        chance.shuffle(batches)
        for batch in batches:
            yield from batch
        yield from short
