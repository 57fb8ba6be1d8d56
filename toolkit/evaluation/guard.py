"""The forgetting guard: answers to the bundled items, checked by rule, and compared with the baseline's.

The claim is that a system is not worse than the baseline by `guard_margin` or more. A training that only teaches a form
can cost what the model could do before; the test set, whose questions are all of one kind, does not show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.inputs import System
from toolkit.evaluation.intervals import Floats
from toolkit.evaluation.proportions import paired_proportion_interval
from toolkit.guard import GuardItem, guard_fingerprint, read_guard_items
from toolkit.predictions import predictions_file, read_predictions
from toolkit.records import read_json
from toolkit.results.guard import Guard, GuardAnswer, GuardClaim, GuardPart, Outcome
from toolkit.results.headline import baseline_of
from toolkit.results.parts import Interval


def guard_systems(paths: Mapping[str, Path], systems: Sequence[System], margin: float) -> Guard | None:
    """The claims about the systems that have answers to the items; None where no answers were given.

    Raises:
        DataError: answers of a system that is not evaluated, none of the baseline or of any other, of other items, or
            of other weights than those of the system's predictions.
    """
    if not paths:
        return None
    named = {system.name: system for system in systems}
    baseline = baseline_of(named)
    _require_pairs(paths, named, baseline)
    items = read_guard_items()
    outputs = {name: _answers(named[name], path, items) for name, path in paths.items()}
    passed = {
        name: np.array([item.passes(text) for item, text in zip(items, texts, strict=True)], dtype=np.float64)
        for name, texts in outputs.items()
    }
    return Guard(
        items_sha256=guard_fingerprint(),
        claims=[_claim(name, baseline, passed, items, margin) for name in named if name in paths and name != baseline],
        answers=[
            GuardAnswer(
                id=item.id,
                prompt=item.prompt,
                outputs={name: texts[index] for name, texts in outputs.items()},
                passed={name: bool(values[index]) for name, values in passed.items()},
            )
            for index, item in enumerate(items)
            if len({float(values[index]) for values in passed.values()}) > 1
        ],
    )


def _require_pairs(paths: Mapping[str, Path], named: Mapping[str, System], baseline: str) -> None:
    if unknown := [name for name in paths if name not in named]:
        raise DataError(
            f"guard.{unknown[0]}: there is no predictions.{unknown[0]}; expected answers of {', '.join(named)}."
        )
    if baseline not in paths or len(paths) < 2:
        raise DataError(
            f"guard: found answers of {', '.join(paths)} alone; expected those of {baseline} and of one system more,"
            " since nothing is lost or kept without a before and an after. `steptune run generate guard_items=true`"
            " writes them."
        )


def _answers(system: System, path: Path, items: Sequence[GuardItem]) -> list[str]:
    file = predictions_file(path)
    generation = read_json(file.parent / "generation.json") or {}
    own, other = (record.get("system_fingerprint") for record in (system.generation, generation))
    if own and other and own != other:
        raise DataError(
            f"guard.{system.name}: {file} was answered by other weights than predictions.{system.name} (their"
            " generation.json have different system_fingerprint); generate both in one go with guard_items=true."
        )
    return [row.output for row in read_predictions(file, {item.id: item.prompt for item in items}).values()]


def _claim(a: str, b: str, passed: Mapping[str, Floats], items: Sequence[GuardItem], margin: float) -> GuardClaim:
    after, before = passed[a], passed[b]
    interval = paired_proportion_interval(after, before, [item.id for item in items])
    assert interval is not None  # each item is a group of its own
    ids = [item.id for item in items]
    return GuardClaim(
        a=a,
        b=b,
        margin=margin,
        n=len(items),
        passed_a=int(after.sum()),
        passed_b=int(before.sum()),
        difference=float((after - before).mean()),
        ci95=interval,
        outcome=outcome_of(float(before.mean()), interval, margin),
        parts=_parts(after, before, items),
        lost=[ids[index] for index in np.flatnonzero(after < before)],
        gained=[ids[index] for index in np.flatnonzero(after > before)],
    )


def outcome_of(before: float, interval: Interval, margin: float) -> Outcome:
    """What a difference's interval shows, where `before` is the share that the baseline passes."""
    if interval[1] < 0:
        return "fell"
    if before <= margin:
        return "blind"
    return "kept" if interval[0] > -margin else "open"


def _parts(after: Floats, before: Floats, items: Sequence[GuardItem]) -> list[GuardPart]:
    found = []
    for kind, language in dict.fromkeys((item.kind, item.language) for item in items):
        own = [index for index, item in enumerate(items) if (item.kind, item.language) == (kind, language)]
        counts = {"passed_a": int(after[own].sum()), "passed_b": int(before[own].sum())}
        found.append(GuardPart(kind=kind, language=language, n=len(own), **counts))
    return found
