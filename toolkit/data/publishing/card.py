"""The data card: what went in, what was left out and why, what the splits hold. No time stamps and no absolute paths,
so that the same recipe gives the same bytes anywhere."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from toolkit.data.publishing.card_sections import further_sections, pictures
from toolkit.data.rows import Row
from toolkit.data.selection.split import SPLITS, Split
from toolkit.options.data import DataBuildOptions, SplitOptions
from toolkit.options.sources import Source
from toolkit.records import JSON, sha256_tree

UNKNOWN = "(none)"
# Paths of this machine; the card tells of the sources in a section of its own.
NOT_SHOWN: dict[str, Any] = {"sources": True, "teacher": {"answers"}, "curation": {"journals"}}


def make_card(
    split: Split,
    ledger: list[JSON],
    options: DataBuildOptions,
    hashes: dict[str, str],
    further: JSON | None = None,
) -> JSON:
    """The card as JSON; `hashes`: SHA-256 of the files next to it; `further`: sections of `card_sections` and
    more warnings.
    """
    further = dict(further or {})
    return {
        "funnel": _funnel(ledger),
        "splits": _splits(split, options),
        "warnings": [*_warnings(split, options), *further.pop("warnings", ())],
        "coverage": _coverage(split.rows),
        "lengths": {
            "steps": _spread([row.output.count("\n") + 1 for row in split.rows]),
            "question_words": _spread([len(row.prompt.split()) for row in split.rows]),
            "answer_words": _spread([len(row.output.split()) - row.output.count("\n") - 1 for row in split.rows]),
        },
        "masked": dict(
            sorted(sum((Counter(line["masks"]) for line in ledger if line["ended"] != "dropped"), Counter()).items())
        ),
        "notes": dict(sorted(Counter(note for line in ledger for note in line["notes"]).items())),
        "sources": [*(_source(source, ledger) for source in options.sources), *_made_rows(options.sources, ledger)],
        "settings": options.model_dump(mode="json", exclude=NOT_SHOWN),
        **further,
        "sha256": hashes,
    }


def _funnel(ledger: list[JSON]) -> JSON:
    """Rows in, rows left out by reason (places and titles within a reason set aside), rows kept."""
    reasons = Counter(line["reason"].split(":")[0].split(" (")[0] for line in ledger if line["ended"] == "dropped")
    return {
        "rows_in": len(ledger),
        "dropped": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        "rows_kept": sum(line["ended"] != "dropped" for line in ledger),
    }


def _splits(split: Split, options: SplitOptions) -> JSON:
    asked = {"test": options.test_share, "validation": options.validation_share}
    asked["train"] = round(1 - sum(asked.values()), 6)
    total = len(split.rows)
    return {
        name: {
            "rows": len(rows),
            "share": round(len(rows) / total, 4) if total else 0.0,
            "asked": asked[name],
            "groups": len({split.group_of[row.id] for row in rows}),
        }
        for name, rows in ((name, split.rows_of(name)) for name in SPLITS)
    }


def _warnings(split: Split, options: SplitOptions) -> list[str]:
    """What a reader should know before using the splits."""
    found = []
    for name, numbers in _splits(split, options).items():
        if not numbers["rows"] and numbers["asked"]:
            found.append(
                f"The {name} split is empty: too few groups for a share of {numbers['asked']}. Add rows or choose"
                " another seed."
            )
        elif abs(numbers["share"] - numbers["asked"]) > max(0.04, 0.25 * numbers["asked"]):
            found.append(
                f"The {name} split has {numbers['share']:.1%} of the rows, {numbers['asked']:.1%} were asked for;"
                " groups are never cut. Another seed may come closer."
            )
    return found


def _coverage(rows: Iterable[Row]) -> list[JSON]:
    cells = Counter(tuple(row.meta.get(key, UNKNOWN) for key in ("domain", "language", "register")) for row in rows)
    return [
        {"domain": domain, "language": language, "register": register, "rows": count}
        for (domain, language, register), count in sorted(cells.items())
    ]


def _spread(values: list[int]) -> JSON:
    if not values:
        return {"least": 0, "median": 0, "mean": 0, "most": 0}
    return {
        "least": min(values),
        "median": statistics.median(values),
        "mean": round(statistics.fmean(values), 2),
        "most": max(values),
    }


def _source(source: Source, ledger: list[JSON]) -> JSON:
    lines = [line for line in ledger if line["source"] == source.label]
    return {
        "name": source.label,
        "type": source.type,
        "file": source.path.name,
        "licence": source.licence or None,
        "rows_in": len(lines),
        "rows_kept": sum(line["ended"] != "dropped" for line in lines),
        "sha256": sha256_tree(source.path),
    }


def _made_rows(sources: Sequence[Source], ledger: list[JSON]) -> list[JSON]:
    """Rows that come from no file: synthetic ones, and those added to train."""
    counts = Counter(line["source"] for line in ledger)
    kept = Counter(line["source"] for line in ledger if line["ended"] != "dropped")
    made = sorted(set(counts) - {source.label for source in sources})
    return [
        {
            "name": name,
            "type": "made",
            "file": None,
            "licence": None,
            "rows_in": counts[name],
            "rows_kept": kept[name],
            "sha256": None,
        }
        for name in made
    ]


def card_markdown(card: JSON) -> str:
    """The card for people."""
    funnel, lengths = card["funnel"], card["lengths"]
    parts = ["# Data card", *(f"> {warning}" for warning in card["warnings"])]
    parts += [
        "## Funnel",
        _table(
            ("", "rows"),
            [
                ("in", funnel["rows_in"]),
                *((f"left out: {reason}", count) for reason, count in funnel["dropped"].items()),
                ("kept", funnel["rows_kept"]),
            ],
        ),
    ]
    parts += [
        "## Splits",
        _table(
            ("split", "rows", "share", "asked", "groups"),
            [
                (name, n["rows"], f"{n['share']:.1%}", f"{n['asked']:.1%}", n["groups"])
                for name, n in card["splits"].items()
            ],
        ),
    ]
    parts += [
        "Rows of a group (same document section, page, parent, or near-duplicate text) are never in two splits;"
        " `leak_certificate.json` holds the check."
    ]
    parts += ["## Coverage", *pictures(card), _coverage_table(card["coverage"])]
    parts += [
        "## Length",
        _table(
            ("", "least", "median", "mean", "most"),
            [(name.replace("_", " "), *spread.values()) for name, spread in lengths.items()],
        ),
    ]
    parts += [
        "## Masked",
        (
            _table(("kind", "spans in kept rows"), list(card["masked"].items()))
            if card["masked"]
            else "Nothing was masked."
        ),
    ]
    if card["notes"]:
        parts += ["## Changed while normalising", _table(("what", "rows"), list(card["notes"].items()))]
    parts += [
        "## Sources",
        _table(
            ("name", "type", "file", "licence", "rows in", "rows kept"),
            [
                [source[key] or "not stated" for key in ("name", "type", "file", "licence")]
                + [source["rows_in"], source["rows_kept"]]
                for source in card["sources"]
            ],
        ),
    ]
    parts += further_sections(card, _table)
    parts += ["## Settings", _table(("option", "value"), [(key, value) for key, value in card["settings"].items()])]
    parts += ["## SHA-256", _table(("file", "hash"), [(name, f"`{value}`") for name, value in card["sha256"].items()])]
    return "\n\n".join(parts) + "\n"


def _coverage_table(cells: list[JSON]) -> str:
    """Domains down, language and register across."""
    columns = sorted({(cell["language"], cell["register"]) for cell in cells})
    counts = {(cell["domain"], cell["language"], cell["register"]): cell["rows"] for cell in cells}
    domains = sorted({cell["domain"] for cell in cells})
    return _table(
        ("domain", *(f"{language} {register}" for language, register in columns)),
        [(domain, *(counts.get((domain, *column), 0) for column in columns)) for domain in domains],
    )


def _table(header: Iterable[object], lines: Iterable[Iterable[object]]) -> str:
    rows = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in (header, *lines)]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
