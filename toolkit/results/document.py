"""results.json (schema 1): built by evaluate, and read by the report, the gate, the commands and the screens."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, WithJsonSchema

from toolkit.records import JSON
from toolkit.results.parts import Correlation, Count, Interval, Part, Rate, Share, round_numbers
from toolkit.results.study import StudyResults

SCHEMA: Final = 1
RESULTS_FILE: Final = "results.json"
_MEASURED_ELSEWHERE = {"time", "generation", "study"}
_OPEN = WithJsonSchema({"additionalProperties": True, "type": "object"})  # published as an object without its fields


class Metric(Part):
    """One metric of one system; `mean` is null where nothing could be scored."""

    mean: float | None
    ci95: Interval | None = Field(
        description="95 % interval: percentile cluster bootstrap, or Wilson at the effective sample size."
    )
    ci95_t: Interval | None = Field(None, description="Cluster-robust t interval.")
    interval: str | None = None
    effective_n: float | None = None
    n: Count = Field(description="Items that have a value.")
    undefined: Count = Field(0, description="Items for which the metric is not defined, left out of mean and interval.")
    floor: float | None = Field(description="Mean of the same outputs with the metric's content destroyed.")
    floor_note: str
    truncated: Count = Field(0, description="Outputs that were cut for this metric.")
    signature: str


class Descriptive(Part):
    """Plain counts and means of a system's outputs."""

    length_words: float
    length_ratio: float
    length_ratio_median: float
    repeated_share: float
    empty: Count
    cut_off: Count
    finish_reason_missing: Count
    steps: float
    marker_styles: dict[str, int]
    failed_checks: dict[str, int]
    bertscore_truncated: Count
    inversions: Count
    answers_with_inversions: Count


class Source(Part):
    """The file that a system's answers, or the references, came from."""

    file: str
    sha256: str
    rows: Count


class System(Part):
    """One system: its metrics by name, plain counts, the source file, and how its answers were generated."""

    metrics: dict[str, Metric]
    descriptive: Annotated[Descriptive, _OPEN] = Field(title="Descriptive")
    rates: dict[str, Rate]
    source: Annotated[Source, _OPEN] = Field(title="Source")
    generation: dict[str, Any] | None = None


class AboveFloor(Part):
    """The paired difference of (value - floor)."""

    difference: float
    ci95: Interval | None


class Shares(Part):
    """Share of items won, tied or lost, each with its Wilson interval."""

    win: Rate
    tie: Rate
    loss: Rate


class Comparison(Part):
    """a - b on the items where both have a value; all numbers are null where there is no such item."""

    a: str
    b: str
    metric: str
    difference: float | None
    ci95: Interval | None
    ci95_t: Interval | None
    p: Share | None = Field(description="Sign-flip test on the groups.")
    effect: float | None = Field(description="Cohen's d_z of the item differences.")
    smallest_detectable: float | None = Field(
        description="Difference that this design finds with 80 % power at the 5 % level."
    )
    wins: Count
    ties: Count
    losses: Count
    n: Count
    shares: Shares | None
    floor_difference: float | None
    above_floor: AboveFloor | None
    p_holm: Share | None = Field(description="Holm's correction over all rows of `comparisons`.")


class Item(Part):
    """One test item with every system's output, scores and faults."""

    id: str
    prompt: str
    reference: str
    group: str
    language: str | None = None
    outputs: dict[str, str]
    scores: dict[str, dict[str, float | None]]
    failed_checks: dict[str, list[str]]
    inversions: dict[str, list[list[int]]] = Field(
        description="Pairs of the system's step numbers whose order is the reverse of the reference's."
    )


class Sensitivity(Part):
    """A metric on references that were damaged on purpose: its mean on them, and the drop from the undamaged one."""

    perturbation: str
    metric: str
    mean: float | None
    drop: float | None
    ci95: Interval | None
    n: Count


class JudgeVerdicts(Part):
    """The verdicts on one system; `flags` by item: critical failure, passed, or null where parsing failed."""

    critical_failures: Rate
    passed: Rate
    not_parsed: Rate
    flags: list[bool | None]


class JudgeAgainstHumans(Part):
    """The judge held against the majority of the raters, over the answers that both saw."""

    n: Count
    agreement: Share | None
    sensitivity: Share | None
    specificity: Share | None
    kappa: float | None
    human_failures: Count


class Judge(Part):
    """The judge model's verdicts; a failure to parse counts as a failure, never as a pass."""

    model: str
    signature: str
    systems: dict[str, Annotated[JudgeVerdicts, _OPEN]]
    against_humans: Annotated[JudgeAgainstHumans, _OPEN] | None = Field(
        title="Against Humans",
        description="Agreement with people's critical-failure flags; null without a joined study.",
    )


class Time(Part):
    """When the evaluation began (seconds since 1970) and how long it took."""

    started: float
    seconds: float


class Environment(Part):
    """What the numbers depend on besides the answers: versions, options, inputs."""

    versions: dict[str, str]
    seed: int
    bootstrap_samples: int
    options: dict[str, str | int | float | bool | None] = Field(description="Options that change a number.")
    inputs: dict[str, Source]
    items: Count
    groups: Count
    time: Time


class Results(Part):
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
    environment: Annotated[Environment, _OPEN] = Field(title="Environment")

    def to_json(self) -> JSON:
        """The document as written: what a metric, system or study does not have is left out, not null."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def rounded(self) -> Results:
        """Floats at six significant digits, NaN as null; what a clock or others measured stays as it is."""
        return Results.model_validate(round_numbers(self.to_json(), _MEASURED_ELSEWHERE))
