"""Options of data-build: where how-to pairs come from, how they are cleaned, and how they are split."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from toolkit.options.base import OptionalPath, Options, Share
from toolkit.options.shared import SeedOptions, StepRangeOptions
from toolkit.options.sources import Source, as_sources
from toolkit.options.teacher import SynthesisOptions, TeacherOptions

PersonalKind = Literal[
    "email",
    "phone",
    "card",
    "iban",
    "ip",
    "handle",
    "nik",
    "npwp",
    "ssn",
    "passport",
    "licence",
    "account",
    "name",
    "address",
]
Stage = Literal["normalise", "anonymise", "check", "deduplicate", "split"]
RuleName = Literal["asks", "instructs", "placeholder", "refusal", "language"]
ExportFormat = Literal["hub", "csv", "messages"]


def _in_order(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if not stages:
        raise ValueError(f"name at least one stage: {', '.join(get_args(Stage))}")
    return tuple(stage for stage in get_args(Stage) if stage in stages)


class ReadingOptions(Options):
    """What is read."""

    sources: Annotated[tuple[Source, ...], BeforeValidator(as_sources)] = Field(
        min_length=1,
        description=(
            "Where the how-to pairs come from: a path, or a list with a `path` and, where it shall not be found out, a"
            " `type`: jsonl, csv, sheet, parquet, hf, documents, forum or tickets."
        ),
    )
    strict: bool = Field(False, description="Stop at the first unreadable row instead of writing it to the ledger.")


class StageOptions(Options):
    """What is done."""

    stages: Annotated[tuple[Stage, ...], AfterValidator(_in_order)] = Field(
        get_args(Stage),
        description=(
            "Stages to run, in this order; without split the rows and the ledger are written to rows/ instead of a data"
            " set."
        ),
    )


class MaskingOptions(Options):
    """Which personal data is masked, and how."""

    anonymise: tuple[PersonalKind, ...] = Field(
        get_args(PersonalKind), description="Kinds of personal data to mask; [] masks nothing."
    )
    anonymise_with: Literal["placeholder", "surrogate"] = Field(
        "placeholder",
        description=(
            "What stands in for personal data: [NAME_1], or made-up names, addresses, e-mail and phone numbers."
        ),
    )
    phone_regions: tuple[str, ...] = Field(
        ("US", "GB", "ID"), description="Countries (two-letter codes) whose national phone numbers are recognised."
    )


class LimitOptions(StepRangeOptions):
    """How long an answer may be."""

    max_chars: int = Field(4000, ge=100, description="Longest answer that is kept, in characters.")


class RuleOptions(Options):
    """The rules that a row must meet."""

    rules: tuple[RuleName, ...] = Field(
        ("asks", "instructs", "placeholder", "refusal", "language"),
        description="Rules that a row must meet: the question asks, the steps instruct, and so on.",
    )
    languages: tuple[str, ...] = Field(
        ("en", "id"),
        min_length=1,
        description="Languages of the recipe (two-letter codes), between which the language rule decides.",
    )


class CleaningOptions(RuleOptions, LimitOptions, MaskingOptions, StageOptions):
    """What is done to each row by itself."""

    repair_typos: bool = Field(
        False,
        description=(
            "Repair typing errors in words that no language of `languages` knows; for forum text, not for edited text."
        ),
    )

    @property
    def repaired_languages(self) -> tuple[str, ...]:
        """The languages whose typing errors are repaired."""
        return self.languages if self.repair_typos else ()


class DuplicateOptions(Options):
    """Which rows are the same."""

    near_duplicate_jaccard: float = Field(
        0.8,
        gt=0.0,
        le=1.0,
        description="Jaccard similarity of character 4-grams from which two rows count as the same and one is dropped.",
    )


class SplitShareOptions(Options):
    """What must lie together, and how much is held out."""

    group_jaccard: float = Field(
        0.55, gt=0.0, le=1.0, description="Jaccard similarity from which two rows must lie in the same split."
    )
    test_share: Share = Field(0.15, description="Share of the rows held out for the test, by groups.")
    validation_share: Share = Field(
        0.1, description="Share of the rows held out for validation during training, by groups."
    )


class SplitOptions(SeedOptions, SplitShareOptions):
    """How rows come into train, validation and test."""


class BalanceOptions(Options):
    """What is added to the training split, after the split and nowhere else."""

    paraphrases: int = Field(0, ge=0, description="Rewordings of a question that the teacher is asked for.")
    paraphrase_share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0, description="Share of the training rows that are reworded."
    )
    rare_cell_rows: int = Field(
        0, ge=0, description="Cells (domain, language, register) with fewer training rows have theirs repeated."
    )
    most_copies: int = Field(3, ge=1, description="Most copies of one row.")


class CurationOptions(Options):
    """Decisions of people, from `steptune curate`."""

    journals: OptionalPath = Field(
        None, description="The folder NAME.curation next to a data set, with the decisions of its reviewers."
    )
    only_accepted: bool = Field(False, description="Leave out rows that nobody accepted or edited.")


class FurtherOptions(Options):
    """What a teacher and people add."""

    teacher: TeacherOptions = Field(
        default_factory=TeacherOptions,
        description="The model that writes rows; asked only if synthesis or balance needs it.",
    )
    synthesis: SynthesisOptions = Field(default_factory=SynthesisOptions, description="What the teacher writes.")
    balance: BalanceOptions = Field(default_factory=BalanceOptions, description="What is added to the training split.")
    curation: CurationOptions = Field(default_factory=CurationOptions, description="Decisions of people.")

    @property
    def wants_teacher(self) -> bool:
        return bool(self.synthesis.rows or self.synthesis.grounded_rows or self.balance.paraphrases)


class ExportOptions(Options):
    """In which further forms the data set is written."""

    export: tuple[ExportFormat, ...] = Field(
        (), description="Further forms of the data set: hub (README with front matter), csv, messages (chat JSONL)."
    )


class DataBuildOptions(ExportOptions, FurtherOptions, SplitOptions, DuplicateOptions, CleaningOptions, ReadingOptions):
    """All that a build takes."""
