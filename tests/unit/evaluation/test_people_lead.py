"""Where a study is joined, people decide and the metrics are told beside them."""

from __future__ import annotations

import pytest

from toolkit.evaluation.report_view import noticed
from toolkit.evaluation.verdict import _of_people
from toolkit.results.document import Sensitivity
from toolkit.results.study import HumanComparison


def claim(kind: str, low: float, high: float, met: bool | None, a: str = "tuned") -> HumanComparison:
    return HumanComparison(
        a=a,
        b="baseline" if a == "tuned" else "tuned",
        criterion="accuracy",
        claim=kind,  # type: ignore[arg-type]
        difference=(low + high) / 2,
        ci95=(low, high),
        margin=0.25 if kind == "non_inferiority" else None,
        met=met,
        n_items=40,
        n_raters=3,
    )


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([claim("superiority", 0.1, 0.5, True)], "better"),
        ([claim("superiority", -0.2, 0.5, False)], "insufficient"),
        ([claim("superiority", -0.6, -0.1, False)], "not_better"),
        ([claim("superiority", 0.1, 0.6, False, a="baseline")], "not_better"),
        ([claim("non_inferiority", -0.1, 0.2, True)], "insufficient"),  # no worse is not better
        ([claim("superiority", 0.1, 0.5, True), claim("non_inferiority", -0.9, -0.3, False)], "not_better"),
    ],
)
def test_people_decide_by_the_declared_claims(claims: list[HumanComparison], expected: str) -> None:
    assert _of_people(claims, "tuned").outcome == expected


@pytest.mark.parametrize(
    ("drop", "expected"),
    [((0.1, 0.2), "yes"), ((0.01, 0.02), "little"), ((0.04, 0.3), "little"), ((-0.1, 0.2), "no")],
)
def test_a_metric_notices_by_size_and_not_by_the_number_of_rows(drop: tuple[float, float], expected: str) -> None:
    row = Sensitivity(perturbation="negate", metric="rouge_l", mean=0.9, drop=sum(drop) / 2, ci95=drop, n=500)
    assert noticed(row) == expected
    assert noticed(None) == "unknown"
