"""The data card: what went in, what was left out and why, what the splits hold. No time stamps and no absolute paths,
so that the same recipe gives the same bytes anywhere."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from toolkit.data.publishing.card_sections import further_sections, pictures
from toolkit.data.publishing.worth_a_look import worth_a_look
from toolkit.data.rows import Row, reason_kind
from toolkit.data.selection.split import Split
from toolkit.dataset_folder.documents import (
    Card,
    CardSections,
    CardSource,
    Cell,
    Funnel,
    LedgerLine,
    Lengths,
    SplitSize,
    Spread,
)
from toolkit.dataset_folder.names import CERTIFICATE_FILE, SPLITS
from toolkit.options.data import DataBuildOptions, SplitOptions
from toolkit.options.sources import Source
from toolkit.records import sha256_tree

UNKNOWN = "(none)"
# Paths of this machine; the card tells of the sources in a section of its own.
NOT_SHOWN: dict[str, Any] = {"sources": True, "teacher": {"answers"}, "curation": {"journals"}}


def make_card(
    split: Split,
    ledger: list[LedgerLine],
    options: DataBuildOptions,
    hashes: dict[str, str],
    equal_questions: int,
    further: CardSections | None = None,
) -> Card:
    """The card; `hashes`: SHA-256 of the files next to it; `equal_questions` as the certificate counts them."""
    further = further or CardSections()
    masked: Counter[str] = Counter()
    for line in ledger:
        if line.is_kept:
            masked.update(line.masks)
    sizes = _splits(split, options)
    sources = [*(_source(source, ledger) for source in options.sources), *_made_rows(options.sources, ledger)]
    return Card(
        funnel=_funnel(ledger),
        splits=sizes,
        worth_a_look=[
            *further.warnings,
            *worth_a_look(sizes, split.rows, ledger, sources, equal_questions, further.curation),
        ],
        coverage=_coverage(split.rows),
        lengths=Lengths(
            steps=_spread([row.output.count("\n") + 1 for row in split.rows]),
            question_words=_spread([len(row.prompt.split()) for row in split.rows]),
            answer_words=_spread([len(row.output.split()) - row.output.count("\n") - 1 for row in split.rows]),
        ),
        masked=dict(sorted(masked.items())),
        notes=dict(sorted(Counter(note for line in ledger for note in line.notes).items())),
        sources=sources,
        settings=options.model_dump(mode="json", exclude=NOT_SHOWN),
        teacher=further.teacher,
        curation=further.curation,
        masking_quality=further.masking_quality,
        pictures=further.pictures,
        sha256=hashes,
    )


def _funnel(ledger: list[LedgerLine]) -> Funnel:
    """Rows by reason: places and titles within a reason are set aside."""
    reasons = Counter(reason_kind(line.reason or "") for line in ledger if not line.is_kept)
    return Funnel(
        rows_in=len(ledger),
        dropped=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        rows_kept=sum(line.is_kept for line in ledger),
    )


def _splits(split: Split, options: SplitOptions) -> dict[str, SplitSize]:
    asked = {"test": options.test_share, "validation": options.validation_share}
    asked["train"] = round(1 - sum(asked.values()), 6)
    total = len(split.rows)
    return {
        name: SplitSize(
            rows=len(rows),
            share=round(len(rows) / total, 4) if total else 0.0,
            asked=asked[name],
            groups=len({split.group_of[row.id] for row in rows}),
        )
        for name, rows in ((name, split.rows_of(name)) for name in SPLITS)
    }


def _coverage(rows: Iterable[Row]) -> list[Cell]:
    cells = Counter(
        (row.meta.get("domain", UNKNOWN), row.meta.get("language", UNKNOWN), row.meta.get("register", UNKNOWN))
        for row in rows
    )
    return [Cell(*names, count) for names, count in sorted(cells.items())]


def _spread(values: list[int]) -> Spread:
    if not values:
        return Spread(0, 0, 0, 0)
    return Spread(min(values), statistics.median(values), round(statistics.fmean(values), 2), max(values))


def _source(source: Source, ledger: list[LedgerLine]) -> CardSource:
    lines = [line for line in ledger if line.source == source.label]
    return CardSource(
        name=source.label,
        type=source.type,
        file=source.path.name,
        licence=source.licence or None,
        rows_in=len(lines),
        rows_kept=sum(line.is_kept for line in lines),
        sha256=sha256_tree(source.path),
    )


def _made_rows(sources: Sequence[Source], ledger: list[LedgerLine]) -> list[CardSource]:
    """Rows that come from no file: synthetic ones, and those added to train."""
    counts = Counter(line.source for line in ledger)
    kept = Counter(line.source for line in ledger if line.is_kept)
    made = sorted(set(counts) - {source.label for source in sources})
    return [CardSource(name, "made", None, None, counts[name], kept[name], None) for name in made]


def card_markdown(card: Card) -> str:
    """The card for people."""
    parts = ["# Data card"]
    if card.worth_a_look:
        parts += ["## Worth a look", "\n".join(f"- {line}" for line in card.worth_a_look)]
    parts += [
        "## Funnel",
        _table(
            ("", "rows"),
            [
                ("in", card.funnel.rows_in),
                *((f"left out: {reason}", count) for reason, count in card.funnel.dropped.items()),
                ("kept", card.funnel.rows_kept),
            ],
        ),
    ]
    parts += [
        "## Splits",
        _table(
            ("split", "rows", "share", "asked", "groups"),
            [
                (name, size.rows, f"{size.share:.1%}", f"{size.asked:.1%}", size.groups)
                for name, size in card.splits.items()
            ],
        ),
    ]
    parts += [
        "Rows of a group (same document section, page, parent, or near-duplicate text) are never in two splits;"
        f" `{CERTIFICATE_FILE}` holds the check."
    ]
    parts += ["## Coverage", *pictures(card), _coverage_table(card.coverage)]
    parts += [
        "## Length",
        _table(
            ("", "least", "median", "mean", "most"),
            [
                (name, spread.least, spread.median, spread.mean, spread.most)
                for name, spread in (
                    ("steps", card.lengths.steps),
                    ("question words", card.lengths.question_words),
                    ("answer words", card.lengths.answer_words),
                )
            ],
        ),
    ]
    masked = _table(("kind", "spans in kept rows"), card.masked.items()) if card.masked else "Nothing was masked."
    parts += ["## Masked", masked]
    if card.notes:
        parts += ["## Changed or passed unjudged", _table(("what", "rows"), card.notes.items())]
    parts += [
        "## Sources",
        _table(
            ("name", "type", "file", "licence", "rows in", "rows kept"),
            [
                (
                    source.name,
                    source.type,
                    source.file or "not stated",
                    source.licence or "not stated",
                    source.rows_in,
                    source.rows_kept,
                )
                for source in card.sources
            ],
        ),
    ]
    parts += further_sections(card, _table)
    parts += ["## Settings", _table(("option", "value"), card.settings.items())]
    parts += ["## SHA-256", _table(("file", "hash"), [(name, f"`{value}`") for name, value in card.sha256.items()])]
    return "\n\n".join(parts) + "\n"


def _coverage_table(cells: list[Cell]) -> str:
    """Domains down, language and register across."""
    columns = sorted({(cell.language, cell.register) for cell in cells})
    counts = {(cell.domain, cell.language, cell.register): cell.rows for cell in cells}
    domains = sorted({cell.domain for cell in cells})
    return _table(
        ("domain", *(f"{language} {register}" for language, register in columns)),
        [(domain, *(counts.get((domain, *column), 0) for column in columns)) for domain in domains],
    )


def _table(header: Iterable[object], lines: Iterable[Iterable[object]]) -> str:
    rows = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in (header, *lines)]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
