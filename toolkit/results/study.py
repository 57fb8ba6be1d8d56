"""A finished blind study, as `steptune study report` writes it and evaluate joins it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from toolkit.results.parts import Count, Interval, OpenPart, Rate, Share

STUDY_SCHEMA = 1


class HumanMean(OpenPart):
    """A system's mean rating of one criterion, with the crossed item-by-rater interval."""

    mean: float
    ci95: Interval | None
    n: Count = Field(description="Ratings behind the mean.")


class HumanComparison(OpenPart):
    """a - b on one criterion, with the claim that was declared beforehand."""

    a: str
    b: str
    criterion: str
    claim: Literal["superiority", "non_inferiority"]
    difference: float
    ci95: Interval | None
    p: Share | None = None
    p_holm: Share | None = None
    margin: float | None = Field(None, description="Non-inferiority margin, in points of the scale.")
    met: bool | None = Field(description="Whether the claim holds; null where the data cannot say.")
    n_items: Count
    n_raters: Count


class Coefficient(OpenPart):
    """A coefficient with its interval; `value` is null and `note` says why where it is not defined ("no variation")."""

    value: float | None
    ci95: Interval | None = None
    note: str = ""


class Agreement(OpenPart):
    """Agreement between raters on one criterion."""

    krippendorff_alpha: Coefficient
    gwet_ac2: Coefficient
    exact: Coefficient
    within_one: Coefficient


class Ranking(OpenPart):
    """Bradley-Terry strengths from the rankings, with the effect of being shown first."""

    strengths: dict[str, Coefficient]
    order_effect: Coefficient
    tie: Coefficient | None = None


class Control(OpenPart):
    """What raters did with one kind of damaged reference."""

    n: Count
    noticed: Count = Field(
        description="Ratings below those of the undamaged answers, or with the critical-failure flag."
    )
    mean_drop: float | None = None


class HumanScores(OpenPart):
    """One rated answer: means over its raters."""

    item: str = Field(description="Id of the test item, as in results.json.")
    system: str
    scores: dict[str, float] = Field(description="Criterion to mean rating.")
    critical_failure: Share = Field(0.0, description="Share of raters who flagged it.")
    raters: Count


class StudyResults(OpenPart):
    """A finished blind study: what `steptune study report` writes as JSON, and what evaluate joins as `study`."""

    study_schema: Literal[1]
    study_id: str = Field(description="Name or hash that identifies the sealed plan.")
    verified: bool = Field(description="Whether every hash of the study still held when the report was made.")
    items: Count
    raters: Count
    ratings: Count
    excluded: Count = Field(0, description="Ratings left out by the rules declared beforehand.")
    scale: Interval = Field(description="Lowest and highest rating.")
    criteria: list[str]
    systems: list[str]
    means: dict[str, dict[str, HumanMean]] = Field(description="System to criterion to mean.")
    critical_failures: dict[str, Rate]
    comparisons: list[HumanComparison]
    agreement: dict[str, Agreement] = Field(description="By criterion.")
    ranking: Ranking | None = None
    blinding: dict[str, Any] = Field(
        default_factory=dict, description="Bang's blinding index by system, with interval."
    )
    controls: dict[str, Control] = Field(default_factory=dict, description="By kind of damage.")
    repeats: dict[str, Any] = Field(
        default_factory=dict, description="Agreement of raters with themselves on hidden repeats."
    )
    item_scores: list[HumanScores]
    limits: list[str] = Field(default_factory=list)
