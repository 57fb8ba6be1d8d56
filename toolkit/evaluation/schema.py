"""The published form of results.json (schema 1) and of the finished blind study that it can carry.

    python -m toolkit.evaluation.schema > docs/results.schema.json

`StudyResults` is also the form of a study report's own JSON, which evaluate reads and joins.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1
STUDY_SCHEMA = 1
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    """Keys that are not named here are a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Open(BaseModel):
    """Further keys are allowed and kept: the study may say more than evaluate reads."""

    model_config = ConfigDict(extra="allow", strict=True)


class Metric(_Part):
    """One metric of one system; `mean` is null where nothing could be scored."""

    mean: float | None
    ci95: Interval | None = Field(
        description="95 % interval: percentile cluster bootstrap, or Wilson at the effective sample size."
    )
    ci95_t: Interval | None = Field(None, description="Cluster-robust t interval.")
    n: Count = Field(description="Items that have a value.")
    undefined: Count = Field(0, description="Items for which the metric is not defined, left out of mean and interval.")
    floor: float | None = Field(description="Mean of the same outputs with the metric's content destroyed.")
    floor_note: str
    interval: str | None = None
    effective_n: float | None = None
    truncated: Count = Field(0, description="Outputs that were cut for this metric.")
    signature: str


class Rate(_Part):
    """How many answers have a property."""

    count: Count
    n: Count
    share: Share
    ci95: Interval | None


class System(_Part):
    """One system: its metrics by name, plain counts, the source file, and how its answers were generated."""

    metrics: dict[str, Metric]
    descriptive: dict[str, Any]
    rates: dict[str, Rate]
    source: dict[str, Any]
    generation: dict[str, Any] | None = None


class AboveFloor(_Part):
    """The paired difference of (value - floor)."""

    difference: float
    ci95: Interval | None


class Shares(_Part):
    """Share of items won, tied or lost, each with its Wilson interval."""

    win: Rate
    tie: Rate
    loss: Rate


class Comparison(_Part):
    """a - b on the items where both have a value; all numbers are null where there is no such item."""

    a: str
    b: str
    metric: str
    difference: float | None
    ci95: Interval | None
    ci95_t: Interval | None
    p: Share | None = Field(description="Sign-flip test on the groups.")
    p_holm: Share | None = Field(description="Holm's correction over all rows of `comparisons`.")
    effect: float | None = Field(description="Cohen's d_z of the item differences.")
    smallest_detectable: float | None = Field(
        description="Difference that this design finds with 80 % power at the 5 % level."
    )
    wins: Count
    ties: Count
    losses: Count
    shares: Shares | None
    n: Count
    floor_difference: float | None
    above_floor: AboveFloor | None


class Item(_Part):
    """One test item with every system's output, scores and faults."""

    id: str
    prompt: str
    reference: str
    group: str
    outputs: dict[str, str]
    scores: dict[str, dict[str, float | None]]
    failed_checks: dict[str, list[str]]
    inversions: dict[str, list[list[int]]] = Field(
        description="Pairs of the system's step numbers whose order is the reverse of the reference's."
    )


class Sensitivity(_Part):
    """A metric on references that were damaged on purpose: its mean on them, and the drop from the undamaged one."""

    perturbation: str
    metric: str
    mean: float | None
    drop: float | None
    ci95: Interval | None
    n: Count


class Correlation(_Part):
    """How an automatic metric goes with a human criterion over the answers that people rated."""

    metric: str
    criterion: str
    spearman: float | None
    ci95: Interval | None
    kendall: float | None
    n: Count


class Judge(_Part):
    """The judge model's verdicts; a failure to parse counts as a failure, never as a pass."""

    model: str
    signature: str
    systems: dict[str, dict[str, Any]]
    against_humans: dict[str, Any] | None = Field(
        description="Agreement with people's critical-failure flags; null without a joined study."
    )


class HumanMean(_Open):
    """A system's mean rating of one criterion, with the crossed item-by-rater interval."""

    mean: float
    ci95: Interval | None
    n: Count = Field(description="Ratings behind the mean.")


class HumanComparison(_Open):
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


class Coefficient(_Open):
    """A coefficient with its interval; `value` is null and `note` says why where it is not defined ("no variation")."""

    value: float | None
    ci95: Interval | None = None
    note: str = ""


class Agreement(_Open):
    """Agreement between raters on one criterion."""

    krippendorff_alpha: Coefficient
    gwet_ac2: Coefficient
    exact: Coefficient
    within_one: Coefficient


class Ranking(_Open):
    """Bradley-Terry strengths from the rankings, with the effect of being shown first."""

    strengths: dict[str, Coefficient]
    order_effect: Coefficient
    tie: Coefficient | None = None


class Control(_Open):
    """What raters did with one kind of damaged reference."""

    n: Count
    noticed: Count = Field(
        description="Ratings below those of the undamaged answers, or with the critical-failure flag."
    )
    mean_drop: float | None = None


class HumanScores(_Open):
    """One rated answer: means over its raters."""

    item: str = Field(description="Id of the test item, as in results.json.")
    system: str
    scores: dict[str, float] = Field(description="Criterion to mean rating.")
    critical_failure: Share = Field(0.0, description="Share of raters who flagged it.")
    raters: Count


class StudyResults(_Open):
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


class Results(_Part):
    """results.json."""

    schema_: Literal[1] = Field(alias="schema")
    verdict: str
    primary: str = Field(description="The metric that the verdict is about, declared beforehand.")
    family: list[str] = Field(description="Metrics over which Holm's correction goes, for each system compared.")
    systems: dict[str, System]
    comparisons: list[Comparison]
    sensitivity: list[Sensitivity]
    study: StudyResults | None
    correlations: list[Correlation]
    judge: Judge | None
    items: list[Item]
    environment: dict[str, Any]


def json_schema() -> str:
    """The JSON schema as published."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "steptune results.json",
        **Results.model_json_schema(),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
