"""Whether the engine that is about to answer computes base + adapter: a few greedy answers against the reference's.

The engine is what it is on its own hardware, with its own kernels, loader and precision; what another library computes
from the same files says nothing about it. Greedy answers part where rounding breaks a near tie otherwise, so a row
counts as other only where the reference was sure of its token.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.errors import ModelError
from toolkit.generation.measured import CheckRow
from toolkit.generation.prompts import Request
from toolkit.generation.tensor_stream import FLOATS, read_header
from toolkit.model_files import weight_files
from toolkit.records import JSON

# Distance of the two likeliest logits from which a token is no tie, by the precision that rounds: several times the
# largest difference that rounding makes (benchmarks/merge.py measures it).
SURE_FROM = {"float32": 0.1, "float16": 1.0, "bfloat16": 1.0}
SURE_FROM_FP8 = 2.0
MOST_OTHER_ROWS = 0.25


@dataclass(frozen=True)
class Served:
    """What an engine answered to the check rows.

    `same` rows are the reference's throughout, `ties` part from it where it was not sure; in `other` rows the engine
    says something else, in `as_base` of them what the base alone would. `telling` rows are those that the base alone
    answers otherwise: without one, the check cannot tell the two apart.
    """

    rows: int
    same: int
    ties: int
    other: int
    as_base: int
    telling: int

    def to_json(self) -> JSON:
        return asdict(self)


def check_requests(rows: list[CheckRow], stop_ids: tuple[int, ...], adapter: Path | None) -> list[Request]:
    """The requests to put to the engine, greedy."""
    return [
        Request(
            str(number),
            "",
            row.prompt_ids,
            len(row.answer_ids),
            0,
            f"check-{number}",
            stop_ids=stop_ids,
            adapter=str(adapter) if adapter else None,
        )
        for number, row in enumerate(rows)
    ]


def sure_from(computed: str, fp8: bool, merged: Path | None) -> float:
    """The distance from which a token counts as sure.

    Args:
        computed: the precision that the engine computes in.
        merged: the merged model's folder. Its weights are rounded to the precision that they are stored in, whatever
            they are computed in: a short training moves them by less than that.
    """
    if fp8:
        return SURE_FROM_FP8
    entries = [entry for path in weight_files(merged) for entry in read_header(path)[1]] if merged else []
    stored = {FLOATS[entry.dtype] for entry in entries if entry.dtype in FLOATS}
    return max(SURE_FROM.get(precision, 0.0) for precision in (computed, *stored))


def compare_served(rows: list[CheckRow], answers: list[list[int]], least_gap: float) -> Served:
    """Compare an engine's answers with the reference's; a token is sure from `least_gap` on."""
    same = ties = other = as_base = telling = 0
    for row, answer in zip(rows, answers, strict=True):
        telling += row.base_ids != row.answer_ids
        place = _first_difference(row.answer_ids, answer)
        if place is None:
            same += 1
        elif row.gaps[place] < least_gap:
            ties += 1
        else:
            other += 1
            as_base += place < len(answer) and answer[place] == row.base_ids[place]
    return Served(len(rows), same, ties, other, as_base, telling)


def require_served(served: Served, engine: str) -> None:
    """Raises ModelError for an engine that does not answer as base + adapter do."""
    if served.other <= served.rows * MOST_OTHER_ROWS:
        return
    base = f", {served.as_base} of them as the base model alone answers" if served.as_base else ""
    raise ModelError(
        f"{engine} does not serve the tuned model: {served.other} of {served.rows} greedy answers differ from those of"
        f" base + adapter where these are sure of their token{base}. Nothing was written. Try"
        " generator.backend=transformers; if that one agrees, please report this with the model's name."
    )


def _first_difference(expected: list[int], found: list[int]) -> int | None:
    for place, token in enumerate(expected):
        if place >= len(found) or found[place] != token:
            return place
    return None
