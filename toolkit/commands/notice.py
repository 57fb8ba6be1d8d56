"""`steptune notice`: what is done when a run or the queue has ended."""

from __future__ import annotations

import argparse
import getpass
import sys
from dataclasses import replace
from pathlib import Path

from toolkit.errors import EXIT_FAILED, UsageError
from toolkit.runs.notice import Notice, notice_file, require_address, ring
from toolkit.runs.notice_sender import send
from toolkit.terminal.output import say, say_error, say_json

_OFF = "off"


def notice(args: argparse.Namespace) -> int:
    """Set it, show it, try it."""
    known = Notice.read()
    wanted = known
    if args.bell:
        wanted = replace(wanted, bell=args.bell != _OFF)
    if args.run_command is not None:
        wanted = replace(wanted, command="" if args.run_command == _OFF else args.run_command)
    if args.webhook is not None:
        wanted = replace(wanted, webhook="" if args.webhook == _OFF else _address(args.webhook))
    if wanted != known:
        wanted.write()
    if args.json:
        say_json({"bell": wanted.bell, "command": wanted.command, "webhook": bool(wanted.webhook)})
    else:
        say(f"bell      {'on' if wanted.bell else _OFF}")
        say(f"command   {wanted.command or _OFF}")
        say(f"webhook   {f'set (its address is in {notice_file()})' if wanted.webhook else _OFF}")
    return _test(wanted) if args.test else 0


def _address(source: str) -> str:
    """From a file, or asked for: on a command line it would stand in the shell's history and in the list of
    processes.
    """
    if source != "-":
        try:
            return require_address(Path(source).expanduser().read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise UsageError("--webhook takes a file that holds the address, `-` to be asked for it, or off.") from None
    return require_address(getpass.getpass("Address of the webhook: ") if sys.stdin.isatty() else sys.stdin.readline())


def _test(wanted: Notice) -> int:
    ring("steptune: a test")
    problems = send(wanted, {"event": "test"})
    for problem in problems:
        say_error(f"steptune: {problem}")
    return EXIT_FAILED if problems else 0
