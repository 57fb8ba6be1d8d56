"""Rating as a dialogue of lines: for screen readers, slow links and terminals that can do no more. Everything of the
Rate screen works here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from toolkit.review.study.plan import HIGHEST, LOWEST
from toolkit.review.study.ratings import GUESS, SCORES
from toolkit.review.study.session import Session, Task

LETTERS = "ABCDEFGH"
HELP = (
    "b: back to the one before    n: on without a change    r: the text again    a: what the numbers mean    q: leave;"
    " go on later where you were\nWith the scores: ! marks a critical failure, and what follows # is a comment."
)


def rate_plain(session: Session, read: Callable[[str], str], write: Callable[[str], None]) -> None:
    """Ask for one task after the other until all are done or the rater leaves. `read` raises EOFError at the end of the
    input; both take text as the packet has it, and what they show of it is clean.
    """
    packet = session.packet
    write(f"{packet.title}\n{len(session.tasks)} things to decide, {session.done} done. ?: help")
    at = session.next_open()
    shown: int | None = None
    while at is not None:
        task = session.tasks[at]
        if shown != at:
            write(describe(session, task))
            shown = at
        try:
            said = read(_prompt(session, task)).strip()
        except EOFError:
            said = "q"
        if said == "q":
            write(f"{session.done} of {len(session.tasks)} done; everything is saved.\n{receipt_note(session)}")
            return
        if said in ("b", "n"):
            at, shown = (max(0, at - 1) if said == "b" else min(at + 1, len(session.tasks) - 1)), None
        elif said in ("?", "r", "a"):
            write(HELP if said == "?" else describe(session, task) if said == "r" else _anchors(session))
        elif problem := _take(session, task, said):
            write(problem)
        else:
            write("saved")
            if note := practice_note(task):
                write(note)
            at = session.next_open(at)
    write(f"All done. Thank you: everything is saved.\n{receipt_note(session)}")


def receipt_note(session: Session) -> str:
    """The rater's receipt, and what it is for."""
    return f"Your receipt: {session.receipt}\nKeep it: it shows later whether your ratings were changed."


def describe(session: Session, task: Task) -> str:
    """What a task is about: where one is, the question, and the answer or answers."""
    units = [unit.name for unit in session.packet.units]
    place = f"Unit {units.index(task.unit.name) + 1} of {len(units)}"
    part = {"practice": " (practice, does not count)", "guess": " (where is it from?)"}.get(task.unit.part, "")
    lines = ["", f"{place}{part}", f"Question: {task.unit.prompt}"]
    if task.answer is not None:
        lines += [f"Answer {LETTERS[task.answer]}:", task.unit.answers[task.answer] or "(empty)"]
    else:
        for letter, text in zip(LETTERS, task.unit.answers, strict=False):
            lines += [f"Answer {letter}:", text or "(empty)"]
    if said := _said(task, session):
        lines.append(f"Said before: {said}")
    return "\n".join(lines)


def practice_note(task: Task) -> str:
    """After the ranking of a practice unit: what was wrong with each answer."""
    if not task.unit.notes or task.answer is not None:
        return ""
    return "\n".join(f"Answer {letter}: {note}." for letter, note in zip(LETTERS, task.unit.notes, strict=False))


def _prompt(session: Session, task: Task) -> str:
    packet = session.packet
    if task.kind == SCORES:
        return f"{', '.join(criterion.name for criterion in packet.criteria)} ({LOWEST}-{HIGHEST} each): "
    if task.kind == GUESS:
        options = ", ".join(f"{number} {option}" for number, option in enumerate(packet.guess_options, start=1))
        return f"Where is it from? {options}, 0 don't know: "
    letters = ", ".join(LETTERS[: len(task.unit.answers)])
    return f"Ranks of {letters} (1 is the best, equal numbers are ties): "


def _take(session: Session, task: Task, said: str) -> str:
    """Record what was said; the sentence for what cannot be taken, "" if it was recorded."""
    said, _, comment = said.partition("#")
    numbers = [int(digit) for digit in re.findall(r"\d", said)]
    rest = re.sub(r"[\d\s,;!]", "", said)
    if rest:
        return f"{rest!r} is nothing to answer here; ?: help"
    try:
        if task.kind == SCORES:
            names = [criterion.name for criterion in session.packet.criteria]
            if len(numbers) != len(names):
                return f"{len(numbers)} numbers, expected {len(names)}: one for each of {', '.join(names)}"
            session.rate(task, dict(zip(names, numbers, strict=True)), "!" in said, comment.strip())
        elif task.kind == GUESS:
            if len(numbers) != 1:
                return "expected one number"
            session.guess(task, numbers[0] - 1 if numbers[0] else None)
        else:
            session.rank(task, numbers)
    except ValueError as error:
        return str(error)
    return ""


def _said(task: Task, session: Session) -> str:
    value = session.value(task)
    if value is None:
        return ""
    if task.kind == SCORES:
        flag = " !" if value["critical"] else ""
        return (
            " ".join(map(str, value["scores"].values())) + flag + (f" # {value['comment']}" if value["comment"] else "")
        )
    if task.kind == GUESS:
        return session.packet.guess_options[value["option"]] if value["option"] is not None else "don't know"
    return " ".join(map(str, value["ranks"]))


def _anchors(session: Session) -> str:
    blocks = []
    for criterion in session.packet.criteria:
        anchors = "\n".join(f"  {number} {text}" for number, text in enumerate(criterion.anchors, start=LOWEST))
        blocks.append(f"{criterion.name}: {criterion.question}\n{anchors}")
    return "\n".join([*blocks, f"critical failure (!): {session.packet.critical}"])
