"""What was measured of a system against base + adapter, as it is kept in proof.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.records import JSON, read_json, write_json


@dataclass(frozen=True)
class Proof:
    """Differences of the logits (absolute), and how far greedy decoding agrees.

    `agreeing_tokens` is the share of positions where both have the same likeliest token, `agreeing_rows` the share of
    answers that are the same throughout. `largest_gap` is the distance of the reference's two likeliest logits at the
    worst position where they disagree: 0 when they never do, small where only a tie was broken otherwise.
    """

    rows: int
    positions: int
    max_logit_difference: float
    mean_logit_difference: float
    agreeing_tokens: float
    agreeing_rows: float
    largest_gap: float
    dtype: str

    def __str__(self) -> str:
        return (
            f"{self.rows} rows, {self.positions} positions, {self.dtype}: logits differ by"
            f" {self.max_logit_difference:.3g} at most, {self.mean_logit_difference:.3g} in the mean; the likeliest"
            f" token agrees at {self.agreeing_tokens:.2%}, whole greedy answers at {self.agreeing_rows:.2%} (largest"
            f" gap where not: {self.largest_gap:.3g})"
        )


@dataclass(frozen=True)
class CheckRow:
    """A prompt and base + adapter's greedy answer to it.

    `gaps` are the distances of the two likeliest logits at each token, `base_ids` the tokens that the base alone finds
    likeliest there.
    """

    prompt_ids: list[int]
    answer_ids: list[int]
    gaps: list[float]
    base_ids: list[int]

    @classmethod
    def from_json(cls, row: JSON) -> CheckRow:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Measured:
    """What base + adapter say: rows to put to the engine and, of a merged model, its proof. `wanted_rows` were asked
    for, `rows` could be used.
    """

    dtype: str
    wanted_rows: int
    rows: int
    check: list[CheckRow]
    proof: Proof | None = None

    @classmethod
    def from_json(cls, value: JSON) -> Measured:
        proof = Proof(**value["proof"]) if value["proof"] else None
        check = [CheckRow.from_json(row) for row in value["check"]]
        return cls(value["dtype"], value["wanted_rows"], value["rows"], check, proof)

    @classmethod
    def read(cls, path: Path, dtype: str, rows: int) -> Measured | None:
        """What an earlier run kept; None where it is too little, in another precision or in another format."""
        stored = read_json(path)
        try:
            if stored is None or stored["dtype"] != dtype or stored["wanted_rows"] < rows:
                return None
            return cls.from_json(stored)
        except (KeyError, TypeError):
            return None

    def to_json(self) -> JSON:
        return asdict(self)

    def write(self, path: Path) -> None:
        write_json(path, self.to_json())
