"""The stages of a build on the disk: what is done stays done, whoever did it, and a build that was killed goes on from
there.

Every result is stored under a name made of a hash of all that it depends on: the bytes of the sources, the options, the
version. Rows are cleaned in parts; several processes (of one machine, or of several that share the folder) take every
nth part each, and then whatever is still missing, so that nobody waits for a process that died. The same bytes come out
for any number of them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import toolkit
from toolkit.data.cleaning.check import clean_row
from toolkit.data.cleaning.typos import NO_VOCABULARY, Vocabulary, WordCounts
from toolkit.data.reading.sources import choose_ids, read_sources
from toolkit.data.row_files import StoredRows, part_path, read_part, write_part
from toolkit.data.rows import Batch, Dropped, Row, require_rows
from toolkit.data.selection.deduplicate import find_copies
from toolkit.data.selection.split import Split, group_rows, split_groups
from toolkit.dataset_folder.documents import CurationReport
from toolkit.options.data import CleaningOptions, DuplicateOptions, ReadingOptions, SplitOptions
from toolkit.records import JSON, read_json, sha256_json, sha256_tree, write_json
from toolkit.runs.recorder import Recorder

ROWS_A_PART = 1_000
WAIT_S = 0.2


class Stages:
    """The stages below a folder of a run. `rank` of `processes`: which part of the row work is this process's."""

    def __init__(self, folder: Path, recorder: Recorder, rank: int = 0, processes: int = 1) -> None:
        self.dir, self.recorder, self.rank, self.processes = folder, recorder, rank, processes
        self._key = ""  # of the latest result

    def collect(self, options: ReadingOptions, languages: tuple[str, ...] = ()) -> Collected:
        """The rows of all sources in parts; with `languages` their vocabulary as well. The first process does it, the
        others wait.

        Raises:
            DataError: as `read_sources`.
        """
        self._key = _key(
            "collect",
            [
                [source.model_dump(mode="json") | {"path": source.path.name}, sha256_tree(source.path)]
                for source in options.sources
            ],
            options.strict,
            languages,
        )
        folder = self.dir / f"collected-{self._key}"
        done = folder / "done.json"
        while self.rank and not done.exists():
            self.recorder.check_stop()
            if self._is_finished():
                return Collected(folder, 0)
            time.sleep(WAIT_S)
        if (found := read_json(done)) is None:
            found = self._write_collected(folder, options, languages)
            write_json(done, found)
        return Collected(folder, found["parts"], Vocabulary.of(found["vocabulary"]) if languages else NO_VOCABULARY)

    def _write_collected(self, folder: Path, options: ReadingOptions, languages: tuple[str, ...]) -> JSON:
        counts, number = WordCounts(languages), 0
        items = read_sources(options.sources, options.strict, self.recorder)
        while some := list(islice(items, ROWS_A_PART)):
            write_part(part_path(folder, number), some)
            number += 1
            for item in some if languages else ():
                if isinstance(item, Row):
                    counts.see(f"{item.prompt}\n{item.output}")
            self.recorder.check_stop()
        return {"parts": number, "vocabulary": counts.found().as_json()}

    def clean(self, collected: Collected, options: CleaningOptions, further: Sequence[Row | Dropped] = ()) -> Batch:
        """The batch after the row stages, on the disk; for processes other than the first, whose work ends here, an
        empty one.

        `further`: rows that did not come from the sources (a teacher wrote them), which only the first process knows.

        Raises:
            DataError: a source has no usable row.
        """
        options = CleaningOptions.of(options)
        self._key = _key("clean", self._key, options.model_dump(mode="json"), collected.vocabulary.as_json())
        folder = self.dir / f"rows-{self._key}"
        folder.mkdir(parents=True, exist_ok=True)
        self._clean_parts(range(self.rank, collected.parts, self.processes), folder, collected, options)
        if self.rank:
            return Batch([])
        # What another process is late with, from its end.
        self._clean_parts(reversed(range(collected.parts)), folder, collected, options)
        rows = StoredRows(
            [part_path(folder, number) for number in range(collected.parts)] + self._clean_further(further, options)
        )
        batch = Batch(StoredRows(rows.parts, choose_ids(rows)), rows.dropped)
        require_rows(batch)
        return batch

    def _clean_further(self, further: Sequence[Row | Dropped], options: CleaningOptions) -> list[Path]:
        """The part that holds them, cleaned, or none; a teacher makes no typing errors to repair."""
        if not further:
            return []
        self._key = _key("further", self._key, [asdict(item) for item in further])
        path = part_path(self.dir / f"further-{self._key}", 0)
        write_part(path, _cleaned(further, options.model_copy(update={"repair_typos": False})))
        return [path]

    def _clean_parts(
        self, numbers: Iterable[int], folder: Path, collected: Collected, options: CleaningOptions
    ) -> None:
        for number in numbers:
            if not part_path(folder, number).exists():
                try:
                    rows = read_part(part_path(collected.folder, number))
                    write_part(part_path(folder, number), _cleaned(rows, options, collected.vocabulary))
                except FileNotFoundError:
                    if self._is_finished():  # the first process had no need to wait for this part
                        return
                    raise
            self.recorder.progress("clean", number + 1, collected.parts)
            self.recorder.check_stop()

    def deduplicate(self, batch: Batch, options: DuplicateOptions) -> Batch:
        """The batch without exact and near copies."""
        least = options.near_duplicate_jaccard
        self.recorder.progress("deduplicate", 0, len(batch.kept))
        copies = self._result("copies", least, lambda: find_copies(batch.kept, least, self.recorder))
        self.recorder.progress("deduplicate", len(batch.kept), len(batch.kept))
        return batch.without_copies({int(at): (first, reason) for at, (first, reason) in copies.items()})

    def split(self, batch: Batch, options: SplitOptions, curation: CurationReport | None = None) -> Split:
        """The split of the batch by groups. `curation`: the report of what people decided of the batch before."""
        self._key = _key("curated", self._key, curation.to_json(), len(batch.kept)) if curation else self._key
        self.recorder.progress("split", 0, len(batch.kept))
        group_of = self._result("groups", options.group_jaccard, lambda: group_rows(batch, options.group_jaccard))
        self.recorder.progress("split", len(batch.kept), len(batch.kept))
        return split_groups(batch.kept, group_of, options)

    def forget(self) -> None:
        """Remove all results: they hold what anonymising took out of the rows. Only a mark stays, by which late
        processes know.
        """
        write_json(self._mark, {"finished": True})
        for path in self.dir.glob("*-*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    @property
    def _mark(self) -> Path:
        return self.dir / "finished.json"

    def _is_finished(self) -> bool:
        return self._mark.exists()

    def _result(self, name: str, option: float, make: Callable[[], dict[Any, Any]]) -> dict[str, Any]:
        """What an earlier attempt found out, or what `make` finds out now."""
        self._key = _key(name, self._key, option)
        path = self.dir / f"{name}-{self._key}.json"
        found = read_json(path)
        if found is None:
            self.recorder.check_stop()
            found = make()
            write_json(path, found)
        return found


@dataclass(frozen=True)
class Collected:
    """Where the parts of the collected rows lie. `vocabulary`: of their words, if typing errors are repaired."""

    folder: Path
    parts: int
    vocabulary: Vocabulary = NO_VOCABULARY

    @property
    def batch(self) -> Batch:
        """The rows as they were collected."""
        rows = StoredRows([part_path(self.folder, number) for number in range(self.parts)])
        return Batch(rows, rows.dropped)


def _cleaned(
    items: Iterable[Row | Dropped], options: CleaningOptions, vocabulary: Vocabulary = NO_VOCABULARY
) -> Iterator[Row | Dropped]:
    for item in items:
        yield clean_row(item, options, vocabulary) if isinstance(item, Row) else item


def _key(*depends_on: Any) -> str:
    return sha256_json([toolkit.__version__, *depends_on])[:16]
