"""Settings of data-build: where how-to pairs come from, how they are cleaned, and how they are split."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from toolkit.options.base import ExistingPath, OptionalCount, OptionalPath, OptionalText, Share, none_word
from toolkit.settings.base import Settings


def _reads_lines(encoding: str) -> str:
    """Files are cut into lines before they are decoded, so a line feed must be the one byte it is in ASCII."""
    try:
        one_byte = "\n".encode(encoding).removeprefix(codecs.BOM_UTF8) == b"\n"
    except LookupError:
        raise ValueError(f"there is no encoding {encoding!r}; give one such as utf-8, cp1252 or latin-1") from None
    if not one_byte:
        raise ValueError(f"{encoding} is not read; save the files as UTF-8")
    return encoding


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


def _in_order(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if not stages:
        raise ValueError(f"name at least one stage: {', '.join(get_args(Stage))}")
    return tuple(stage for stage in get_args(Stage) if stage in stages)


def _absolute_or_none(value: Any) -> Any:
    value = none_word(value)
    return Path(os.path.abspath(Path(value).expanduser())) if isinstance(value, str | Path) else value


class SourceSettings(Settings):
    """What every source says about itself."""

    path: ExistingPath = Field(description="File or folder to read.")
    name: OptionalText = Field(
        None, description="Name of the source in the ledger and the card; the file name if left out."
    )
    licence: OptionalText = Field(None, description="Licence of the texts, as the card shall state it.")
    domain: OptionalText = Field(None, description="Domain written to rows that name none, for example finance.")
    language: OptionalText = Field(None, description="Language of rows that name none, as a two-letter code.")
    encoding: Annotated[str, AfterValidator(_reads_lines)] = Field("utf-8", description="Text encoding of the files.")


class RecordSettings(SourceSettings):
    """What sources of records say about their columns."""

    prompt_field: str = Field(
        "prompt", description="Key or column that holds the question; dots lead into nested objects."
    )
    output_field: str = Field(
        "output", description="Key or column that holds the numbered steps, as text or as a list of texts."
    )
    columns: dict[Literal["id", "domain", "task", "register", "language", "group", "parent"], str] = Field(
        {}, description="Column by what it holds, for columns of other names: {domain: category, id: ticket.number}."
    )


class JsonlSource(RecordSettings):
    """A JSONL file, or a folder of them."""

    type: Literal["jsonl"] = Field("jsonl", description="Kind of source.")


class CsvSource(RecordSettings):
    """A CSV file with a header line, or a folder of them."""

    type: Literal["csv"] = Field("csv", description="Kind of source.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="Character between two columns.")


class ParquetSource(RecordSettings):
    """A parquet file, or a folder of them."""

    type: Literal["parquet"] = Field("parquet", description="Kind of source.")


class HfSource(RecordSettings):
    """A folder that the `datasets` library wrote (save_to_disk), or one laid out as on the Hub; nothing is fetched."""

    type: Literal["hf"] = Field("hf", description="Kind of source.")
    split: OptionalText = Field(None, description="Split to read; all if left out.")


class DocumentsSource(SourceSettings):
    """Manuals and FAQs: Markdown, HTML, PDF, DocBook, Mallard and text files; one file, a folder that is read
    recursively, or an archive (zip, tar).
    """

    type: Literal["documents"] = Field("documents", description="Kind of source.")


class ForumSource(SourceSettings):
    """A dump of a forum: XML like Stack Exchange's Posts.xml, or JSON or JSONL with title and answers; the accepted or
    best answer is taken.
    """

    type: Literal["forum"] = Field("forum", description="Kind of source.")
    min_score: int = Field(0, description="Fewest votes of an answer that was not accepted.")


Source = Annotated[
    JsonlSource | CsvSource | ParquetSource | HfSource | DocumentsSource | ForumSource, Field(discriminator="type")
]


class TeacherSettings(Settings):
    """The model that writes rows, over any OpenAI-compatible API."""

    model: str = Field("gpt-4o-mini", min_length=1, description="Model that the server knows.")
    base_url: str = Field(
        "https://api.openai.com/v1", pattern=r"^https?://\S+$", description="Address of the API, up to /v1."
    )
    api_key_env: OptionalText = Field(
        "OPENAI_API_KEY", description="Environment variable that holds the key; none for a server without keys."
    )
    temperature: float = Field(0.7, ge=0.0, le=2.0, description="Randomness of the answers; 0 is greedy.")
    max_tokens: int = Field(1024, ge=16, description="Most tokens of one answer.")
    concurrency: int = Field(16, ge=1, le=1024, description="Calls at the same time.")
    timeout_s: float = Field(120.0, gt=0.0, description="Seconds after which a call without an answer is given up.")
    attempts: int = Field(3, ge=1, description="Answers that are paid for before one is given up as unusable.")
    retries: int = Field(8, ge=1, description="Failures in a row (429, 5xx, time-outs) before a call is given up.")
    response_format: Literal["json_schema", "json_object", "text"] = Field(
        "json_schema", description="Strictest form of JSON to ask for; simpler ones follow."
    )
    price_in: float = Field(
        0.0, ge=0.0, description="Price of a million prompt tokens, in the currency of the price list."
    )
    price_out: float = Field(0.0, ge=0.0, description="Price of a million answer tokens.")
    max_total_tokens: OptionalCount = Field(
        None, description="Most tokens of the run, prompts and answers together; then the teacher stops."
    )
    max_cost: Annotated[Annotated[float, Field(gt=0.0)] | None, BeforeValidator(none_word)] = Field(
        None, description="Most money of the run; needs prices."
    )
    answers: Annotated[Path | None, BeforeValidator(_absolute_or_none)] = Field(
        None, description="File that keeps all answers for later runs; in the run folder if left out."
    )
    terms: OptionalText = Field(
        None, description="Terms under which the answers may be used, as the card shall state them."
    )


class DomainSettings(Settings):
    """One domain of the grid."""

    name: str = Field(min_length=1, description="Domain, for example finance.")
    apps: tuple[str, ...] = Field((), description="Apps or devices that the tasks are about.")
    tasks: tuple[str, ...] = Field(min_length=1, description="Tasks that people ask about.")


class SynthesisSettings(Settings):
    """What the teacher writes: rows for the cells of a grid, and rows from passages of the documents."""

    rows: int = Field(0, ge=0, description="Rows to ask for, for the least covered cells of the grid.")
    grounded_rows: int = Field(
        0, ge=0, description="Rows to ask for that are written from a passage of the document sources."
    )
    domains: tuple[DomainSettings, ...] = Field((), description="Domains with their apps and tasks; needed for rows.")
    registers: tuple[str, ...] = Field(("formal", "casual"), min_length=1, description="Registers of the questions.")
    personas: tuple[str, ...] = Field((), description="Who asks, for example a first-time user.")
    difficulties: tuple[str, ...] = Field((), description="How hard the task is, for example several conditions.")
    min_passage_chars: int = Field(200, ge=20, description="Shortest passage that is written from, in characters.")
    max_passage_chars: int = Field(4000, ge=200, description="Longest passage that is sent, in characters.")
    judge_min_score: Annotated[Annotated[int, Field(ge=1, le=5)] | None, BeforeValidator(none_word)] = Field(
        None, description="Lowest score (1 to 5) of a second call that judges each row; no judge if left out."
    )

    @model_validator(mode="after")
    def _has_a_grid(self) -> Self:
        if self.rows and not self.domains:
            raise ValueError("rows needs domains: name at least one with its tasks")
        return self


class BalanceSettings(Settings):
    """What is added to the training split, after the split and nowhere else."""

    paraphrases: int = Field(0, ge=0, description="Rewordings of a question that the teacher is asked for.")
    paraphrase_share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0, description="Share of the training rows that are reworded."
    )
    rare_cell_rows: int = Field(
        0, ge=0, description="Cells (domain, language, register) with fewer training rows have theirs repeated."
    )
    most_copies: int = Field(3, ge=1, description="Most copies of one row.")


class CurationSettings(Settings):
    """Decisions of people, from `steptune curate`."""

    journals: OptionalPath = Field(None, description="The NAME.curation folder beside a data set, with its decisions.")
    only_accepted: bool = Field(False, description="Leave out rows that nobody accepted or edited.")


RuleName = Literal["asks", "instructs", "placeholder", "refusal", "language"]
ExportFormat = Literal["hub", "csv", "messages"]


class DataBuildSettings(Settings):
    """Sources to a clean, private, de-duplicated data set with a leak-free held-out test."""

    sources: tuple[Source, ...] = Field(
        min_length=1,
        description="Where the how-to pairs come from; each has a type: jsonl, csv, parquet, hf, documents or forum.",
    )
    strict: bool = Field(False, description="Stop at the first unreadable row instead of writing it to the ledger.")
    stages: Annotated[tuple[Stage, ...], AfterValidator(_in_order)] = Field(
        get_args(Stage),
        description=(
            "Stages to run, in this order; without split the rows and the ledger are written to rows/ instead of a data"
            " set."
        ),
    )
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
    min_steps: int = Field(2, ge=1, description="Fewest steps of an answer that is kept.")
    max_steps: int = Field(15, ge=1, description="Most steps of an answer that is kept.")
    max_chars: int = Field(4000, ge=100, description="Longest answer that is kept, in characters.")
    rules: tuple[RuleName, ...] = Field(
        ("asks", "instructs", "placeholder", "refusal", "language"),
        description="Rules that a row must meet: the question asks, the steps instruct, and so on.",
    )
    languages: tuple[str, ...] = Field(
        ("en", "id"),
        min_length=1,
        description="Languages of the recipe (two-letter codes), between which the language rule decides.",
    )
    repair_typos: bool = Field(
        False,
        description=(
            "Repair typing errors in words that no language of `languages` knows; for forum text, not for edited text."
        ),
    )
    near_duplicate_jaccard: float = Field(
        0.8,
        gt=0.0,
        le=1.0,
        description="Jaccard similarity of character 4-grams from which two rows count as the same and one is dropped.",
    )
    group_jaccard: float = Field(
        0.55, gt=0.0, le=1.0, description="Jaccard similarity from which two rows must lie in the same split."
    )
    test_share: Share = Field(0.15, description="Share of the rows held out for the test, by groups.")
    validation_share: Share = Field(
        0.1, description="Share of the rows held out for validation during training, by groups."
    )
    seed: int = Field(
        17, ge=0, description="Seed of the split, of the order of the grid and of the rows that are reworded."
    )
    teacher: TeacherSettings = Field(
        default_factory=TeacherSettings,
        description="The model that writes rows; asked only if synthesis or balance want it.",
    )
    synthesis: SynthesisSettings = Field(default_factory=SynthesisSettings, description="What the teacher writes.")
    balance: BalanceSettings = Field(
        default_factory=BalanceSettings, description="What is added to the training split."
    )
    curation: CurationSettings = Field(default_factory=CurationSettings, description="Decisions of people.")
    export: tuple[ExportFormat, ...] = Field(
        (), description="Further forms of the data set: hub (README with front matter), csv, messages (chat JSONL)."
    )

    @property
    def wants_teacher(self) -> bool:
        return bool(self.synthesis.rows or self.synthesis.grounded_rows or self.balance.paraphrases)

    @model_validator(mode="after")
    def _money_needs_prices(self) -> Self:
        if self.teacher.max_cost is not None and not (self.teacher.price_in or self.teacher.price_out):
            raise ValueError(
                "teacher.max_cost needs prices: set teacher.price_in and teacher.price_out per million tokens"
            )
        return self
