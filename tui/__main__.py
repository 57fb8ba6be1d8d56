"""The screens' own entry: `python -P -m tui [--readonly] [--ascii] [--theme NAME] [--rate PACKET] [--curate DATASET]`;
`steptune` on a terminal starts it.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.destinations import Destination
    from tui.places import Place

PLAIN = (
    "The screens need a terminal; here are the commands instead:\n  steptune runs\n  steptune run RECIPE --preset"
    " NAME\n  steptune logs -f RUN\n  steptune stop RUN"
)


def main() -> int:
    """Run the screens and return their exit code; without a usable terminal, say what to use instead."""
    parser = argparse.ArgumentParser(prog="steptune", description="The screens: start, follow and compare runs.")
    parser.add_argument("--readonly", action="store_true", help="look only: nothing can be started, stopped or deleted")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    parser.add_argument("--rate", metavar="PACKET", help="rate this packet of a blind study")
    parser.add_argument("--theme", metavar="NAME", help="dark, light, or the name of a theme")
    parser.add_argument("--curate", metavar="DATASET", help="start with the rows of this data set")
    parser.add_argument("--annotator", metavar="NAME", default="", help="who curates")
    args = parser.parse_args()
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        print(PLAIN)
        return 0
    gc.disable()  # nothing to collect before the first paint
    from toolkit.permissions import keep_others_from_writing
    from toolkit.run_folder.find import runs_root
    from tui.logic.poller import Poller

    keep_others_from_writing()
    poller = Poller(runs_root())
    poller.start()  # reads the runs while Textual is being imported
    from tui import themes
    from tui.app import SteptuneApp
    from tui.ascii import wants_ascii

    theme = themes.fitting(themes.NAMES.get(args.theme, args.theme)) if args.theme else None
    place, opens = _first_screen(args)
    app = SteptuneApp(
        read_only=args.readonly,
        ascii_only=args.ascii or wants_ascii(),
        poller=poller,
        theme=theme,
        start_at=place.name if place else None,
        opens=opens,
        alone=bool(args.rate),
    )
    signal.signal(signal.SIGTERM, lambda *_: app.exit())  # leave the terminal as it was
    app.run()
    return app.return_code or 0


def _first_screen(args: argparse.Namespace) -> tuple[Place | None, Destination | None]:
    """The place to start at and what to open there; (None, None) starts where the last session ended."""
    from tui.destinations import ToCuration, ToRating
    from tui.places import DATA, RATE

    if args.rate:
        return RATE, ToRating(Path(args.rate))
    if args.curate:
        return DATA, ToCuration(Path(args.curate), args.annotator)
    return None, None


if __name__ == "__main__":
    sys.exit(main())
