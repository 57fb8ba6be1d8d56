"""Tags and pin of a run: how people sort their runs. They are kept in the run folder, so that commands and screens, and
other people on the same folder, see the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from toolkit.errors import UsageError
from toolkit.records import read_json, write_json
from toolkit.run_folder.documents import Labels
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.text import clean

MOST_TAGS = 32
_TAG = re.compile(r"[^\W_][\w.:/-]{0,31}")


def read_labels(run: RunFolder) -> Labels:
    """Those of a run; a file that is missing or damaged holds none."""
    found = Labels.from_json(read_json(run.labels_file) or {})
    return replace(found, tags=tuple(clean(tag)[:32] for tag in found.tags[:MOST_TAGS]))


def change_tags(run: RunFolder, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Labels:
    """Add tags at the end and take others away; returns what the run has then.

    Raises:
        UsageError: a text that cannot be a tag, or too many of them.
    """
    for tag in (added := list(add)):
        if not _TAG.fullmatch(tag):
            raise UsageError(
                f"{tag!r} cannot be a tag; expected 1 to 32 letters, digits or any of _ . : / -, beginning with a"
                " letter or digit."
            )
    before, gone = read_labels(run), set(remove)
    tags = [tag for tag in dict.fromkeys([*before.tags, *added]) if tag not in gone]
    if len(tags) > MOST_TAGS:
        raise UsageError(f"{run.id} would have {len(tags)} tags; expected at most {MOST_TAGS}.")
    return _write(run, replace(before, tags=tuple(tags)))


def pin(run: RunFolder, is_pinned: bool) -> Labels:
    """Keep the run on top of the lists, or no longer."""
    return _write(run, replace(read_labels(run), pinned=is_pinned))


def _write(run: RunFolder, labels: Labels) -> Labels:
    write_json(run.labels_file, labels.to_json())
    return labels
