"""What the models of results.json and study_report.json are made of: strict parts, intervals, counts, rounding."""

from __future__ import annotations

import math
from collections.abc import Container
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

Interval = Annotated[
    tuple[float, float],
    Field(strict=False),  # a list in JSON
    WithJsonSchema({"items": {"type": "number"}, "maxItems": 2, "minItems": 2, "type": "array"}),
]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """Keys that are not named here are a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Rate(Part):
    """How many answers have a property."""

    count: Count
    n: Count
    share: Share
    ci95: Interval | None


class Correlation(Part):
    """How an automatic metric goes with a human criterion over the answers that people rated."""

    metric: str
    criterion: str
    spearman: float | None
    ci95: Interval | None
    kendall: float | None
    n: Count


def round_numbers(value: object, untouched: Container[str] = ()) -> object:
    """JSON with floats at six significant digits and NaN as null; what lies under `untouched` keys stays as it is."""
    if isinstance(value, dict):
        return {key: item if key in untouched else round_numbers(item, untouched) for key, item in value.items()}
    if isinstance(value, list):
        return [round_numbers(item, untouched) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value
