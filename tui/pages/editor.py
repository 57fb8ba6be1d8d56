"""A text in the user's own editor, with the screens put aside meanwhile."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App

from toolkit.terminal.text import clean


def edit_text(app: App[Any], text: str, name: str) -> str | None:
    """The text as $VISUAL or $EDITOR (else vi) left it; None where the editor did not end well, which is said."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="steptune-") as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8")
        try:
            with app.suspend():
                done = subprocess.run([*shlex.split(editor), str(path)], check=False)
        except (OSError, ValueError) as error:
            app.notify(f"{editor} could not be started: {clean(error)}; set $EDITOR.", severity="error", markup=False)
            return None
        if done.returncode != 0:
            app.notify(
                f"{editor} ended with {done.returncode}; no change was applied.", severity="warning", markup=False
            )
            return None
        return path.read_text(encoding="utf-8", errors="replace")
