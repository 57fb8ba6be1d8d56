"""What a build asks its teacher for, before anything is asked: the passages to write from, and the calls of synthesis.

A build and its preview plan alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from toolkit.data.cleaning.anonymise import anonymise_row, mask_together
from toolkit.data.reading.chunks import Chunk, read_chunks
from toolkit.data.rows import Row
from toolkit.data.teacher.synthesise import Plan, plan_synthesis
from toolkit.options.data import DataBuildOptions, MaskingOptions
from toolkit.options.sources import DocumentsSource


def read_passages(options: DataBuildOptions) -> list[Chunk]:
    """Passages as the teacher will see them, if it writes from any: masked, so that what it quotes can be found in
    them.
    """
    if not options.synthesis.grounded_rows:
        return []
    documents = [source for source in options.sources if isinstance(source, DocumentsSource)]
    return [_masked(chunk, options) for source in documents for chunk in read_chunks(source, options.synthesis)]


def _masked(chunk: Chunk, options: DataBuildOptions) -> Chunk:
    title, text = mask_together((chunk.title, chunk.text), options, chunk.language)
    return replace(chunk, title=title, text=text)


def plan_calls(rows: Iterable[Row], passages: list[Chunk], options: DataBuildOptions) -> list[Plan]:
    """The calls that synthesis makes in addition to these rows of the sources."""
    every_kind = MaskingOptions(phone_regions=options.phone_regions)
    mask = partial(anonymise_row, options=every_kind)
    return plan_synthesis(options.synthesis, options.languages, rows, passages, options.seed, mask)
