"""`steptune plan`: what a claim needs, before anything is spent: test rows, trainings, raters, and what they cost.

From a pilot (the results.json of an evaluation) or from stated assumptions.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.errors import EXIT_DONE, UsageError
from toolkit.records import JSON, read_json
from toolkit.results.document import RESULTS_FILE, Comparison, Results, VarianceSplit
from toolkit.results.metrics import COMPARED, LABELS
from toolkit.results.reading import read_results
from toolkit.review.study.crossed import Design as RatedBy
from toolkit.review.study.plan import Assumptions
from toolkit.review.study.power import Power
from toolkit.statistics.claim import Design, groups_for
from toolkit.terminal.output import say, say_json

TRAININGS = (1, 3, 5)
RATERS = (3, 4, 6)  # fewer carry no claim
_MOST_QUESTIONS = 1_000
_SECONDS = 3600


@dataclass(frozen=True)
class Pilot:
    """What is known: the design, rows in a group, and costs of one training and one answer in hours (None: unknown)."""

    design: Design
    rows_per_group: float
    training_hours: float | None
    answer_hours: float | None
    source: str


@dataclass(frozen=True)
class MetricNeed:
    """Test rows that show the claim with so many trainings (None: no number does), and what they cost."""

    trainings: int
    groups: int | None
    rows: int | None
    hours: float | None
    money: float | None
    above: str


@dataclass(frozen=True)
class PeopleNeed:
    """Questions that so many raters all answer (None: no number up to the largest does)."""

    raters: int
    questions: int | None
    ratings: int | None
    money: float | None


def plan(args: argparse.Namespace) -> int:
    """Show what a claim needs."""
    pilot = _from_pilot(args) if args.results else _from_assumptions(args)
    metrics = [_metric_need(pilot, count, args.row_cost) for count in TRAININGS]
    people = [_people_need(args, raters) for raters in RATERS]
    if args.json:
        say_json(_document(pilot, metrics, people, args))
        return EXIT_DONE
    for line in _text(pilot, metrics, people, args):
        say(line)
    return EXIT_DONE


def _from_pilot(args: argparse.Namespace) -> Pilot:
    path = Path(args.results)
    results = read_results(path / RESULTS_FILE if path.is_dir() else path)
    row, split = _claimed(results, args.metric)
    difference = row.above_floor.difference if row.above_floor else row.difference
    effect = args.effect if args.effect is not None else difference
    if effect is None or split.items is None:
        raise UsageError(f"plan: {path} compares no rows by {args.metric}; give --effect and --sd in its place.")
    if effect <= 0:
        raise UsageError(
            f"plan: the pilot found {effect:+.3f} {LABELS[args.metric]}, which is no gain to be shown; give the gain"
            " that would matter to you with --effect."
        )
    training = None if split.training is None else math.sqrt(split.training * max(split.trainings.values()))
    return Pilot(
        Design(
            effect,
            args.sd or math.sqrt(split.items * results.environment.groups),
            args.training_sd if args.training_sd is not None else training,
            len(results.comparisons),
            args.power,
        ),
        args.rows_per_group or results.environment.items / results.environment.groups,
        args.training_hours if args.training_hours is not None else _training_hours(results, row.a),
        _answer_hours(results, row.a),
        f"{path}: n = {row.n} rows in {results.environment.groups} groups, found {difference or 0:+.3f}",
    )


def _claimed(results: Results, metric: str) -> tuple[Comparison, VarianceSplit]:
    rows = [row for row in results.comparisons if row.metric == metric]
    splits = {(split.a, split.b): split for split in results.variance if split.metric == metric}
    if not rows or (rows[-1].a, rows[-1].b) not in splits:
        raise UsageError(
            f"plan: these results compare no systems by {metric}, or are older than steptune plan; evaluate a baseline"
            " and a tuned system again, or give --effect and --sd."
        )
    return rows[-1], splits[rows[-1].a, rows[-1].b]


def _from_assumptions(args: argparse.Namespace) -> Pilot:
    if not args.effect or not args.sd or args.effect <= 0:
        raise UsageError(
            "plan: found neither a pilot nor assumptions; expected the results.json of an evaluation, or --effect (the"
            " gain that would matter, above 0) and --sd (of a group's difference between the systems)."
        )
    design = Design(args.effect, args.sd, args.training_sd, len(COMPARED), args.power)
    return Pilot(design, args.rows_per_group or 1.0, args.training_hours, None, "stated assumptions")


def _training_hours(results: Results, system: str) -> float | None:
    adapter = (results.systems[system].generation or {}).get("adapter")
    seconds = (read_json(Path(adapter) / "training.json") or {}).get("seconds") if adapter else None
    return float(seconds) / _SECONDS if isinstance(seconds, int | float) else None


def _answer_hours(results: Results, system: str) -> float | None:
    generation = results.systems[system].generation or {}
    speed = (generation.get("this_process") or {}).get("tokens_per_second")
    tokens, answers = generation.get("output_tokens"), generation.get("answers")
    return tokens / answers / speed / _SECONDS if speed and tokens and answers else None


def _metric_need(pilot: Pilot, trainings: int, row_cost: float | None) -> MetricNeed:
    groups = groups_for(pilot.design, trainings)
    rows = None if groups is None else math.ceil(groups * pilot.rows_per_group)
    hours = None
    if pilot.training_hours is not None and rows is not None:
        answers = (trainings + 1) * rows * (pilot.answer_hours or 0.0)
        hours = trainings * pilot.training_hours + answers
    is_known = trainings > 1 and pilot.design.training_sd is not None
    return MetricNeed(
        trainings,
        groups,
        rows,
        hours,
        None if rows is None or row_cost is None else rows * row_cost,
        "test items and training seeds" if is_known else "test items",
    )


def _people_need(args: argparse.Namespace, raters: int) -> PeopleNeed:
    assumed = Assumptions(item_sd=args.item_sd, rater_sd=args.rater_sd, residual_sd=args.residual_sd)

    def shows(questions: int) -> bool:
        design = RatedBy([(str(question), str(rater)) for question in range(questions) for rater in range(raters)])
        power = Power(design, assumed)
        return power.possible and power.at(args.points) >= args.power

    if not shows(_MOST_QUESTIONS):
        return PeopleNeed(raters, None, None, None)
    low, high = 1, _MOST_QUESTIONS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    ratings = high * raters
    return PeopleNeed(raters, high, ratings, None if args.rating_cost is None else ratings * args.rating_cost)


def _document(pilot: Pilot, metrics: list[MetricNeed], people: list[PeopleNeed], args: argparse.Namespace) -> JSON:
    return {
        "metric": args.metric,
        "pilot": asdict(pilot),
        "metrics": [asdict(need) for need in metrics],
        "points": args.points,
        "people": [asdict(need) for need in people],
    }


def _text(pilot: Pilot, metrics: list[MetricNeed], people: list[PeopleNeed], args: argparse.Namespace) -> list[str]:
    design, label = pilot.design, LABELS[args.metric]
    seeds = "not known" if design.training_sd is None else f"{design.training_sd:.3g}"
    return [
        f"Claim: a true gain of {design.effect:+.3g} {label} above the floor is shown with {100 * design.power:.0f} %"
        f" power, at 5 % over {design.tests} tests.",
        f"From {pilot.source}; sd of a group {design.group_sd:.3g}, of a training's seed {seeds},"
        f" {pilot.rows_per_group:.2g} rows in a group.",
        "",
        "trainings  test rows  groups  GPU hours  rows cost  the claim holds above",
        *(
            f"{need.trainings:9}  {_or_dash(need.rows):>9}  {_or_dash(need.groups):>6}  {_or_dash(need.hours, 1):>9}"
            f"  {_or_dash(need.money, 2):>9}  {need.above}"
            for need in metrics
        ),
        "",
        f"People: a true difference of {args.points:g} points, each rater rates every question.",
        "raters  questions  ratings  ratings cost",
        *(
            f"{need.raters:6}  {_or_dash(need.questions):>9}  {_or_dash(need.ratings):>7}"
            f"  {_or_dash(need.money, 2):>12}"
            for need in people
        ),
        "",
        *_remarks(pilot, args),
    ]


def _remarks(pilot: Pilot, args: argparse.Namespace) -> list[str]:
    found = ["–: not enough at any number, or not known."]
    if pilot.design.training_sd is None:
        found.append(
            "How much a training's seed matters is not known: evaluate a pilot of two trainings or more"
            " (predictions.tuned=[FILE, FILE]), or give --training-sd."
        )
    if args.effect is None:
        found.append("The gain of a pilot is often too large by luck; half of it needs about four times the rows.")
    if pilot.training_hours is None:
        found.append("Hours of one training are not known: give --training-hours.")
    if args.row_cost is None:
        found.append("What a test row costs (a teacher's price, or a person's time) is not known: give --row-cost.")
    return found


def _or_dash(value: float | None, decimals: int = 0) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"
