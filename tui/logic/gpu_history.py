"""What the cards of this machine did since the place GPU was opened: load, memory, temperature and power as curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolkit.machine.gpu_status import CardStatus
from tui.logic.chart import Curve
from tui.logic.series import Series

Value = Callable[[CardStatus], float | None]
METRICS: dict[str, Value] = {
    "load, %": lambda card: card.utilization_percent,
    "memory, GiB": lambda card: None if card.memory_used_mib is None else card.memory_used_mib / 1024,
    "temperature, °C": lambda card: card.temperature_c,
    "power, W": lambda card: card.power_w,
}
_STYLES = 6


class GpuHistory:
    """Of any number of cards and looks in bounded memory: Series halves what is old."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, int], Series] = {}

    def add(self, cards: Sequence[CardStatus], minutes: float) -> None:
        """What the cards are like at a time, in minutes since the first look; what is not said is left out."""
        for card in cards:
            for name, value_of in METRICS.items():
                if (value := value_of(card)) is not None:
                    self._series.setdefault((name, card.index), Series()).add(minutes, value)

    def curves(self, metric: str) -> list[Curve]:
        """A curve for each card, in its style."""
        found = sorted((index, series) for (name, index), series in self._series.items() if name == metric)
        return [Curve(str(index), series.points(), style_of(index)) for index, series in found]


def style_of(index: int) -> str:
    """The style of a card by its number, in its line and its curves."""
    return f"s{index % _STYLES + 1}"
