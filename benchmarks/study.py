"""The blind study: coverage of its intervals, balance of its packets, what verify names, and kill -9 while rating.

    make bench-eval

The coverage is simulated: three raters, 60 items, differences with an item, a rater and a residual part, rounded to
quarters as means of four criteria are. Beside each coverage stands that of an interval which takes all ratings for
independent.
"""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)  # this folder has a tui.py, which would hide the package
from benchmarks.report import finish  # noqa: E402
from tests.unit.review.kill_rating import kill_trials  # noqa: E402
from tests.unit.review.study_case import make_study, rate_all  # noqa: E402
from toolkit.errors import SteptuneError  # noqa: E402
from toolkit.review.study.closing import lock, unblind  # noqa: E402
from toolkit.review.study.create import Created  # noqa: E402
from toolkit.review.study.crossed import crossed_mean  # noqa: E402
from toolkit.review.study.folder import open_study  # noqa: E402
from toolkit.review.study.key import read_key  # noqa: E402
from toolkit.review.study.packet import Packet, find_packet, read_packet  # noqa: E402
from toolkit.review.study.verify import find_changes  # noqa: E402

ITEMS, RATERS, STUDIES, RESAMPLES = 60, 3, 600, 200
# Standard deviations of item, rater and residual of a difference: raters who agree, differ a little, differ as much as
# items do.
SPREADS = ((0.5, 0.0, 0.7), (0.5, 0.1, 0.7), (0.5, 0.2, 0.7), (0.5, 0.5, 0.7))
BYTE_CHANGES, KILLS = 400, 200
GIVES_AWAY = re.compile(
    r"\b(?:baseline|tuned|human|gemma|mistral|llama|gpt)\b|\d{4}-\d\d-\d\d|\b\d\d:\d\d:\d\d\b", re.IGNORECASE
)

COVERAGE = "crossed human interval, 3 raters, 60 items: lowest coverage"
ORDERS = "six orders per rater: largest difference of counts"
WORDS = "system and model names, items, paths, time stamps in packets"
CHANGES = "one-byte changes that verify does not name"
LOST = "kill -9 while rating: acknowledged ratings lost"


def main() -> int:
    return finish("study", *measure())


