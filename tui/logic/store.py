"""What outlives the program: drafts of the form, and the user's last place. Small JSON files in the state folder."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from toolkit.errors import SteptuneError
from toolkit.records import JSON, read_json, write_json, write_text


def state_dir() -> Path:
    """`$XDG_STATE_HOME/steptune`, by default `~/.local/state/steptune`."""
    given = os.environ.get("XDG_STATE_HOME")
    base = Path(given) if given and Path(given).is_absolute() else Path.home() / ".local" / "state"
    return base / "steptune"


class Store:
    """Reads and writes that never fail loudly: a full or read-only home must not end the screens."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_dir()

    def load(self, name: str) -> JSON:
        with contextlib.suppress(OSError):
            return read_json(self.folder / f"{_safe(name)}.json") or {}
        return {}

    def save(self, name: str, value: JSON) -> bool:
        with contextlib.suppress(OSError, SteptuneError, ValueError):
            write_json(self.folder / f"{_safe(name)}.json", value)
            return True
        return False

    def delete(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self.folder / f"{_safe(name)}.json").unlink()

    def drafts(self) -> dict[str, JSON]:
        """Drafts by name, newest first."""
        try:
            found = sorted(self.folder.glob("draft-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:
            return {}
        return {path.stem: draft for path in found if (draft := self.load(path.stem))}

    def write_file(self, name: str, text: str) -> Path | None:
        """A text for people (clipboard, exports); None if it could not be written."""
        with contextlib.suppress(OSError, SteptuneError, ValueError):
            write_text(self.folder / name, text)
            return self.folder / name
        return None


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]", "-", name)
