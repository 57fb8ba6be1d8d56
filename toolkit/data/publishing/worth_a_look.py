"""What a careful person would look at in a data set that was just built: the same lines end the build on the terminal,
open the card and stand in the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from toolkit.data.cleaning.anonymise import NOT_LOOKED_FOR
from toolkit.data.cleaning.row_language import row_language
from toolkit.data.cleaning.rules import UNJUDGED
from toolkit.data.rows import NOT_JUDGED, SYNTHETIC, Row, reason_kind
from toolkit.data.selection.questions import WARN_FROM
from toolkit.dataset_folder.documents import CardSource, CurationReport, LedgerLine, SplitSize

FEW_ROWS = 20  # of a held-out split, below which its numbers say next to nothing
NO_LANGUAGE = "no language"


def worth_a_look(
    sizes: dict[str, SplitSize],
    rows: Sequence[Row],
    ledger: Sequence[LedgerLine],
    sources: Iterable[CardSource],
    equal_questions: int,
    curation: CurationReport | None,
) -> list[str]:
    """The lines, in the order in which they matter."""
    return [
        *_splits(sizes),
        *_questions(equal_questions, len(rows)),
        *_masking(rows),
        *_yields(sources, ledger),
        *_unjudged(ledger),
        *_people(ledger, curation),
    ]


def _splits(sizes: dict[str, SplitSize]) -> list[str]:
    found = []
    for name, size in sizes.items():
        if not size.rows and size.asked:
            found.append(
                f"The {name} split is empty: too few groups for a share of {size.asked}. Add rows or choose"
                " another seed."
            )
        elif abs(size.share - size.asked) > max(0.04, 0.25 * size.asked):
            found.append(
                f"The {name} split has {size.share:.1%} of the rows, {size.asked:.1%} were asked for;"
                " groups are never cut. Another seed may come closer."
            )
        if name != "train" and 0 < size.rows < FEW_ROWS:
            found.append(f"The {name} split has only {size.rows} rows: its numbers will say little.")
    return found


def _questions(equal: int, count: int) -> list[str]:
    if not equal:
        return []
    much = (
        " That is a lot: a split of so few questions measures less than its rows promise."
        if (equal > WARN_FROM * count)
        else ""
    )
    return [
        f"{equal} of {count} rows ({equal / count:.1%}) have a question that is asked more than once; each such"
        f" question lies in one split.{much}"
    ]


def _masking(rows: Sequence[Row]) -> list[str]:
    count: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    unsearched: Counter[str] = Counter()
    for row in rows:
        language = row_language(row) or NO_LANGUAGE
        count[language] += 1
        masked[language] += bool(row.masks)
        unsearched[language] += any(note.startswith(NOT_LOOKED_FOR) for note in row.notes)
    shares = ", ".join(f"{name} {masked[name]} of {total} ({masked[name] / total:.1%})" for name, total in _most(count))
    lines = [f"Rows with something masked: {shares}."] if any(masked.values()) else []
    if any(unsearched.values()):
        where = ", ".join(f"{name} ({number} rows)" for name, number in _most(unsearched) if number)
        lines.append(
            f"Names and addresses were not looked for, as the model does not know the language: {where}. Look"
            " whether these rows name people."
        )
    return lines


def _yields(sources: Iterable[CardSource], ledger: Sequence[LedgerLine]) -> list[str]:
    reasons: dict[str, Counter[str]] = {}
    for line in ledger:
        if not line.is_kept:
            reasons.setdefault(line.source, Counter())[reason_kind(line.reason or "")] += 1
    lines = []
    for source in sources:
        if source.rows_in == source.rows_kept:
            continue
        (why, times), *_ = reasons[source.name].most_common(1)
        kept = f"{source.rows_kept} of {source.rows_in} rows kept ({source.rows_kept / source.rows_in:.0%})"
        lines.append(f"{source.name}: {kept}; most often left out: {why} ({times}).")
    return lines


def _unjudged(ledger: Sequence[LedgerLine]) -> list[str]:
    """Rows that the rules could not judge by language, and those of the teacher without a verdict."""
    languages: Counter[str] = Counter(
        note.rpartition(": ")[2] for line in ledger if line.is_kept for note in line.notes if note.startswith(UNJUDGED)
    )
    lines = []
    if languages:
        where = ", ".join(f"{name} ({count} rows)" for name, count in _most(languages))
        lines.append(f"Whether questions ask and steps instruct was not judged in: {where}.")
    unjudged = sum(line.source == SYNTHETIC and (line.reason or "").startswith(NOT_JUDGED) for line in ledger)
    if unjudged:
        lines.append(f"{unjudged} rows of the teacher were left out, as no verdict came for them.")
    return lines


def _people(ledger: Sequence[LedgerLine], curation: CurationReport | None) -> list[str]:
    asked = sum(line.is_kept and any(note.startswith("review: ") for note in line.notes) for line in ledger)
    lines = [f"{asked} rows ask for a person's eye: `steptune curate` shows them first."] if asked else []
    if curation and curation.open_disagreements:
        lines.append(
            f"{curation.open_disagreements} rows on which people disagree are still open (`steptune curate`, view"
            " disagreements)."
        )
    return lines


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