def measure() -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Values of the bars, and what is compared with them."""
    covered = [_coverage(spread, seed) for seed, spread in enumerate(SPREADS)]
    print(json.dumps({"coverage": dict(zip(map(str, SPREADS), covered, strict=True))}), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        unnamed = _unnamed_changes(Path(scratch) / "changed")
        kills = kill_trials(_packet(make_study(Path(scratch) / "killed", ("anna",))), KILLS)
        imbalance, told = _largest_imbalance_and_words(Path(scratch) / "drawn")
    values = {
        COVERAGE: min(found["crossed"] for found in covered),
        ORDERS: imbalance,
        WORDS: told,
        CHANGES: unnamed,
        LOST: kills.lost,
    }
    beside: dict[str, dict[str, Any]] = {
        COVERAGE: {
            "independent ratings": min(found["independent"] for found in covered),
            "percentiles": min(found["percentile"] for found in covered),
        },
        CHANGES: {"changes": BYTE_CHANGES},
        LOST: {"kills": kills.kills, "acknowledged": kills.acknowledged},
    }
    return values, beside


def _coverage(spread: tuple[float, float, float], seed: int) -> dict[str, float]:
    """Share of simulated studies whose interval holds the true difference, which is 0."""
    generator = random.Random(seed)
    item_sd, rater_sd, residual_sd = spread
    hits: Counter[str] = Counter()
    for study in range(STUDIES):
        items, raters = (
            [generator.gauss(0, item_sd) for _ in range(ITEMS)],
            [generator.gauss(0, rater_sd) for _ in range(RATERS)],
        )
        cells = {
            (f"i{i}", f"r{r}"): round(4 * (items[i] + raters[r] + generator.gauss(0, residual_sd))) / 4
            for i in range(ITEMS)
            for r in range(RATERS)
        }
        found = crossed_mean(cells, RESAMPLES, study)
        hits["crossed"] += found.ci95 is not None and found.ci95[0] <= 0 <= found.ci95[1]
        deviation = math.sqrt(sum((value - found.mean) ** 2 for value in cells.values()) / (len(cells) - 1))
        hits["independent"] += abs(found.mean) <= 1.96 * deviation / math.sqrt(len(cells))
        hits["percentile"] += _percentile_holds(cells, generator)
    return {name: round(count / STUDIES, 3) for name, count in hits.items()}


def _percentile_holds(cells: dict[tuple[str, str], float], generator: random.Random) -> bool:
    """The plain pigeonhole bootstrap: its percentiles, without the two corrections for few raters."""
    columns = [[cells[f"i{i}", f"r{r}"] for i in range(ITEMS)] for r in range(RATERS)]
    means = []
    for _ in range(RESAMPLES):
        items = generator.choices(range(ITEMS), k=ITEMS)
        means.append(
            sum(sum(map(columns[r].__getitem__, items)) for r in generator.choices(range(RATERS), k=RATERS))
            / (ITEMS * RATERS)
        )
    means.sort()
    return means[int(0.025 * RESAMPLES)] <= 0 <= means[int(0.975 * RESAMPLES)]


def _largest_imbalance_and_words(scratch: Path) -> tuple[int, int]:
    """Over several studies: each rater's counts of the six orders among ordinary units, and what packets say that they
    must not.
    """
    largest = told = 0
    for number, raters in enumerate((1, 2, 3, 5)):
        made = make_study(scratch / str(number), [f"r{n}" for n in range(raters)], count=40, items=34, core_items=10)
        body = read_key(made.key_file).body
        for rater, units in body["units"].items():
            orders = Counter(tuple(unit["sources"]) for unit in units.values() if unit["kind"] == "item")
            counts = [orders[order] for order in permutations(("baseline", "tuned", "human"))]
            largest = max(largest, max(counts) - min(counts))
            packet = made.folder.packet_file(rater).read_text(encoding="utf-8")
            told += (
                len(GIVES_AWAY.findall(packet))
                + packet.count(str(scratch))
                + sum(item in packet for item in body["items"])
            )
    return largest, told


def _unnamed_changes(scratch: Path) -> int:
    """Random single bytes of every file of a finished study, replaced, removed or added: how many changes verify does
    not name.
    """
    made = make_study(scratch / "original")
    for rater in ("anna", "ben"):
        rate_all(made, rater)
    lock(made.folder)
    unblind(made.folder, made.key_file)
    generator = random.Random(3)
    files = [path for path in sorted(made.folder.path.rglob("*")) if path.is_file()] + [made.key_file]
    unnamed = 0
    for number in range(BYTE_CHANGES):
        path = files[number % len(files)]
        original = path.read_bytes()
        path.write_bytes(_with_one_byte_changed(original, generator))
        named = "the key" if path == made.key_file else path.name
        unnamed += named not in _changes(made)
        path.write_bytes(original)
    shutil.rmtree(scratch)
    return unnamed


def _with_one_byte_changed(original: bytes, generator: random.Random) -> bytes:
    at = generator.randrange(len(original))
    kind = generator.randrange(3)
    if kind == 0:
        return original[:at] + bytes([original[at] ^ generator.randrange(1, 256)]) + original[at + 1 :]
    return original[:at] + (original[at + 1 :] if kind == 1 else bytes([generator.randrange(256)]) + original[at:])


def _changes(made: Created) -> str:
    folder = open_study(made.folder.path) if made.folder.manifest_file.is_file() else made.folder
    try:
        return "\n".join(find_changes(folder, read_key(made.key_file)))
    except SteptuneError as error:
        return f"the key: {error}"


def _packet(made: Created) -> Packet:
    return read_packet(find_packet(made.folder.path, None))


if __name__ == "__main__":
    sys.exit(main())
