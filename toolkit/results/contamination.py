"""What the base model seems to know of the test questions already, in results.json."""

from __future__ import annotations

from pydantic import Field

from toolkit.results.parts import Count, Interval, Part


class Contamination(Part):
    """The likelihood of test questions by the base model, against reworded twins of them."""

    model: str
    n: Count = Field(description="Questions that have a twin.")
    questions: Count
    openings: dict[str, Count] = Field(description="How many of them open with which words.")
    difference: float | None = Field(
        description="Nats a token by which the rest of a question is likelier after its own opening words."
    )
    ci95: Interval | None

    @property
    def text(self) -> str:
        """What was found, in one sentence."""
        asked = f"{self.n} of {self.questions} test questions"
        if self.difference is None or self.ci95 is None:
            return (
                f"Whether {self.model} has seen the test questions could not be measured: {asked} have a twin with"
                " other opening words, and a difference needs several groups of them."
            )
        ends = f"95 % interval {self.ci95[0]:.3f} to {self.ci95[1]:.3f}".replace("-", "−")
        difference = f"{self.difference:.3f}".replace("-", "−")
        found = (
            "a sign that it has seen some of them in these words, or that people choose the opening that fits"
            if self.ci95[0] > 0
            else "no sign that it has seen them in these words"
        )
        return (
            f"{self.model} finds the rest of a question likelier after its own opening words than after those of other"
            f" questions by {difference} nats a token ({ends}, {asked}): {found}. It tells nothing of the answers."
        )
