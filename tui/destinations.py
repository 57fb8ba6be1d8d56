"""Where a screen may send the user, as plain values: a screen says what is to be shown, never which screen shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from toolkit.runs.row import RunRow
from tui.places import Place

if TYPE_CHECKING:  # heavy: not needed for the first paint
    from toolkit.results.document import Item
    from toolkit.settings import Settings
    from tui.logic.form import Form


@dataclass(frozen=True)
class Destination:
    """Something to show on top of what is shown."""

    changes: ClassVar[str] = ""  # what one does there, where that is switched off in read-only


@dataclass(frozen=True)
class ToRun(Destination):
    """A run as it goes, on top of the list of runs. `launched`: the form that started it is left."""

    row: RunRow
    launched: bool = False


@dataclass(frozen=True)
class ToLog(Destination):
    """The log of the run in a folder; `at_error` where it went wrong, which is the last error in it."""

    run_path: Path
    title: str
    at_error: bool = False


@dataclass(frozen=True)
class ToForm(Destination):
    """The form of a new run."""

    form: Form


@dataclass(frozen=True)
class ToEntries(Destination):
    """The entries of an option of a form that is a list."""

    form: Form
    key: str


@dataclass(frozen=True)
class ToPreflight(Destination):
    """What a form would start, and whether this machine can run it."""

    form: Form
    settings: Settings


@dataclass(frozen=True)
class ToReport(Destination):
    """A results.json."""

    path: Path
    title: str


@dataclass(frozen=True)
class ToItem(Destination):
    """An item of a report, among its neighbours; `report` is its results.json, `first` the system that it is about."""

    items: list[Item]
    index: int
    report: Path
    first: str = ""


@dataclass(frozen=True)
class ToAsk(Destination):
    """Questions to the model of the run in a folder, or of the run that a file is in; `question` is put at once."""

    path: Path
    question: str = ""
    changes: ClassVar[str] = "asking a model"


@dataclass(frozen=True)
class ToComparison(Destination):
    """Runs side by side."""

    rows: Sequence[RunRow]


@dataclass(frozen=True)
class ToSweep(Destination):
    """The table of a sweep, by its folder."""

    path: Path


@dataclass(frozen=True)
class ToTrash(Destination):
    """What was deleted of the runs folder."""


@dataclass(frozen=True)
class ToRows(Destination):
    """The rows of a JSONL file."""

    path: Path


@dataclass(frozen=True)
class ToCuration(Destination):
    """The rows of a data set, to decide on them; as the user where no annotator is given."""

    dataset: Path
    annotator: str = ""
    changes: ClassVar[str] = "curation"


@dataclass(frozen=True)
class ToRating(Destination):
    """A packet of a blind study, to rate it."""

    packet: Path
    changes: ClassVar[str] = "rating"


Goal = Destination | Place
