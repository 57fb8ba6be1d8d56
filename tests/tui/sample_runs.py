"""Run folders as real runs leave them, made in milliseconds: for tests, benchmarks and looking."""

from __future__ import annotations

import json
import math
import random
import socket
import time
from pathlib import Path
from typing import Any

from toolkit.records import dump_line, write_json, write_text

HOST = socket.gethostname()
FIXED_TIME = 1_795_000_000.0


def make_run(
    root: Path,
    run_id: str,
    recipe: str = "sft",
    state: str | None = "finished",
    steps: int = 60,
    created: float = FIXED_TIME,
    config: dict[str, Any] | None = None,
    headline: dict[str, Any] | None = None,
    message: str = "",
    log_lines: int = 40,
    seed: int = 1,
    host: str = HOST,
    total: int | None = None,
) -> Path:
    """One run folder. `state` None leaves result.json away (the run then reads as lost, or as live while a lock is
    held).
    """
    path = root / run_id
    path.mkdir(parents=True)
    settings = {
        "model": "mistralai/Mistral-7B-Instruct-v0.2",
        "learning_rate": 2e-4,
        "lora_r": 16,
        "seed": seed,
        "num_train_epochs": 3.0,
        **(config or {}),
    }
    write_json(
        path / "run.json",
        {
            "id": run_id,
            "recipe": recipe,
            "created_unix": created,
            "created": "2026-11-18T10:00:00+00:00",
            "host": host,
            "steptune": "0.1.0",
            "model": settings["model"] if recipe in ("sft", "generate", "pipeline") else None,
        },
    )
    write_text(path / "config.yaml", "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items()))
    (path / "metrics.jsonl").write_text(
        "".join(map(dump_line, metrics(steps, total or steps, created, seed))), encoding="utf-8"
    )
    (path / "events.jsonl").write_text("".join(map(dump_line, events(steps, created, state))), encoding="utf-8")
    (path / "hardware.jsonl").write_text(
        "".join(map(dump_line, hardware(max(2, steps // 4), created))), encoding="utf-8"
    )
    (path / "log.txt").write_text(
        "".join(f"[{index:>5}] step {index} loss {2.5 - index / 100:.4f}\n" for index in range(log_lines)),
        encoding="utf-8",
    )
    write_json(
        path / "proc.json",
        {"supervisor": {"pid": 1, "started": 0.0, "boot_id": "x"}, "child": {"pid": 1, "started": 0.0, "boot_id": "x"}},
    )
    if state is not None:
        ended = {"seconds": steps * 8.0, "peak_memory_gib": 11.8, "ended_unix": created + steps * 8.0}
        write_json(
            path / "result.json",
            {
                "state": state,
                "exit_code": 0,
                "message": message,
                "headline": {"eval_loss": 1.79, "best_step": steps - 10} if headline is None else headline,
                "outputs": {},
                **ended,
            },
        )
    return path


def metrics(steps: int, total: int, created: float, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    rows = []
    for step in range(1, steps + 1):
        row: dict[str, Any] = {
            "time": created + step * 8,
            "phase": "train",
            "done": step,
            "total": total,
            "eta_s": (total - step) * 8.0,
            "step": step,
            "loss": 1.7 + 1.3 * math.exp(-step / max(8, total / 5)) + chance.uniform(-0.06, 0.06),
            "learning_rate": 2e-4 * min(1.0, step / 4) * (0.5 + 0.5 * math.cos(math.pi * step / total)),
            "grad_norm": 0.3 + chance.random() / 4,
            "tokens_per_second": 1450 + chance.uniform(-60, 60),
        }
        if step % 10 == 0:
            row["eval_loss"] = 1.78 + 1.1 * math.exp(-step / max(8, total / 5)) + 0.004 * max(0, step - total * 0.8)
        rows.append(row)
    return rows


def events(steps: int, created: float, state: str | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"time": created, "event": "supervisor_started", "pid": 1},
        {"time": created + 3, "event": "started", "pid": 1},
    ]
    rows += [
        {"time": created + step * 8, "event": "checkpoint_saved", "step": step} for step in range(10, steps + 1, 10)
    ]
    return rows + ([{"time": created + steps * 8, "event": "ended", "kind": state}] if state else [])


def hardware(samples: int, created: float) -> list[dict[str, Any]]:
    gpu = {
        "index": 0,
        "name": "NVIDIA A10",
        "memory_used_mib": 12_100,
        "memory_total_mib": 23_028,
        "utilization_percent": 97,
    }
    return [
        {
            "time": created + 2 * index,
            "cpu_percent": 61.0,
            "memory_gib": 3.1 + index / 100,
            "memory_free_gib": 19.4,
            "gpus": [gpu],
        }
        for index in range(samples)
    ]


def make_pipeline(root: Path, run_id: str, created: float = FIXED_TIME, running: bool = False) -> Path:
    """A pipeline with its stages; a running one is in its sft."""
    path = make_run(
        root,
        run_id,
        "pipeline",
        None if running else "finished",
        steps=30,
        created=created,
        headline={"rouge_l_gain": 0.17},
    )
    for index, (name, recipe) in enumerate(
        (
            ("data-build", "data-build"),
            ("sft", "sft"),
            ("generate-baseline", "generate"),
            ("generate-tuned", "generate"),
            ("evaluate", "evaluate"),
        )
    ):
        if running and index > 1:
            break
        make_run(
            path / "stages",
            name,
            recipe,
            None if running and index == 1 else "finished",
            steps=30,
            created=created + index * 60,
            headline={"rows": 288} if index == 0 else None,
        )
    if not running:
        report = path / "stages" / "evaluate" / "report"
        report.mkdir()
        write_json(report / "results.json", results())
        result = json.loads((path / "result.json").read_text(encoding="utf-8"))
        write_json(
            path / "result.json", {**result, "outputs": {"report": {"path": "stages/evaluate/report", "sha256": "0"}}}
        )
    return path


SOURCE = {"file": "tuned/predictions.jsonl", "sha256": "0", "rows": 24}
DESCRIPTIVE = {
    **dict.fromkeys(("length_words", "length_ratio", "length_ratio_median", "repeated_share", "steps"), 1.0),
    **dict.fromkeys(("empty", "cut_off", "finish_reason_missing", "bertscore_truncated"), 0),
    **dict.fromkeys(("inversions", "answers_with_inversions"), 0),
    "marker_styles": {},
    "failed_checks": {},
}


def results(items: int = 24) -> dict[str, Any]:
    """A results.json of schema 1."""

    def metric(mean: float, low: float, high: float, floor: float) -> dict[str, Any]:
        return {**unscored(floor), "mean": mean, "ci95": [low, high], "n": items}

    def unscored(floor: float) -> dict[str, Any]:
        return {"mean": None, "ci95": None, "n": 0, "floor": floor, "floor_note": "", "signature": "x"}

    def system(**metrics: Any) -> dict[str, Any]:
        return {"metrics": metrics, "descriptive": DESCRIPTIVE, "rates": {}, "source": SOURCE}

    def difference(metric: str, value: float, low: float, high: float) -> dict[str, Any]:
        tested = {"p": 0.0001, "p_holm": 0.0003, "effect": 1.0, "smallest_detectable": 0.1}
        tested |= {"groups_enough": 12, "skewness": 0.1}
        counts = {"wins": items, "ties": 0, "losses": 0, "n": items, "shares": None}
        names = {"a": "tuned", "b": "baseline", "metric": metric}
        numbers = {"difference": value, "ci95": [low, high], "floor_difference": None, "above_floor": None}
        return {**names, **numbers, **tested, **counts}

    systems = {
        "baseline": system(
            rouge_l=metric(0.112, 0.098, 0.127, 0.101),
            bertscore_f1=metric(0.801, 0.795, 0.808, 0.78),
            format_conformance=metric(0.031, 0.01, 0.09, 0.031),
        ),
        "tuned": system(
            rouge_l=metric(0.286, 0.262, 0.311, 0.255),
            bertscore_f1=metric(0.872, 0.866, 0.878, 0.851),
            format_conformance=metric(0.969, 0.91, 0.99, 0.969),
        ),
        "human": system(rouge_l=unscored(0.232), format_conformance=metric(1.0, 0.96, 1.0, 1.0)),
    }
    comparisons = [
        difference("rouge_l", 0.174, 0.149, 0.199),
        difference("bertscore_f1", 0.071, 0.064, 0.079),
        difference("format_conformance", 0.938, 0.84, 0.98),
    ]
    rows = [
        {
            "id": f"finance-{index:03}",
            "prompt": f"How do I freeze card number {index} in the app of my bank?",
            "reference": '1. Open the app and choose "Cards".\n2. Pick the card.\n3. Switch on "Freeze".',
            "group": f"g{index}",
            "outputs": {
                "baseline": "You can freeze your card. The card is in the app. The app is in the phone.",
                "tuned": '1. Open your bank\'s app.\n2. Choose "Cards" and pick the card.\n3. Tap "Freeze card".',
            },
            "scores": {"baseline": {"rouge_l": 0.1 + index / 500}, "tuned": {"rouge_l": 0.4 - index / 200}},
            "failed_checks": {"baseline": ["numbered"], "tuned": []},
            "inversions": {},
        }
        for index in range(items)
    ]
    verdict = {
        "outcome": "better",
        "system": "tuned",
        "baseline": "baseline",
        "rests_on": "metrics",
        "plain": "The tuned model answers better than the baseline: words that fit the question better.",
        "numbers": f"+0.020 ROUGE-L above the floor (n {items}); the whole difference is +0.174.",
        "reasons": [],
    }
    return {
        "schema": 1,
        "verdict": verdict,
        "primary": "rouge_l",
        "family": ["rouge_l", "bertscore_f1", "format_conformance"],
        "systems": systems,
        "comparisons": comparisons,
        "faults": [],
        "slices": [],
        "sensitivity": [],
        "study": None,
        "correlations": [],
        "judge": None,
        "items": rows,
        "environment": {
            "versions": {},
            "seed": 17,
            "bootstrap_samples": 1000,
            "options": {},
            "inputs": {},
            "items": items,
            "groups": items,
            "time": {"started": 1.0, "seconds": 2.0},
        },
    }


def make_many(root: Path, count: int) -> None:
    """`count` ended runs of all kinds, the newest now."""
    now = time.time()
    states = ("finished", "finished", "failed", "cancelled", "finished", "out of memory")
    recipes = ("sft", "data-build", "generate", "evaluate", "sft")
    for index in range(count):
        when = now - index * 5000
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(when))
        recipe = recipes[index % len(recipes)]
        make_run(
            root,
            f"{stamp}-{recipe}-{index:04x}",
            recipe,
            states[index % len(states)],
            steps=24,
            created=when,
            config={"learning_rate": (1 + index % 5) * 1e-4},
            seed=index,
        )
