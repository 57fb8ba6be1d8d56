"""results.json (schema 1): built by evaluate, and read by the report, the gate, the commands and the screens."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, WithJsonSchema

from toolkit.records import JSON
from toolkit.results.contamination import Contamination
from toolkit.results.guard import Guard
from toolkit.results.metrics import ALPHA
from toolkit.results.parts import Correlation, Count, Interval, Part, Rate, Share, round_numbers
from toolkit.results.shipped import ShippedClaim
from toolkit.results.study import StudyResults

SCHEMA: Final = 1
RESULTS_FILE: Final = "results.json"
_MEASURED_ELSEWHERE = {"time", "generation", "study"}
_OPEN = WithJsonSchema({"additionalProperties": True, "type": "object"})  # published as an object without its fields


class AboveFloor(Part):
    """The mean of what lies above a floor, or the paired difference of it."""

    difference: float
    ci95: Interval | None


class Metric(Part):
    """One metric of one system; `mean` is null where nothing could be scored."""

    mean: float | None
    ci95: Interval | None = Field(
        description="95 % interval: cluster-robust t widened for skewness, or Wilson at the effective sample size."
    )
    interval: str | None = None
    above_floor: AboveFloor | None = Field(None, description="The mean of (value - floor).")
    question: float | None = Field(None, description="What the questions themselves score as answers.")
    above_question: AboveFloor | None = Field(None, description="The mean of (value - what the question scores).")
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


class SystemRun(Part):
    """One training and decode of a system, counted from 1, with its mean by metric."""

    file: str
    training: Count
    decode: Count
    means: dict[str, float | None]


class VarianceSplit(Part):
    """Where the variance of a difference above the floor comes from; null where that was not repeated."""

    a: str
    b: str
    metric: str
    items: float | None
    training: float | None = Field(description="From the training's seed.")
    decode: float | None
    trainings: dict[str, Count] = Field(description="Trainings by system.")
    runs: dict[str, Count] = Field(description="Predictions files by system.")


class System(Part):
    """One system: its metrics by name, plain counts, the source file, and how its answers were generated."""

    metrics: dict[str, Metric]
    descriptive: Annotated[Descriptive, _OPEN] = Field(title="Descriptive")
    rates: dict[str, Rate]
    source: Annotated[Source, _OPEN] = Field(title="Source")
    generation: dict[str, Any] | None = None
    runs: list[SystemRun] | None = Field(
        None, description="Several trainings or decodes, whose mean the numbers are; the texts are of the first."
    )
    same_data: bool | None = Field(None, description="Whether all trainings are known to have seen the same data.")


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
    p: Share | None = Field(
        description="Of what is above the floor: the larger p of sign flips and of a t test that allows for skewness."
    )
    effect: float | None = Field(description="Cohen's d_z of the item differences.")
    smallest_detectable: float | None = Field(
        description="Difference above the floor that this design finds with 80 % power after Holm's correction."
    )
    groups_enough: Count | None = Field(
        description="Groups of items that would show the difference above the floor as found, with that power."
    )
    skewness: float | None = Field(description="Of the groups' differences above the floor; the test allows for it.")
    wins: Count
    ties: Count
    losses: Count
    n: Count
    shares: Shares | None
    floor_difference: float | None
    above_floor: AboveFloor | None
    p_holm: Share | None = Field(description="Holm's correction over all rows of `comparisons`.")

    @property
    def conclusion(self) -> Literal["better", "worse", "unclear", "uncorrected"]:
        """What is shown above the floor; `unclear`: the interval includes 0, `uncorrected`: it does not, but Holm's p
        is above .05.
        """
        interval = self.above_floor.ci95 if self.above_floor else self.ci95
        if interval is None or self.p_holm is None or interval[0] <= 0 <= interval[1]:
            return "unclear"
        if self.p_holm > ALPHA:
            return "uncorrected"
        return "better" if interval[0] > 0 else "worse"


class FaultDifference(Part):
    """How many answers of a and of b have a fault, on the same items, with the interval for paired proportions."""

    a: str
    b: str
    fault: str
    count_a: Count
    count_b: Count
    n: Count
    difference: float
    ci95: Interval | None
    example: str | None = Field(description="Id of the first item where a has it.")


class SliceNumber(Part):
    """One metric of one system on a slice, and its differences from the baseline; null where there are none."""

    n: Count
    mean: float | None
    ci95: Interval | None
    difference: AboveFloor | None = Field(None, description="From the baseline, the floors not regarded.")
    above_floor: AboveFloor | None = Field(None, description="The mean of (value - floor).")
    above_floor_difference: AboveFloor | None = Field(None, description="From the baseline.")


class Slice(Part):
    """The items that share a property, such as the language of the question."""

    by: str
    value: str
    n: Count
    groups: Count
    numbers: dict[str, dict[str, SliceNumber]] = Field(description="System to metric.")


class Verdict(Part):
    """What the evaluation shows about the system that was compared last, and what it rests on."""

    outcome: Literal["better", "not_better", "insufficient"]
    system: str
    baseline: str | None
    rests_on: Literal["metrics", "people"]
    plain: str = Field(description="One sentence for readers who do not know the metrics.")
    numbers: str = Field(description="One sentence for those who do.")
    reasons: list[str] = Field(description="What stands against `better`; empty for `better`.")
    rows_enough: Count | None = Field(
        None, description="For `insufficient`: about how many test rows would settle it if all stays as found."
    )

    measured: list[str] = Field(
        default_factory=list, description="What was drawn more than once, so that the verdict holds above it."
    )
    not_measured: list[str] = Field(default_factory=list, description="What another roll of could change it.")

    @property
    def reach(self) -> str:
        """What the verdict holds above, in words; "" where nothing was compared."""
        if not self.measured:
            return ""
        others = f"; not measured: {', '.join(self.not_measured)}" if self.not_measured else ""
        return f"It holds above the {' and the '.join(self.measured)} that were drawn{others}."

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.plain, self.numbers, self.reach) if part)


class Item(Part):
    """One test item with every system's output, scores and faults."""

    id: str
    prompt: str
    reference: str
    group: str
    language: str | None = None
    slices: dict[str, str] = Field(default_factory=dict, description="Property to value, as in `slices`.")
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
    verdict: Verdict
    primary: str = Field(description="The metric whose part above the floor decides, declared beforehand.")
    family: list[str] = Field(
        description="Metrics whose differences above the floor Holm's correction is over, for each system compared."
    )
    systems: dict[str, System]
    comparisons: list[Comparison]
    variance: list[VarianceSplit] = Field(
        default_factory=list, description="For each row of `comparisons`: its variance, by source."
    )
    faults: list[FaultDifference]
    slices: list[Slice]
    sensitivity: list[Sensitivity]
    guard: Guard | None = Field(None, description="What became of general ability; null where it was not asked.")
    shipped: ShippedClaim | None = Field(
        None, description="Whether the system `shipped` answers as `tuned` does; null where one of them is missing."
    )
    contamination: Contamination | None = Field(
        None, description="What the base model knows of the questions; null where it was not measured."
    )
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
