"""The tables of a study's report: means, claims, differences, order and blinding of one set of judgements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean

from toolkit.records import JSON
from toolkit.review.study.blinding import blinding_index
from toolkit.review.study.crossed import LEVEL, CrossedMean, crossed_mean
from toolkit.review.study.judgements import OVERALL, Judgements, Scored, cells_of, paired_cells
from toolkit.review.study.plan import Comparison, StudyPlan


class StudyTables:
    """`groups` names the group of each item; intervals resample groups of items and raters together."""

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


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
