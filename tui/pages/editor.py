"""A text in the user's own editor, with the screens put aside meanwhile."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from toolkit.terminal.text import clean


def edit_text(app: App[Any], text: str, name: str) -> str | None:
    """The text as $VISUAL or $EDITOR (else vi) left it; None where the editor did not end well, which is said."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="steptune-") as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        try:
            code = run_aside(app, [*shlex.split(editor), str(path)])
        except (OSError, ValueError, SuspendNotSupported) as error:
            app.notify(
                f"{clean(editor)} could not be started: {clean(error)}. Set $EDITOR to an editor that is installed.",
                severity="error",
                markup=False,
            )
            return None
        if code != 0:
            app.notify(f"{clean(editor)} ended with {code}; no change was applied.", severity="warning", markup=False)
            return None
        return path.read_text(encoding="utf-8", errors="replace")


def run_aside(app: App[Any], argv: list[str]) -> int:
    """Run a program on the terminal in place of the screens, and return its exit code.

    Raises OSError for one that cannot be started, with the screens back on the terminal: Textual takes the terminal
    again only when nothing is raised while it is suspended. Ctrl-C is for the program alone.
    """
    failed: OSError | None = None
    code = 1
    with app.suspend():
        before = signal.signal(signal.SIGINT, lambda *_: None)  # a handler, for the program would inherit SIG_IGN
        try:
            code = subprocess.run(argv, check=False).returncode
        except OSError as error:
            failed = error
        finally:
            signal.signal(signal.SIGINT, before)
    if failed is not None:
        raise failed
    return code
