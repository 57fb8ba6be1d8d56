"""Normalising: a one-line question and steps in one numbering form (`1. `), whatever form the answer came in.

Text before the first and after the last step is taken away and noted in the ledger.
"""

from __future__ import annotations

import re
from dataclasses import replace

from toolkit.data.pages.sections import ONLY_A_PICTURE
from toolkit.data.pages.written_steps import NoSteps, number_steps, one_line, parse_steps
from toolkit.data.rows import Dropped, Row

# Without the picture the step says nothing, and without the step the others are another task.
PICTURE = re.compile(
    r"(?:(?:!\[[^\]]*\]\([^)]*\)|<img\b[^>]*>|\[(?:image|picture|screenshot|gambar)\b[^\]]*\]|\ufffc)[\s.,;:]*)+",
    re.IGNORECASE,
)

PICTURE_STARTS = frozenset("![<\ufffc")


def normalise_row(row: Row) -> Row | Dropped:
    """The row with a one-line question and `1. ` steps, or left out with the reason."""
    try:
        steps, had_text_around = parse_steps(row.output)
    except NoSteps as error:
        return Dropped(row, str(error))
    if any(step[0] in PICTURE_STARTS and PICTURE.fullmatch(step) for step in steps):
        return Dropped(row, ONLY_A_PICTURE)
    notes = (*row.notes, "text around the steps removed") if had_text_around else row.notes
    return replace(row, prompt=one_line(row.prompt), output=number_steps(steps), notes=notes)
