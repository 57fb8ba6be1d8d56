"""`steptune screens`: hands the process over to the screens, which the command line itself never imports."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn


def screens(args: argparse.Namespace) -> NoReturn:
    """Become the screens' process."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tui", *(["--readonly"] if args.readonly else [])])
