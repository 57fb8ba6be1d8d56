"""The blind studies near a runs folder, a row for each rater; what is compared is not in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import SteptuneError
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.packet import read_packet
from toolkit.review.study.ratings import read_ratings
from toolkit.review.study.session import latest_values, tasks_of


@dataclass(frozen=True)
class Seat:
    """One rater's packet of a study. `problem` says why it cannot be rated."""

    packet: Path
    name: str
    title: str
    rater: str
    done: int
    tasks: int
    problem: str = ""


def find_seats(runs_root: Path) -> list[Seat]:
    """The packets of all studies in the folder that holds the runs, and one level below it."""
    seats: list[Seat] = []
    for path in _studies(runs_root.absolute().parent, runs_root.absolute()):
        folder = StudyFolder(path)
        try:
            seats += [_seat(folder, rater) for rater in folder.raters()]
        except (SteptuneError, OSError) as error:
            seats.append(Seat(path, path.name, "", "", 0, 0, str(error)))
    return seats


def _studies(base: Path, runs_root: Path) -> Iterator[Path]:
    try:
        folders = sorted(
            path for path in base.iterdir() if path.is_dir() and path != runs_root and not path.name.startswith(".")
        )
        for folder in folders:
            inside = (
                [folder]
                if (folder / "manifest.json").is_file()
                else sorted(path for path in folder.iterdir() if path.is_dir())
            )
            yield from (path for path in inside if (path / "manifest.json").is_file() and (path / "packets").is_dir())
    except OSError:
        return


def _seat(folder: StudyFolder, rater: str) -> Seat:
    packet = read_packet(folder.packet_file(rater))
    tasks = tasks_of(packet)
    try:
        values = latest_values(read_ratings(packet.ratings_file, packet.study, rater, packet.sha256))
    except SteptuneError as error:
        return Seat(packet.path, folder.path.name, packet.title, rater, 0, len(tasks), str(error))
    done = sum(task.identity in values for task in tasks)
    return Seat(
        packet.path,
        folder.path.name,
        packet.title,
        rater,
        done,
        len(tasks),
        "locked" if folder.lock_file.exists() else "",
    )
