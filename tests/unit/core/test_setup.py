"""The set-up script without installing anything: what it shows while pip works, and what it says when pip fails."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/setup.py as a module whose .venv is in a folder of its own."""
    spec = importlib.util.spec_from_file_location("steptune_setup", ROOT / "scripts" / "setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "steptune_setup", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    return module


def test_progress_names_what_is_fetched_with_its_size_and_then_the_time_left(
    setup: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(setup.time, "monotonic", lambda: now[0])
    progress = setup.Progress("everything", tmp_path)
    progress.take("Collecting torch\n")
    now[0] += 10
    progress.show()
    progress.take("  Downloading https://host/p/torch-2.13.0%2Bcpu-cp311-linux.whl (200.0 MB)\n")
    progress.take("  Using cached Flash_Attn-1.0.tar.gz (100 kB)\n")
    (tmp_path / "unpack").mkdir()
    now[0] += 10
    progress.show()
    now[0] += 1  # too soon for another line
    progress.show()
    progress.take("Installing collected packages: flash-attn, torch\n")
    site = setup.VENV / "lib" / "python3.11" / "site-packages"
    (site / "flash_attn-1.0.dist-info").mkdir(parents=True)
    now[0] += 10
    progress.show()
    assert capsys.readouterr().out.splitlines() == [
        "[0:10] everything: asking the index",
        "[0:20] everything: 0.20 GB fetched, package 2 (flash-attn, 0 MB)",
        "[0:31] everything: 1 of 2 packages installed, about 16:01 left",
    ]


def test_a_file_that_is_being_fetched_counts_by_what_is_there(setup: ModuleType, tmp_path: Path) -> None:
    progress = setup.Progress("everything", tmp_path)
    progress.take("  Downloading torch-2.13.0-cp311-linux.whl (200.0 MB)\n")
    with (tmp_path / "torch-2.13.0-cp311-linux.whl").open("wb") as file:
        file.truncate(50_000_000)
    assert progress._fetched() == "everything: 0.05 GB fetched, package 1 (torch, 200 MB)"


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("WARNING: Retrying ... NewConnectionError(': Failed to establish a new connection", "could not be reached"),
        ("  Temporary failure in name resolution", "could not be reached"),
        ("      error: command 'gcc' failed: No such file or directory", "no working C compiler"),
        ("note\nERROR: No matching distribution found for torch==9\n", "pip stopped: ERROR: No matching distribution"),
        ("", "pip stopped: it gave no reason"),
    ],
)
def test_one_sentence_says_why_pip_failed(setup: ModuleType, output: str, sentence: str) -> None:
    said = setup.why_pip_failed(output)
    assert sentence in said
    assert "\n" not in said


def test_a_full_disk_and_a_python_without_venv_are_named_before_anything_is_fetched(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: usage(10e9, 9e9, 1e9))
    assert "found 1.0 GB free" in setup.missing_on_this_machine("cpu")
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: usage(90e9, 9e9, 80e9))
    assert setup.missing_on_this_machine("cpu") is None
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(setup.shutil, "which", lambda program: None)
    assert "no C compiler" in setup.missing_on_this_machine("cuda")
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    assert "python3-venv" in setup.missing_on_this_machine("cpu")


@pytest.mark.parametrize("machine", [("Linux", "aarch64"), ("Darwin", "arm64"), ("Linux", "x86_64")])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_another_kind_of_machine_is_told_what_it_can_have(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, machine: tuple[str, str], device: str
) -> None:
    from toolkit.machine import packages

    monkeypatch.setattr(packages, "compiler_missing", lambda: None)
    monkeypatch.setattr(setup, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(setup, "free_gb", lambda: 100.0)
    monkeypatch.setattr(setup.platform, "system", lambda: machine[0])
    monkeypatch.setattr(setup.platform, "machine", lambda: machine[1])
    said = setup.missing_on_this_machine(device)
    assert said is None if machine == setup.TRIED_ON else f"found {' '.join(machine)}; " in (said or "")
    assert said is None or "pip install -e ." in said


def test_the_set_for_a_cpu_asks_for_no_compiler(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it comes built; a package that does not is told by pip's own words (above)."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(setup.shutil, "which", lambda program: None)
    assert setup.missing_on_this_machine("cpu") is None


@pytest.mark.parametrize(("driver", "said"), [("550.54.14", "needs 580 or newer"), ("580.95.05", None)])
def test_a_driver_that_is_too_old_for_the_cuda_set_is_named(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, driver: str, said: str | None
) -> None:
    from toolkit.machine import packages

    monkeypatch.setattr(packages, "compiler_missing", lambda: None)
    monkeypatch.setattr(setup, "has_nvidia_gpu", lambda: True)
    monkeypatch.setattr(setup.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=f"{driver}\n"))
    found = setup.missing_for_cuda()
    assert found is None if said is None else said in (found or "")


def test_no_line_is_more_than_ten_seconds_after_the_one_before(setup: ModuleType, tmp_path: Path) -> None:
    """A real process that is silent for 12 seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(12)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown: list[float] = []
    progress = setup.Progress("everything", tmp_path)
    progress._print = lambda text: shown.append(setup.time.monotonic())
    start = setup.time.monotonic()
    setup.follow(process, progress)
    gaps = [later - earlier for earlier, later in zip([start, *shown], shown, strict=False)]
    assert max(gaps) < 10


def test_the_checkout_is_compiled_so_that_the_first_start_is_quick(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toolkit").mkdir()
    (tmp_path / "toolkit" / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    setup.compile_checkout()
    assert [path.name.split(".")[0] for path in (tmp_path / "toolkit" / "__pycache__").iterdir()] == ["a"]
