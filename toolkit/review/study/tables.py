"""The tables of a study's report: means, claims, differences, order and blinding of one set of judgements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from toolkit.results.parts import Rate
from toolkit.results.study import Blinding, Coefficient, HumanComparison, HumanDifference, HumanMean, HumanVariance
from toolkit.review.study.blinding import blinding_index
from toolkit.review.study.crossed import FEWEST_RATERS, CrossedMean, crossed_mean
from toolkit.review.study.judgements import OVERALL, Judgements, Scored, cells_of, paired_cells
from toolkit.review.study.plan import Comparison, StudyPlan
from toolkit.statistics.intervals import LEVEL, holm, wilson_interval
from toolkit.statistics.student import t_cdf


class StudyTables:
    """`groups` names the group of each item; intervals are for other groups of items and other raters."""

    def __init__(self, plan: StudyPlan, judgements: Judgements, groups: Mapping[str, str], systems: list[str]) -> None:
        self.plan, self.judgements, self.groups, self.systems = plan, judgements, groups, systems
        self.rows = judgements.ordinary
        self.names = [*plan.criterion_names, OVERALL]
        self.reference = "baseline" if "baseline" in systems else systems[0]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The declared pairs, or without any all against the reference."""
        declared = [(claim.a, claim.b) for claim in self.plan.comparisons]
        return list(dict.fromkeys(declared)) or [
            (name, self.reference) for name in self.systems if name != self.reference
        ]

    @property
    def items(self) -> int:
        return len({row.item for row in self.rows})

    @property
    def raters(self) -> int:
        return len({row.rater for row in self.rows})

    def means(self) -> dict[str, dict[str, HumanMean]]:
        return {
            system: {name: _mean(self._crossed(self._of(system), name)) for name in self.names}
            for system in self._rated()
        }

    def critical_failures(self) -> dict[str, Rate]:
        """Share of flagged ratings; the interval is the crossed one, cut at 0 and 1, and Wilson's over items where
        nothing varies.
        """
        found = {}
        for system in self._rated():
            rows = self._of(system)
            mean = self._crossed_cells(cells_of(rows, lambda row: float(row.critical)))
            count, share = sum(row.critical for row in rows), mean.mean
            interval = (
                (max(0.0, mean.ci95[0]), min(1.0, mean.ci95[1]))
                if mean.ci95
                else wilson_interval(share * mean.items, mean.items)
            )
            found[system] = Rate(count=count, n=len(rows), share=share, ci95=interval)
        return found

    def claims(self) -> list[HumanComparison]:
        """The declared claims in their order, with Holm's correction over all that have a test."""
        found = [(claim, paired_cells(self.rows, claim.a, claim.b, OVERALL)) for claim in self.plan.comparisons]
        differences = [(claim, self._crossed_cells(cells)) for claim, cells in found if cells]
        tests = [_p_value(claim, difference) for claim, difference in differences]
        corrected = iter(holm([p for p in tests if p is not None]))
        return [
            _claim(claim, difference, p, None if p is None else next(corrected))
            for (claim, difference), p in zip(differences, tests, strict=True)
        ]

    def differences(self) -> list[HumanDifference]:
        """Per declared pair and criterion, for looking only: nothing was declared about single criteria."""
        rows = []
        for a, b in self.pairs:
            for name in self.names:
                if cells := paired_cells(self.rows, a, b, name):
                    mean = self._crossed_cells(cells)
                    rows.append(
                        HumanDifference(a=a, b=b, criterion=name, difference=mean.mean, ci95=mean.ci95, note=mean.note)
                    )
        return rows

    def position_effect(self) -> Coefficient:
        """What being shown first adds to a score: residual of the first answer minus those of the later ones, in
        points.
        """
        level = {system: fmean(row.value(OVERALL) for row in self._of(system)) for system in self._rated()}
        units: dict[tuple[str, str], dict[int, float]] = {}
        for row in self.rows:
            units.setdefault((row.item, row.rater), {})[row.position] = row.value(OVERALL) - level[row.source]
        cells = {
            cell: found[0] - fmean(found[place] for place in found if place)
            for cell, found in units.items()
            if 0 in found and len(found) > 1
        }
        if not cells:
            return Coefficient(value=None, ci95=None, note="no unit with several answers was rated")
        mean = self._crossed_cells(cells)
        return Coefficient(value=mean.mean, ci95=mean.ci95, note=mean.note)

    def blinding(self) -> dict[str, Blinding]:
        guesses, options = self.judgements.guesses, len(self.systems)
        return {system: blinding_index(guesses, system, options) for system in self.systems}

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
        return crossed_mean(cells, self.groups)


def _mean(mean: CrossedMean) -> HumanMean:
    return HumanMean(mean=mean.mean, ci95=mean.ci95, n=mean.ratings, note=mean.note)


def _claim(claim: Comparison, difference: CrossedMean, p: float | None, p_holm: float | None) -> HumanComparison:
    """`met` is the claim after correction, None where it could not be tested; `met_alone` is what its interval says."""
    above, few = difference.mean > claim.bound, difference.raters < FEWEST_RATERS
    return HumanComparison(
        a=claim.a,
        b=claim.b,
        criterion=OVERALL,
        claim=claim.kind,
        difference=difference.mean,
        ci95=difference.ci95,
        p=p,
        p_holm=p_holm,
        margin=claim.margin if claim.kind == "non_inferiority" else None,
        met=None if p_holm is None or few else above and p_holm <= 1 - LEVEL + 1e-12,
        met_alone=None if difference.ci95 is None or few else difference.ci95[0] > claim.bound,
        n_items=difference.items,
        n_raters=difference.raters,
        standard_error=difference.standard_error,
        degrees=difference.degrees,
        variance=_variance(difference),
        note=f"{difference.note}; a claim takes {FEWEST_RATERS} raters" if few and p is not None else difference.note,
    )


def _variance(difference: CrossedMean) -> HumanVariance | None:
    found = difference.sources
    return HumanVariance(items=found.items, raters=found.raters, ratings=found.ratings) if found else None


def _p_value(claim: Comparison, difference: CrossedMean) -> float | None:
    """Two-sided, of the difference against its bound, by the t distribution of the interval."""
    if not difference.standard_error or difference.degrees is None:
        return None
    return 2 * t_cdf(-abs(difference.mean - claim.bound) / difference.standard_error, difference.degrees)
