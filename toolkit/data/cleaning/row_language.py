"""The language of a row, for every stage that depends on it."""

from __future__ import annotations

from toolkit.data.rows import Row
from toolkit.data.words.languages import language_of


def row_language(row: Row) -> str:
    """The language that was found out of a row; of one that has not been cleaned what `language_of` says."""
    return row.language or language_of(row.meta.get("language", ""), f"{row.prompt}\n{row.output}")
