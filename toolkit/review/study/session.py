"""Rating without a screen: the tasks of a packet in order. What the rater says is on the disk before it counts.

The Rate screen and the line dialogue both drive a `Session`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolkit.appending import Closing
from toolkit.errors import UsageError
from toolkit.records import JSON
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.packet import Packet, Unit
from toolkit.review.study.plan import HIGHEST, LOWEST
from toolkit.review.study.ratings import GUESS, RANK, SCORES, open_ratings, receipt_of


@dataclass(frozen=True)
class Task:
    """One thing to decide. `answer` counts from 0 and is None for the ranking, which is about the unit's answers."""

    unit: Unit
    kind: str  # scores | rank | guess
    answer: int | None

    @property
    def identity(self) -> tuple[str, str, int | None]:
        return self.unit.name, self.kind, self.answer


class Session(Closing):
    """A rater at work. Opening removes a line that a crash cut off, and goes on where the ratings stop."""

    def __init__(self, packet: Packet) -> None:
        study = StudyFolder(packet.ratings_file.parent.parent)
        if packet.path.parent.name == "packets" and study.lock_file.exists():
            raise UsageError(f"{study.path} is locked; its ratings cannot be changed any more.")
        self.packet = packet
        self.tasks = tasks_of(packet)
        self._journal = open_ratings(packet.ratings_file, packet.study, packet.rater, packet.sha256)
        self.values = latest_values(self._journal.entries)

    def close(self) -> None:
        self._journal.close()

    def value(self, task: Task) -> JSON | None:
        """What was last said about a task."""
        return self.values.get(task.identity)

    @property
    def done(self) -> int:
        return sum(task.identity in self.values for task in self.tasks)

    @property
    def receipt(self) -> str:
        """By this `steptune study verify --receipt` shows whether what was recorded so far is still there unchanged."""
        return receipt_of(self.packet.rater, self._journal.entries)

    def next_open(self, after: int = -1) -> int | None:
        """Index of the first open task after `after`, else of the first open one; None when all is done."""
        waiting = [index for index, task in enumerate(self.tasks) if task.identity not in self.values]
        return next((index for index in waiting if index > after), waiting[0] if waiting else None)

    def rate(self, task: Task, scores: Mapping[str, int], critical: bool = False, comment: str = "") -> None:
        """Record the scores of one answer; acknowledged once this returns.

        Raises:
            ValueError: a criterion is missing or a score is out of range.
        """
        names = [criterion.name for criterion in self.packet.criteria]
        if sorted(scores) != sorted(names) or not all(LOWEST <= score <= HIGHEST for score in scores.values()):
            raise ValueError(f"expected a score of {LOWEST} to {HIGHEST} for each of {', '.join(names)}")
        self._record(task, scores={name: scores[name] for name in names}, critical=critical, comment=comment)

    def rank(self, task: Task, ranks: Sequence[int]) -> None:
        """Record the ranking of a unit's answers: 1 is the best, equal numbers are ties.

        Raises:
            ValueError: not one rank for each answer.
        """
        count = len(task.unit.answers)
        if len(ranks) != count or not all(1 <= rank <= count for rank in ranks):
            raise ValueError(f"expected a rank of 1 to {count} for each of {count} answers")
        places = sorted(set(ranks))
        self._record(task, ranks=[places.index(rank) + 1 for rank in ranks])

    def guess(self, task: Task, option: int | None) -> None:
        """Record where the rater thinks an answer is from (index into the packet's guess_options); None is "don't
        know".
        """
        if option is not None and not 0 <= option < len(self.packet.guess_options):
            raise ValueError(f"expected one of {len(self.packet.guess_options)} options")
        self._record(task, option=option)

    def _record(self, task: Task, **fields: object) -> None:
        entry = self._journal.append(
            task.kind, unit=task.unit.name, **({} if task.answer is None else {"answer": task.answer}), **fields
        )
        self.values[task.identity] = entry


def tasks_of(packet: Packet) -> list[Task]:
    """A packet's tasks in order: each answer alone, then the ranking; at the end the guesses."""
    tasks: list[Task] = []
    for unit in packet.units:
        kind = GUESS if unit.part == "guess" else SCORES
        tasks += [Task(unit, kind, answer) for answer in range(len(unit.answers))]
        if kind == SCORES and len(unit.answers) > 1:
            tasks.append(Task(unit, RANK, None))
    return tasks


def latest_values(entries: Sequence[JSON]) -> dict[tuple[str, str, int | None], JSON]:
    """The last entry about each task: edits replace what was said before."""
    return {(entry["unit"], entry["kind"], entry.get("answer")): entry for entry in entries if "unit" in entry}
