"""Cleaning row by row: normalise, repair typing errors, anonymise, then the rules that a row must meet.

`clean_row` looks at no other row, so that rows can be shared out among processes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.data.cleaning.anonymise import anonymise_row
from toolkit.data.cleaning.normalise import normalise_row
from toolkit.data.cleaning.rules import broken_rule
from toolkit.data.cleaning.typos import NO_VOCABULARY, Vocabulary, repair_typos
from toolkit.data.rows import Dropped, Row
from toolkit.records import sha256_text

ROW_STAGES = ("normalise", "anonymise", "check")
# Answers so much longer than allowed are not even normalised; markup and repeated spaces may shrink shorter ones.
FAR_TOO_LONG = 4
REPAIRED = "typing errors repaired"


@dataclass(frozen=True)
class Cleaning:
    """What is done to each row. `languages`: those whose typing errors are repaired, none for (); `vocabulary`: the
    words of the data set.

    `rules` (of rules.RULE_NAMES) and `rule_languages`, the languages of the recipe: what the check looks for beside the
    limits.
    """

    anonymise: tuple[str, ...]
    phone_regions: tuple[str, ...]
    min_steps: int
    max_steps: int
    max_chars: int
    with_surrogates: bool = False
    languages: tuple[str, ...] = ()
    vocabulary: Vocabulary = NO_VOCABULARY
    rules: tuple[str, ...] = ()
    rule_languages: tuple[str, ...] = ()
    stages: tuple[str, ...] = ROW_STAGES


def clean_row(row: Row, cleaning: Cleaning) -> Row | Dropped:
    """The row after the stages, or left out with the reason. Its id becomes a hash of the text before masking, which
    masking does not change.
    """
    result: Row | Dropped = row
    if "normalise" in cleaning.stages:
        result = _normalised(row, cleaning)
    if isinstance(result, Dropped):
        return result
    result = replace(result, id=sha256_text(f"{result.prompt}\n{result.output}")[:16])
    if "anonymise" in cleaning.stages:
        result = anonymise_row(result, cleaning.anonymise, cleaning.phone_regions, cleaning.with_surrogates)
    reason = ""
    if "check" in cleaning.stages:
        limits = check_row(result, cleaning.min_steps, cleaning.max_steps, cleaning.max_chars)
        reason = limits or broken_rule(result, cleaning.rules, cleaning.rule_languages)
    return Dropped(result, reason) if reason else result


def _normalised(row: Row, cleaning: Cleaning) -> Row | Dropped:
    if len(row.prompt) > cleaning.max_chars:
        return Dropped(row, f"question longer than {cleaning.max_chars} characters")
    if len(row.output) > FAR_TOO_LONG * cleaning.max_chars:
        return Dropped(row, f"answer longer than {cleaning.max_chars} characters")
    result = normalise_row(row)
    if (
        isinstance(result, Dropped)
        or result.meta.get("language", next(iter(cleaning.languages), "")) not in cleaning.languages
    ):
        return result
    (prompt, in_prompt), (output, in_output) = (
        repair_typos(text, cleaning.languages, cleaning.vocabulary) for text in (result.prompt, result.output)
    )
    return (
        replace(result, prompt=prompt, output=output, notes=(*result.notes, REPAIRED))
        if in_prompt + in_output
        else result
    )


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
