"""The card of a data set with what an audit found in it: beside the data set, whose own files stay as they were hashed.

What people found in the user's own rows takes the place of the numbers that masking got on generated text.
"""

from __future__ import annotations

import re
from pathlib import Path

from toolkit.dataset_folder.documents import AuditReport
from toolkit.dataset_folder.names import CARD_TEXT_FILE
from toolkit.records import write_text
from toolkit.review.audit import AUDIT_TITLE, audit_rows
from toolkit.review.curation import folder_of

REPLACED = (AUDIT_TITLE, "Masking, as measured")
FOLLOWING = "Settings"  # the section that the audit stands before
SECTION = re.compile(r"^(?=## )", re.MULTILINE)


def write_audited_card(dataset: Path, report: AuditReport) -> Path | None:
    """card.md beside the data set, with the audit; None for a data set without a card."""
    card = dataset / CARD_TEXT_FILE
    if not card.is_file():
        return None
    sections = [
        section
        for section in SECTION.split(card.read_text(encoding="utf-8"))
        if not section.startswith(tuple(f"## {title}\n" for title in REPLACED))
    ]
    table = ["| what | right | share | 95 % interval |", "| --- | --- | --- | --- |"]
    table += [f"| {' | '.join(row)} |" for row in audit_rows(report)]
    at = next((at for at, text in enumerate(sections) if text.startswith(f"## {FOLLOWING}\n")), len(sections))
    sections.insert(at, "\n".join([f"## {AUDIT_TITLE}", "", *table, "", ""]))
    written = folder_of(dataset) / CARD_TEXT_FILE
    write_text(written, "".join(sections))
    return written


def newest_card(dataset: Path) -> Path:
    """The card to show of a data set: the audited one, unless the data set was built again since."""
    own, audited = dataset / CARD_TEXT_FILE, folder_of(dataset) / CARD_TEXT_FILE
    is_newer = audited.is_file() and own.is_file() and audited.stat().st_mtime_ns >= own.stat().st_mtime_ns
    return audited if is_newer else own
