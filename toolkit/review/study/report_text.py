"""study_report.md and the verdict: the results of a study for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from toolkit.results.parts import Interval
from toolkit.results.study import Coefficient, HumanComparison, HumanCorrelation, Sample, StudyResults

_CLAIMS = {"superiority": "better than", "non_inferiority": "not worse than"}


def verdict(report: StudyResults) -> str:
    """One sentence per declared claim, with difference, interval and n."""
    if not report.comparisons:
        return "No claim was declared about the systems of this study; see the means."
    return " ".join(_claim_sentence(claim) for claim in report.comparisons)


def markdown(report: StudyResults) -> str:
    """The whole report, in the order in which a reader asks: verdict, means, agreement, order, blinding, controls,
    limits.
    """
    sections = [
        f"# {report.title}",
        verdict(report),
        (
            f"{report.items} questions, {report.raters} raters, {report.ratings} rated answers on a scale of"
            f" {report.scale[0]} to {report.scale[1]}; {report.excluded} left out by the rules declared"
            " beforehand. Intervals are 95 % and hold for other questions and other raters (crossed items and raters)."
            f" {_sample_sentence(report.sample)}"
        ),
        "## Means",
        _means_table(report),
        "## Differences of the declared pairs",
        _differences_table(report),
        "## Rankings",
        _ranking_text(report),
        "## Agreement between raters",
        _agreement_table(report),
        "## Order, blinding, controls, repeats",
        _quality_text(report),
    ]
    if report.correlations:
        sections += ["## Do the automatic metrics say what people say?", _correlation_table(report.correlations)]
    if report.with_everyone:
        sections += [
            "## The claims with everybody counted",
            " ".join(_claim_sentence(claim) for claim in report.with_everyone),
        ]
    sections += ["## Limits", "\n".join(f"- {limit}" for limit in report.limits)]
    if report.environment:
        sections.append(
            f"Study {report.study_id}, seed {report.environment.seed},"
            f" {report.environment.bootstrap_samples} resamples."
        )
    return "\n\n".join(sections) + "\n"


def _claim_sentence(claim: HumanComparison) -> str:
    sources = f", variance from {claim.variance.in_words}" if claim.variance else ""
    numbers = (
        f"{_signed(claim.difference)} points{_between(claim.ci95, _signed)}, {claim.n_items} questions,"
        f" {claim.n_raters} raters{sources}"
    )
    margin = f" by more than {claim.margin:g}" if claim.margin is not None else ""
    words = f"{claim.a} is {_CLAIMS[claim.claim]} {claim.b}{margin}"
    if claim.met is None:
        return f"The study cannot say whether {words}: {claim.note} ({numbers})."
    if claim.met_alone and not claim.met:
        return (
            f"The study does not settle whether {words}: {numbers}, but p = {claim.p_holm:.3f} after Holm's correction."
        )
    if claim.ci95 and claim.ci95[1] < -(claim.margin or 0.0):
        return f"Raters show the opposite, {claim.a} is worse than {claim.b}{margin}: {numbers}."
    return f"Raters show that {words}: {numbers}." if claim.met else f"The study does not show that {words}: {numbers}."


def _sample_sentence(sample: Sample | None) -> str:
    effect = sample.smallest_detectable_effect if sample else None
    return f"The plan could find a difference of {effect:g} points with 80 % power." if effect is not None else ""


def _means_table(report: StudyResults) -> str:
    rows = []
    for system, means in report.means.items():
        critical = report.critical_failures[system]
        cells = [_estimate(means[name].mean, means[name].ci95) for name in report.criteria]
        rows.append([system, *cells, f"{critical.count} of {critical.n}"])
    return _table(["", *report.criteria, "critical"], rows)


def _differences_table(report: StudyResults) -> str:
    pairs = dict.fromkeys((row.a, row.b) for row in report.differences)
    rows = []
    for a, b in pairs:
        found = {
            row.criterion: _estimate(row.difference, row.ci95, row.note, _signed)
            for row in report.differences
            if (row.a, row.b) == (a, b)
        }
        rows.append([f"{a} − {b}", *(found[name] for name in report.criteria if name in found)])
    return (
        _table(["", *report.criteria], rows) + "\n\nOnly `overall` was declared; the single criteria are for looking."
    )


def _ranking_text(report: StudyResults) -> str:
    lines = [
        f"{row.a} against {row.b}: ranked before {row.win}, level {row.tie}, behind {row.loss} times."
        for row in report.preferences
    ]
    ranking = report.ranking
    if ranking is None:
        return "Nothing was ranked."
    rows = [[system, *_coefficient(found)] for system, found in ranking.strengths.items()]
    rows.append(["shown first", *_coefficient(ranking.order_effect)])
    if ranking.tie:
        rows.append(["ties (log ν)", *_coefficient(ranking.tie)])
    return (
        "\n".join(lines)
        + f"\n\nBradley-Terry log strengths against {ranking.reference}, with order and ties:\n\n"
        + _table(["", "value", "95 %", ""], rows)
    )


def _agreement_table(report: StudyResults) -> str:
    rows = []
    for criterion, found in report.agreement.items():
        coefficients = (found.krippendorff_alpha, found.gwet_ac2, found.exact, found.within_one)
        rows.append([criterion, *(_estimate(each.value, each.ci95, each.note) for each in coefficients), str(found.n)])
    return _table(["", "Krippendorff's α (ordinal)", "Gwet's AC2", "exact", "within one", "answers"], rows)


def _quality_text(report: StudyResults) -> str:
    position, sensitivity, repeats = report.position_effect, report.sensitivity, report.repeats
    lines = [
        f"- Being shown first adds {_estimate(position.value, position.ci95, position.note, _signed)} points.",
        (
            "- Damaged answers scored below intact ones in"
            f" {_estimate(sensitivity.value, sensitivity.ci95, sensitivity.note)} of comparisons (.5 is"
            f" chance, {sensitivity.n} controls)."
        ),
    ]
    lines += [
        f"  - {kind}: {found.noticed} of {found.n} noticed,"
        f" {_signed(-found.mean_drop) if found.mean_drop is not None else '-'} points in {found.criterion}"
        for kind, found in report.controls.items()
    ]
    if repeats.n:
        lines.append(
            f"- The same answer a second time: {repeats.exact:.0%} the same score, {repeats.within_one:.0%}"
            f" within one ({repeats.n} scores)."
        )
    lines += [
        f"- Blinding of {system}: {found.right} guessed right, {found.wrong} wrong, {found.dont_know} \"don't"
        f" know\"; Bang's index {_estimate(found.value, found.ci95, found.note)} (0 is chance)."
        for system, found in report.blinding.items()
    ]
    return "\n".join(lines)


def _correlation_table(rows: Iterable[HumanCorrelation]) -> str:
    table = [
        [
            row.metric,
            _estimate(row.spearman, row.ci95),
            _number(row.kendall),
            _number(row.orders_as_people),
            str(row.n),
        ]
        for row in rows
    ]
    return _table(["metric", "Spearman's ρ", "Kendall's τ-b", "orders two answers as people do", "answers"], table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _coefficient(found: Coefficient) -> list[str]:
    return [_number(found.value), _between(found.ci95, _number).strip() or "-", found.note]


def _estimate(
    value: float | None, interval: Interval | None, note: str = "", written: Callable[[float], str] = _number
) -> str:
    return f"{written(value)}{_between(interval, written)}" if value is not None else note or "-"


def _between(interval: Interval | None, written: Callable[[float], str]) -> str:
    return f" [{written(interval[0])}, {written(interval[1])}]" if interval else ""
