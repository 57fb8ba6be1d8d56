"""Parquet files and datasets of the `datasets` library as rows, a batch at a time.

`hf` reads a folder: one that `save_to_disk` wrote, or one laid out as on the Hub (parquet, JSON lines or CSV files by
split). Nothing is fetched and no code of the folder is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from toolkit.data.reading.line_files import require_columns
from toolkit.data.reading.record_rows import record_rows, top_columns
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.sources import HfSource, ParquetSource

BATCH_ROWS = 1000
LARGEST_ROW_GROUP = 2 * 1024**3


def read_parquet(path: Path, name: str, source: ParquetSource) -> Iterator[Row | Dropped]:
    """The rows of a file; places are `name:row`. A file that is cut or damaged is left out from there on, with the
    reason.

    Raises:
        DataError: there is no column of that name.
    """
    import pyarrow
    import pyarrow.parquet as parquet

    at = 0
    try:
        with parquet.ParquetFile(path) as file:
            found = list(file.schema_arrow.names)
            require_columns(str(path), found, source, "the file has")
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).total_byte_size
                if size > LARGEST_ROW_GROUP:
                    yield Dropped(
                        Row(source.label, f"{name}:{at + 1}"),
                        f"a row group of {size:,} bytes is too large to read; write smaller ones",
                        unreadable=True,
                    )
                    at += file.metadata.row_group(group).num_rows
                    continue
                for batch in file.iter_batches(
                    BATCH_ROWS, row_groups=[group], columns=sorted(top_columns(source) & set(found))
                ):
                    for record in batch.to_pylist():
                        at += 1
                        yield from record_rows(record, Row(source.label, f"{name}:{at}"), source)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0][:120]
        yield Dropped(
            Row(source.label, f"{name}:{at + 1}" if at else name),
            f"not a readable parquet file ({reason})",
            unreadable=True,
        )


def read_hf(source: HfSource) -> Iterator[Row | Dropped]:
    """The rows of a dataset folder, of one split or of all in the order of their names; places are `folder/split:row`.

    Raises:
        DataError: not a dataset, no such split, or no column of that name.
    """
    path = source.path
    for name, dataset in _splits(path, source.split):
        at, found = 0, list(dataset.column_names or [])
        if found:
            require_columns(str(path), found, source, "the dataset has")
            dataset = dataset.select_columns(sorted(top_columns(source) & set(found)))
        place = f"{path.name}/{name}"
        try:
            for record in dataset:
                at += 1
                yield from record_rows(record, Row(source.label, f"{place}:{at}"), source)
        except Exception as error:  # the readers behind `datasets` raise errors of many libraries
            if isinstance(error, DataError):
                raise
            yield Dropped(
                Row(source.label, f"{place}:{at + 1}"), f"cannot be read ({_first_line(error)})", unreadable=True
            )


def _splits(path: Path, split: str | None) -> Iterable[tuple[str, Any]]:
    import datasets

    saved = any((path / name).is_file() for name in ("state.json", "dataset_dict.json"))
    try:
        dataset = datasets.load_from_disk(str(path)) if saved else datasets.load_dataset(str(path), streaming=True)
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as a dataset ({_first_line(error)}); expected a folder that save_to_disk wrote, or"
            " parquet, JSONL or CSV files laid out as on the Hub."
        ) from error
    splits = dict(dataset) if isinstance(dataset, dict) else {str(dataset.split or "train"): dataset}
    if split and split not in splits:
        raise DataError(f"{path} has no split {split!r}; it has: {', '.join(sorted(splits))}.")
    return [(split, splits[split])] if split else sorted(splits.items())


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
