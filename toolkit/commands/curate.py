"""`steptune curate`: go through the rows of a data set, on the screen or line by line (`--plain`), or see how far
people are.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from toolkit.errors import SteptuneError, UsageError
from toolkit.review.curation import REASONS, VIEWS, Curation, View, folder_of, next_view
from toolkit.review.curation_items import Item, load_items
from toolkit.review.curation_text import report_lines
from toolkit.review.journal import check_name
from toolkit.review.rulings import curation_report, read_journals
from toolkit.run_folder.outputs import find_dataset
from toolkit.terminal.output import ask, say, say_json

KEYS = f"a accept, x REASON reject, e edit, s skip, f NOTE flag, u undo, U redo, v view ({', '.join(VIEWS)}), q leave"


def curate(args: argparse.Namespace) -> int:
    """Open the screen, run the plain loop, or print the report."""
    dataset = find_dataset(Path(args.dataset))
    if args.report or args.json:
        return _report(dataset, args.json)
    annotator = check_name(args.annotator or getpass.getuser())
    if not args.plain:
        if not sys.stdin.isatty() or os.environ.get("TERM") == "dumb":
            raise UsageError(
                "The curation screen needs a terminal; use --plain to decide line by line, or --report to see how far"
                " people are."
            )
        Curation(dataset, annotator, args.overlap).close()  # what is wrong shows here, and not on the screen
        command = [sys.executable, "-P", "-m", "tui", "--curate", str(dataset), "--annotator", annotator]
        os.execv(sys.executable, command)
    curation = Curation(dataset, annotator, args.overlap)
    try:
        return PlainCuration(curation).run()
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
    """The loop over standard input and output: a row, a command, the next row."""

    def __init__(self, curation: Curation) -> None:
        self.curation = curation
        self.view: View = "queue"

    def run(self) -> int:
        say(f"{self.curation.annotator} on {self.curation.dataset}\n{KEYS}")
        while (item := self._next()) is not None or self.view != "queue":
            if item is None:
                self.view = "queue"
                continue
            self._show(item)
            command = self._read("> ")
            if command is None or command == "q":
                return 0
            try:
                self._obey(command, item)
            except SteptuneError as error:
                say(str(error))
        say("Nothing is left to decide.")
        return 0

    def _next(self) -> Item | None:
        waiting = self.curation.waiting(self.view)
        return waiting[0] if waiting else None

    def _show(self, item: Item) -> None:
        say(
            f"\n[{self.view}, {len(self.curation.mine())} decided] {item.id} {item.split}"
            f" {' '.join(f'{k}={v}' for k, v in item.meta.items() if k != 'group')}"
        )
        for why in item.why:
            say(f"  look at: {why}" + (f" of {item.twin}" if item.twin else ""))
        if item.twin and (twin := self.curation.items.get(item.twin)):
            say(f"  kept: {twin.prompt}\n" + "\n".join(f"        {step}" for step in twin.output.split("\n")))
        for name, entry in self.curation.history(item.id):
            say(f"  {name}: {entry.get('verdict', entry['kind'])} {entry.get('reason') or entry.get('note') or ''}")
        say(f"{item.prompt}\n{item.output}")

    def _obey(self, command: str, item: Item) -> None:
        key, _, text = command.partition(" ")
        settles = self.view == "disagreements"
        if key == "a":
            self.curation.decide(item, "accept", adjudicates=settles)
        elif key == "x":
            reason = text or self._read(f"reason ({', '.join(REASONS)}): ") or ""
            self.curation.decide(item, "reject", reason, adjudicates=settles)
        elif key == "e":
            self._edit(item, settles)
        elif key == "s":
            self.curation.skip(item)
        elif key == "f":
            self.curation.flag(item, text or self._read("note: ") or "")
        elif key in ("u", "U"):
            entry = self.curation.undo() if key == "u" else self.curation.redo()
            say(
                f"{'undone' if key == 'u' else 'redone'}: {entry.get('verdict', entry['kind'])} {entry.get('id')}"
                if entry
                else "nothing to undo"
                if key == "u"
                else "nothing to redo"
            )
        elif key == "v":
            self.view = next_view(self.view)
        else:
            say(KEYS)

    def _edit(self, item: Item, settles: bool) -> None:
        prompt = self._read(f"question [{item.prompt}]: ")
        say("steps, one a line, an empty line at the end (none: as they are):")
        steps = []
        while line := self._read(""):
            steps.append(line)
        output = "\n".join(f"{number}. {step.lstrip('0123456789. ')}" for number, step in enumerate(steps, start=1))
        self.curation.decide(
            item, "edit", prompt=prompt or item.prompt, output=output or item.output, adjudicates=settles
        )

    def _read(self, question: str) -> str | None:
        """A line, stripped; None at the end of the input."""
        try:
            return ask(question).strip()
        except EOFError:
            return None
