"""A rater's packet: a JSONL file, all that a rater needs. The first line has the questions, the others the answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError, UsageError
from toolkit.records import JSON, iter_jsonl, sha256_file
from toolkit.review.journal import check_name
from toolkit.review.study.folder import StudyFolder, open_study
from toolkit.review.study.plan import Criterion, StudyPlan

PARTS = ("practice", "rate", "guess")


@dataclass(frozen=True)
class Unit:
    """One question with its answers in the order shown. `notes` (practice only) tells afterwards what was wrong with
    each.
    """

    name: str
    part: str
    prompt: str
    answers: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packet:
    """Everything that a rater is shown, and where the ratings go."""

    path: Path
    sha256: str
    study: str
    rater: str
    title: str
    criteria: tuple[Criterion, ...]
    critical: str
    guess_options: tuple[str, ...]
    units: tuple[Unit, ...]

    @property
    def ratings_file(self) -> Path:
        """In the ratings folder of a study; next to a packet that was copied alone."""
        if self.path.parent.name == "packets":
            return StudyFolder(self.path.parent.parent).ratings_file(self.rater)
        return self.path.with_name(f"{self.rater}.ratings.jsonl")


def header(study: str, rater: str, plan: StudyPlan, guess_options: list[str]) -> JSON:
    """The first line of a packet."""
    return {
        "study": study,
        "rater": rater,
        "title": plan.title,
        "criteria": [criterion.model_dump() for criterion in plan.criteria],
        "critical": plan.critical,
        "guess_options": guess_options,
    }


def find_packet(path: Path, rater: str | None) -> Path:
    """The packet file for a study folder and a rater, or the packet file itself.

    Raises:
        UsageError: no such rater, or none given where there are several.
    """
    if path.is_file():
        return path
    folder = open_study(path)
    raters = folder.raters()
    if rater is None and len(raters) == 1:
        return folder.packet_file(raters[0])
    if rater not in raters:
        found = f"there is no rater {rater!r}" if rater else "who rates is missing"
        raise UsageError(f"{path}: {found}; give --rater with one of: {', '.join(raters)}.")
    return folder.packet_file(rater)


def read_packet(path: Path) -> Packet:
    """Raises DataError if the file is no packet, UsageError if its rater has a name that a file must not have."""
    rows = list(iter_jsonl(path))
    try:
        first, *rest = rows
        return Packet(
            path,
            sha256_file(path),
            first["study"],
            check_name(first["rater"]),
            first["title"],
            tuple(Criterion.model_validate(criterion) for criterion in first["criteria"]),
            first["critical"],
            tuple(first["guess_options"]),
            tuple(
                Unit(row["unit"], row["part"], row["prompt"], tuple(row["answers"]), tuple(row.get("notes", ())))
                for row in rest
            ),
        )
    except (KeyError, TypeError, ValueError):
        raise DataError(
            f"{path} is not a rater's packet; give a study's folder, or a file of its packets folder."
        ) from None
