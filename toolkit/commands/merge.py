"""`steptune merge`: hands over to the generation stage, whose libraries the command line itself never imports."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from toolkit.errors import PreflightError
from toolkit.options.merge import merge_arguments


def merge(args: argparse.Namespace) -> int:
    """Run the streaming merge in a process of its own and return its exit code."""
    missing = [name for name in ("torch", "safetensors", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise PreflightError(
            f"merge needs {', '.join(missing)}; install with `make setup`, or `pip install 'steptune[train]'`."
        )
    program = [sys.executable, "-P", "-m", "toolkit.generation.merge_command"]
    return subprocess.run([*program, *merge_arguments(args)], check=False).returncode
