"""The plan of a study, written and hashed before anybody rates: what is asked, what counts as shown, who is left out.

Reads a YAML file with any of the fields of `StudyPlan`; what it leaves out has the defaults below.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from toolkit.config_problems import problems_of
from toolkit.config_yaml import PlainLoader, read_yaml
from toolkit.errors import ConfigError, Problem

HUMAN = "human"
LOWEST, HIGHEST = 1, 5
Anchors = Annotated[list[str], Field(min_length=HIGHEST, max_length=HIGHEST)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Criterion(_Part):
    """One question that is answered with 1 to 5 about every answer."""

    name: str = Field(min_length=1, max_length=24, description="Short name, shown next to the numbers.")
    question: str = Field(description="What the rater asks of the answer.")
    anchors: Anchors = Field(description="What 1, 2, 3, 4 and 5 mean, in that order.")


ACCURACY = Criterion(
    name="accuracy",
    question="Would these steps do what was asked?",
    anchors=[
        "wrong or harmful: the steps do something else",
        "mostly wrong: at least one step defeats the purpose",
        "partly right: it works only for somebody who fixes a step",
        "right, with a slip that does no harm",
        "right in every step",
    ],
)
COMPLETENESS = Criterion(
    name="completeness",
    question="Is everything there that is needed to get from start to end?",
    anchors=[
        "hardly anything of what is needed",
        "several needed steps are missing",
        "one needed step is missing",
        "all needed steps, a useful detail is missing",
        "nothing is missing and nothing is there twice",
    ],
)
CLARITY = Criterion(
    name="clarity",
    question="Could somebody follow it who has never done this?",
    anchors=[
        "cannot be followed",
        "hard to follow: order or wording confuses",
        "can be followed with some guessing",
        "easy to follow, one place is awkward",
        "each step is plain, in the order in which it is done",
    ],
)
FORMAT = Criterion(
    name="format adherence",
    question="Is it one list of numbered steps and nothing else?",
    anchors=[
        "no list of steps",
        "a list in parts only, or not numbered",
        "numbered, with gaps, repeats or text around it",
        "numbered steps, one small fault",
        "numbered from 1 without a fault, one action a step",
    ],
)


class Comparison(_Part):
    """A claim about two systems, declared beforehand: about the mean over all criteria, on the scale of 1 to 5."""

    a: str
    b: str
    kind: Literal["superiority", "non_inferiority"]
    margin: Annotated[float, Field(ge=0, le=4)] = Field(
        0.0, description="Non-inferiority: a may be worse than b by at most this, in points."
    )

    @model_validator(mode="after")
    def _margin_can_be_met(self) -> Comparison:
        if self.kind == "non_inferiority" and self.margin == 0:
            raise ValueError(
                "a non-inferiority claim with a margin of 0 holds for no interval of equal systems; give a margin above"
                " 0, in points, or claim superiority"
            )
        return self

    @property
    def bound(self) -> float:
        """What the difference must be above: 0, or minus the margin."""
        return -self.margin if self.kind == "non_inferiority" else 0.0


class Exclusion(_Part):
    """Raters who are left out of the main analysis; the report gives the numbers with them as well."""

    min_share_rated: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Left out below this share of the own packet."
    )
    min_control_detection: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5,
        description=(
            "Left out if damaged answers are told from intact ones less often than this (0.5 is chance), with at least"
            " 5 controls."
        ),
    )


class Assumptions(_Part):
    """Standard deviations of a paired difference on the scale of 1 to 5, and the difference, behind the power."""

    item_sd: Annotated[float, Field(ge=0)] = Field(0.6, description="Between items.")
    rater_sd: Annotated[float, Field(ge=0)] = Field(0.15, description="Between raters.")
    residual_sd: Annotated[float, Field(gt=0)] = Field(0.8, description="What is left.")
    difference: Annotated[float, Field(gt=0, le=4)] = Field(
        0.5, description="True difference in points for which the power of a superiority claim is given."
    )


class StudyPlan(_Part):
    """Everything that is fixed before the first rating."""

    title: str = Field(
        "Which answers are better?", max_length=80, description="Shown to raters; must not say what is compared."
    )
    criteria: list[Criterion] = Field([ACCURACY, COMPLETENESS, CLARITY, FORMAT], min_length=1, max_length=6)
    critical: str = Field(
        "Following this answer could lose money, data or access, or do harm.",
        description="What makes an answer a critical failure.",
    )
    comparisons: list[Comparison] = Field(
        [
            Comparison(a="tuned", b="baseline", kind="superiority"),
            Comparison(a="tuned", b=HUMAN, kind="non_inferiority", margin=0.25),
        ],
        description=(
            "The declared claims; those about systems that the study does not have are dropped when it is made."
        ),
    )
    exclusion: Exclusion = Exclusion()
    assumptions: Assumptions = Assumptions()
    descriptions: dict[str, str] = Field(
        {"baseline": "a general model", "tuned": "a model trained for such questions", HUMAN: "a person"},
        description="What raters may guess at the end: a description of each system without its name.",
    )
    items: Annotated[int, Field(ge=1)] = Field(60, description="Questions in the study; fewer if the data have fewer.")
    core_items: Annotated[int, Field(ge=0)] = Field(
        20, description="Questions that every rater gets; the others go to two raters each."
    )
    control_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Hidden units with a damaged reference, per ordinary unit."
    )
    repeat_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Units that come a second time, per ordinary unit."
    )
    practice_units: Annotated[int, Field(ge=0, le=6)] = Field(6, description="Units at the start that do not count.")
    guess_units: Annotated[int, Field(ge=0, le=50)] = Field(
        4, description="Units at the end for which the rater guesses where the answers are from."
    )
    bootstrap_samples: Annotated[int, Field(ge=100)] = Field(2000, description="Resamples behind each interval.")
    seed: Annotated[int, Field(ge=0)] = Field(
        17, description="Seed of the intervals. What raters see is drawn from secret randomness in the key."
    )

    @field_validator("criteria")
    @classmethod
    def _names_differ(cls, criteria: list[Criterion]) -> list[Criterion]:
        names = [criterion.name for criterion in criteria]
        if len(set(names)) < len(names):
            raise ValueError(f"two criteria have one name ({', '.join(names)}); names must differ")
        return criteria

    @model_validator(mode="after")
    def _descriptions_differ(self) -> StudyPlan:
        if len(set(self.descriptions.values())) < len(self.descriptions):
            raise ValueError("two systems have one description; a rater could not tell them apart when guessing")
        return self

    @property
    def criterion_names(self) -> list[str]:
        return [criterion.name for criterion in self.criteria]

    def for_systems(self, systems: list[str]) -> StudyPlan:
        """The plan without claims and descriptions about systems that are not in the study.

        Raises:
            ConfigError: a system has no description.
        """
        missing = [name for name in systems if name not in self.descriptions]
        if missing:
            problems = [
                Problem(
                    f"descriptions.{name}",
                    "is required; say in a few words, without its name, what kind of answer it gives",
                )
                for name in missing
            ]
            raise ConfigError(problems, "the plan of the study")
        kept = [claim for claim in self.comparisons if claim.a in systems and claim.b in systems]
        return self.model_copy(
            update={"comparisons": kept, "descriptions": {name: self.descriptions[name] for name in systems}}
        )


def read_plan(path: Path | None, changes: Mapping[str, Any] | None = None, margin: float | None = None) -> StudyPlan:
    """The plan of a YAML file, or the default one, with some options changed; `margin` is that of all non-inferiority
    claims.

    Raises:
        ConfigError: all problems together.
    """
    values = {**(_values_of(path) if path else {}), **(changes or {})}
    source = str(path) if path else "the plan of the study"
    try:
        plan = StudyPlan.model_validate(values)
        if margin is None:
            return plan
        claims = [
            {**claim.model_dump(), "margin": margin if claim.kind == "non_inferiority" else claim.margin}
            for claim in plan.comparisons
        ]
        return StudyPlan.model_validate({**values, "comparisons": claims})
    except ValidationError as error:
        raise ConfigError(problems_of(error, StudyPlan), source) from None


def _values_of(path: Path) -> dict[str, Any]:
    try:
        values = read_yaml(path.read_text(encoding="utf-8"), PlainLoader) or {}
    except FileNotFoundError:
        raise ConfigError([Problem("", "the file does not exist; give the path of a YAML file", str(path))]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError([Problem("", f"not valid YAML ({error}); correct the line", str(path))]) from None
    if not isinstance(values, dict):
        raise ConfigError(
            [Problem("", f"found {type(values).__name__}, expected options as `name: value` lines", str(path))]
        )
    return values
