"""Exports and their proof on the embedded model: prompts in every runtime that runs here, planted faults, simulated
verdicts, time and memory of an export, and kills.

    make bench-ship                  (a finished demo run is exported; without one an adapter of random weights)

STEPTUNE_BENCH_RUN names the run; its test set and its answers are what the export is held against.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.measured import measure, together
from benchmarks.report import finish
from benchmarks.ship_faults import Scene, faults
from toolkit.evaluation.shipped import claim_of
from toolkit.records import read_json
from toolkit.results.shipped import Verdict
from toolkit.run_folder.find import list_runs
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of

KILLS = 20
SETS = 40
GONE_S = 30
MARGIN = 0.05


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="steptune-bench-", dir=os.environ.get("STEPTUNE_BENCH_DIR")) as scratch:
        folder = Path(scratch)
        run = _run_to_export()
        values: dict[str, float] = {}
        beside: dict[str, dict[str, Any]] = {}
        _export_measured(run, folder / "q8", "gguf", values, beside)
        _prompts(run, folder, values, beside)
        _faults(folder / "q8", folder / "faults", values, beside)
        _simulated(values, beside)
        _kills(run, folder / "kills", values, beside)
    return finish("ship", values, beside)


def _run_to_export() -> RunFolder:
    """The named run, or the newest finished pipeline."""
    if named := os.environ.get("STEPTUNE_BENCH_RUN"):
        return RunFolder(Path(named))
    found = [run for run in list_runs() if run.recipe == "pipeline" and output_of(run, "predictions_tuned")]
    if not found:
        raise SystemExit("There is no finished pipeline to export; `make demo` makes one, or set STEPTUNE_BENCH_RUN.")
    return found[0]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "toolkit.cli", *arguments]


def _export_measured(
    run: RunFolder, out: Path, kind: str, values: dict[str, float], beside: dict[str, dict[str, Any]]
) -> None:
    """One export with its proof, as a user starts it, the merged model made anew."""
    with tempfile.TemporaryDirectory() as cache:
        models = Path(os.environ.get("STEPTUNE_CACHE") or Path.home() / ".cache" / "steptune") / "models"
        (Path(cache) / "models").symlink_to(models)
        environment = {**os.environ, "STEPTUNE_CACHE": cache}
        command = _command("export", str(run.path), "--to", kind, "--out", str(out))
        whole = together(measure(command, environment, out.with_suffix(".log")))
    proof = read_json(out / "proof" / "proof.json") or {}
    values["export to GGUF Q8_0 with proof (min)"] = round(whole.seconds / 60, 2)
    values["export to GGUF Q8_0 with proof, all processes (GB)"] = round(whole.peak_gib * 1.073741824, 2)
    values["Q8_0 on the demo's test set ships"] = float(proof.get("verdict") == "ships")
    beside["Q8_0 on the demo's test set ships"] = {"claim": proof.get("claim"), "verdict": proof.get("verdict")}
    beside["export to GGUF Q8_0 with proof (min)"] = {"checks": proof.get("checks"), "proof_s": proof.get("seconds")}


def _prompts(run: RunFolder, folder: Path, values: dict[str, float], beside: dict[str, dict[str, Any]]) -> None:
    """Runtimes that run here: llama.cpp's server, a Modelfile by Ollama's rules, transformers as vLLM calls it."""
    told: dict[str, str] = {}
    equal = []
    for kind in ("ollama", "folder"):
        out = folder / kind
        subprocess.run(_command("export", str(run.path), "--to", kind, "--out", str(out), "--no-proof"), check=True)
        subprocess.run(_command("prove", str(out), "--no-answers"), check=False)
    for name in ("q8", "ollama", "folder"):
        proof = read_json(folder / name / "proof" / "proof.json") or {}
        for check in proof.get("checks", []):
            if check["name"] == "prompts":
                told[f"{name}: {check['found'][:40]}"] = check["found"]
                equal.append(bool(check["passed"]))
    values["prompt ids equal in every runtime (share of runtimes)"] = sum(equal) / max(len(equal), 1)
    beside["prompt ids equal in every runtime (share of runtimes)"] = told


def _faults(export: Path, scratch: Path, values: dict[str, float], beside: dict[str, dict[str, Any]]) -> None:
    from toolkit.shipping.manifest import read_manifest
    from toolkit.shipping.prove import prove
    from toolkit.shipping.source import merge_for_export

    local = read_manifest(export).local
    assert local is not None
    scene = Scene(export, merge_for_export(Path(local.adapter), None))
    told: dict[str, str] = {}
    refused = 0
    for name, plant in faults().items():
        scratch.mkdir()
        planted = scratch / "export"
        plant(scene, planted)
        proof = prove(planted, scene.merged, answers=False)
        refused += proof.verdict == "does_not"
        told[name] = "; ".join(f"{check.name}: {check.found}"[:160] for check in proof.checks if check.passed is False)
        shutil.rmtree(scratch)
    values["planted faults refused, of twelve"] = refused
    beside["planted faults refused, of twelve"] = told
    sound = prove(export, scene.merged, answers=False)
    values["faults found in the sound export"] = sum(check.passed is False for check in sound.checks)


def _simulated(values: dict[str, float], beside: dict[str, dict[str, Any]]) -> None:
    """Sets of item scores with a known truth: nothing lost, three margins lost, and too few rows for a loss of half a
    margin to be told from one of the whole.
    """
    generator = np.random.default_rng(20)
    told = []
    right = 0
    for number in range(SETS):
        truth, scores = _planted(number, generator)
        claim = claim_of(*scores, [str(item) for item in range(len(scores[0]))], 0, MARGIN)
        right += claim.outcome == truth
        told.append([truth, claim.outcome])
    values["verdicts that match the planted truth, of forty"] = right
    beside["verdicts that match the planted truth, of forty"] = {"wrong": [pair for pair in told if pair[0] != pair[1]]}


def _planted(number: int, generator: np.random.Generator) -> tuple[Verdict, tuple[np.ndarray, np.ndarray]]:
    kinds: list[tuple[Verdict, int, float]] = [("ships", 200, 0.0), ("does_not", 100, 0.15), ("open", 8, 0.04)]
    truth, rows, loss = kinds[number % 3]
    merged = np.clip(generator.normal(0.3, 0.08, rows), 0.05, 1.0)
    changed = generator.random(rows) < (0.4 if truth == "ships" else 1.0)
    shipped = np.clip(merged + changed * (generator.normal(0.0, 0.08, rows) - loss), 0.0, 1.0)
    return truth, (shipped, merged)


def _kills(run: RunFolder, scratch: Path, values: dict[str, float], beside: dict[str, dict[str, Any]]) -> None:
    """Export killed at random moments: no manifest in a half-written folder, no process left."""
    scratch.mkdir()
    out = scratch / "out"
    command = _command("export", str(run.path), "--to", "gguf", "--out", str(out))
    started = time.monotonic()
    subprocess.run([*command, "--no-proof"], check=True, stdout=subprocess.DEVNULL)
    whole_s = time.monotonic() - started + 10  # and into the proof
    shutil.rmtree(out)
    moments = random.Random(20)
    clean, told = 0, []
    for _ in range(KILLS):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(moments.uniform(0.02, 0.98) * whole_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = _left(process.pid)
        whole = not out.exists() or _is_whole(out)
        clean += whole and not left
        told.append({"exported": out.exists(), "left": left})
        shutil.rmtree(out, ignore_errors=True)
    values["kill -9 of an export: nothing half-written, no process left, of twenty"] = clean
    beside["kill -9 of an export: nothing half-written, no process left, of twenty"] = {
        "exports that were finished": sum(bool(kill["exported"]) for kill in told)
    }


def _is_whole(out: Path) -> bool:
    from toolkit.shipping.manifest import read_manifest, wrong_files

    return not wrong_files(out, read_manifest(out)) and not (out / "proof" / "proof.json").exists()


def _left(session: int) -> list[int]:
    """Processes of the export's session that live after a while."""
    import psutil

    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline:
        alive = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process.pid)
            except (psutil.Error, OSError):
                continue
        if not alive:
            return []
        time.sleep(0.2)
    return alive


if __name__ == "__main__":
    sys.exit(main())
