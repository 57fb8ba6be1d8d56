"""`--fail-under`: numbers that an evaluation must reach, decided by their intervals after the report is written.

A number passes when its whole interval reaches the threshold, and fails when its whole interval is below. In between
the rows do not decide, which is an outcome of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Literal
from xml.etree import ElementTree

from toolkit.errors import EXIT_INSUFFICIENT, SteptuneError
from toolkit.records import write_text
from toolkit.results.document import Results
from toolkit.results.headline import headline_of
from toolkit.results.measured import Measured, measured
from toolkit.statistics.intervals import LEVEL

JUNIT_FILE = "junit.xml"
_HALF_WIDTH = NormalDist().inv_cdf((1 + LEVEL) / 2)  # in standard errors
_LEAST_CHANCE = 0.001


class BelowThresholdError(SteptuneError):
    """The evaluation is done and its report written, but a number is below what was asked for."""

    kind = "below_threshold"


class NotEnoughRowsError(SteptuneError):
    """The evaluation is done and its report written, but its rows do not say whether a number is high enough."""

    exit_code = EXIT_INSUFFICIENT
    kind = "insufficient"


@dataclass(frozen=True)
class Gate:
    """One threshold, what was measured, and the outcome."""

    name: str
    least: float
    found: Measured

    @property
    def outcome(self) -> Literal["passes", "fails", "insufficient"]:
        """`fails` also for a number that is not defined; one without an interval decides nothing."""
        if self.found.value is None:
            return "fails"
        if self.found.ci95 is None:
            return "insufficient"
        low, high = self.found.ci95
        return "passes" if low >= self.least else "fails" if high < self.least else "insufficient"

    @property
    def chance(self) -> float | None:
        """How likely a repetition with as many rows passes, if the true number is the measured one."""
        if self.found.value is None or self.found.ci95 is None:
            return None
        error = (self.found.ci95[1] - self.found.ci95[0]) / 2 / _HALF_WIDTH
        if not error:
            return None
        return NormalDist().cdf((self.found.value - self.least) / error - _HALF_WIDTH)

    def __str__(self) -> str:
        if self.found.value is None:
            return f"{self.name} is not defined here, expected at least {self.least:g}"
        interval = self.found.ci95
        ends = f" (95 % interval {interval[0]:.4g} to {interval[1]:.4g}, n = {self.found.n})" if interval else ""
        said = f"{self.name} is {self.found.value:.4g}{ends}, expected at least {self.least:g}"
        if self.outcome != "insufficient":
            return said
        if self.chance is None:
            return f"{said}: one group of rows has no interval, so nothing is decided"
        likely = f"{100 * self.chance:.0f} %" if self.chance > _LEAST_CHANCE else "less than 0.1 %"
        return (
            f"{said}: the interval includes {self.least:g}, so these rows do not decide it; if the truth is what was"
            f" measured, a repetition of this size passes with a probability of {likely}"
        )


def gates_of(results: Results, thresholds: Mapping[str, float]) -> list[Gate]:
    """Every threshold with its outcome."""
    return [Gate(name, least, measured(results, name)) for name, least in thresholds.items()]


def require_at_least(results: Results, thresholds: Mapping[str, float], report: Path) -> None:
    """Write the outcomes as JUnit XML into the report folder, where there are thresholds.

    Raises:
        BelowThresholdError: a number is below its threshold by its whole interval, or not defined; names all others.
        NotEnoughRowsError: none is, but an interval includes its threshold.
    """
    gates = gates_of(results, thresholds)
    if not gates:
        return
    system = headline_of(results).system
    write_text(report / JUNIT_FILE, junit(system, gates))
    wrong = [gate for gate in gates if gate.outcome != "passes"]
    if not wrong:
        return
    message = f"{system}: {'; '.join(map(str, wrong))}. The report is in {report}."
    if any(gate.outcome == "fails" for gate in wrong):
        raise BelowThresholdError(message)
    raise NotEnoughRowsError(message)


def junit(system: str, gates: list[Gate]) -> str:
    """JUnit XML: a test case a threshold, a failure for `fails` and an error for `insufficient`."""
    outcomes = [gate.outcome for gate in gates]
    suite = ElementTree.Element(
        "testsuite",
        name=f"steptune evaluate {system}",
        tests=str(len(gates)),
        failures=str(outcomes.count("fails")),
        errors=str(outcomes.count("insufficient")),
        skipped="0",
    )
    for gate in gates:
        case = ElementTree.SubElement(
            suite, "testcase", classname="steptune.evaluate", name=f"{gate.name} >= {gate.least:g}"
        )
        if gate.outcome != "passes":
            tag, kind = ("failure", "below_threshold") if gate.outcome == "fails" else ("error", "insufficient")
            ElementTree.SubElement(case, tag, type=kind, message=str(gate))
        else:
            ElementTree.SubElement(case, "system-out").text = str(gate)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
