"""Options of data-build's sources: one group for each kind, distinguished by `type`."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field

from toolkit.options.base import ExistingPath, OptionalText, Options


def _reads_lines(encoding: str) -> str:
    """Files are cut into lines before they are decoded, so a line feed must be the one byte it is in ASCII."""
    try:
        one_byte = "\n".encode(encoding).removeprefix(codecs.BOM_UTF8) == b"\n"
    except LookupError:
        raise ValueError(f"there is no encoding {encoding!r}; give one such as utf-8, cp1252 or latin-1") from None
    if not one_byte:
        raise ValueError(f"{encoding} is not read; save the files as UTF-8")
    return encoding


class SourceOptions(Options):
    """What every source says about itself."""

    path: ExistingPath = Field(description="File or folder to read.")
    name: OptionalText = Field(
        None, description="Name of the source in the ledger and the card; the file name if left out."
    )
    licence: OptionalText = Field(None, description="Licence of the texts, as the card shall state it.")
    domain: OptionalText = Field(None, description="Domain written to rows that name none, for example finance.")
    language: OptionalText = Field(None, description="Language of rows that name none, as a two-letter code.")
    encoding: Annotated[str, AfterValidator(_reads_lines)] = Field("utf-8", description="Text encoding of the files.")

    @property
    def label(self) -> str:
        """What the ledger and the card call the source."""
        return self.name or self.path.name


class RecordOptions(SourceOptions):
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

    def column_of(self, key: str) -> str:
        """The column that holds the `id` or a meta key."""
        return cast("dict[str, str]", self.columns).get(key, key)


class JsonlSource(RecordOptions):
    """A JSONL file, or a folder of them."""

    type: Literal["jsonl"] = Field("jsonl", description="Kind of source.")


class CsvSource(RecordOptions):
    """A CSV file with a header line, or a folder of them."""

    type: Literal["csv"] = Field("csv", description="Kind of source.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="Character between two columns.")


class ParquetSource(RecordOptions):
    """A parquet file, or a folder of them."""

    type: Literal["parquet"] = Field("parquet", description="Kind of source.")


class HfSource(RecordOptions):
    """A folder that the `datasets` library wrote (save_to_disk), or one laid out as on the Hub; nothing is fetched."""

    type: Literal["hf"] = Field("hf", description="Kind of source.")
    split: OptionalText = Field(None, description="Split to read; all if left out.")


class DocumentsSource(SourceOptions):
    """Manuals and FAQs: Markdown, HTML, PDF, DocBook, Mallard and text files; one file, a folder that is read
    recursively, or an archive (zip, tar).
    """

    type: Literal["documents"] = Field("documents", description="Kind of source.")


class ForumSource(SourceOptions):
    """A dump of a forum: XML like Stack Exchange's Posts.xml, or JSON or JSONL with title and answers; the accepted or
    best answer is taken.
    """

    type: Literal["forum"] = Field("forum", description="Kind of source.")
    min_score: int = Field(0, description="Fewest votes of an answer that was not accepted.")


Source = Annotated[
    JsonlSource | CsvSource | ParquetSource | HfSource | DocumentsSource | ForumSource, Field(discriminator="type")
]
