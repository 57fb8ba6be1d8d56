"""A finished blind study, as `steptune study report` writes it and evaluate joins it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, WithJsonSchema

from toolkit.records import JSON
from toolkit.results.parts import Correlation, Count, Interval, Part, Rate, Share, round_numbers

STUDY_SCHEMA: Final = 1
STUDY_REPORT = "study_report.json"
_Whole = Annotated[int, Field(strict=False)]  # JSON may say 5.0


class HumanMean(Part):
    """A system's mean rating of one criterion, with the crossed item-by-rater interval."""

    mean: float
    ci95: Interval | None
    n: Count = Field(description="Ratings behind the mean.")
    note: str = ""


class HumanVariance(Part):
    """Where the variance of a mean difference between ratings comes from: shares that are 1 together."""

    items: Share = Field(description="From the questions that were drawn, with their groups.")
    raters: Share = Field(description="From how differently raters see the difference.")
    ratings: Share = Field(description="From single ratings: what no item and no rater has of its own.")

    @property
    def in_words(self) -> str:
        parts = {"questions": self.items, "raters": self.raters, "single ratings": self.ratings}
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in parts.items())


class HumanComparison(Part):
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
    met_alone: bool | None = Field(None, description="What the interval of this claim alone says.")
    n_items: Count
    n_raters: Count
    standard_error: float | None = None
    degrees: float | None = Field(None, description="Degrees of freedom of the interval.")
    variance: HumanVariance | None = Field(
        None, description="Where it comes from; null where too few raters tell it apart."
    )
    note: str = ""


class HumanDifference(Part):
    """a - b on one criterion, about which nothing was declared."""

    a: str
    b: str
    criterion: str
    difference: float
    ci95: Interval | None
    note: str = ""


class Coefficient(Part):
    """A coefficient with its interval; `value` is null and `note` says why where it is not defined ("no variation")."""

    value: float | None
    ci95: Interval | None = None
    note: str = ""


class Agreement(Part):
    """Agreement between raters on one criterion."""

    n: Count = Field(0, description="Answers that two or more raters scored.")
    krippendorff_alpha: Coefficient
    gwet_ac2: Coefficient
    exact: Coefficient
    within_one: Coefficient


class Ranking(Part):
    """Bradley-Terry strengths from the rankings, with the effect of being shown first."""

    reference: str = Field("", description="The system whose strength is 0.")
    strengths: dict[str, Coefficient]
    order_effect: Coefficient
    tie: Coefficient | None = None
    n: Count = Field(0, description="Pairs of ranked answers.")


class Preference(Part):
    """How often a was ranked before, level with and behind b."""

    a: str
    b: str
    win: Count
    tie: Count
    loss: Count


class Blinding(Part):
    """Guesses about the answers of one system, and Bang's blinding index with its interval."""

    n: Count
    right: Count
    wrong: Count
    dont_know: Count
    value: float | None
    ci95: Interval | None
    note: str = ""


class ControlSensitivity(Part):
    """How often a damaged answer scored below an intact human one of the same rater (ties count half; 0.5: chance)."""

    value: Share | None
    ci95: Interval | None
    n: Count
    note: str = ""


class Control(Part):
    """What raters did with one kind of damaged reference."""

    n: Count
    noticed: Count = Field(
        description="Ratings below those of the undamaged answers, or with the critical-failure flag."
    )
    mean_drop: float | None = None
    criterion: str = Field("", description="The criterion of the drop: the one that this damage lowers most.")


class Consistency(Part):
    """Scores that raters gave twice: the share that is the same, and the share within one point."""

    n: Count = 0
    exact: Share | None = None
    within_one: Share | None = None


class Repeats(Consistency):
    """Agreement of raters with themselves on hidden repeats: all together, and each."""

    raters: dict[str, Consistency] = Field(default_factory=dict)


class Detection(Part):
    """One rater's control answers, and in what share of comparisons they were told from intact ones."""

    n: Count
    detection: Share | None


class RaterSummary(Part):
    """One rater's share of the packet, level, control detection and consistency."""

    share_rated: Share
    mean: float | None
    controls: Detection
    repeats: Consistency
    excluded: str | None = Field(None, description="Why the plan leaves the rater out; null if it does not.")


class HumanScores(Part):
    """One rated answer: means over its raters."""

    item: str = Field(description="Id of the test item, as in results.json.")
    system: str
    scores: dict[str, float] = Field(description="Criterion to mean rating.")
    critical_failure: Share = Field(0.0, description="Share of raters who flagged it.")
    raters: Count


class Comment(Part):
    """What a rater wrote about an answer."""

    item: str
    system: str
    rater: str
    comment: str


