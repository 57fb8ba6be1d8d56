"""`steptune screens`: hands the process over to the screens, which the command line itself never imports."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn


def screens(args: argparse.Namespace) -> NoReturn:
    """Become the screens' process."""
    become_screens(*(f"--{name}" for name in ("readonly", "ascii") if getattr(args, name)))


def become_screens(*arguments: str) -> NoReturn:
    """Become the screens' process, with the arguments of `python -m tui`."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tui", *arguments])
