"""`steptune export` and `steptune prove`: hand over to toolkit.shipping, whose libraries the command line itself never
imports.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from toolkit.errors import PreflightError
from toolkit.machine.packages import is_installed

NEEDED = ("torch", "safetensors", "transformers", "numpy", "gguf")


def export(args: argparse.Namespace) -> int:
    """Write an export and prove it, or push one, in a process of its own; returns its exit code."""
    return _hand_over("export", args)


def prove(args: argparse.Namespace) -> int:
    """Prove an export anew, in a process of its own; returns its exit code."""
    return _hand_over("prove", args)


def _hand_over(command: str, args: argparse.Namespace) -> int:
    if missing := [name for name in NEEDED if not is_installed(name)]:
        raise PreflightError(
            f"{command} needs {', '.join(missing)}; install with `make setup`, or `pip install"
            " 'steptune[train,eval,export]'`."
        )
    program = [sys.executable, "-P", "-m", "toolkit.shipping.command", command, *args.given]
    return subprocess.run(program, check=False).returncode
