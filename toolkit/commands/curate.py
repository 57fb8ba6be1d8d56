"""`steptune curate`: go through the rows of a data set, on the screen or line by line (`--plain`), or see how far
people are.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from toolkit.commands.curate_audit import run_audit
from toolkit.commands.screens import become_screens
from toolkit.errors import SteptuneError, UsageError
from toolkit.review.curation import REASONS, VIEWS, Curation, View, next_view
from toolkit.review.curation_items import Item, folder_of, load_items
from toolkit.review.curation_text import numbered, open_line, report_lines
from toolkit.review.journal import check_name
from toolkit.review.rulings import curation_report, read_journals
from toolkit.run_folder.find import find_run
from toolkit.run_folder.outputs import find_dataset
from toolkit.terminal.output import ask, say, say_json

KEYS = f"a accept, x REASON reject, e edit, s skip, f NOTE flag, u undo, U redo, v view ({', '.join(VIEWS)}), q leave"


def curate(args: argparse.Namespace) -> int:
    """Open the screen, run the plain loop, or print the report."""
    given = Path(args.dataset)
    is_path = given.exists() or len(given.parts) > 1
    dataset = find_dataset(given if is_path else find_run(args.dataset).path)
    if args.report or args.json:
        return _report(dataset, args.json)
    if args.audit is not None and args.audit < 1:
        raise UsageError(f"--audit draws {args.audit} rows; expected 1 or more.")
    annotator = check_name(args.annotator or getpass.getuser())
    if not args.plain and args.audit is None:
        if not sys.stdin.isatty() or os.environ.get("TERM") == "dumb":
            raise UsageError(
                "The curation screen needs a terminal; use --plain to decide line by line, or --report to see how far"
                " people are."
            )
        Curation(dataset, annotator, args.overlap).close()  # what is wrong shows here, and not on the screen
        become_screens("--curate", str(dataset), "--annotator", annotator)
    curation = Curation(dataset, annotator, args.overlap)
    try:
        return PlainCuration(curation).run() if args.audit is None else run_audit(curation, args.audit)
    finally:
        curation.close()


def _report(dataset: Path, as_json: bool) -> int:
    report = curation_report(read_journals(folder_of(dataset)), load_items(dataset))
    if as_json:
        say_json(report.to_json())
        return 0
    say("\n".join(report_lines(report)))
    return 0


class PlainCuration:
    """The loop over standard input and output: a row, a command, the next row. The end of the input decides nothing."""

    def __init__(self, curation: Curation) -> None:
        self.curation = curation
        self.view: View = "queue"

    def run(self) -> int:
        say(f"{self.curation.annotator} on {self.curation.dataset}\n{KEYS}")
        try:
            while (item := self._next()) is not None:
                self._show(item)
                command = _read("> ")
                if command == "q":
                    break
                try:
                    self._obey(command, item)
                except SteptuneError as error:
                    say(str(error))
            else:
                say("Nothing is left to decide.")
        except EOFError:
            say()
        say(open_line(self.curation.open_work()))
        return 0

    def _next(self) -> Item | None:
        """The first row of the view; of the next view that has one where this one is done."""
        for _ in VIEWS:
            if waiting := self.curation.waiting(self.view):
                return waiting[0]
            self.view = next_view(self.view)
        return None

    def _show(self, item: Item) -> None:
        say(
            f"\n[{self.view}, {len(self.curation.mine())} decided] {item.id} {item.split}"
            f" {' '.join(f'{k}={v}' for k, v in item.meta.items() if k != 'group')}"
        )
        for why in item.why:
            say(f"  look at: {why}" + (f" of {item.twin}" if item.twin else ""))
        if item.twin and (twin := self.curation.items.get(item.twin)):
            say(f"  kept: {twin.prompt}\n" + "\n".join(f"        {step}" for step in twin.output.split("\n")))
        for name, entry in self.curation.history(item.id, self._settles):
            say(f"  {name}: {entry.get('verdict', entry['kind'])} {entry.get('reason') or entry.get('note') or ''}")
            if entry.get("verdict") == "edit":
                say(indented(f"{entry['prompt']}\n{entry['output']}"))
        say(f"{item.prompt}\n{item.output}")

    @property
    def _settles(self) -> bool:
        return self.view == "disagreements"

    def _obey(self, command: str, item: Item) -> None:
        key, _, text = command.partition(" ")
        if key == "a":
            self.curation.decide(item, "accept", adjudicates=self._settles)
        elif key == "x":
            reason = text or _read(f"reason ({', '.join(REASONS)}): ")
            self.curation.decide(item, "reject", reason, adjudicates=self._settles)
        elif key == "e":
            self._edit(item)
        elif key == "s":
            self.curation.skip(item)
        elif key == "f":
            self.curation.flag(item, text or _read("note: "))
        elif key in ("u", "U"):
            self._undo_or_redo(key)
        elif key == "v":
            self._change_view()
        else:
            say(KEYS)

    def _undo_or_redo(self, key: str) -> None:
        entry = self.curation.undo() if key == "u" else self.curation.redo()
        done, what = ("undone", "undo") if key == "u" else ("redone", "redo")
        say(f"{done}: {entry.get('verdict', entry['kind'])} {entry.get('id')}" if entry else f"nothing to {what}")

    def _change_view(self) -> None:
        """On to the next view that has something to decide."""
        asked = next_view(self.view)
        self.view = asked
        self._next()
        if self.view != asked:
            say(f"nothing is left in {asked}; on to {self.view}")

    def _edit(self, item: Item) -> None:
        prompt = _read(f"question [{item.prompt}]: ")
        say("steps, one a line, an empty line at the end (none: as they are):")
        steps = []
        while line := _read(""):
            steps.append(line)
        output = numbered(steps) or item.output
        if (prompt or item.prompt, output) == (item.prompt, item.output):
            say("Nothing was changed; a accepts the row as it is.")
            return
        self.curation.decide(item, "edit", prompt=prompt or item.prompt, output=output, adjudicates=self._settles)


def indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.split("\n"))


def _read(question: str) -> str:
    """A line, stripped; EOFError at the end of the input."""
    return ask(question).strip()
