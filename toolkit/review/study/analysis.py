"""study_report.json: everything that the locked ratings show, in one document.

Same study, same bytes: all random steps come from the plan's seed, and there is no time in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from toolkit.errors import DataError
from toolkit.results.study import (
    STUDY_SCHEMA,
    Comment,
    HumanScores,
    RaterSummary,
    Repeats,
    StudyEnvironment,
    StudyResults,
)
from toolkit.review.study.agreement_table import agreement
from toolkit.review.study.correlation import metric_correlations
from toolkit.review.study.crossed import FEWEST_RATERS
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.judgements import OVERALL, Judgements, Scored, read_judgements
from toolkit.review.study.key import Key
from toolkit.review.study.plan import HIGHEST, HUMAN, LOWEST
from toolkit.review.study.preferences import ranking, win_tie_loss
from toolkit.review.study.raters import controls_by_kind, rater_summary, sensitivity
from toolkit.review.study.tables import StudyTables
from toolkit.statistics.correlation import SAMPLES


def analyse(folder: StudyFolder, key: Key, results_file: Path | None = None) -> StudyResults:
    """The report of a locked and opened study whose files were checked before.

    Raises:
        DataError: nobody rated an ordinary unit, or `results_file` does not belong to the study.
    """
    plan, everyone = folder.plan(key.body["marks"]), read_judgements(folder, key)
    if not everyone.ordinary:
        raise DataError(
            f"{folder.path} has no ratings of ordinary units, only practice; go on rating before it is locked."
        )
    summaries = {rater: rater_summary(everyone, rater, plan.exclusion) for rater in everyone.share_rated}
    used = _kept(everyone, [rater for rater, summary in summaries.items() if summary.excluded is None])
    kept = list(used.share_rated)
    groups = {item: entry["group"] for item, entry in key.body["items"].items()}
    report = StudyTables(plan, used, groups, list(key.body["systems"]))
    found = StudyResults(
        study_schema=STUDY_SCHEMA,
        study_id=key.body["study"],
        title=plan.title,
        sources=key.body["sources"],
        verified=True,
        items=report.items,
        raters=report.raters,
        ratings=len(report.rows),
        excluded=len(everyone.ordinary) - len(used.ordinary),
        scale=(LOWEST, HIGHEST),
        criteria=[*plan.criterion_names, OVERALL],
        systems=report.systems,
        means=report.means(),
        critical_failures=report.critical_failures(),
        comparisons=report.claims(),
        differences=report.differences(),
        agreement=agreement(used.ordinary, plan.criterion_names, groups),
        ranking=ranking(used.preferred, report.reference, plan.bootstrap_samples, plan.seed),
        preferences=[win_tie_loss(used.preferred, a, b) for a, b in report.pairs],
        position_effect=report.position_effect(),
        blinding=report.blinding(),
        sensitivity=sensitivity(used),
        controls=controls_by_kind(used),
        repeats=_repeats({rater: summaries[rater] for rater in kept}),
        rater_summaries=summaries,
        item_scores=_item_scores(used.ordinary, plan.criterion_names),
        comments=[
            Comment(item=row.item, system=row.source, rater=row.rater, comment=row.comment)
            for row in used.scored
            if row.comment.strip()
        ],
        sample=folder.sample(key.body["marks"]),
        limits=_limits(report, kept, summaries),
        correlations=metric_correlations(
            report.human_scores(),
            results_file,
            key.body["sources"],
            groups,
            min(SAMPLES, plan.bootstrap_samples),
            plan.seed,
        )
        if results_file
        else [],
        environment=StudyEnvironment(
            seed=plan.seed,
            bootstrap_samples=plan.bootstrap_samples,
            interval="crossed items and raters, components of variance",
        ),
    )
    if found.excluded:
        found.with_everyone = StudyTables(plan, everyone, groups, list(key.body["systems"])).claims()
    return found.rounded()


def _kept(everyone: Judgements, raters: Sequence[str]) -> Judgements:
    """What is left by the exclusion rules; everybody, if that is nothing."""
    used = everyone.only(raters)
    return used if used.ordinary else everyone


def _repeats(summaries: Mapping[str, RaterSummary]) -> Repeats:
    per_rater = {rater: summary.repeats for rater, summary in summaries.items()}
    total = sum(found.n for found in per_rater.values())

    def share(values: Iterable[tuple[float | None, int]]) -> float | None:
        return sum(value * n for value, n in values if value is not None) / total if total else None

    return Repeats(
        n=total,
        exact=share((found.exact, found.n) for found in per_rater.values()),
        within_one=share((found.within_one, found.n) for found in per_rater.values()),
        raters=per_rater,
    )


def _item_scores(rows: Sequence[Scored], criteria: Sequence[str]) -> list[HumanScores]:
    by_answer: dict[tuple[str, str], list[Scored]] = {}
    for row in rows:
        by_answer.setdefault((row.item, row.source), []).append(row)
    return [
        HumanScores(
            item=item,
            system=system,
            scores={name: fmean(row.value(name) for row in found) for name in (*criteria, OVERALL)},
            critical_failure=fmean(float(row.critical) for row in found),
            raters=len(found),
        )
        for (item, system), found in sorted(by_answer.items())
    ]


def _limits(report: StudyTables, kept: Sequence[str], summaries: Mapping[str, RaterSummary]) -> list[str]:
    limits = []
    if len(kept) < FEWEST_RATERS:
        limits.append(
            f"{'One rater' if len(kept) == 1 else 'Two raters'}: the intervals are about other questions, not about"
            f" other raters; no claim can be carried by fewer than {FEWEST_RATERS}."
        )
    if report.items < 20:
        limits.append(f"{report.items} questions: fewer than 20 leave much to chance.")
    limits += [
        f"{rater} was left out: {summary.excluded}."
        for rater, summary in summaries.items()
        if summary.excluded and rater not in kept
    ]
    if all(summary.excluded for summary in summaries.values()):
        limits.append("The exclusion rules leave nobody; all raters were kept.")
    incomplete = [rater for rater in kept if report.judgements.share_rated.get(rater, 1.0) < 1]
    if incomplete:
        limits.append(f"Not finished: {', '.join(incomplete)}.")
    if HUMAN in report.systems:
        limits.append("The human answers are references of the data set, not answers written for this study.")
    return limits
