"""Options that several recipes ask for: the model, its prompt format, the held-out rows, the length of an answer, the
seed.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from toolkit.options.base import ModelName, OptionalCount, OptionalPath, OptionalText, Options, PromptFormatName

MAX_SEED = 2**32 - 1  # NumPy takes no larger one


class ModelOptions(Options):
    """Where a base model comes from, as the user names it."""

    model: ModelName = Field(
        "mistralai/Mistral-7B-Instruct-v0.2",
        description="Base model: a hub id, a folder, or embedded:smollm2-135m-instruct.",
    )
    revision: OptionalText = Field(None, description="Revision of the hub model; the newest if left out.")
    trust_remote_code: bool = Field(False, description="Run Python code that comes with the model.")


class PromptOptions(Options):
    """How a question becomes a prompt."""

    prompt_format: PromptFormatName = Field(
        "auto",
        description=(
            "How a question becomes a prompt; auto takes the one stored with the adapter or the model, or the model's"
            " chat template."
        ),
    )


class HeldOutOptions(Options):
    """The rows that are answered and compared: those of a split, or of one file."""

    data: OptionalPath = Field(
        None, description="Data set folder, or a JSONL file with the prompts and, for evaluate, the references."
    )
    split: Literal["test", "validation", "train"] = Field(
        "test", description="Split to take where data is a data set folder."
    )
    max_rows: OptionalCount = Field(
        None, description="Take only the first rows, as many in evaluate as in generate; all if left out."
    )


class StepRangeOptions(Options):
    """How many steps an answer has."""

    min_steps: int = Field(2, ge=1, description="Fewest steps of an answer that is kept or counts as well formed.")
    max_steps: int = Field(15, ge=1, description="Most steps of an answer that is kept or counts as well formed.")

    @model_validator(mode="after")
    def _step_range_is_not_empty(self) -> Self:
        if self.min_steps > self.max_steps:
            raise ValueError(
                f"min_steps ({self.min_steps}) is larger than max_steps ({self.max_steps}); no answer could conform"
            )
        return self


class SeedOptions(Options):
    """Where all random numbers of a run come from."""

    seed: int = Field(
        17, ge=0, le=MAX_SEED, description="Seed of whatever the run draws at random: order, weights, answers, samples."
    )
