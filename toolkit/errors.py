"""The errors that steptune raises on purpose; each carries the exit code that the command line returns.

A message says what was found, what was expected and what to do, in one or two sentences. Whatever is not one of these
is a defect of steptune and keeps its traceback.
"""

from __future__ import annotations

from typing import NamedTuple

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PREFLIGHT = 3
EXIT_INSUFFICIENT = 4  # a gate that the rows do not decide
EXIT_CANCELLED = 130


class SteptuneError(Exception):
    """Base of all expected errors. `kind` is the machine-readable name that result.json records."""

    exit_code = EXIT_FAILED
    kind = "error"


class UsageError(SteptuneError):
    """The command line asks for something that cannot be: an unknown run, preset or recipe."""

    exit_code = EXIT_USAGE
    kind = "usage"


class Problem(NamedTuple):
    """One thing that is wrong in a config: where it is (key and, if known, file:line) and what to do.

    `is_missing`: the option must be given and was not.
    """

    key: str
    message: str
    where: str = ""
    is_missing: bool = False

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.key}: {self.message}" if self.key else f"{place}{self.message}"


class ConfigError(SteptuneError):
    """A config with all of its problems at once."""

    exit_code = EXIT_USAGE
    kind = "config"

    def __init__(self, problems: list[Problem], source: str = "the config") -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{source} has {count}:", *(f"  - {problem}" for problem in problems)]))


class DataError(SteptuneError):
    """Input rows or files that cannot be used (broken line, wrong encoding, empty split)."""

    exit_code = EXIT_USAGE
    kind = "data"


class ModelError(SteptuneError):
    """A model or adapter folder that cannot be used: no weights, another base model, a damaged file."""

    exit_code = EXIT_USAGE
    kind = "model"


class PreflightError(SteptuneError):
    """This machine cannot run what was asked (no GPU, package missing, no disk space)."""

    exit_code = EXIT_PREFLIGHT
    kind = "preflight"


class DiskFullError(SteptuneError):
    """Writing a result failed for want of space; nothing half-written was kept."""

    kind = "disk_full"


class OutOfMemoryError(SteptuneError):
    """CPU or GPU memory ran out; the message says what to change."""

    kind = "out_of_memory"


class Cancelled(SteptuneError):
    """The run was asked to stop, saved what it had and ended."""

    exit_code = EXIT_CANCELLED
    kind = "cancelled"
