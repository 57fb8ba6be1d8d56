"""`--fail-under`: numbers that an evaluation must reach, checked after the report is written."""

from __future__ import annotations

from toolkit.errors import SteptuneError
from toolkit.results.headline import Headline


class BelowThresholdError(SteptuneError):
    """The evaluation is done and its report written, but a number is below what was asked for."""

    kind = "below_threshold"


def require_at_least(headline: Headline, thresholds: dict[str, float], report: str) -> None:
    """Raises BelowThresholdError naming every number of the headline that is missing or below its threshold."""
    found = {name: headline.numbers.get(name) for name in thresholds}
    failures = [
        f"{name} is {'not defined' if (number := found[name]) is None else format(number, '.4g')}, expected at least"
        f" {least:g}"
        for name, least in thresholds.items()
        if (known := found[name]) is None or known < least
    ]
    if failures:
        raise BelowThresholdError(f"{headline.system}: {'; '.join(failures)}. The report is in {report}.")
