"""`steptune curate --audit N`: rows drawn at random, three questions each, and what the answers say of all rows."""

from __future__ import annotations

from toolkit.review.audit import AUDIT, QUESTIONS, audit_lines, audit_report, drawn, judged
from toolkit.review.audited_card import write_audited_card
from toolkit.review.curation import Curation
from toolkit.review.curation_items import Item
from toolkit.terminal.output import ask, say

HELP = "y or n for each of row, steps, masking in a line, such as yyn; u takes the last judgement back, q leaves"


def run_audit(curation: Curation, count: int) -> int:
    """Ask for what is not judged yet; nothing is decided at the end of the input."""
    say(
        f"{curation.annotator} on {curation.dataset}\n"
        + "\n".join(f"  {what}: {text}?" for what, text in QUESTIONS.items())
    )
    say(HELP)
    rows = drawn(curation.items, count)
    while left := [item for item in rows if item.id not in judged(curation.journal.entries, curation.items)]:
        item = left[0]
        say(f"\n[audit, {len(rows) - len(left) + 1} of {len(rows)}] {item.id} {item.split}")
        say(f"{item.prompt}\n{item.output}")
        answer = _answer()
        if answer is None or answer == "q":
            break
        _take(curation, item, answer)
    report = audit_report(curation.everybody(), curation.items)
    say("\n".join(["", *(audit_lines(report) if report else ["No row was judged."])]))
    if report and (card := write_audited_card(curation.dataset, report)):
        say(f"card with the audit: {card}")
    return 0


def _answer() -> str | None:
    """A line without its spaces; None at the end of the input."""
    try:
        return "".join(ask("> ").split()).lower()
    except EOFError:
        return None


def _take(curation: Curation, item: Item, answer: str) -> None:
    if answer == "u":
        taken_back = curation.undo()
        say(f"undone: {taken_back['kind']} {taken_back.get('id')}" if taken_back else "nothing to undo")
    elif len(answer) == len(QUESTIONS) and set(answer) <= {"y", "n"}:
        given = {what: letter == "y" for what, letter in zip(QUESTIONS, answer, strict=True)}
        curation.journal.append(AUDIT, id=item.id, digest=item.digest, **given)
    else:
        say(HELP)
