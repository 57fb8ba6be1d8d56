"""Sections of the data card on what not every data set has: teacher, people's decisions, how well masking was measured
to work, pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from toolkit.dataset_folder.documents import AuditReport, Card, CurationReport, TeacherSection
from toolkit.records import JSON
from toolkit.review.audit import AUDIT_TITLE, audit_rows

Table = Callable[[Iterable[object], Iterable[Iterable[object]]], str]


def further_sections(card: Card, table: Table) -> list[str]:
    """Markdown of the sections whose content the card holds."""
    return [
        *(_teacher(card.teacher, table) if card.teacher else ()),
        *(_curation(card.curation, table) if card.curation else ()),
        *(_masking_quality(card.masking_quality, table) if card.masking_quality else ()),
    ]


def pictures(card: Card) -> list[str]:
    return [f"![{name.removesuffix('.svg')}]({name})" for name in card.pictures or ()]


def _teacher(teacher: TeacherSection, table: Table) -> list[str]:
    lines: list[tuple[str, object]] = [
        ("model", teacher.model),
        ("terms", teacher.terms),
        ("temperature", teacher.temperature),
        ("tokens in", teacher.tokens_in),
        ("tokens out", teacher.tokens_out),
        ("cost", teacher.cost),
    ]
    parts = [
        "## Teacher",
        table(("", ""), lines),
        "Prompts by hash:",
        table(("prompt", "hash"), [(name, f"`{value}`") for name, value in teacher.prompts.items()]),
    ]
    if failed := sorted(teacher.failed.items(), key=_commonest_first):
        parts += [
            "Calls and answers that could not be used:",
            table(("why", "count"), failed),
        ]
    return parts


def _curation(report: CurationReport, table: Table) -> list[str]:
    agreement = report.agreement
    lines: list[tuple[str, object]] = [
        *((f"decided by {name}", count) for name, count in report.annotators.items()),
        *report.verdicts.items(),
        ("settled by adjudication", report.adjudicated),
        ("disagreements still open", report.open_disagreements),
    ]
    numbers: list[tuple[str, object]] = [
        ("rows decided by several", agreement.rows),
        ("equal pairs of decisions", _number(agreement.equal_pairs)),
        ("Krippendorff's alpha (nominal)", _number(agreement.krippendorff_alpha)),
        ("Fleiss' kappa", _number(agreement.fleiss_kappa)),
        *(
            (f"Cohen's kappa of {names} ({pair.rows} rows)", _number(pair.cohen_kappa))
            for names, pair in agreement.pairs.items()
        ),
    ]
    parts = ["## Curation", table(("", "rows"), lines)]
    if report.reasons:
        parts += ["Rejected for:", table(("reason", "rows"), report.reasons.items())]
    parts += ["## Agreement", table(("", "value"), numbers)]
    return parts + (_audit(report.audit, table) if report.audit else [])


def _audit(audit: AuditReport, table: Table) -> list[str]:
    """What people found of rows drawn at random from this user's own data."""
    return [f"## {AUDIT_TITLE}", table(("what", "right", "share", "95 % interval"), audit_rows(audit))]


def _masking_quality(quality: JSON, table: Table) -> list[str]:
    """Measured precision and recall of masking, however they are nested: one line for each number."""
    return ["## Masking, as measured", table(("what", "value"), list(_flat(quality)))]


def _flat(value: JSON, above: str = "") -> Iterable[tuple[str, object]]:
    for key, item in value.items():
        name = f"{above} {key}".strip().replace("_", " ")
        if isinstance(item, dict):
            yield from _flat(item, name)
        else:
            yield name, _number(item) if item is None or isinstance(item, float) else item


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _commonest_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
