"""Ratings joined with the key: who said what about which system's answer to which item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from toolkit.records import JSON
from toolkit.review.study.blinding import Guess
from toolkit.review.study.bradley_terry import Comparison as Preference
from toolkit.review.study.bradley_terry import Outcome
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.key import Key
from toolkit.review.study.packet import Packet, read_packet
from toolkit.review.study.packets import CONTROL, CONTROL_SOURCE, ITEM, PRACTICE, REPEAT
from toolkit.review.study.ratings import GUESS, RANK, SCORES, read_ratings
from toolkit.review.study.session import latest_values, tasks_of

OVERALL = "overall"


@dataclass(frozen=True)
class Scored:
    """One answer's scores. `source` is a system or `control:KIND`; `unit_kind` tells ordinary, repeated and control
    units apart.
    """

    item: str
    rater: str
    source: str
    unit_kind: str
    position: int
    scores: Mapping[str, int]
    critical: bool
    comment: str

    def value(self, criterion: str) -> float:
        """The score on a criterion, or the mean of all for `overall`."""
        return fmean(self.scores.values()) if criterion == OVERALL else float(self.scores[criterion])


@dataclass(frozen=True)
class Preferred:
    """A pairwise outcome of one ranking."""

    item: str
    rater: str
    preference: Preference


@dataclass
class Judgements:
    """All that was said. `scored` holds controls and repeats as well; `ordinary` is what the main analysis is about."""

    scored: list[Scored] = field(default_factory=list)
    preferred: list[Preferred] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)
    share_rated: dict[str, float] = field(default_factory=dict)

    @property
    def ordinary(self) -> list[Scored]:
        return [row for row in self.scored if row.unit_kind == ITEM]

    def only(self, raters: Sequence[str]) -> Judgements:
        return Judgements(
            [row for row in self.scored if row.rater in raters],
            [row for row in self.preferred if row.rater in raters],
            [row for row in self.guesses if row.rater in raters],
            {rater: share for rater, share in self.share_rated.items() if rater in raters},
        )


def read_judgements(folder: StudyFolder, key: Key) -> Judgements:
    """What every rater said last about every task, without practice."""
    found = Judgements()
    manifest = folder.manifest()
    for rater in manifest.raters:
        packet = read_packet(folder.packet_file(rater))
        values = latest_values(read_ratings(folder.ratings_file(rater), packet.study, rater, packet.sha256))
        tasks = tasks_of(packet)
        found.share_rated[rater] = sum(task.identity in values for task in tasks) / max(1, len(tasks))
        _add_rater(found, rater, packet, key, values)
    return found


def _add_rater(
    found: Judgements, rater: str, packet: Packet, key: Key, values: Mapping[tuple[str, str, int | None], JSON]
) -> None:
    options = key.body["guess_options"]
    for unit in packet.units:
        what = key.body["units"][rater][unit.name]
        if what["kind"] == PRACTICE:
            continue
        for answer, source in enumerate(what["sources"]):
            if entry := values.get((unit.name, SCORES, answer)):
                found.scored.append(
                    Scored(
                        what["item"],
                        rater,
                        source,
                        what["kind"],
                        answer,
                        entry["scores"],
                        entry["critical"],
                        entry.get("comment", ""),
                    )
                )
            if guess := values.get((unit.name, GUESS, answer)):
                option = guess["option"]
                found.guesses.append(Guess(what["item"], rater, source, None if option is None else options[option]))
        if what["kind"] == ITEM and (ranking := values.get((unit.name, RANK, None))):
            found.preferred += [
                Preferred(what["item"], rater, row) for row in _pairs(what["sources"], ranking["ranks"])
            ]


def _pairs(sources: Sequence[str], ranks: Sequence[int]) -> list[Preference]:
    """Every pair of a ranking; the one that was shown earlier comes first."""
    rows: list[Preference] = []
    for a in range(len(sources)):
        for b in range(a + 1, len(sources)):
            outcome: Outcome = "tie" if ranks[a] == ranks[b] else "first" if ranks[a] < ranks[b] else "second"
            rows.append((sources[a], sources[b], outcome))
    return rows


def cells_of(rows: Sequence[Scored], value: Callable[[Scored], float]) -> dict[tuple[str, str], float]:
    """(item, rater) -> value; of several rows for one cell the last counts."""
    return {(row.item, row.rater): value(row) for row in rows}


def paired_cells(rows: Sequence[Scored], a: str, b: str, criterion: str) -> dict[tuple[str, str], float]:
    """(item, rater) -> a's score minus b's, where the rater has scored both."""
    first = cells_of([row for row in rows if row.source == a], lambda row: row.value(criterion))
    second = cells_of([row for row in rows if row.source == b], lambda row: row.value(criterion))
    return {cell: first[cell] - second[cell] for cell in first if cell in second}


def control_kind(row: Scored) -> str | None:
    """Which damage the answer has; None for one that is as its system gave it."""
    return (
        row.source.removeprefix(CONTROL_SOURCE)
        if row.unit_kind == CONTROL and row.source.startswith(CONTROL_SOURCE)
        else None
    )


def repeated_pairs(rows: Sequence[Scored]) -> list[tuple[Scored, Scored]]:
    """First and second rating of the answers that came twice."""
    first = {(row.item, row.rater, row.source): row for row in rows if row.unit_kind == ITEM}
    second = [row for row in rows if row.unit_kind == REPEAT]
    return [
        (first[row.item, row.rater, row.source], row) for row in second if (row.item, row.rater, row.source) in first
    ]
