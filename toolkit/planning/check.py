"""One thing that preflight looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "refused"]


@dataclass(frozen=True)
class Check:
    """What was found, with what to do; `refused` stops the launch."""

    name: str
    level: Level
    message: str