class ClaimPower(Part):
    """What a declared claim can come to, after the first step of Holm's correction, if the plan's assumptions hold."""

    a: str
    b: str
    claim: Literal["superiority", "non_inferiority"]
    margin: float | None
    difference: float = Field(description="The true difference that is assumed, in points: 0 for non-inferiority.")
    power: Share | None = Field(description="Probability that the claim is met then; null for fewer than three raters.")
    smallest: float | None = Field(
        description="Distance of the true difference from 0 or from minus the margin that is found with 80 % power."
    )


class Sample(Part):
    """The size of a study, and the difference that it can find."""

    items: Count
    groups: Count
    raters: Count
    ratings_per_system: Count
    smallest_detectable_effect: float | None = Field(description="In points; null with one question.")
    power: Share
    alpha: Share
    leaks_acknowledged: Count
    claims: list[ClaimPower] = Field(default_factory=list, description="The declared claims with their power.")


class HumanCorrelation(Correlation):
    """A metric against people, and how often it orders two answers to one question as they do."""

    orders_as_people: Share | None
    ordered_pairs: Count


class StudyEnvironment(Part):
    """What the intervals depend on, apart from the ratings."""

    seed: int
    bootstrap_samples: Count
    interval: str


class StudyResults(Part):
    """A finished blind study: what `steptune study report` writes as JSON, and what evaluate joins as `study`."""

    study_schema: Literal[1]
    study_id: str = Field(description="Name or hash that identifies the sealed plan.")
    title: str = ""
    sources: dict[str, str] = Field(
        default_factory=dict, description="SHA-256 of the file that each system's answers came from."
    )
    checked_here: Literal["nothing", "folder", "folder and lock"] | None = Field(
        None, description="What evaluate itself verified when it joined the study."
    )
    verified: bool = Field(description="Whether every hash of the study still held when the report was made.")
    items: Count
    raters: Count
    ratings: Count
    excluded: Count = Field(0, description="Ratings left out by the rules declared beforehand.")
    scale: Annotated[
        tuple[_Whole, _Whole],
        Field(strict=False),
        WithJsonSchema({"items": {"type": "integer"}, "maxItems": 2, "minItems": 2, "type": "array"}),
    ] = Field(description="Lowest and highest rating.")
    criteria: list[str]
    systems: list[str]
    means: dict[str, dict[str, HumanMean]] = Field(description="System to criterion to mean.")
    critical_failures: dict[str, Rate]
    comparisons: list[HumanComparison]
    differences: list[HumanDifference] = Field(default_factory=list)
    agreement: dict[str, Agreement] = Field(description="By criterion.")
    ranking: Ranking | None = None
    preferences: list[Preference] = Field(default_factory=list)
    position_effect: Coefficient = Field(
        default_factory=lambda: Coefficient(value=None), description="Points that being shown first adds to a score."
    )
    blinding: dict[str, Blinding] = Field(
        default_factory=dict, description="Bang's blinding index by system, with interval."
    )
    sensitivity: ControlSensitivity = Field(default_factory=lambda: ControlSensitivity(value=None, ci95=None, n=0))
    controls: dict[str, Control] = Field(default_factory=dict, description="By kind of damage.")
    repeats: Repeats = Field(
        default_factory=Repeats, description="Agreement of raters with themselves on hidden repeats."
    )
    rater_summaries: dict[str, RaterSummary] = Field(default_factory=dict)
    item_scores: list[HumanScores]
    comments: list[Comment] = Field(default_factory=list)
    sample: Sample | None = None
    limits: list[str] = Field(default_factory=list)
    correlations: list[HumanCorrelation] = Field(default_factory=list)
    environment: StudyEnvironment | None = None
    with_everyone: list[HumanComparison] = Field(
        default_factory=list, description="The claims with nobody left out, where somebody was."
    )

    @property
    def provenance(self) -> str:
        """What of this study was verified where it was joined, in a sentence."""
        if self.checked_here == "folder and lock":
            return "The study's folder was verified here, with the hash of its lock that was handed out."
        if self.checked_here == "folder":
            return (
                "The study's folder was verified here, without a handed-out hash of its lock (study_lock=HASH): whoever"
                " has the key and every file could have written it anew."
            )
        return "The study was not verified here: only the JSON of its report was given, not its folder."

    def to_json(self) -> JSON:
        """The document as written: what was not measured is left out."""
        return self.model_dump(mode="json", exclude_unset=True)

    def rounded(self) -> StudyResults:
        """Floats at six significant digits, as in results.json."""
        return StudyResults.model_validate(round_numbers(self.to_json()))


def other_sources(study: Mapping[str, str], evaluated: Mapping[str, str]) -> str:
    """What is wrong where a system of both has another file; "" where nothing is."""
    others = [name for name, found in evaluated.items() if study.get(name, found) != found]
    if not others:
        return ""
    first = others[0]
    return (
        f"is about other answers of {', '.join(others)}: SHA-256 {evaluated[first][:12]}, and {study[first][:12]} in"
        " the study"
    )
