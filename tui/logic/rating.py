"""The Rate screen's state and lines, without Textual: what is being decided, what is chosen so far, what is missing."""

from __future__ import annotations

from functools import lru_cache

from toolkit.review.study.packet import Packet
from toolkit.review.study.plain import LETTERS, practice_note, receipt_note
from toolkit.review.study.plan import HIGHEST, LOWEST
from toolkit.review.study.ratings import GUESS, RANK, SCORES
from toolkit.review.study.session import Session, Task
from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.text import clean, clean_text
from tui.logic.lines import Line, line

DONT_KNOW = "I don't know"
_PARTS = {"practice": "practice, does not count", "guess": "where is it from?", "rate": ""}


class Rating:
    """A rater's place in a packet and the draft of the current decision. Nothing counts before `submit`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.message = ""
        self.at = 0
        self.finished = False
        self.load(session.next_open())

    @property
    def packet(self) -> Packet:
        return self.session.packet

    @property
    def task(self) -> Task:
        return self.session.tasks[self.at]

    @property
    def rows(self) -> list[str]:
        """What gets a digit: the criteria, the answers to rank, or the one guess."""
        if self.task.kind == SCORES:
            return [criterion.name for criterion in self.packet.criteria]
        return (
            [f"answer {letter}" for letter in LETTERS[: len(self.task.unit.answers)]]
            if self.task.kind == RANK
            else ["guess"]
        )

    @property
    def missing(self) -> list[str]:
        return [row for row, value in zip(self.rows, self.values, strict=True) if value is None]

    def load(self, at: int | None) -> None:
        """Go to a task, with what was said about it before; None says that all is done."""
        self.finished = at is None
        self.at = len(self.session.tasks) - 1 if at is None else at
        said = self.session.value(self.task)
        self.values: list[int | None] = [None] * len(self.rows)
        self.critical, self.comment, self.cursor = False, "", 0
        if said is not None and self.task.kind == SCORES:
            self.values = [said["scores"].get(name) for name in self.rows]
            self.critical, self.comment = said["critical"], said["comment"]
        elif said is not None and self.task.kind == RANK:
            self.values = list(said["ranks"])
        elif said is not None:
            self.values = [0 if said["option"] is None else said["option"] + 1]

    def digit(self, number: int) -> None:
        """Set the current row and go to the next open one; a digit that means nothing here says so."""
        self.message = ""
        if self.finished:
            return
        low, high = {
            SCORES: (LOWEST, HIGHEST),
            RANK: (1, len(self.task.unit.answers)),
            GUESS: (0, len(self.packet.guess_options)),
        }[self.task.kind]
        if not low <= number <= high:
            self.message = f"{low} to {high} here"
            return
        self.values[self.cursor] = number
        later = [index for index in range(len(self.values)) if self.values[index] is None]
        if later:
            self.cursor = next((index for index in later if index > self.cursor), later[0])

    def move(self, step: int) -> None:
        self.cursor = max(0, min(self.cursor + step, len(self.rows) - 1))

    def go(self, step: int) -> None:
        """To the task before or after, without recording anything."""
        self.message = ""
        self.load(self.at if self.finished else max(0, min(self.at + step, len(self.session.tasks) - 1)))

    def submit(self) -> str | None:
        """Record the decision and go on. None if something is missing; else what there is to say about a practice unit,
        mostly "".
        """
        if self.finished:
            return ""
        if self.missing:
            self.message = f"missing: {', '.join(self.missing)}"
            return None
        task, values = self.task, [int(value or 0) for value in self.values]
        if task.kind == SCORES:
            self.session.rate(task, dict(zip(self.rows, values, strict=True)), self.critical, self.comment)
        elif task.kind == RANK:
            self.session.rank(task, values)
        else:
            self.session.guess(task, values[0] - 1 if values[0] else None)
        self.message = ""
        self.load(self.session.next_open(self.at))
        return practice_note(task)

    # Lines -----------------------------------------------------------------------------------------------------

    def head(self, width: int) -> Line:
        units = [unit.name for unit in self.packet.units]
        what = (
            f"rank the {len(self.task.unit.answers)} answers"
            if self.task.answer is None
            else f"answer {LETTERS[self.task.answer]}"
        )
        place = f" Unit {units.index(self.task.unit.name) + 1} of {len(units)}, {what}"
        done = f"{self.session.done} of {len(self.session.tasks)} done "
        part = _PARTS[self.task.unit.part]
        room = max(0, width - len(place) - len(done))
        return line((place, "title"), (fit(f"  {part}" if part else "", room), "warn"), (done, "dim"))

    def question(self, width: int, rows: int) -> list[Line]:
        wrapped = wrap(clean(self.task.unit.prompt), max(10, width - 2))
        shown = wrapped[:rows]
        if len(wrapped) > rows:
            shown[-1] = cut(shown[-1] + " " + wrapped[rows], width - 2)
        return [line((f" {text}", "bold")) for text in shown]

    def text(self, width: int) -> list[Line]:
        """The answer, or all answers with their letters for the ranking."""
        if self.finished:
            return [
                (),
                line(("  All done. Thank you: everything is saved.", "good")),
                line(("  esc leaves; N goes back to change something", "dim")),
                (),
                *(
                    line((f"  {part}", ""))
                    for text in receipt_note(self.session).splitlines()
                    for part in wrap(text, width - 4)
                ),
            ]
        if self.task.answer is not None:
            return _answer_lines(self.task.unit.answers[self.task.answer], width)
        lines: list[Line] = []
        for letter, answer, rank in zip(LETTERS, self.task.unit.answers, self.values, strict=False):
            lines += [
                line((f" Answer {letter}", "title"), (f"   rank {rank}" if rank else "", "accent")),
                *_answer_lines(answer, width),
                (),
            ]
        return lines

    def rubric(self, width: int) -> list[Line]:
        """A line per row with its value and what that means, then the line of flags and messages."""
        lines = [self._row(index, width) for index in range(len(self.rows))]
        if self.task.kind == GUESS:
            lines = [self._option(number, name) for number, name in self._options()]
        return [*lines, self._status(width)]

    def side(self, width: int) -> list[Line]:
        """The rubric in full: every criterion with all its anchors."""
        if self.task.kind != SCORES:
            return self.rubric(width)
        lines: list[Line] = []
        for index, criterion in enumerate(self.packet.criteria):
            lines.append(
                line(
                    ("▸ " if index == self.cursor else "  ", "mark"),
                    (clean(criterion.name), "title"),
                    (cut(f"  {clean(criterion.question)}", max(0, width - 4 - len(criterion.name))), "dim"),
                )
            )
            for number, anchor in enumerate(criterion.anchors, start=LOWEST):
                chosen = self.values[index] == number
                lines.append(
                    line(
                        (f"  {'●' if chosen else ' '} {number} ", "accent" if chosen else "key"),
                        (cut(clean(anchor), width - 8), "bold" if chosen else ""),
                    )
                )
            lines.append(())
        lines += [
            line((" " + part, "dim")) for part in wrap(f"x critical failure: {clean(self.packet.critical)}", width - 2)
        ]
        return [*lines, self._status(width)]

    def _row(self, index: int, width: int) -> Line:
        value = self.values[index]
        lead = line(
            ("▸ " if index == self.cursor else "  ", "mark"),
            fit(clean(self.rows[index]), 18),
            (f"[{value}]" if value else "[ ]", "accent"),
            " ",
        )
        return (*lead, *line((cut(self._meaning(index), max(0, width - 24)), "" if value else "dim")))

    def _meaning(self, index: int) -> str:
        value = self.values[index]
        if self.task.kind == SCORES:
            criterion = self.packet.criteria[index]
            return clean(criterion.anchors[value - LOWEST] if value else criterion.question)
        return "" if value else "1 is the best; equal numbers are ties"

    def _options(self) -> list[tuple[int, str]]:
        return [*enumerate(map(clean, self.packet.guess_options), start=1), (0, DONT_KNOW)]

    def _option(self, number: int, name: str) -> Line:
        chosen = self.values[0] == number
        return line(("● " if chosen else "  ", "accent"), (f"{number} ", "key"), (name, "bold" if chosen else ""))

    def _status(self, width: int) -> Line:
        if self.message:
            return line((cut(f" {self.message}", width), "warn"))
        flag = " critical failure" if self.critical else ""
        comment = f"  comment: {clean(self.comment)}" if self.comment else ""
        ready = " ↵ records" if not self.missing and not self.finished else ""
        return line((ready, "good"), (flag, "bad"), (cut(comment, max(0, width - len(ready) - len(flag))), "dim"))


@lru_cache(8)
def _wrapped(answer: str, width: int) -> tuple[str, ...]:
    return tuple(wrap(clean_text(answer), width))


def _answer_lines(answer: str, width: int) -> list[Line]:
    if not answer.strip():
        return [line((" (empty)", "dim"))]
    return [line(f" {text}") for text in _wrapped(answer, max(10, width - 2))]
