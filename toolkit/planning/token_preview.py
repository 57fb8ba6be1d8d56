"""What a recipe's own preview program says of a run, and an sft run's for a person: counts and one row by tokens."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from toolkit.machine.asked import ask
from toolkit.planning.batch_choice import RowLengths
from toolkit.records import JSON

# Two alternating shades a kind, so that the borders of tokens show: prompt grey, learned green.
_SHADES = {False: ("\x1b[90m", "\x1b[37m"), True: ("\x1b[32m", "\x1b[92m")}
SHOWN_IDS = 10


def recipe_preview(
    program: Path, interpreter: str, config_yaml: str, environment: dict[str, str], timeout_s: float | None = None
) -> JSON:
    """The answer of a recipe's `preview.py`; `{"error", "exit_code"}` if rows or model cannot be used."""
    try:
        done = ask([interpreter, str(program)], config_yaml, {**os.environ, **environment}, timeout_s)
        answer: JSON = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"error": f"The preview did not answer within {timeout_s:.0f} s", "exit_code": 1}
    except (IndexError, ValueError):
        return {
            "error": f"The preview failed: {(done.stderr.strip().splitlines() or ['no output'])[-1][:300]}",
            "exit_code": 1,
        }
    return answer


def row_lengths(preview: JSON) -> RowLengths | None:
    """The training rows' lengths in an sft run's preview; None where it failed."""
    counts = preview.get("counts", {}).get("train")
    return RowLengths(counts["rows"], counts["tokens"], counts["longest"]) if counts else None


def preview_lines(preview: JSON) -> Iterator[str]:
    """The answer for a person, without the tokens of its row."""
    if "error" in preview:
        yield f"Preview: {preview['error']}"
        return
    for split, counts in preview["counts"].items():
        yield (
            f"{split:<11} {counts['rows']} rows, {counts['tokens']} tokens, {counts['labelled_tokens']} of them learned"
        )
        if left_out := counts["too_long"]:
            more = f" and {len(left_out) - SHOWN_IDS} more" if len(left_out) > SHOWN_IDS else ""
            yield f"            left out, longer than max_length: {', '.join(left_out[:SHOWN_IDS])}{more}"
        if masked := counts["fully_masked"]:
            yield f"            nothing to learn from: {', '.join(masked[:SHOWN_IDS])}"
    proof = preview["proof"]
    controls = " ".join(proof["control_tokens"]) or "none"
    yield (
        f"proof       {proof['rows_checked']} rows ({preview['prompt_format']}): the trained prompt is the served one,"
        f" its control tokens are {controls}, {proof['end_token']} is learned, the prompt is not"
    )
    yield f"row {preview['row']}:"


def token_pieces(tokens: list[tuple[str, bool]], colour: bool) -> Iterator[tuple[str, str]]:
    """(colour, text) of a row's tokens, each given as its text and whether it is learned. Without colour the learned
    part stands between guillemets.
    """
    learned_before = False
    for number, (text, learned) in enumerate(tokens):
        if not colour and learned != learned_before:
            yield "", "«" if learned else "»"
        yield _SHADES[learned][number % 2] if colour else "", text
        learned_before = learned
    if learned_before and not colour:
        yield "", "»"
