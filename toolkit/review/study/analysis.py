"""study_report.json: everything that the locked ratings show, in one document (schema of `study` in
docs/results.schema.json).

Same study, same bytes: all random steps come from the plan's seed, and there is no time in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from toolkit.errors import DataError
from toolkit.records import JSON, read_json
from toolkit.results.study import STUDY_SCHEMA
from toolkit.review.study.agreement_table import agreement
from toolkit.review.study.correlation import metric_correlations
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.judgements import OVERALL, Judgements, Scored, read_judgements
from toolkit.review.study.key import Key
from toolkit.review.study.plan import HIGHEST, HUMAN, LOWEST
from toolkit.review.study.preferences import ranking, win_tie_loss
from toolkit.review.study.raters import controls_by_kind, exclusion_reason, rater_summary, sensitivity
from toolkit.review.study.tables import StudyTables
from toolkit.statistics.correlation import SAMPLES

_EVERYONE_OUT = "the exclusion rules leave nobody; all raters were kept"


def analyse(folder: StudyFolder, key: Key, results_file: Path | None = None) -> JSON:
    """The document of a locked and opened study whose files were checked before.

    Raises:
        DataError: nobody rated an ordinary unit, or `results_file` does not belong to the study.
    """
    plan, everyone = folder.plan(), read_judgements(folder, key)
    if not everyone.ordinary:
        raise DataError(
            f"{folder.path} has no ratings of ordinary units, only practice; go on rating before it is locked."
        )
    summaries = {rater: rater_summary(everyone, rater) for rater in everyone.share_rated}
    reasons = {rater: exclusion_reason(summary, plan.exclusion) for rater, summary in summaries.items()}
    used = _kept(everyone, [rater for rater, reason in reasons.items() if reason is None])
    kept = list(used.share_rated)
    groups = {item: entry["group"] for item, entry in key.body["items"].items()}
    report = StudyTables(plan, used, groups, list(key.body["systems"]))
    document: JSON = {
        "study_schema": STUDY_SCHEMA,
        "study_id": key.body["study"],
        "title": plan.title,
        "verified": True,
        **report.sizes(),
        "excluded": len(everyone.ordinary) - len(used.ordinary),
        "scale": [LOWEST, HIGHEST],
        "criteria": [*plan.criterion_names, OVERALL],
        "systems": report.systems,
        "means": report.means(),
        "critical_failures": report.critical_failures(),
        "comparisons": report.claims(),
        "differences": report.differences(),
        "agreement": agreement(used.ordinary, plan.criterion_names, groups),
        "ranking": ranking(used.preferred, report.reference, plan.bootstrap_samples, plan.seed),
        "preferences": [{"a": a, "b": b, **win_tie_loss(used.preferred, a, b)} for a, b in report.pairs],
        "position_effect": report.position_effect(),
        "blinding": report.blinding(),
        "sensitivity": sensitivity(used, plan.bootstrap_samples, plan.seed),
        "controls": controls_by_kind(used),
        "repeats": _repeats(used, kept),
        "rater_summaries": {rater: {**summary, "excluded": reasons[rater]} for rater, summary in summaries.items()},
        "item_scores": _item_scores(used.ordinary, plan.criterion_names),
        "comments": [
            {"item": row.item, "system": row.source, "rater": row.rater, "comment": row.comment}
            for row in used.scored
            if row.comment.strip()
        ],
        "sample": (read_json(folder.plan_file) or {}).get("sample", {}),
        "limits": _limits(report, kept, list(summaries), reasons),
        "correlations": metric_correlations(
            report.human_scores(), results_file, groups, min(SAMPLES, plan.bootstrap_samples), plan.seed
        )
        if results_file
        else [],
        "environment": {
            "seed": plan.seed,
            "bootstrap_samples": plan.bootstrap_samples,
            "interval": "crossed item x rater bootstrap",
        },
    }
    if document["excluded"]:
        document["with_everyone"] = StudyTables(plan, everyone, groups, list(key.body["systems"])).claims()
    return _rounded(document)


def _kept(everyone: Judgements, raters: Sequence[str]) -> Judgements:
    """What is left by the exclusion rules; everybody, if that is nothing."""
    used = everyone.only(raters)
    return used if used.ordinary else everyone


def _repeats(judgements: Judgements, raters: Sequence[str]) -> JSON:
    per_rater = {rater: rater_summary(judgements, rater)["repeats"] for rater in raters}
    total = sum(found["n"] for found in per_rater.values())

    def share(name: str) -> float | None:
        return sum(found[name] * found["n"] for found in per_rater.values() if found["n"]) / total if total else None

    return {"n": total, "exact": share("exact"), "within_one": share("within_one"), "raters": per_rater}


def _item_scores(rows: Sequence[Scored], criteria: Sequence[str]) -> list[JSON]:
    by_answer: dict[tuple[str, str], list[Scored]] = {}
    for row in rows:
        by_answer.setdefault((row.item, row.source), []).append(row)
    return [
        {
            "item": item,
            "system": system,
            "scores": {name: fmean(row.value(name) for row in found) for name in (*criteria, OVERALL)},
            "critical_failure": fmean(float(row.critical) for row in found),
            "raters": len(found),
        }
        for (item, system), found in sorted(by_answer.items())
    ]


def _limits(
    report: StudyTables, kept: Sequence[str], raters: Sequence[str], reasons: Mapping[str, str | None]
) -> list[str]:
    limits = []
    if len(kept) == 1:
        limits.append("One rater: the intervals are about other questions, not about other raters.")
    elif len(kept) < 3:
        limits.append("Two raters: the intervals are wide, since two people say little about a third.")
    if len({row.item for row in report.rows}) < 20:
        limits.append(f"{len({row.item for row in report.rows})} questions: fewer than 20 leave much to chance.")
    limits += [f"{rater} was left out: {reason}." for rater, reason in reasons.items() if reason and rater not in kept]
    if all(reasons[rater] for rater in raters):
        limits.append(f"{_EVERYONE_OUT[0].upper()}{_EVERYONE_OUT[1:]}.")
    incomplete = [rater for rater in kept if report.judgements.share_rated.get(rater, 1.0) < 1]
    if incomplete:
        limits.append(f"Not finished: {', '.join(incomplete)}.")
    if HUMAN in report.systems:
        limits.append("The human answers are references of the data set, not answers written for this study.")
    return limits


def _rounded(value: object) -> JSON:
    """Floats at six significant digits, as in results.json."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]  # type: ignore[return-value]
    if isinstance(value, float):
        return float(f"{value:.6g}")  # type: ignore[return-value]
    return value  # type: ignore[return-value]
