"""Options of data-build's sources: one group for each kind, distinguished by `type`."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field

from toolkit.options.base import ExistingPath, OptionalText, Options, none_word


def _reads_lines(encoding: str) -> str:
    """Files are cut into lines before they are decoded, so a line feed must be the one byte it is in ASCII; UTF-16 and
    UTF-32 are known to be otherwise.
    """
    try:
        name = codecs.lookup(encoding).name
        one_byte = name.startswith(("utf-16", "utf-32")) or (
            "\n".encode(encoding).removeprefix(codecs.BOM_UTF8) == b"\n"
        )
    except LookupError:
        raise ValueError(f"there is no encoding {encoding!r}; give one such as utf-8, cp1252 or latin-1") from None
    if not one_byte:
        raise ValueError(f"{encoding} is not read; save the files as UTF-8")
    return encoding


AUTO = "auto"  # the type of a source that says none


def as_sources(value: Any) -> Any:
    """Sources as people write them: a path, a mapping, or a list of both; one that names no `type` is found out."""
    entries = [value] if isinstance(value, (str, Path, dict)) else value
    if not isinstance(entries, (list, tuple)):
        return value
    paths = ({"path": entry} if isinstance(entry, (str, Path)) else entry for entry in entries)
    return [{"type": AUTO, **entry} if isinstance(entry, dict) and "type" not in entry else entry for entry in paths]


class OriginOptions(Options):
    """Where rows come from, and what is the same in all of them."""

    path: ExistingPath = Field(description="File or folder to read.")
    name: OptionalText = Field(
        None, description="Name of the source in the ledger and the card; the file name if left out."
    )
    licence: OptionalText = Field(None, description="Licence of the texts, as the card shall state it.")
    domain: OptionalText = Field(None, description="Domain written to rows that name none, for example finance.")
    language: OptionalText = Field(None, description="Language of rows that name none, as a two-letter code.")

    @property
    def label(self) -> str:
        """What the ledger and the card call the source."""
        return self.name or self.path.name


Encoding = Annotated[str, AfterValidator(_reads_lines)]
Columns = dict[Literal["id", "domain", "task", "register", "language", "group", "parent"], str]


class AutoSource(OriginOptions):
    """Any file or folder: its format, encoding, delimiter and columns are found out, said, and written into the run.
    What is given here is not guessed.
    """

    type: Literal["auto"] = Field("auto", description="Kind of source.")
    encoding: Annotated[Encoding | None, BeforeValidator(none_word)] = Field(
        None, description="Text encoding of the files; found out if left out."
    )
    delimiter: OptionalText = Field(
        None, min_length=1, max_length=1, description="Character between two columns; found out if left out."
    )
    prompt_field: OptionalText = Field(
        None, description="Key or column that holds the question; found out if left out."
    )
    output_field: OptionalText = Field(
        None, description="Key or column that holds the numbered steps; found out if left out."
    )
    columns: Columns = Field({}, description="Column by what it holds; found out if left out.")


class SourceOptions(OriginOptions):
    """What every source whose kind is known says about itself."""

    encoding: Encoding = Field("utf-8", description="Text encoding of the files; a byte order mark goes before it.")


class RecordOptions(SourceOptions):
    """What sources of records say about their columns."""

    prompt_field: str = Field(
        "prompt",
        description="Key or column that holds the question; dots lead into nested objects, numbers into lists.",
    )
    output_field: str = Field(
        "output", description="Key or column that holds the numbered steps, as text or as a list of texts."
    )
    input_field: OptionalText = Field(
        None, description="Key or column of a text that belongs behind the question, such as alpaca's input."
    )
    messages_field: OptionalText = Field(
        None,
        description="Key that holds a conversation (OpenAI's messages, ShareGPT) with question and answer.",
    )
    html: bool = Field(False, description="Question and answer may be HTML, of which the steps are taken.")
    columns: Columns = Field(
        {}, description="Column by what it holds, for columns of other names: {domain: category, id: ticket.number}."
    )

    def column_of(self, key: str) -> str:
        """The column that holds the `id` or a meta key."""
        return cast("dict[str, str]", self.columns).get(key, key)


class JsonDocumentOptions(SourceOptions):
    """What sources of JSON say about documents that hold a list."""

    records: OptionalText = Field(
        None, description="Key under which a JSON document holds the list of its records; dots lead deeper."
    )


class JsonlSource(JsonDocumentOptions, RecordOptions):
    """A JSONL or JSON file, or a folder of them: one object a line, an array, or objects that go over several lines."""

    type: Literal["jsonl"] = Field("jsonl", description="Kind of source.")


class CsvSource(RecordOptions):
    """A CSV file with a header line, or a folder of them."""

    type: Literal["csv"] = Field("csv", description="Kind of source.")
    delimiter: str = Field(
        ",",
        min_length=1,
        max_length=1,
        description="Character between two columns; a first line `sep=;` goes before it.",
    )


class SheetSource(RecordOptions):
    """A spreadsheet (.xlsx, .ods, .xls) with a line of column names, or a folder of them."""

    type: Literal["sheet"] = Field("sheet", description="Kind of source.")
    sheet: OptionalText = Field(None, description="Sheet to read; every one that has the columns if left out.")


class ParquetSource(RecordOptions):
    """A parquet file, or a folder of them."""

    type: Literal["parquet"] = Field("parquet", description="Kind of source.")


class HfSource(RecordOptions):
    """A folder that the `datasets` library wrote (save_to_disk), or one laid out as on the Hub; nothing is fetched."""

    type: Literal["hf"] = Field("hf", description="Kind of source.")
    split: OptionalText = Field(None, description="Split to read; all if left out.")


class DocumentsSource(SourceOptions):
    """Manuals and FAQs: Markdown, HTML, PDF, Word, EPUB, reStructuredText, AsciiDoc, DocBook, Mallard and text files;
    one file, a folder that is read recursively, or an archive (zip, tar).
    """

    type: Literal["documents"] = Field("documents", description="Kind of source.")
    skip: tuple[str, ...] = Field(
        (), description="Patterns of files below the folder that are passed over, such as `drafts/*` or `*.csv`."
    )


class ForumSource(SourceOptions):
    """A dump of a forum: XML like Stack Exchange's Posts.xml, or JSON or JSONL with title and answers; the accepted or
    best answer is taken.
    """

    type: Literal["forum"] = Field("forum", description="Kind of source.")
    min_score: int = Field(0, description="Fewest votes of an answer that was not accepted.")


class TicketsSource(JsonDocumentOptions):
    """Tickets of a helpdesk (Zendesk, Freshdesk) as JSON or JSONL; the last public reply of an agent that holds steps
    answers the subject, or the customer's question.
    """

    type: Literal["tickets"] = Field("tickets", description="Kind of source.")


ExplicitSource = (
    JsonlSource | CsvSource | SheetSource | ParquetSource | HfSource | DocumentsSource | ForumSource | TicketsSource
)
Source = Annotated[AutoSource | ExplicitSource, Field(discriminator="type")]
