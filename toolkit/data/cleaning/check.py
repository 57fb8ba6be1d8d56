"""Cleaning row by row: normalise, repair typing errors, anonymise, then the rules that a row must meet.

`clean_row` looks at no other row, so that rows can be shared out among processes.
"""

from __future__ import annotations

from dataclasses import replace

from toolkit.data.cleaning.anonymise import anonymise_row
from toolkit.data.cleaning.normalise import normalise_row
from toolkit.data.cleaning.row_language import row_language
from toolkit.data.cleaning.rules import broken_rule, unjudged
from toolkit.data.cleaning.typos import NO_VOCABULARY, Vocabulary, repair_typos
from toolkit.data.rows import Dropped, Row
from toolkit.data.words.languages import code_of
from toolkit.options.data import CleaningOptions, LimitOptions
from toolkit.records import sha256_text

# Answers so much longer than allowed are not even normalised; markup and repeated spaces may shrink shorter ones.
FAR_TOO_LONG = 4
REPAIRED = "typing errors repaired"


def clean_row(row: Row, options: CleaningOptions, vocabulary: Vocabulary = NO_VOCABULARY) -> Row | Dropped:
    """The row after the stages, or left out with the reason. Its id becomes a hash of the text before masking, which
    masking does not change. `vocabulary`: the words of the data set.
    """
    row = replace(row, language=row_language(row))
    result = _normalised(row, options, vocabulary) if "normalise" in options.stages else row
    if isinstance(result, Dropped):
        return result
    result = replace(result, id=sha256_text(f"{result.prompt}\n{result.output}")[:16])
    if "anonymise" in options.stages:
        result = anonymise_row(result, options)
    return _checked(result, options) if "check" in options.stages else result


def _checked(row: Row, options: CleaningOptions) -> Row | Dropped:
    if reason := check_row(row, options) or broken_rule(row, options):
        return Dropped(row, reason)
    note = unjudged(row, options)
    return replace(row, notes=(*row.notes, note)) if note else row


def _normalised(row: Row, options: CleaningOptions, vocabulary: Vocabulary) -> Row | Dropped:
    if len(row.prompt) > options.max_chars:
        return Dropped(row, f"question longer than {options.max_chars} characters")
    if len(row.output) > FAR_TOO_LONG * options.max_chars:
        return Dropped(row, f"answer longer than {options.max_chars} characters")
    result = normalise_row(row)
    return result if isinstance(result, Dropped) else _repaired(result, options.repaired_languages, vocabulary)


def _repaired(row: Row, languages: tuple[str, ...], vocabulary: Vocabulary) -> Row:
    if row.language not in map(code_of, languages):
        return row
    (prompt, in_prompt), (output, in_output) = (
        repair_typos(text, languages, vocabulary) for text in (row.prompt, row.output)
    )
    if not in_prompt + in_output:
        return row
    return replace(row, prompt=prompt, output=output, notes=(*row.notes, REPAIRED))


def check_row(row: Row, limits: LimitOptions) -> str:
    """Why a row may not be kept, or ""."""
    steps = row.output.count("\n") + 1
    if not any(character.isalpha() for character in row.prompt):
        return "no question"
    if not any(character.isalpha() for character in row.output):
        return "steps without words"
    if steps < limits.min_steps:
        return f"fewer than {limits.min_steps} steps"
    if steps > limits.max_steps:
        return f"more than {limits.max_steps} steps"
    return f"answer longer than {limits.max_chars} characters" if len(row.output) > limits.max_chars else ""
