"""Options of evaluate: what is compared, how the metrics are computed, the judge, the intervals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from toolkit.options.base import (
    ExistingPath,
    OneOrMorePaths,
    OptionalAddress,
    OptionalCount,
    OptionalPath,
    OptionalShare,
    OptionalText,
    Options,
    VariableName,
)
from toolkit.options.shared import HeldOutOptions, SeedOptions, StepRangeOptions
from toolkit.results.metrics import KINDS, NUMBERS, reach_of, split_name
from toolkit.results.shipped import SHIP_MARGIN


class PredictionsOptions(Options):
    """The systems."""

    predictions: dict[str, OneOrMorePaths] = Field(
        default_factory=dict,
        description=(
            "Predictions file of each system, for example baseline and tuned; [FILE, FILE] for several trainings or"
            " decodes of one system, over which intervals then hold as well."
        ),
    )


class EvidenceOptions(Options):
    """What is joined to the numbers, and what they must reach."""

    adapter: OptionalPath = Field(
        None, description="Adapter folder of the tuned system; its training.json goes into the model card."
    )
    study_results: OptionalPath = Field(
        None,
        description=(
            "Finished blind study to join: its folder, which is verified, or the JSON of its report alone, which cannot"
            " be."
        ),
    )
    study_lock: OptionalText = Field(
        None, description="Hash that `steptune study lock` printed: the joined study must still have that lock."
    )
    guard: dict[str, ExistingPath] = Field(
        default_factory=dict,
        description=(
            "Answers to the bundled items of general ability, by system: the folder guard/ that generate writes with"
            " guard_items, of the baseline and of each system that must not have forgotten more than guard_margin."
        ),
    )
    guard_margin: float = Field(
        0.1,
        gt=0.0,
        lt=1.0,
        description="Largest share of the guard's items by which a system may fall below the baseline.",
    )
    ship_margin: float = Field(
        SHIP_MARGIN,
        gt=0.0,
        lt=1.0,
        description=(
            "Largest loss of ROUGE-L by which predictions.shipped, the answers of an exported file, may fall below"
            " predictions.tuned, those of the merged model."
        ),
    )
    contamination_model: OptionalText = Field(
        None,
        description=(
            "Base model, loaded to measure whether it has seen the test questions (hub id, folder, or embedded:NAME);"
            " not measured if left out."
        ),
    )
    fail_under: dict[str, float] = Field(
        default_factory=dict,
        description=(
            "Least acceptable mean by metric, or METRIC_difference (from the baseline), METRIC_above_floor,"
            " METRIC_above_floor_difference, each also as NUMBER@PROPERTY:VALUE for a slice, such as"
            " format_conformance@language:id. The run fails where the whole interval is below, and ends with exit code"
            " 4 where the interval includes the number."
        ),
    )

    @field_validator("fail_under")
    @classmethod
    def _thresholds_have_a_number(cls, value: dict[str, float]) -> dict[str, float]:
        for name, least in value.items():
            number, by, part = split_name(name)
            if number not in NUMBERS:
                raise ValueError(f"{number!r} is no number of an evaluation; there are: {', '.join(NUMBERS)}")
            if "@" in name and not (by and part):
                raise ValueError(f"{name!r} names no slice; expected {number}@PROPERTY:VALUE, such as @language:id")
            if least > (most := _largest(number)):
                raise ValueError(f"{name}: no {number} can reach {least:g}; the largest possible is {most:g}")
        return value


def _largest(number: str) -> float:
    """The largest value that a number can have."""
    kind = next(kind for kind in KINDS[::-1] if number.endswith(kind))
    subtractions = {"_above_floor_difference": 2, "_difference": 1, "_above_floor": 1, "": 0}[kind]
    return reach_of(number.removesuffix(kind) if kind else number, subtractions)[1]


class RougeOptions(Options):
    """ROUGE-L, and the markers that both text metrics leave out."""

    rouge_tokenizer: Literal["auto", "ascii", "unicode"] = Field(
        "auto",
        description=(
            "Word splitting of ROUGE-L: ascii is rouge-score's, unicode keeps all letters; auto is unicode where many"
            " letters of the references are not a to z, else ascii."
        ),
    )
    markers: Literal["strip", "keep"] = Field(
        "strip", description="Strip list markers before ROUGE-L and BERTScore; keep gives the plain numbers."
    )
    rouge_backend: Literal["own", "rouge-score", "evaluate"] = Field(
        "own", description="Who computes ROUGE-L; evaluate fetches its module from the hub."
    )


class BertScoreOptions(Options):
    """BERTScore, whose encoder also compares steps."""

    bertscore_model: str = Field(
        "roberta-large", description="Encoder of BERTScore: a hub id, a folder, or embedded:all-minilm-l6-v2."
    )
    bertscore_layer: OptionalCount = Field(
        None,
        description="Hidden layer that is compared; bert-score's choice for hub models that it knows, else the last.",
    )
    bertscore_batch_size: int = Field(
        32, ge=1, description="Most texts encoded at once; changes memory and speed, no number."
    )
    bertscore_idf: bool = Field(False, description="Weight tokens by their rarity among the references.")
    bertscore_rescale: bool = Field(
        False, description="Rescale by bert-score's own baseline; refused for models without one."
    )
    bertscore_language: str = Field("en", description="Language of the baseline for rescaling.")
    bertscore_backend: Literal["own", "bert-score", "evaluate"] = Field(
        "own",
        description=(
            "Who computes BERTScore; the others fail on empty texts, and evaluate fetches its module from the hub."
        ),
    )
    bertscore_cache: bool = Field(
        True, description="Keep embeddings by weights and text under the user's cache folder."
    )


class StepMetricOptions(Options):
    """Steps that count as the same, and the damaged answers that show what each metric notices."""

    step_threshold: OptionalShare = Field(
        None,
        description=(
            "Least similarity of two steps that count as the same; by default what 5 % of unrelated human steps reach."
        ),
    )
    sensitivity_items: int = Field(
        50, ge=0, description="Human answers that are damaged on purpose to see what each metric notices; 0 for none."
    )


class JudgeOptions(Options):
    """A language model as judge of critical failures; extra, off unless a server is given."""

    base_url: OptionalAddress = Field(
        None, description="OpenAI-compatible server, for example http://localhost:8000/v1; no judge if left out."
    )
    model: str = Field("judge", description="Model name that the server knows.")
    api_key_env: VariableName = Field(
        "OPENAI_API_KEY", description="Environment variable with the key; the key itself is never written anywhere."
    )
    timeout_s: float = Field(120.0, gt=0, description="Seconds to wait for one verdict.")


class JudgeSection(Options):
    """The section `judge:`."""

    judge: JudgeOptions = Field(default_factory=JudgeOptions, description="Settings of the judge.")


class BootstrapOptions(Options):
    """The intervals."""

    bootstrap_samples: int = Field(10_000, ge=100, description="Resamples behind each 95 % interval.")


class MetricOptions(SeedOptions, BootstrapOptions, StepRangeOptions, StepMetricOptions, BertScoreOptions, RougeOptions):
    """All that decides a metric, its floor or its interval; whatever changes a number is part of its signature."""


class EvaluateOptions(
    MetricOptions,
    SeedOptions,
    BootstrapOptions,
    StepRangeOptions,
    JudgeSection,
    StepMetricOptions,
    BertScoreOptions,
    RougeOptions,
    EvidenceOptions,
    HeldOutOptions,
    PredictionsOptions,
):
    """All that an evaluation takes. The groups of the metrics are named again for the order of the fields."""
