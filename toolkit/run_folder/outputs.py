"""The way from a run to what it wrote: by the outputs that it recorded, and those of a pipeline's stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolkit.dataset_folder.names import split_file
from toolkit.errors import DataError
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder


def output_of(run: RunFolder, name: str) -> Path | None:
    """Absolute path of an output by its recorded name; None where there is none (any more).

    A pipeline records its outputs at its end; until then, and where it failed, those of its stages are taken.
    """
    for holder in (run, *_stage_runs(run)):
        if (path := holder.output(name)) is not None and path.exists():
            return path
    return None


def find_dataset(path: Path) -> Path:
    """The data set folder that a path names: itself, or the one that a data-build or pipeline run wrote.

    Raises:
        DataError: there is none.
    """
    folder = path.absolute() if _is_dataset(path) else output_of(RunFolder(path), "dataset")
    if folder is None or not _is_dataset(folder):
        raise DataError(
            f"{path} holds no data set; expected a folder with train.jsonl, validation.jsonl and test.jsonl, or the"
            " folder of a data-build or pipeline run that has written one."
        )
    return folder


def _is_dataset(folder: Path) -> bool:
    return (folder / split_file("train")).is_file()


def _stage_runs(run: RunFolder) -> Iterator[RunFolder]:
    """The runs that hold a pipeline's stages, the newest first; those of other pipelines where it skipped a stage."""
    for event in reversed(run.events()):
        if event.name == EventName.STAGE_STARTED:
            yield run.stage(str(event.fields.get("stage")))
        elif event.name == EventName.STAGE_SKIPPED:
            yield RunFolder(Path(str(event.fields.get("run"))))
