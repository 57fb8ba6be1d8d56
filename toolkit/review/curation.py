"""Curation of a data set: rows that people accept, edit or reject, each person in a journal of their own.

Journals are kept next to the data set in `NAME.curation/`, one a person, so that building the data set again keeps
them. Rows of the overlap (a share chosen by hash) go to everybody, the others to whoever comes first; each person
meets them in an order of their own. Decisions name a row by id and by a hash of its text: what was decided of another
text does not count.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Literal, get_args

from toolkit.dataset_folder.documents import CurationReport
from toolkit.errors import DataError
from toolkit.records import JSON, read_json, write_json
from toolkit.review.curation_items import Item, folder_of, load_items
from toolkit.review.journal import Journal, check_name, read_journal, standing_entries
from toolkit.review.rulings import DECISION, Ruling, Verdict, curation_report, decisions, journals, rulings

View = Literal["queue", "duplicates", "disagreements"]
VIEWS: tuple[View, ...] = get_args(View)
FLAG, SKIP = "flag", "skip"
OVERLAP = 0.2
REASONS = ("wrong", "unsafe", "incomplete", "not a how-to", "bad language", "personal data", "duplicate")


class Curation:
    """A data set as one person works on it.

    Raises (when opened):
        UsageError: the name cannot be one, or its journal is open elsewhere.
        DataError: no data set, or the overlap differs from the one that the others work with.
    """

    def __init__(self, dataset: Path, annotator: str, overlap: float | None = None) -> None:
        self.dataset, self.annotator = dataset, check_name(annotator)
        self.folder = folder_of(dataset)
        self.items = load_items(dataset)
        self.overlap = _agreed_overlap(self.folder, overlap)
        self.journal = Journal(self.folder / f"{annotator}.jsonl")
        self._others: dict[str, list[JSON]] = {}
        self.refresh()
        self._shown_s = time.monotonic()

    def close(self) -> None:
        self.journal.close()

    def refresh(self) -> None:
        """Read what the others have decided meanwhile."""
        self._others = {path.stem: read_journal(path) for path in journals(self.folder) if path.stem != self.annotator}

    def decide(
        self,
        item: Item,
        verdict: Verdict,
        reason: str = "",
        prompt: str = "",
        output: str = "",
        adjudicates: bool = False,
    ) -> JSON:
        """Write a decision; it is on the disk when this returns. `prompt` and `output`: the edited texts.

        Raises:
            DataError: a rejection without a reason, or an edit without texts.
        """
        if verdict == "reject" and not reason.strip():
            raise DataError("A rejection needs a reason.")
        if verdict == "edit" and not (prompt.strip() and output.strip()):
            raise DataError("An edited row needs a question and steps.")
        entry = {
            "id": item.id,
            "digest": item.digest,
            "verdict": verdict,
            "reason": reason.strip(),
            "seconds": self._seconds(),
        }
        entry |= {"prompt": prompt.strip(), "output": output.strip()} if verdict == "edit" else {}
        return self.journal.append(DECISION, **entry, **({"adjudicates": True} if adjudicates else {}))

    def flag(self, item: Item, note: str) -> JSON:
        """Mark a row for the others, without deciding on it."""
        return self.journal.append(FLAG, id=item.id, digest=item.digest, note=note.strip())

    def skip(self, item: Item) -> JSON:
        """Put a row at the end of one's queue."""
        return self.journal.append(SKIP, id=item.id)

    def undo(self) -> JSON | None:
        return self.journal.undo()

    def redo(self) -> JSON | None:
        return self.journal.redo()

    def mine(self) -> dict[str, JSON]:
        """This person's standing decision by row."""
        return decisions(self.journal.entries, self.items)

    def queue(self) -> list[Item]:
        """What is still to decide: rows that data-build or a flag asks about first, then those that everybody decides
        (agreement is known only from these), then the rest, each in this person's order; skipped ones last.
        """
        mine = self.mine()
        theirs = {identifier for entries in self._others.values() for identifier in decisions(entries, self.items)}
        skipped = {entry["id"]: number for number, entry in enumerate(self.journal.standing) if entry["kind"] == SKIP}
        flagged = self.flags()
        left = [
            item
            for item in self.items.values()
            if item.id not in mine and (self.is_shared(item.id) or item.id not in theirs) and not item.twin
        ]
        return sorted(
            left,
            key=lambda item: (
                skipped.get(item.id, -1),
                not item.why,
                item.id not in flagged,
                not self.is_shared(item.id),
                _order(self.annotator, item.id),
            ),
        )

    def waiting(self, view: View) -> list[Item]:
        """What a view still has to decide on, with what the others have decided meanwhile; deciding on a disagreement
        settles it.
        """
        self.refresh()
        if view == "queue":
            return self.queue()
        if view == "disagreements":
            return self.disagreements()
        mine = self.mine()
        return [item for item in self.duplicates() if item.id not in mine]

    def is_shared(self, identifier: str) -> bool:
        """Whether a row belongs to the overlap."""
        return _point("overlap", identifier) < self.overlap

    def duplicates(self) -> list[Item]:
        """Near-duplicates that were left out; accepting one keeps it in the next build."""
        return [item for item in self.items.values() if item.twin]

    def disagreements(self) -> list[Item]:
        """Rows on which people decided differently and which nobody has settled."""
        return [
            self.items[identifier]
            for identifier, ruling in self.rulings().items()
            if ruling.is_open and identifier in self.items
        ]

    def flags(self) -> dict[str, list[tuple[str, str]]]:
        """(person, note) of the standing flags by row."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, entries in self.everybody().items():
            for entry in standing_entries(entries):
                if entry["kind"] == FLAG:
                    found.setdefault(entry["id"], []).append((name, entry["note"]))
        return found

    def everybody(self) -> dict[str, list[JSON]]:
        """All journals by person."""
        return dict(sorted({**self._others, self.annotator: self.journal.entries}.items()))

    def rulings(self) -> dict[str, Ruling]:
        return rulings(self.everybody(), self.items)

    def history(self, identifier: str, settles: bool = False) -> list[tuple[str, JSON]]:
        """(person, entry) of the standing decisions and flags about a row, oldest first. What others decided is seen by
        those who have decided themselves, and by who settles a disagreement.
        """
        sees_all = settles or identifier in self.mine()
        found = [
            (name, entry)
            for name, entries in self.everybody().items()
            for entry in standing_entries(entries)
            if entry.get("id") == identifier and (sees_all or name == self.annotator or entry["kind"] == FLAG)
        ]
        return sorted(found, key=lambda pair: pair[1]["time"])

    def report(self) -> CurationReport:
        return curation_report(self.everybody(), self.items)

    def _seconds(self) -> float:
        """Time since the last decision, which includes looking at the row."""
        now = time.monotonic()
        seconds, self._shown_s = now - self._shown_s, now
        return round(min(seconds, 3600.0), 1)

    def open_work(self) -> dict[View, int]:
        """How many rows each view still waits with."""
        return {view: len(self.waiting(view)) for view in VIEWS}


def annotators(dataset: Path) -> dict[str, int]:
    """Everybody who has a journal of the data set, with the number of rows that they have decided."""
    return {path.stem: len(decisions(read_journal(path), None)) for path in journals(folder_of(dataset))}


def next_view(view: View) -> View:
    """The view that follows, in a circle."""
    return VIEWS[(VIEWS.index(view) + 1) % len(VIEWS)]


def _agreed_overlap(folder: Path, wanted: float | None) -> float:
    """The overlap that everybody works with: the first one to open the data set sets it."""
    stored = read_json(folder / "curation.json")
    if stored is None:
        overlap = OVERLAP if wanted is None else wanted
        if not 0 <= overlap <= 1:
            raise DataError(f"The overlap is {overlap}; expected a share from 0 to 1.")
        write_json(folder / "curation.json", {"overlap": overlap})
        return overlap
    if wanted is not None and wanted != stored["overlap"]:
        raise DataError(
            f"This data set is curated with an overlap of {stored['overlap']}, not {wanted}; everybody must work with"
            " the same. Leave the option out."
        )
    return float(stored["overlap"])


def _point(*names: str) -> float:
    return int(_order(*names)[:16], 16) / 16**16


def _order(*names: str) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
