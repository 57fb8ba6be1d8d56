"""Curation of a data set: rows that people accept, edit or reject, each person in a journal of their own.

Journals are kept next to the data set in `NAME.curation/`, one a person, so that building the data set again keeps
them. Rows of the overlap (a share chosen by hash) go to everybody, the others to whoever comes first; each person
meets them in an order of their own. Decisions name a row by id and by a hash of its text: what was decided of another
text does not count.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

from toolkit.dataset_folder.documents import Agreement, CurationReport, PairAgreement
from toolkit.dataset_folder.names import REVIEW_FILE, SPLITS, split_file
from toolkit.errors import DataError
from toolkit.records import JSON, read_examples, read_growing_jsonl, read_json, sha256_text, write_json
from toolkit.review.journal import Journal, check_name, read_journal, standing_entries
from toolkit.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, pairs_within

Verdict = Literal["accept", "edit", "reject"]
View = Literal["queue", "duplicates", "disagreements"]
VIEWS: tuple[View, ...] = get_args(View)
DECISION, FLAG, SKIP = "decision", "flag", "skip"
OVERLAP = 0.2
REASONS = ("wrong", "unsafe", "incomplete", "not a how-to", "bad language", "personal data", "duplicate")


@dataclass(frozen=True)
class Item:
    """A row to decide on. `why` says what a person should look at; `twin` is the id of the row that a duplicate was
    left out for.
    """

    id: str
    prompt: str
    output: str
    split: str = ""
    meta: JSON = field(default_factory=dict)
    why: tuple[str, ...] = ()
    twin: str = ""

    @property
    def digest(self) -> str:
        return text_digest(self.prompt, self.output)


@dataclass(frozen=True)
class Ruling:
    """What all people together decided of a row. `is_open`: they disagree, and nobody has settled it."""

    verdict: Verdict
    reason: str
    prompt: str
    output: str
    digest: str
    by: tuple[str, ...]
    is_open: bool = False
    adjudicated: bool = False


def text_digest(prompt: str, output: str) -> str:
    return sha256_text(f"{prompt}\n{output}")[:16]


def folder_of(dataset: Path) -> Path:
    """Where the journals of a data set are kept."""
    return dataset.parent / f"{dataset.name}.curation"


def load_items(dataset: Path) -> dict[str, Item]:
    """All rows of the splits and the near-duplicates that were left out, by id; first those that data-build asks a
    person about.
    """
    wanted: dict[str, list[str]] = {}
    duplicates = []
    for line in read_growing_jsonl(dataset / REVIEW_FILE):
        if line.get("twin"):
            duplicates.append(
                Item(
                    str(line["id"]),
                    str(line["prompt"]),
                    str(line["output"]),
                    "",
                    line.get("meta") or {},
                    (str(line["why"]),),
                    str(line["twin"]),
                )
            )
        else:
            wanted.setdefault(str(line["id"]), []).append(str(line["why"]))
    rows = [
        Item(row.id, row.prompt, row.output, split, row.meta, tuple(wanted.get(row.id, ())))
        for split in SPLITS
        if (dataset / split_file(split)).exists()
        for row in read_examples(dataset / split_file(split))
        if row.meta.get("source") not in ("paraphrase", "oversample")  # made from rows that are looked at themselves
    ]
    rows.sort(key=lambda item: not item.why)
    return {item.id: item for item in [*rows, *duplicates]}


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
        return _decisions(self.journal.entries, self.items)

    def queue(self) -> list[Item]:
        """What is still to decide: rows that data-build asks about first, skipped ones last, the rest in this person's
        order.
        """
        mine = self.mine()
        theirs = {identifier for entries in self._others.values() for identifier in _decisions(entries, self.items)}
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

    def history(self, identifier: str) -> list[tuple[str, JSON]]:
        """(person, entry) of all standing decisions and flags about a row, oldest first."""
        found = [
            (name, entry)
            for name, entries in self.everybody().items()
            for entry in standing_entries(entries)
            if entry.get("id") == identifier
        ]
        return sorted(found, key=lambda pair: pair[1]["time"])

    def report(self) -> CurationReport:
        return curation_report(self.everybody(), self.items)

    def _seconds(self) -> float:
        """Time since the last decision, which includes looking at the row."""
        now = time.monotonic()
        seconds, self._shown_s = now - self._shown_s, now
        return round(min(seconds, 3600.0), 1)


def next_view(view: View) -> View:
    """The view that follows, in a circle."""
    return VIEWS[(VIEWS.index(view) + 1) % len(VIEWS)]


def journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def read_journals(folder: Path) -> dict[str, list[JSON]]:
    """The entries of every person of a curation folder."""
    return {path.stem: read_journal(path) for path in journals(folder)}


def rulings(everybody: dict[str, list[JSON]], items: dict[str, Item] | None = None) -> dict[str, Ruling]:
    """The outcome by row: the last adjudication, else what most people decided; a tie is open. With `items` only
    decisions on their present text count.
    """
    votes: dict[str, list[tuple[str, JSON]]] = {}
    settled: dict[str, tuple[str, JSON]] = {}
    for name, entries in everybody.items():
        for identifier, entry in _decisions(entries, items, adjudications=True).items():
            if identifier not in settled or settled[identifier][1]["time"] < entry["time"]:
                settled[identifier] = (name, entry)
        for identifier, entry in _decisions(entries, items).items():
            votes.setdefault(identifier, []).append((name, entry))
    outcome = {identifier: _ruling([vote], adjudicated=True) for identifier, vote in settled.items()}
    return {**{identifier: _ruling(given) for identifier, given in votes.items()}, **outcome}


def _ruling(votes: list[tuple[str, JSON]], adjudicated: bool = False) -> Ruling:
    kinds = Counter(_same_when(entry) for _, entry in votes)
    (most, count), *others = kinds.most_common()
    entry = next(entry for _, entry in votes if _same_when(entry) == most)
    is_open = bool(others) and others[0][1] == count
    reasons = "; ".join(
        dict.fromkeys(vote["reason"] for _, vote in votes if _same_when(vote) == most and vote.get("reason"))
    )
    return Ruling(
        entry["verdict"],
        reasons,
        entry.get("prompt", ""),
        entry.get("output", ""),
        entry["digest"],
        tuple(name for name, _ in votes),
        is_open,
        adjudicated,
    )


def _same_when(entry: JSON) -> tuple[str, str, str]:
    return entry["verdict"], entry.get("prompt", ""), entry.get("output", "")


def _decisions(entries: list[JSON], items: dict[str, Item] | None, adjudications: bool = False) -> dict[str, JSON]:
    """The last standing decision by row."""
    found: dict[str, JSON] = {}
    for entry in standing_entries(entries):
        if entry["kind"] != DECISION or bool(entry.get("adjudicates")) != adjudications:
            continue
        item = items.get(entry["id"]) if items is not None else None
        if items is None or (item is not None and item.digest == entry["digest"]):
            found[entry["id"]] = entry
    return found


def curation_report(everybody: dict[str, list[JSON]], items: dict[str, Item] | None = None) -> CurationReport:
    """How far people are, and how well they agree on the rows that several of them decided."""
    decided = {name: _decisions(entries, items) for name, entries in everybody.items()}
    outcome = rulings(everybody, items)
    verdicts = Counter(ruling.verdict for ruling in outcome.values() if not ruling.is_open)
    return CurationReport(
        annotators={name: len(entries) for name, entries in decided.items()},
        rows_decided=len(outcome),
        verdicts={verdict: verdicts[verdict] for verdict in get_args(Verdict)},
        reasons=dict(
            Counter(
                ruling.reason for ruling in outcome.values() if ruling.verdict == "reject" and not ruling.is_open
            ).most_common()
        ),
        open_disagreements=sum(ruling.is_open for ruling in outcome.values()),
        adjudicated=sum(ruling.adjudicated for ruling in outcome.values()),
        agreement=agreement_of(decided),
    )


def agreement_of(decided: dict[str, dict[str, JSON]]) -> Agreement:
    """Agreement of the verdicts (accept, edit, reject) on rows that at least two people decided; None where it is not
    defined.
    """
    shared = sorted(
        identifier
        for identifier, count in Counter(identifier for rows in decided.values() for identifier in rows).items()
        if count > 1
    )
    units: list[list[Any]] = [
        [rows[identifier]["verdict"] for rows in decided.values() if identifier in rows] for identifier in shared
    ]
    pairs: dict[str, PairAgreement] = {}
    for first, second in combinations(sorted(decided), 2):
        both = [identifier for identifier in shared if identifier in decided[first] and identifier in decided[second]]
        if both:
            kappa = cohen_kappa(
                [decided[first][identifier]["verdict"] for identifier in both],
                [decided[second][identifier]["verdict"] for identifier in both],
            )
            pairs[f"{first}, {second}"] = PairAgreement(len(both), _rounded(kappa))
    same_number = len({len(unit) for unit in units}) == 1
    return Agreement(
        rows=len(shared),
        equal_pairs=_rounded(pairs_within(units)),
        krippendorff_alpha=_rounded(krippendorff_alpha(units)),
        fleiss_kappa=_rounded(fleiss_kappa([Counter(unit) for unit in units])) if same_number else None,
        pairs=pairs,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


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


def review_line(identifier: str, why: str) -> JSON:
    """A line of REVIEW_FILE for a row that is in a split."""
    return {"id": identifier, "why": why}


def duplicate_line(identifier: str, prompt: str, output: str, meta: JSON, twin: str, why: str) -> JSON:
    """A line of REVIEW_FILE for a row that was left out as a near-duplicate of `twin`."""
    return {"id": identifier, "prompt": prompt, "output": output, "meta": meta, "twin": twin, "why": why}
