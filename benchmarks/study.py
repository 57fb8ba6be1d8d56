"""The blind study: coverage and power of its intervals, balance of its packets, what verify names after the lock, and
kill -9 while rating.

    make bench-eval

Differences are simulated with an item, a rater and a residual part, rounded to quarters as means of four criteria are.
Each of the twelve designs has its own assignment of questions to raters, as `steptune study new` draws it; the
difference is the smallest that the plan promises to find with 80 % power. Beside the coverage stands that of an
interval which takes all ratings for independent. Tampering: `tests/unit/review/tampering.py`.
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
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)  # this folder has a tui.py, which would hide the package
from benchmarks.report import finish  # noqa: E402
from tests.unit.review.kill_rating import kill_trials  # noqa: E402
from tests.unit.review.study_case import make_study, rate_all  # noqa: E402
from tests.unit.review.tampering import KINDS, named_changes, tamper  # noqa: E402
from toolkit.errors import SteptuneError  # noqa: E402
from toolkit.review.study.closing import lock, unblind  # noqa: E402
from toolkit.review.study.create import Created  # noqa: E402
from toolkit.review.study.crossed import Design  # noqa: E402
from toolkit.review.study.folder import open_study  # noqa: E402
from toolkit.review.study.key import read_key  # noqa: E402
from toolkit.review.study.packet import Packet, find_packet, read_packet  # noqa: E402
from toolkit.review.study.packets import assign  # noqa: E402
from toolkit.review.study.plan import Assumptions  # noqa: E402
from toolkit.review.study.power import Power  # noqa: E402
from toolkit.review.study.verify import find_changes  # noqa: E402

STUDIES = 2000


@dataclass(frozen=True)
class Simulated:
    """A design and how much items, raters and what is left differ (standard deviations, as the plan assumes them)."""

    raters: int
    items: int
    core: int
    rater_sd: float
    item_sd: float = 0.6
    residual_sd: float = 0.8


DESIGNS = (
    Simulated(3, 60, 60, 0.0),
    Simulated(3, 60, 60, 0.15),
    Simulated(3, 60, 20, 0.15),
    Simulated(3, 60, 20, 0.3),
    Simulated(3, 60, 60, 0.5),
    Simulated(3, 120, 30, 0.2),
    Simulated(4, 60, 20, 0.15),
    Simulated(4, 80, 20, 0.4),
    Simulated(5, 60, 20, 0.2, 0.4, 0.9),
    Simulated(5, 100, 20, 0.3),
    Simulated(6, 60, 10, 0.4),
    Simulated(8, 120, 20, 0.2),
)
CHANGES_MADE, BYTE_CHANGES, KILLS = 400, 400, 200
GIVES_AWAY = re.compile(
    r"\b(?:baseline|tuned|human|gemma|mistral|llama|gpt)\b|\d{4}-\d\d-\d\d|\b\d\d:\d\d:\d\d\b", re.IGNORECASE
)

COVERAGE = "interval over items and raters, 12 designs: lowest coverage"
WIDEST = "interval over items and raters, 12 designs: highest coverage"
POWER_OFF = "power, 12 designs: largest distance from the promised 80 % (points)"
ORDERS = "six orders per rater: largest difference of counts"
WORDS = "system and model names, items, paths, time stamps in packets"
TAMPERED = "tampering after the lock that verify --lock does not name"
CHANGES = "one-byte changes that verify does not name"
LOST = "kill -9 while rating: acknowledged ratings lost"


def main() -> int:
    return finish("study", *measure())


def measure() -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Values of the bars, and what is compared with them."""
    found = [_simulate(design, seed) for seed, design in enumerate(DESIGNS)]
    print(json.dumps({"designs": dict(zip(map(str, DESIGNS), found, strict=True))}, indent=1), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        unnamed = _unnamed_changes(Path(scratch) / "changed")
        tampered = _unnamed_tampering(Path(scratch) / "tampered")
        kills = kill_trials(_packet(make_study(Path(scratch) / "killed", ("anna",))), KILLS)
        imbalance, told = _largest_imbalance_and_words(Path(scratch) / "drawn")
    values = {
        COVERAGE: min(each["coverage"] for each in found),
        WIDEST: max(each["coverage"] for each in found),
        POWER_OFF: max(abs(100 * each["power"] - 80) for each in found),
        ORDERS: imbalance,
        WORDS: told,
        TAMPERED: tampered,
        CHANGES: unnamed,
        LOST: kills.lost,
    }
    beside: dict[str, dict[str, Any]] = {
        COVERAGE: {"independent ratings": min(each["independent"] for each in found)},
        TAMPERED: {"changes": CHANGES_MADE, "kinds": len(KINDS)},
        CHANGES: {"changes": BYTE_CHANGES},
        LOST: {"kills": kills.kills, "acknowledged": kills.acknowledged},
    }
    return values, beside


def _simulate(simulated: Simulated, seed: int) -> dict[str, float]:
    """Of studies whose true difference is the smallest that the plan promises: shares whose interval lies above 0,
    holds the truth, and would hold it if ratings were independent.
    """
    generator = random.Random(seed)
    raters = [f"r{number}" for number in range(simulated.raters)]
    given = assign([f"i{number}" for number in range(simulated.items)], raters, simulated.core, generator)
    cells = sorted((item, rater) for rater, items in given.items() for item in items)
    design = Design(cells)
    assumed = Assumptions(item_sd=simulated.item_sd, rater_sd=simulated.rater_sd, residual_sd=simulated.residual_sd)
    effect = Power(design, assumed).smallest() or 0.0
    hits: Counter[str] = Counter()
    for _ in range(STUDIES):
        item = {f"i{number}": generator.gauss(0, simulated.item_sd) for number in range(simulated.items)}
        rater = {name: generator.gauss(0, simulated.rater_sd) for name in raters}
        values = [
            round(4 * (effect + item[i] + rater[r] + generator.gauss(0, simulated.residual_sd))) / 4 for i, r in cells
        ]
        found = design.mean(values)
        low, high = found.ci95 or (0.0, 0.0)
        hits["power"] += low > 0
        hits["coverage"] += low <= effect <= high
        deviation = math.sqrt(sum((value - found.mean) ** 2 for value in values) / (len(values) - 1))
        hits["independent"] += abs(found.mean - effect) <= 1.96 * deviation / math.sqrt(len(values))
    return {"promised at": round(effect, 3), **{name: count / STUDIES for name, count in hits.items()}}


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


def _unnamed_tampering(scratch: Path) -> int:
    """Changes of every kind to a locked and opened study, by somebody with the key and all files: how many the
    handed-out hash does not show.
    """
    made = make_study(scratch / "original")
    for rater in ("anna", "ben"):
        rate_all(made, rater)
    lock(made.folder)
    unblind(made.folder, made.key_file)
    handed_out, unnamed = made.folder.lock_hash(), 0
    assert named_changes(made, handed_out) == []
    for number in range(CHANGES_MADE):
        place = scratch / str(number)
        shutil.copytree(made.folder.path, place / "study")
        shutil.copy2(made.key_file, place / "study.key")
        copy = Created(open_study(place / "study"), place / "study.key", made.sample)
        tamper(copy, KINDS[number % len(KINDS)], random.Random(number))
        unnamed += not named_changes(copy, handed_out)
        shutil.rmtree(place)
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
