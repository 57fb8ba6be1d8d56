"""Settings of data-build: where how-to pairs come from, how they are cleaned, and how they are split."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from toolkit.settings.base import ExistingPath, OptionalText, Settings, Share


def _reads_lines(encoding: str) -> str:
    """Files are cut into lines before they are decoded, so a line feed must be the one byte it is in ASCII."""
    try:
        one_byte = "\n".encode(encoding).removeprefix(codecs.BOM_UTF8) == b"\n"
    except LookupError:
        raise ValueError(f"there is no encoding {encoding!r}; give one such as utf-8, cp1252 or latin-1") from None
    if not one_byte:
        raise ValueError(f"{encoding} is not read; save the files as UTF-8")
    return encoding


PersonalKind = Literal["email", "phone", "card", "iban", "ip", "handle", "nik", "npwp", "ssn", "passport", "licence", "account", "name", "address"]


Stage = Literal["normalise", "anonymise", "check", "deduplicate", "split"]


def _in_order(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if not stages:
        raise ValueError(f"name at least one stage: {', '.join(get_args(Stage))}")
    return tuple(stage for stage in get_args(Stage) if stage in stages)


class SourceSettings(Settings):
    """What every source says about itself."""

    path: ExistingPath = Field(description="File or folder to read.")
    name: OptionalText = Field(None, description="Name of the source in the ledger and the card; the file name if left out.")
    licence: OptionalText = Field(None, description="Licence of the texts, as the card shall state it.")
    domain: OptionalText = Field(None, description="Domain written to rows that name none, for example finance.")
    language: OptionalText = Field(None, description="Language of rows that name none, as a two-letter code.")
    encoding: Annotated[str, AfterValidator(_reads_lines)] = Field("utf-8", description="Text encoding of the files.")


class RecordSettings(SourceSettings):
    """What sources of records say about their columns."""

    prompt_field: str = Field("prompt", description="Key or column that holds the question; dots lead into nested objects.")
    output_field: str = Field("output", description="Key or column that holds the numbered steps, as text or as a list of texts.")
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
    """Manuals and FAQs: Markdown, HTML, PDF, DocBook, Mallard and text files; one file, a folder that is read recursively, or an archive (zip, tar)."""

    type: Literal["documents"] = Field("documents", description="Kind of source.")


class ForumSource(SourceSettings):
    """A dump of a forum: XML like Stack Exchange's Posts.xml, or JSON or JSONL with title and answers; the accepted or best answer is taken."""

    type: Literal["forum"] = Field("forum", description="Kind of source.")
    min_score: int = Field(0, description="Fewest votes of an answer that was not accepted.")


Source = Annotated[JsonlSource | CsvSource | ParquetSource | HfSource | DocumentsSource | ForumSource, Field(discriminator="type")]


class DataBuildSettings(Settings):
    """Sources to a clean, private, de-duplicated data set with a leak-free held-out test."""

    sources: tuple[Source, ...] = Field(
        min_length=1, description="Where the how-to pairs come from; each has a type: jsonl, csv, parquet, hf, documents or forum."
    )
    strict: bool = Field(False, description="Stop at the first unreadable row instead of writing it to the ledger.")
    stages: Annotated[tuple[Stage, ...], AfterValidator(_in_order)] = Field(
        get_args(Stage), description="Stages to run, in this order; without split the rows and the ledger are written to rows/ instead of a data set."
    )
    repair_typos: bool = Field(True, description="Repair typing errors in words that no language of `languages` knows.")
    languages: tuple[str, ...] = Field(("en", "id"), description="Languages of the texts, as two-letter codes.")
    anonymise: tuple[PersonalKind, ...] = Field(get_args(PersonalKind), description="Kinds of personal data to mask; [] masks nothing.")
    anonymise_with: Literal["placeholder", "surrogate"] = Field(
        "placeholder", description="What stands in for personal data: [NAME_1], or made-up names, addresses, e-mail and phone numbers."
    )
    phone_regions: tuple[str, ...] = Field(
        ("US", "GB", "ID"), description="Countries (two-letter codes) whose national phone numbers are recognised."
    )
    min_steps: int = Field(2, ge=1, description="Fewest steps of an answer that is kept.")
    max_steps: int = Field(15, ge=1, description="Most steps of an answer that is kept.")
    max_chars: int = Field(4000, ge=100, description="Longest answer that is kept, in characters.")
    near_duplicate_jaccard: float = Field(
        0.8, gt=0.0, le=1.0, description="Jaccard similarity of character 4-grams from which two rows count as the same and one is dropped."
    )
    group_jaccard: float = Field(0.55, gt=0.0, le=1.0, description="Jaccard similarity from which two rows must lie in the same split.")
    test_share: Share = Field(0.15, description="Share of the rows held out for the test, by groups.")
    validation_share: Share = Field(0.1, description="Share of the rows held out for validation during training, by groups.")
    seed: int = Field(17, ge=0, description="Seed of the split.")
