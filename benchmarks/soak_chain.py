"""The chain that `make soak` disturbs: a whole pipeline on a model of two layers, by the user's own commands."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from toolkit.machine.processes import find_process, send, tagged_with, wait_until_gone
from toolkit.records import read_json
from toolkit.results.reading import find_results
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State

STEPTUNE = str(Path(sys.executable).with_name("steptune"))
CHAIN_S = 600.0  # an undisturbed chain takes one to two minutes
SETTLE_S = 60.0
_DATA = "data.sources=[{path: bundled:sample/howto/travel.jsonl, type: jsonl, licence: Apache-2.0}]"
_SHORT = (
    "sft.max_steps=6",
    "sft.eval_steps=2",
    "sft.max_length=192",
    "generate.max_new_tokens=8",
    "generate.generator.dtype=float32",
    "generate.generator.cpu_kv_cache_gib=0.25",
    "evaluate.bootstrap_samples=100",
    "evaluate.sensitivity_items=0",
)
# Whose times differ from run to run.
_TIMES = ("seconds", "created", "time", "generation")


@dataclass
class Chain:
    """One pipeline in a runs folder of its own; `viewer` is the command in front of it, as a person has it."""

    folder: Path
    model: Path
    backend: str = "transformers"
    viewer: subprocess.Popen[bytes] | None = None
    said: list[str] = field(default_factory=list)  # what the commands said, the newest last

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.folder / "runs" / "soak")

    def command(self, *arguments: str) -> list[str]:
        return [STEPTUNE, *arguments]

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "STEPTUNE_RUNS": str(self.folder / "runs"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }

    def begin(self) -> None:
        """Start the pipeline, or take it up where its folder says that there is something to take up."""
        ready = self.run.config_file.exists() and self.run.command_file.exists()
        if not ready:  # the command was killed before it had made the folder, and said nothing of a run
            shutil.rmtree(self.run.path, ignore_errors=True)
        options = [f"sft.model={self.model}", f"generate.generator.backend={self.backend}", _DATA, *_SHORT]
        new = ["run", "pipeline", "--preset", "demo", "--on", "cpu", "--run-dir", str(self.run.path), *options]
        self.folder.joinpath("runs").mkdir(parents=True, exist_ok=True)
        with (self.folder / "viewer.txt").open("wb") as out:
            self.viewer = subprocess.Popen(
                self.command(*(["resume", str(self.run.path)] if ready else new)),
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment(), capture_output=True, text=True, check=False, timeout=120
        )

    def words(self) -> str:
        """What the command in front said last."""
        with contextlib.suppress(OSError):
            lines = (self.folder / "viewer.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""

    def processes(self) -> list[psutil.Process]:
        """Everything that works for the run and its stages, the run's supervisor apart."""
        if not self.run.exists():
            return []
        stages = self.run.stages()
        supervisors = [stage.processes.supervisor for stage in stages if stage.is_locked()]
        found = [process for process in map(find_process, supervisors) if process is not None]
        return found + [process for run in (self.run, *stages) for process in tagged_with(run.id)]

    def supervisor(self) -> psutil.Process | None:
        identity = self.run.processes.supervisor if self.run.exists() else None
        with contextlib.suppress(psutil.Error):
            if identity is not None and self.run.is_locked():
                return psutil.Process(identity.pid)
        return None

    def is_over(self) -> bool:
        """Whether nothing more comes by itself."""
        return self.run.exists() and self.run.state().is_over

    def viewer_gone(self) -> bool:
        return self.viewer is None or self.viewer.poll() is not None

    def is_finished(self) -> bool:
        return self.run.exists() and self.run.state() is State.FINISHED

    def settle(self, seconds: float = SETTLE_S) -> None:
        """Wait until the run is over and the command in front has gone, or the time is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (self.viewer_gone() and (self.is_over() or not self.run.exists())):
            time.sleep(0.1)

    def clear(self) -> None:
        """End whatever is left, after the judgement."""
        if self.viewer is not None and self.viewer.poll() is None:
            self.viewer.kill()
            self.viewer.wait()
        left = [process for process in (self.supervisor(), *self.processes()) if process is not None]
        send(left, signal.SIGKILL)
        wait_until_gone(left, 10)

    def shown_state(self) -> str:
        """What `steptune show` says of it."""
        done = self.ask("show", str(self.run.path), "--json")
        return str(json.loads(done.stdout)["state"]) if done.returncode == 0 else f"refused: {done.stderr.strip()}"

    def products(self) -> dict[str, str]:
        """Hash of everything that the chain is run for; of the results without their times."""
        outputs = self.run.outputs()
        files = sorted(outputs["dataset"].glob("*.jsonl"))
        files += [outputs["adapter"] / "adapter_model.safetensors"]
        files += [path for name, path in outputs.items() if name.startswith("predictions_")]
        found = {f"{file.parent.parent.name}/{file.name}": _hash(file.read_bytes()) for file in files}
        results = find_results(self.run)
        document = _without_times(read_json(results)) if results else None
        return {**found, "results.json": _hash(json.dumps(document, sort_keys=True).encode())}

    def half_written(self) -> list[str]:
        """Documents that are cut; what was set aside is kept as it was found."""
        found = []
        for path in self.run.path.rglob("*.json"):
            if path.is_file() and not path.name.startswith(".") and ".before-" not in str(path):
                try:
                    json.loads(path.read_bytes() or b"null")
                except ValueError:
                    found.append(str(path.relative_to(self.run.path)))
        return found


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_times(part) for name, part in value.items() if name not in _TIMES}
    return [_without_times(part) for part in value] if isinstance(value, list) else value
