"""What people together decided of the rows of a data set, how far they are, and how well they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

from toolkit.dataset_folder.documents import Agreement, CurationReport, PairAgreement
from toolkit.records import JSON
from toolkit.review.audit import audit_report
from toolkit.review.curation_items import Item, text_digest
from toolkit.review.journal import read_journal, standing_entries
from toolkit.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, pairs_within

Verdict = Literal["accept", "edit", "reject"]
DECISION = "decision"  # the kind of a journal's entries that count here


@dataclass(frozen=True)
class Ruling:
    """What all people together decided of a row. `is_open`: they disagree, and nobody has settled it; `keeps_text`:
    somebody accepts the text as it is.
    """

    verdict: Verdict
    reason: str
    prompt: str
    output: str
    digest: str
    by: tuple[str, ...]
    is_open: bool = False
    adjudicated: bool = False
    keeps_text: bool = True


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
        for identifier, entry in decisions(entries, items, adjudications=True).items():
            if identifier not in settled or settled[identifier][1]["time"] < entry["time"]:
                settled[identifier] = (name, entry)
        for identifier, entry in decisions(entries, items).items():
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
        keeps_text=any(vote["verdict"] == "accept" for _, vote in votes),
    )


def _same_when(entry: JSON) -> tuple[str, str, str]:
    return entry["verdict"], entry.get("prompt", ""), entry.get("output", "")


def decisions(entries: list[JSON], items: dict[str, Item] | None, adjudications: bool = False) -> dict[str, JSON]:
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
    decided = {name: decisions(entries, items) for name, entries in everybody.items()}
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
        audit=audit_report(everybody, items),
    )


def agreement_of(decided: dict[str, dict[str, JSON]]) -> Agreement:
    """Agreement of the decisions (accept, reject, each other edited text) on rows that at least two people decided;
    None where it is not defined.
    """
    shared = sorted(
        identifier
        for identifier, count in Counter(identifier for rows in decided.values() for identifier in rows).items()
        if count > 1
    )
    units: list[list[Any]] = [
        [_decided(rows[identifier]) for rows in decided.values() if identifier in rows] for identifier in shared
    ]
    pairs: dict[str, PairAgreement] = {}
    for first, second in combinations(sorted(decided), 2):
        both = [identifier for identifier in shared if identifier in decided[first] and identifier in decided[second]]
        if both:
            kappa = cohen_kappa(
                [_decided(decided[first][identifier]) for identifier in both],
                [_decided(decided[second][identifier]) for identifier in both],
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


def _decided(entry: JSON) -> str:
    """The decision as a category: two different edits of a row are two."""
    digest = text_digest(entry.get("prompt", ""), entry.get("output", ""))
    return f"edit {digest}" if entry["verdict"] == "edit" else str(entry["verdict"])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
