"""study_report.json: everything that the locked ratings show, in one document (schema of `study` in docs/results.schema.json).

Same study, same bytes: all random steps come from the plan's seed, and there is no time in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist, fmean

from toolkit.errors import DataError
from toolkit.records import JSON, read_json
from toolkit.review.study.agreement_table import agreement
from toolkit.review.study.blinding import blinding_index
from toolkit.review.study.correlation import metric_correlations
from toolkit.review.study.crossed import LEVEL, CrossedMean, crossed_mean
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.judgements import OVERALL, Judgements, Scored, cells_of, paired_cells, read_judgements
from toolkit.review.study.key import Key
from toolkit.review.study.plan import HIGHEST, HUMAN, LOWEST, Comparison, StudyPlan
from toolkit.review.study.preferences import ranking, win_tie_loss
from toolkit.review.study.raters import controls_by_kind, exclusion_reason, rater_summary, sensitivity

STUDY_SCHEMA = 1
_EVERYONE_OUT = "the exclusion rules leave nobody; all raters were kept"


def analyse(folder: StudyFolder, key: Key, results_file: Path | None = None) -> JSON:
    """The document of a locked and opened study whose files were checked before.

    Raises:
        DataError: nobody rated an ordinary unit, or `results_file` does not belong to the study.
    """
    plan, everyone = folder.plan(), read_judgements(folder, key)
    if not everyone.ordinary:
        raise DataError(f"{folder.path} has no ratings of ordinary units, only practice; go on rating before it is locked.")
    raters = {rater: rater_summary(everyone, rater) for rater in everyone.share_rated}
    reasons = {rater: exclusion_reason(summary, plan.exclusion) for rater, summary in raters.items()}
    kept = [rater for rater, reason in reasons.items() if reason is None] or list(raters)
    used = everyone.only(kept)
    if not used.ordinary:
        kept, used = list(raters), everyone
    left_out = len(everyone.ordinary) - len(used.ordinary)
    groups = {item: entry["group"] for item, entry in key.body["items"].items()}
    report = _Analysis(plan, used, groups, list(key.body["systems"]))
    document: JSON = {
        "study_schema": STUDY_SCHEMA,
        "study_id": key.body["study"],
        "title": plan.title,
        "verified": True,
        **report.sizes(),
        "excluded": left_out,
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
        "rater_summaries": {rater: {**summary, "excluded": reasons[rater]} for rater, summary in raters.items()},
        "item_scores": _item_scores(used.ordinary, plan.criterion_names),
        "comments": [
            {"item": row.item, "system": row.source, "rater": row.rater, "comment": row.comment} for row in used.scored if row.comment.strip()
        ],
        "sample": (read_json(folder.plan_file) or {}).get("sample", {}),
        "limits": _limits(report, kept, list(raters), reasons),
        "correlations": metric_correlations(report.human_scores(), results_file, min(1000, plan.bootstrap_samples), plan.seed)
        if results_file
        else [],
        "environment": {"seed": plan.seed, "bootstrap_samples": plan.bootstrap_samples, "interval": "crossed item x rater bootstrap"},
    }
    if left_out:
        document["with_everyone"] = _Analysis(plan, everyone, groups, list(key.body["systems"])).claims()
    return _rounded(document)


class _Analysis:
    """The tables of one set of judgements."""

    def __init__(self, plan: StudyPlan, judgements: Judgements, groups: Mapping[str, str], systems: list[str]) -> None:
        self.plan, self.judgements, self.groups, self.systems = plan, judgements, groups, systems
        self.rows = judgements.ordinary
        self.names = [*plan.criterion_names, OVERALL]
        self.reference = "baseline" if "baseline" in systems else systems[0]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The declared pairs, or without any all against the reference."""
        declared = [(claim.a, claim.b) for claim in self.plan.comparisons]
        return list(dict.fromkeys(declared)) or [(name, self.reference) for name in self.systems if name != self.reference]

    def sizes(self) -> JSON:
        return {"items": len({row.item for row in self.rows}), "raters": len({row.rater for row in self.rows}), "ratings": len(self.rows)}

    def means(self) -> JSON:
        return {system: {name: _mean(self._crossed(self._of(system), name)) for name in self.names} for system in self._rated()}

    def critical_failures(self) -> JSON:
        """Share of flagged ratings; the interval is the crossed one, cut at 0 and 1, and Wilson's over items where nothing varies."""
        found: JSON = {}
        for system in self._rated():
            rows = self._of(system)
            mean = self._crossed_cells(cells_of(rows, lambda row: float(row.critical)))
            count, share = sum(row.critical for row in rows), mean.mean
            interval = (max(0.0, mean.ci95[0]), min(1.0, mean.ci95[1])) if mean.ci95 else _wilson(share, mean.items)
            found[system] = {"count": count, "n": len(rows), "share": share, "ci95": interval}
        return found

    def claims(self) -> list[JSON]:
        """The declared claims in their order; each is tested at 5 % only if those before it held (fixed sequence, so no correction is needed)."""
        claims, all_held = [], True
        for claim in self.plan.comparisons:
            cells = paired_cells(self.rows, claim.a, claim.b, OVERALL)
            if not cells:
                continue
            difference = self._crossed_cells(cells)
            met = _met(claim, difference)
            claims.append({**_claim(claim, difference, met), "met_in_sequence": all_held and met is True})
            all_held = all_held and met is True
        return claims

    def differences(self) -> list[JSON]:
        """Per declared pair and criterion, for looking only: nothing was declared about single criteria."""
        rows = []
        for a, b in self.pairs:
            for name in self.names:
                if cells := paired_cells(self.rows, a, b, name):
                    mean = self._crossed_cells(cells)
                    rows.append({"a": a, "b": b, "criterion": name, "difference": mean.mean, "ci95": mean.ci95, "note": mean.note})
        return rows

    def position_effect(self) -> JSON:
        """What being shown first adds to a score: residual of the first answer minus those of the later ones, in points."""
        level = {system: fmean(row.value(OVERALL) for row in self._of(system)) for system in self._rated()}
        units: dict[tuple[str, str], dict[int, float]] = {}
        for row in self.rows:
            units.setdefault((row.item, row.rater), {})[row.position] = row.value(OVERALL) - level[row.source]
        cells = {cell: found[0] - fmean(found[place] for place in found if place) for cell, found in units.items() if 0 in found and len(found) > 1}
        if not cells:
            return {"value": None, "ci95": None, "note": "no unit with several answers was rated"}
        mean = self._crossed_cells(cells)
        return {"value": mean.mean, "ci95": mean.ci95, "note": mean.note}

    def blinding(self) -> JSON:
        found: JSON = {}
        for system in self.systems:
            counts, index = blinding_index(self.judgements.guesses, system, len(self.systems), self.plan.bootstrap_samples, self.plan.seed)
            found[system] = {
                **counts,
                "value": index.mean if index else None,
                "ci95": index.ci95 if index else None,
                "note": index.note if index else "no guesses",
            }
        return found

    def human_scores(self) -> dict[str, dict[str, float]]:
        """item -> system -> mean overall score."""
        values: dict[str, dict[str, list[float]]] = {}
        for row in self.rows:
            values.setdefault(row.item, {}).setdefault(row.source, []).append(row.value(OVERALL))
        return {item: {system: fmean(scores) for system, scores in systems.items()} for item, systems in values.items()}

    def _rated(self) -> list[str]:
        return [system for system in self.systems if self._of(system)]

    def _of(self, system: str) -> list[Scored]:
        return [row for row in self.rows if row.source == system]

    def _crossed(self, rows: Sequence[Scored], name: str) -> CrossedMean:
        return self._crossed_cells(cells_of(rows, lambda row: row.value(name)))

    def _crossed_cells(self, cells: Mapping[tuple[str, str], float]) -> CrossedMean:
        return crossed_mean(cells, self.plan.bootstrap_samples, self.plan.seed, self.groups)


