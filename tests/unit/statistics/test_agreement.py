"""Agreement against worked examples from the literature."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.statistics.agreement import cohen_kappa, fleiss_kappa, gwet_ac, krippendorff_alpha, pairs_within

# Krippendorff 2011: four observers, twelve units; a dot is a gap.
KRIPPENDORFF_2011 = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
KRIPPENDORFF_WIKIPEDIA = (".....34121133.3", "1.213343.......", "..21344.21133.4")
# Fleiss 1971, as reprinted: ten subjects, fourteen raters, five categories.
FLEISS = (
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
)
# Gwet's abstractors: a 3 x 3 table of two people's labels.
ABSTRACTORS = ((13, 0, 0), (0, 20, 7), (0, 4, 56))


def units(rows: tuple[str, ...]) -> list[list[int | None]]:
    return [[None if cell == "." else int(cell) for cell in column] for column in zip(*rows, strict=True)]


def two_raters(table: tuple[tuple[int, ...], ...]) -> tuple[list[int], list[int]]:
    pairs = [
        (row, column) for row, counts in enumerate(table) for column, count in enumerate(counts) for _ in range(count)
    ]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorffs_own_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(units(KRIPPENDORFF_2011), level) == pytest.approx(alpha, abs=0.0005)  # type: ignore[arg-type]


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.691358), ("interval", 0.810845)])
def test_the_three_coder_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(units(KRIPPENDORFF_WIKIPEDIA), level) == pytest.approx(alpha, abs=1e-6)  # type: ignore[arg-type]


def test_krippendorffs_two_observer_examples() -> None:
    assert krippendorff_alpha(units(("0100000010", "1110010000"))) == pytest.approx(0.095, abs=0.0005)
    assert krippendorff_alpha(zip("aabbdcccedda", "babbbccceddd", strict=True)) == pytest.approx(0.692, abs=0.0005)


def test_fleiss_example() -> None:
    assert fleiss_kappa([dict(enumerate(row)) for row in FLEISS]) == pytest.approx(0.210, abs=0.0005)


def test_the_abstractors() -> None:
    first, second = two_raters(ABSTRACTORS)
    assert cohen_kappa(first, second) == pytest.approx(0.7964094, abs=1e-7)
    assert gwet_ac(zip(first, second, strict=True)) == pytest.approx(0.8493305, abs=1e-7)
    assert pairs_within(zip(first, second, strict=True)) == pytest.approx(0.89)
    assert pairs_within(zip(first, second, strict=True), 1) == 1


def test_cohens_kappa_of_fifty_grants() -> None:
    first, second = two_raters(((20, 5), (10, 15)))
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_no_variation_is_not_a_number() -> None:
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert fleiss_kappa([{"a": 3}, {"a": 3}]) is None
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None
    assert krippendorff_alpha([["a"], ["b", None]]) is None
    # What AC is for: all fives is agreement on a scale of five.
    assert gwet_ac([[5, 5], [5, 5]], scale=(1, 2, 3, 4, 5)) == 1
    assert pairs_within([["a"], []]) is None


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="same items"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ValueError, match="2 to 3 ratings"):
        fleiss_kappa([{"a": 2}, {"a": 3}])


RATINGS = st.lists(st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=3, max_size=3), min_size=1, max_size=12)


@given(RATINGS, st.sampled_from(["nominal", "ordinal", "interval", "ratio"]), st.randoms(use_true_random=False))
def test_alpha_does_not_depend_on_the_order_of_raters_or_items(
    rows: list[list[int | None]], level: str, random: object
) -> None:
    shuffled = [random.sample(row, len(row)) for row in random.sample(rows, len(rows))]  # type: ignore[attr-defined]
    first, second = krippendorff_alpha(rows, level), krippendorff_alpha(shuffled, level)  # type: ignore[arg-type]
    assert first == second if first is None else first == pytest.approx(second)
    assert first is None or first <= 1


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=2))
def test_a_weighted_kappa_is_symmetric_and_one_only_for_equal_raters(pairs: list[tuple[int, int]]) -> None:
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    for weights in ("identity", "linear", "quadratic"):
        value = cohen_kappa(first, second, weights)  # type: ignore[arg-type]
        assert value == (None if value is None else pytest.approx(cohen_kappa(second, first, weights)))  # type: ignore[arg-type]
        assert value is None or (value == pytest.approx(1)) == (first == second)
