"""What an exported model was proven to be: the claim about its answers, for results.json and for the export's own
proof.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from toolkit.config_problems import first_problem
from toolkit.errors import DataError
from toolkit.records import read_json
from toolkit.results.parts import Count, Interval, Part, Share, round_numbers

SHIPPED: Final = "shipped"
TUNED: Final = "tuned"  # the merged model that the shipped file was made from
SHIP_MARGIN: Final = 0.05
PROOF_SCHEMA: Final = 1

Verdict = Literal["ships", "does_not", "open"]
VERDICT_WORDS: Final[dict[Verdict, str]] = {
    "ships": "ships",
    "does_not": "does not ship",
    "open": "not enough rows to tell",
}
CheckName = Literal["files", "lineage", "weights", "prompts", "stops", "answers"]
CHECK_WORDS: Final[dict[CheckName, str]] = {
    "files": "Files",
    "lineage": "Lineage",
    "weights": "Weights",
    "prompts": "Prompts",
    "stops": "Stop tokens",
    "answers": "Answers",
}


class ShippedClaim(Part):
    """That the shipped file's answers are not worse than the merged model's by the margin or more, on the same rows."""

    a: str
    b: str
    metric: Literal["rouge_l"]
    margin: float = Field(gt=0.0, lt=1.0, description="Largest loss that is allowed, declared before the answers.")
    n: Count
    groups: Count
    same: Count = Field(description="Answers that are the same text.")
    mean_a: float
    mean_b: float
    difference: float
    ci95: Interval | None
    outcome: Verdict = Field(
        description=(
            "`ships`: the interval lies above minus the margin; `does_not`: it lies below; `open`: it includes it, or"
            " b itself scores no more than the margin, so that hardly anything could be lost."
        )
    )

    @property
    def text(self) -> str:
        """The claim in one sentence with its numbers."""
        ends = (
            "no interval" if self.ci95 is None else f"95 % interval {_signed(self.ci95[0])} to {_signed(self.ci95[1])}"
        )
        return (
            f"{self.same} of {self.n} greedy answers are the same text; ROUGE-L {self.mean_a:.3f} against"
            f" {self.mean_b:.3f} of {self.b} (difference {_signed(self.difference)}, {ends}, margin {self.margin:g}):"
            f" {VERDICT_WORDS[self.outcome]}."
        )


class ShipCheck(Part):
    """One check of an export; `passed` is null where it could not be made, and `found` says why."""

    name: CheckName
    passed: bool | None
    found: str


class ShipProof(Part):
    """proof.json of an export."""

    schema_: Literal[1] = Field(alias="schema")
    manifest_sha256: str = Field(description="Of the manifest that was proven.")
    runtime: str
    checks: list[ShipCheck]
    claim: ShippedClaim | None
    agreement: Share | None = Field(description="Share of greedy answers that are the same text.")
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """One failed check is enough; what could not be checked leaves it open only for prompts and stops."""
        if any(check.passed is False for check in self.checks) or (self.claim and self.claim.outcome == "does_not"):
            return "does_not"
        unknown = {check.name for check in self.checks if check.passed is None}
        return (
            "open"
            if unknown & {"prompts", "stops", "answers"} or (self.claim and self.claim.outcome == "open")
            else "ships"
        )

    def to_json(self) -> dict[str, object]:
        written = round_numbers(self.model_dump(mode="json", by_alias=True))
        assert isinstance(written, dict)
        return {"verdict": self.verdict, **written}


def read_ship_proof(path: Path) -> ShipProof | None:
    """The proof in a file; None where there is none.

    Raises:
        DataError: the file is another document.
    """
    found = read_json(path)
    if found is None:
        return None
    try:
        return ShipProof.model_validate({key: value for key, value in found.items() if key != "verdict"})
    except ValidationError as error:
        problem = first_problem(error, ShipProof)
        raise DataError(
            f"{path} is no proof that this version reads ({problem}); `steptune prove` writes it anew."
        ) from error


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
