"""What is exported: a run, or an adapter folder, with the rows and the answers that it was measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.dataset_folder.names import split_file
from toolkit.errors import UsageError
from toolkit.options.shared import HeldOutOptions
from toolkit.predictions import PREDICTIONS_FILE
from toolkit.records import JSON, read_json
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.find import find_run
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of

_ADAPTER_FILE = "adapter_config.json"


@dataclass(frozen=True)
class Subject:
    """An adapter folder; a proof answers `rows`, and `answers` are the merged model's to them."""

    name: str
    adapter: Path
    rows: HeldOutOptions
    answers: Path | None


def find_subject(given: str, data: str | None) -> Subject:
    """What `steptune export` was given: a run by any of its names, or an adapter folder.

    Raises:
        UsageError: no such run, one that has no adapter, or no such data.
    """
    if data and not Path(data).exists():
        raise UsageError(
            f"--data {data} does not exist; give a data set folder, or a JSONL file with prompts and outputs."
        )
    folder = Path(given)
    if (folder / _ADAPTER_FILE).is_file():
        return Subject(folder.resolve().name, folder.resolve(), HeldOutOptions(data=_given_data(data, folder)), None)
    run = find_run(given)
    config = _config(run)
    adapter = _adapter(run, config)
    if adapter is None:
        raise UsageError(
            f"The {run.recipe} run {run.id} has no adapter to export; give a run of sft or of a pipeline that finished,"
            " one of generate with adapter=, or an adapter folder."
        )
    found = Path(data).absolute() if data else _rows(run, config, adapter)
    return Subject(run.id, adapter, HeldOutOptions(data=found, **_part(config)), _answers(run))


def _adapter(run: RunFolder, config: JSON) -> Path | None:
    path = output_of(run, "adapter") or (Path(config["adapter"]) if config.get("adapter") else None)
    return path if path is not None and (path / _ADAPTER_FILE).is_file() else None


def _rows(run: RunFolder, config: JSON, adapter: Path) -> Path | None:
    """The data set that the run wrote, answered or trained on, where it still has a test split."""
    named = config.get("data")
    candidates = [
        output_of(run, "dataset"),
        Path(named) if isinstance(named, str) else None,
        _given_data(None, adapter),
    ]
    return next((path for path in candidates if path and _has_rows(path)), None)


def _given_data(data: str | None, adapter: Path) -> Path | None:
    if data:
        return Path(data).absolute()
    trained = ((read_json(adapter / "training.json") or {}).get("settings") or {}).get("data")
    return Path(trained) if isinstance(trained, str) and _has_rows(Path(trained)) else None


def _has_rows(path: Path) -> bool:
    return path.is_file() or (path / split_file("test")).is_file()


def _part(config: JSON) -> JSON:
    """The split and the number of rows that were answered, as the config has them."""
    generate = config.get("generate") if isinstance(config.get("generate"), dict) else config
    return {name: (generate or {})[name] for name in ("split", "max_rows") if (generate or {}).get(name) is not None}


def _answers(run: RunFolder) -> Path | None:
    """What the tuned system answered: of a pipeline, or of a generate run with one system or two."""
    for name in ("predictions_tuned", "predictions"):
        path = output_of(run, name)
        if path is not None and path.name == PREDICTIONS_FILE:
            return path
    return None


def _config(run: RunFolder) -> JSON:
    return read_config(run).values
