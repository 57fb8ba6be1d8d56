"""Publishing: the data set is written into a temporary folder, checked there, and renamed only when it is whole."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from toolkit.data.publishing.card import card_markdown, make_card
from toolkit.data.publishing.card_pictures import draw_pictures
from toolkit.data.rows import META_KEYS, Batch, Dropped, Row
from toolkit.data.selection.curate import review_lines
from toolkit.data.selection.leak_check import certify
from toolkit.data.selection.split import Split
from toolkit.dataset_folder.documents import DROPPED, KEPT, Card, CardSections, LedgerLine
from toolkit.dataset_folder.names import (
    CARD_FILE,
    CARD_TEXT_FILE,
    CERTIFICATE_FILE,
    LEDGER_FILE,
    REVIEW_FILE,
    SPLITS,
    split_file,
)
from toolkit.errors import DataError
from toolkit.options.data import DataBuildOptions
from toolkit.records import JSON, sha256_file, write_json, write_jsonl, write_text
from toolkit.runs.recorder import Recorder


def publish(
    dataset_dir: Path,
    batch: Batch,
    split: Split,
    options: DataBuildOptions,
    recorder: Recorder,
    further: CardSections | None = None,
    with_pictures: bool = False,
) -> Card:
    """Write `dataset_dir` with splits, ledger, rows to review, leak certificate and card, and return the card.
    `further`: more sections of the card.

    A folder of that name from an earlier attempt of the run is replaced.

    Raises:
        DataError: rows cross splits, or the ledger does not add up to the input.
    """
    recorder.progress("publish", 0, 1)
    partial = dataset_dir.parent / f".{dataset_dir.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name in SPLITS:
            write_jsonl(partial / split_file(name), (example_line(row, split) for row in split.rows_of(name)))
        ledger = ledger_lines(batch, split)
        write_ledger(partial, ledger)
        certificate = certify(partial, options.group_jaccard)
        write_json(partial / CERTIFICATE_FILE, certificate.to_json())
        write_jsonl(partial / REVIEW_FILE, review_lines(batch))
        if with_pictures:
            further = replace(further or CardSections(), pictures=draw_pictures(split.rows, partial))
        hashes = {file.name: sha256_file(file) for file in sorted(partial.glob("*.json*"))}
        card = make_card(split, ledger, options, hashes, certificate.equal_questions, further)
        write_json(partial / CARD_FILE, card.to_json())
        write_text(partial / CARD_TEXT_FILE, card_markdown(card))
        recorder.check_stop()
        _replace(partial, dataset_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    recorder.progress("publish", 1, 1)
    return card


def _replace(partial: Path, dataset_dir: Path) -> None:
    """Rename cannot replace a folder that is not empty: the old one steps aside first."""
    old = dataset_dir.parent / f".{dataset_dir.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if dataset_dir.exists():
        dataset_dir.rename(old)
    partial.rename(dataset_dir)
    shutil.rmtree(old, ignore_errors=True)


def publish_rows(rows_dir: Path, batch: Batch, recorder: Recorder) -> None:
    """Write rows.jsonl and ledger.jsonl: the result of a build that ends before the split."""
    recorder.progress("publish", 0, 1)
    write_jsonl(rows_dir / "rows.jsonl", (example_line(row, None) for row in batch.kept))
    write_ledger(rows_dir, ledger_lines(batch, None))
    recorder.progress("publish", 1, 1)


def example_line(row: Row, split: Split | None) -> JSON:
    """A line of a split: id, prompt, output and the meta keys that are known of the row."""
    known = {**row.meta, "group": split.group_of[row.id]} if split else row.meta
    meta = {key: known[key] for key in ("source", *META_KEYS) if key in known}
    return {"id": row.id, "prompt": row.prompt, "output": row.output, "meta": meta}


def write_ledger(folder: Path, lines: Iterable[LedgerLine]) -> None:
    write_jsonl(folder / LEDGER_FILE, (line.to_json() for line in lines))


def ledger_lines(batch: Batch, split: Split | None) -> list[LedgerLine]:
    """One line for each row of the input, in input order: where it came from, where it ended, and why.

    Raises:
        DataError: rows were lost or counted twice on the way, which is a defect.
    """
    kept = ((row.position, _kept_entry(row, split)) for row in batch.kept)
    dropped = (
        (item.row.position, _dropped_entry(item)) for item in sorted(batch.dropped, key=lambda item: item.row.position)
    )
    lines: list[LedgerLine] = []
    for position, line in heapq.merge(kept, dropped, key=lambda entry: entry[0]):
        if position != len(lines):
            raise DataError("The ledger does not add up to the input; please report this with the config.")
        lines.append(line)
    return lines


def _kept_entry(row: Row, split: Split | None) -> LedgerLine:
    return _entry(row, split.split_of[row.id] if split else KEPT)


def _dropped_entry(item: Dropped) -> LedgerLine:
    return _entry(item.row, DROPPED, item.reason, item.kept_for)


def _entry(row: Row, ended: str, reason: str = "", kept_for: str = "") -> LedgerLine:
    identifier = row.id or row.given_id or None
    return LedgerLine(row.source, row.place, identifier, ended, reason or None, kept_for or None, row.masks, row.notes)
