"""Seeded shuffles behind the floors: items paired with other items' references, and lines in random order."""

from __future__ import annotations

import random
from collections import Counter

SHUFFLES = 5  # a floor is the mean over this many


def other_items(groups: list[str], seed: int) -> list[list[int]]:
    """SHUFFLES lists that give each item another item's index; [] for a single item.

    The other item is of another group wherever no group holds more than half of the items: items are laid out
    group by group in random order and rotated by at least the largest group.
    """
    count = len(groups)
    if count < 2:
        return []
    generator = random.Random(seed)
    largest = max(Counter(groups).values())
    nearest = min(largest, count // 2)
    partners = []
    for _ in range(SHUFFLES):
        layout = _grouped_order(groups, generator)
        shift = generator.randint(nearest, count - nearest)
        partner = [0] * count
        for position, index in enumerate(layout):
            partner[index] = layout[(position + shift) % count]
        partners.append(partner)
    return partners


def shuffled_lines(text: str, seed: int) -> list[str]:
    """SHUFFLES versions of a text with its lines in random order."""
    generator = random.Random(seed)
    versions = []
    for _ in range(SHUFFLES):
        lines = text.splitlines()
        generator.shuffle(lines)
        versions.append("\n".join(lines))
    return versions


def _grouped_order(groups: list[str], generator: random.Random) -> list[int]:
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    blocks = list(members.values())
    generator.shuffle(blocks)
    for block in blocks:
        generator.shuffle(block)
    return [index for block in blocks for index in block]
