"""Sections of the data card on what not every data set has: teacher, people's decisions, how well masking was measured
to work, pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from toolkit.records import JSON

Table = Callable[[Iterable[object], Iterable[Iterable[object]]], str]


def further_sections(card: JSON, table: Table) -> list[str]:
    """Markdown of the sections whose content the card holds."""
    parts: list[str] = []
    for name, section in (("teacher", _teacher), ("curation", _curation), ("masking_quality", _masking_quality)):
        if card.get(name):
            parts += section(card[name], table)
    return parts


def pictures(card: JSON) -> list[str]:
    return [f"![{name.removesuffix('.svg')}]({name})" for name in card.get("pictures", ())]


def _teacher(teacher: JSON, table: Table) -> list[str]:
    lines = [
        (key.replace("_", " "), value)
        for key, value in teacher.items()
        if key not in ("prompts", "failed") and value not in (None, "")
    ]
    parts = [
        "## Teacher",
        table(("", ""), lines),
        "Prompts by hash:",
        table(("prompt", "hash"), [(name, f"`{value}`") for name, value in teacher["prompts"].items()]),
    ]
    failed: list[tuple[str, int]] = sorted(teacher["failed"].items(), key=_commonest_first)
    if failed:
        parts += [
            "Calls and answers that could not be used:",
            table(("why", "count"), failed),
        ]
    return parts


def _curation(report: JSON, table: Table) -> list[str]:
    agreement = report["agreement"]
    lines: list[tuple[str, object]] = [(f"decided by {name}", count) for name, count in report["annotators"].items()]
    lines += [(verdict, count) for verdict, count in report["verdicts"].items()]
    lines += [
        ("settled by adjudication", report["adjudicated"]),
        ("disagreements still open", report["open_disagreements"]),
    ]
    numbers: list[tuple[str, object]] = [
        ("rows decided by several", agreement["rows"]),
        ("equal pairs of decisions", _number(agreement["equal_pairs"])),
    ]
    numbers += [
        ("Krippendorff's alpha (nominal)", _number(agreement["krippendorff_alpha"])),
        ("Fleiss' kappa", _number(agreement["fleiss_kappa"])),
    ]
    numbers += [
        (f"Cohen's kappa of {names} ({pair['rows']} rows)", _number(pair["cohen_kappa"]))
        for names, pair in agreement["pairs"].items()
    ]
    parts = ["## Curation", table(("", "rows"), lines)]
    if report["reasons"]:
        parts += ["Rejected for:", table(("reason", "rows"), report["reasons"].items())]
    return [*parts, "## Agreement", table(("", "value"), numbers)]


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
