"""What the models of results.json are made of: strict parts, intervals, counts."""

from __future__ import annotations

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


class OpenPart(BaseModel):
    """Further keys are allowed and kept: the study may say more than evaluate reads."""

    model_config = ConfigDict(extra="allow", strict=True)


class Rate(Part):
    """How many answers have a property."""

    count: Count
    n: Count
    share: Share
    ci95: Interval | None
