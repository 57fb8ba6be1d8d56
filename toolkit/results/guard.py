"""The forgetting guard in results.json: what became of general ability, as a claim of non-inferiority."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from toolkit.results.parts import Count, Interval, Part, Share

KIND_WORDS: Final = {
    "instruction": "instructions followed",
    "refusal": "harmful requests refused",
    "fact": "short answers right",
}
LANGUAGE_WORDS: Final = {"en": "English", "id": "Indonesian"}


Outcome = Literal["kept", "fell", "open", "blind"]


class GuardPart(Part):
    """The items of one kind in one language."""

    kind: Literal["instruction", "refusal", "fact"]
    language: Literal["en", "id"]
    n: Count
    passed_a: Count
    passed_b: Count

    @property
    def name(self) -> str:
        return f"{KIND_WORDS[self.kind]} in {LANGUAGE_WORDS[self.language]}"


class GuardClaim(Part):
    """That a is not worse than b by the margin or more, on the same items."""

    a: str
    b: str
    margin: Share
    n: Count
    passed_a: Count
    passed_b: Count
    difference: float
    ci95: Interval = Field(description="Tango's interval for paired proportions.")
    outcome: Outcome = Field(
        description=(
            "`kept`: the interval lies above minus the margin; `fell`: it lies below 0, however little; `blind`: b"
            " passes no more than the margin, so that hardly anything could be lost; else `open`."
        )
    )
    parts: list[GuardPart]
    lost: list[str] = Field(description="Ids of items that b passes and a does not.")
    gained: list[str] = Field(description="Ids of items that a passes and b does not.")

    @property
    def worst(self) -> GuardPart | None:
        """The part that fell most; None where none fell."""
        part = max(self.parts, key=lambda part: (part.passed_b - part.passed_a) / part.n)
        return part if part.passed_a < part.passed_b else None

    @property
    def text(self) -> str:
        """The claim in one sentence with its numbers."""
        ends = " to ".join(f"{end:+.3f}".replace("-", "−") for end in self.ci95)
        difference = f"{self.difference:+.3f}".replace("-", "−") if self.lost or self.gained else "0.000"
        fell = f"; most fell {self.worst.name} ({_counts(self.worst, self.b)})" if self.worst else ""
        said = {
            "kept": f"it did not lose {self.margin:.0%} of them",
            "fell": "it lost some of what it could do",
            "open": f"it is not shown that it lost less than {self.margin:.0%} of them",
            "blind": f"{self.b} passes too few to tell what was lost",
        }[self.outcome]
        return (
            f"General ability: {self.a} passes {self.passed_a} of {self.n} bundled items, {self.b} {self.passed_b}"
            f" ({difference}, 95 % interval {ends}, margin {self.margin:g}): {said}{fell}."
        )


class GuardAnswer(Part):
    """One item of which the systems' answers do not all pass or all fail."""

    id: str
    prompt: str
    outputs: dict[str, str]
    passed: dict[str, bool]


class Guard(Part):
    """The claims of the guard, one for each system that was compared with the baseline."""

    items_sha256: str
    claims: list[GuardClaim]
    answers: list[GuardAnswer] = Field(description="Items on which the systems differ.")

    def claim_of(self, system: str) -> GuardClaim | None:
        return next((claim for claim in self.claims if claim.a == system), None)


def _counts(part: GuardPart, b: str) -> str:
    return f"{part.passed_a} of {part.n}, {b} {part.passed_b}"
