"""How the raters did: damaged answers recognised, the same answer rated twice, who the plan leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from toolkit.damage import DAMAGES
from toolkit.results.study import Consistency, Control, ControlSensitivity, Detection, RaterSummary
from toolkit.review.study.crossed import crossed_mean
from toolkit.review.study.judgements import OVERALL, Judgements, Scored, control_kind, repeated_pairs
from toolkit.review.study.perturb import LOWERED_CRITERION
from toolkit.review.study.plan import HUMAN, Exclusion

_FEWEST_CONTROLS = 5  # below this a rater's detection rate says nothing


def rater_summary(judgements: Judgements, rater: str, rule: Exclusion) -> RaterSummary:
    """How one rater did, and why `rule` leaves the rater out, if it does."""
    own = judgements.only([rater])
    detected = list(_detections(own.scored, OVERALL).values())
    share = judgements.share_rated.get(rater, 0.0)
    controls = Detection(n=len(detected), detection=fmean(detected) if detected else None)
    return RaterSummary(
        share_rated=share,
        mean=fmean(row.value(OVERALL) for row in own.ordinary) if own.ordinary else None,
        controls=controls,
        repeats=_consistency(own.scored),
        excluded=_exclusion_reason(share, controls, rule),
    )


def _exclusion_reason(share: float, controls: Detection, rule: Exclusion) -> str | None:
    if share < rule.min_share_rated:
        return f"rated {share:.0%} of the packet, less than {rule.min_share_rated:.0%}"
    known = controls.detection if controls.n >= _FEWEST_CONTROLS else None
    if known is not None and known < rule.min_control_detection:
        return (
            f"told damaged from intact answers in {known:.0%} of comparisons, less than"
            f" {rule.min_control_detection:.0%}"
        )
    return None


def sensitivity(judgements: Judgements) -> ControlSensitivity:
    """How often a damaged answer scored below an intact human one of the same rater (ties count half; 0.5: chance)."""
    detections = _detections(judgements.scored, OVERALL)
    if not detections:
        return ControlSensitivity(value=None, ci95=None, n=0, note="no controls")
    mean = crossed_mean(detections)
    return ControlSensitivity(value=mean.mean, ci95=mean.ci95, n=len(detections), note=mean.note)


def controls_by_kind(judgements: Judgements) -> dict[str, Control]:
    """Per kind of damage: ratings, how many were noticed, and how many points it cost on the criterion that it lowers
    most.

    Noticed: flagged as critical, or below the mean of the rater's intact human answers on that criterion.
    """
    found: dict[str, Control] = {}
    for kind in DAMAGES:
        rows = [row for row in judgements.scored if control_kind(row) == kind]
        if rows:
            criterion = LOWERED_CRITERION[kind] if LOWERED_CRITERION[kind] in rows[0].scores else OVERALL
            drops = [_drop(row, criterion, judgements) for row in rows]
            found[kind] = Control(
                n=len(rows),
                noticed=sum(row.critical or (drop or 0.0) > 0 for row, drop in zip(rows, drops, strict=True)),
                mean_drop=fmean(known) if (known := [drop for drop in drops if drop is not None]) else None,
                criterion=criterion,
            )
    return found


def _drop(row: Scored, criterion: str, judgements: Judgements) -> float | None:
    intact = [
        other.value(criterion) for other in judgements.ordinary if other.source == HUMAN and other.rater == row.rater
    ]
    return fmean(intact) - row.value(criterion) if intact else None


def _detections(rows: Sequence[Scored], criterion: str) -> dict[tuple[str, str], float]:
    """(item, rater) of each control -> share of the rater's intact human answers that scored higher, ties half."""
    intact: dict[str, list[float]] = {}
    for row in rows:
        if row.source == HUMAN and control_kind(row) is None:
            intact.setdefault(row.rater, []).append(row.value(criterion))
    found: dict[tuple[str, str], float] = {}
    for row in rows:
        if control_kind(row) is not None and row.rater in intact:
            value = row.value(criterion)
            found[row.item, row.rater] = fmean(
                1.0 if other > value else 0.5 if other == value else 0.0 for other in intact[row.rater]
            )
    return found


def _consistency(rows: Sequence[Scored]) -> Consistency:
    pairs = [(a.scores[name], b.scores[name]) for a, b in repeated_pairs(rows) for name in a.scores]
    if not pairs:
        return Consistency(n=0, exact=None, within_one=None)
    return Consistency(
        n=len(pairs),
        exact=fmean(float(a == b) for a, b in pairs),
        within_one=fmean(float(abs(a - b) <= 1) for a, b in pairs),
    )