def _mean(mean: CrossedMean) -> JSON:
    return {"mean": mean.mean, "ci95": mean.ci95, "n": mean.ratings, "note": mean.note}


def _claim(claim: Comparison, difference: CrossedMean, met: bool | None) -> JSON:
    return {
        "a": claim.a,
        "b": claim.b,
        "criterion": OVERALL,
        "claim": claim.kind,
        "difference": difference.mean,
        "ci95": difference.ci95,
        "margin": claim.margin if claim.kind == "non_inferiority" else None,
        "met": met,
        "n_items": difference.items,
        "n_raters": difference.raters,
        "standard_error": difference.standard_error,
        "degrees": difference.degrees,
        "note": difference.note,
    }


def _met(claim: Comparison, difference: CrossedMean) -> bool | None:
    """Superiority: the whole interval is above 0. Non-inferiority: it is above minus the margin. None without an interval."""
    if difference.ci95 is None:
        return None
    return difference.ci95[0] > (-claim.margin if claim.kind == "non_inferiority" else 0.0)


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


def _limits(report: _Analysis, kept: Sequence[str], raters: Sequence[str], reasons: Mapping[str, str | None]) -> list[str]:
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


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _rounded(value: object) -> JSON:
    """Floats at six significant digits, as in results.json."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]  # type: ignore[return-value]
    if isinstance(value, float):
        return float(f"{value:.6g}")  # type: ignore[return-value]
    return value  # type: ignore[return-value]
