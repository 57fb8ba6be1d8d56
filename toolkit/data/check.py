"""Checking and the order of cleaning: normalise, anonymise, then the rules a row must meet."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.data.anonymise import anonymise_row
from toolkit.data.normalise import normalise_row
from toolkit.data.rows import Batch, Dropped, Row, require_rows
from toolkit.data.sources import name_rows
from toolkit.runs.recorder import Recorder

# Answers so much longer than allowed are not even normalised; markup and repeated spaces may shrink shorter ones.
FAR_TOO_LONG = 4


def clean(
    batch: Batch,
    anonymise: tuple[str, ...],
    phone_regions: tuple[str, ...],
    min_steps: int,
    max_steps: int,
    max_chars: int,
    recorder: Recorder,
    with_surrogates: bool = False,
) -> Batch:
    """Rows in the one form of the data set, without the kinds of personal data named, within the limits; each with its final id.

    Ids are given before masking, so that what is masked does not change them.

    Raises:
        DataError: a source has no usable row.
    """
    batch = name_rows(batch.sift(_normalised(batch.kept, max_chars, recorder)))
    masked = (anonymise_row(row, anonymise, phone_regions, with_surrogates) for row in batch.kept)
    checked = batch.sift(_checked(masked, len(batch.kept), min_steps, max_steps, max_chars, recorder))
    require_rows(checked)
    return checked


def _normalised(rows: list[Row], max_chars: int, recorder: Recorder) -> Iterator[Row | Dropped]:
    for done, row in enumerate(rows, start=1):
        if len(row.prompt) > max_chars:
            yield Dropped(row, f"question longer than {max_chars} characters")
        elif len(row.output) > FAR_TOO_LONG * max_chars:
            yield Dropped(row, f"answer longer than {max_chars} characters")
        else:
            yield normalise_row(row)
        _report("normalise", done, len(rows), recorder)


def _checked(rows: Iterator[Row], total: int, min_steps: int, max_steps: int, max_chars: int, recorder: Recorder) -> Iterator[Row | Dropped]:
    for done, row in enumerate(rows, start=1):
        reason = check_row(row, min_steps, max_steps, max_chars)
        yield Dropped(row, reason) if reason else row
        _report("anonymise and check", done, total, recorder)


def check_row(row: Row, min_steps: int, max_steps: int, max_chars: int) -> str:
    """Why a row may not be kept, or ""."""
    steps = row.output.count("\n") + 1
    if not any(character.isalpha() for character in row.prompt):
        return "no question"
    if not any(character.isalpha() for character in row.output):
        return "steps without words"
    if steps < min_steps:
        return f"fewer than {min_steps} steps"
    if steps > max_steps:
        return f"more than {max_steps} steps"
    return f"answer longer than {max_chars} characters" if len(row.output) > max_chars else ""


def _report(phase: str, done: int, total: int, recorder: Recorder) -> None:
    recorder.progress(phase, done, total)
    if done % 500 == 0:
        recorder.check_stop()
