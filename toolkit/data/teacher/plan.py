"""What a build asks its teacher for, before anything is asked: the passages to write from, and the calls of synthesis.

A build and its preview plan alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from toolkit.data.cleaning.anonymise import mask_every_kind
from toolkit.data.reading.chunks import Chunk, read_chunks
from toolkit.data.rows import Row
from toolkit.data.teacher.synthesise import Plan, plan_synthesis
from toolkit.options.data import DataBuildOptions
from toolkit.options.sources import DocumentsSource


def read_passages(options: DataBuildOptions) -> list[Chunk]:
    """Passages as the teacher will see them, if it writes from any: masked, so that what it quotes can be found in
    them.
    """
    if not options.synthesis.grounded_rows:
        return []
    documents = [source for source in options.sources if isinstance(source, DocumentsSource)]
    return [
        replace(chunk, text=mask_every_kind(chunk.text, options), title=mask_every_kind(chunk.title, options))
        for source in documents
        for chunk in read_chunks(source, options.synthesis)
    ]


def plan_calls(rows: Iterable[Row], passages: list[Chunk], options: DataBuildOptions) -> list[Plan]:
    """The calls that synthesis makes in addition to these rows of the sources."""
    return plan_synthesis(options.synthesis, options.languages, rows, passages, options.seed)
