"""A row under curation as lines: the question, the steps, what is known of it, and what people said of it."""

from __future__ import annotations

import time

from toolkit.records import JSON
from toolkit.review.curation import Curation
from toolkit.review.curation_items import Item
from toolkit.review.curation_text import numbered
from toolkit.terminal.layout import wrap
from toolkit.terminal.numbers import age
from toolkit.terminal.text import clean, clean_text
from toolkit.terminal.values import shown
from tui.logic.lines import Line, line

VERDICT_STYLES = {"accept": "good", "edit": "accent", "reject": "bad"}


def prompt_lines(item: Item, width: int, with_meta: bool) -> list[Line]:
    """What a person should look at, the question, and (where there is room) everything known of the row."""
    lines = [line((f"! {clean(why)}" + (f" of {clean(item.twin)}" if item.twin else ""), "warn")) for why in item.why]
    lines += [line((part, "bold")) for part in wrap(clean_text(item.prompt), width)]
    if with_meta:
        lines.append(())
        lines += [
            line((f"{clean(key)} ", "dim"), clean(shown(value)))
            for key, value in {"split": item.split, **item.meta}.items()
            if value
        ]
    return lines


def output_lines(item: Item, width: int, twin: Item | None) -> list[Line]:
    """The steps; for a near-duplicate the row that was kept below them."""
    lines = _steps(item.output, width)
    if twin is not None:
        lines += [
            (),
            line((f"kept instead: {clean(twin.id)}", "dim")),
            *(line((part, "bold")) for part in wrap(clean_text(twin.prompt), width)),
        ]
        lines += _steps(twin.output, width)
    return lines


def _steps(text: str, width: int) -> list[Line]:
    lines: list[Line] = []
    for step in clean_text(text).split("\n"):
        first, *more = wrap(step, max(8, width - 3)) or [""]
        lines += [line(first), *(line(f"   {part}") for part in more)]
    return lines


def history_lines(curation: Curation, item: Item, width: int, settles: bool) -> list[Line]:
    """What people decided and flagged of a row, oldest first; an edit with its text. Others' decisions only where one's
    own stands, or to settle them.
    """
    lines: list[Line] = []
    for name, entry in curation.history(item.id, settles):
        lines += _entry_lines(name, entry, item, width)
    if lines:
        return lines
    is_decided = bool(curation.history(item.id, settles=True))
    return [line(("shown once you have decided" if is_decided else "nobody has decided on it yet", "dim"))]


def _entry_lines(name: str, entry: JSON, item: Item, width: int) -> list[Line]:
    verdict = str(entry.get("verdict", entry["kind"]))
    old = entry.get("digest") not in (None, item.digest)
    note = clean(entry.get("reason") or entry.get("note") or "")
    settled = " (settles it)" if entry.get("adjudicates") else ""
    when = age(time.time() - float(entry.get("time", 0)))
    head = line(
        (f"{clean(name)} ", "bold"),
        (verdict, VERDICT_STYLES.get(verdict, "warn")),
        (f"{settled} {when}{', of another text' if old else ''}", "dim"),
    )
    lines = [head, *(line(f"  {part}") for part in wrap(note, width - 2) if note)]
    if verdict == "edit":
        lines += [
            line((f"  {part}", "added"))
            for part in wrap(clean_text(f"{entry.get('prompt')}\n{entry.get('output')}"), width - 2)
        ]
    return lines


def edit_text_of(item: Item) -> str:
    """What an editor is opened with."""
    return (
        "# The first line is the question, the numbered lines are the steps. Lines that begin with # do not"
        f" count.\n{item.prompt}\n\n{item.output}\n"
    )


def read_edit(text: str) -> tuple[str, str]:
    """Question and steps out of an edited text; the steps are numbered anew. ("", "") where either is missing."""
    kept = [raw.strip() for raw in text.split("\n") if raw.strip() and not raw.lstrip().startswith("#")]
    if len(kept) < 2:
        return "", ""
    return kept[0], numbered(kept[1:])
