"""A source of one's own: how-to notes in Org files become rows for data-build.

    python examples/extend/source.py examples/extend/notes.org rows.jsonl
    steptune run data-build sources=rows.jsonl

Reads one or several .org files: a heading is a question, the check boxes below it are its steps. Writes one JSON object
a line. `group` keeps the rows of one top heading in one split. What has no steps is left out and counted: data-build
can only keep a ledger of what it is given.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from toolkit.records import JSON, write_jsonl

BOX = "- [ ] "


def main(arguments: list[str]) -> int:
    *sources, target = (Path(argument) for argument in arguments)
    found = [row for source in sources for row in rows_of(source)]
    kept = [row for row in found if row["output"]]
    write_jsonl(target, kept)
    print(f"{len(kept)} rows in {target}; {len(found) - len(kept)} headings without steps were left out")
    return 0


def rows_of(path: Path) -> Iterator[JSON]:
    """Each second heading as a row, with an empty answer where it has no steps."""
    group, question, steps = path.stem, "", [""]
    for line in [*path.read_text(encoding="utf-8").splitlines(), "* "]:
        if line.startswith(("* ", "** ")) and question:
            numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
            yield {"prompt": question, "output": numbered, "meta": {"group": group, "language": "en"}}
        if line.startswith("* "):
            group, question = line[2:].strip(), ""
        elif line.startswith("** "):
            question, steps = line[3:].strip(), []
        elif line.startswith(BOX):
            steps.append(line.removeprefix(BOX).strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
