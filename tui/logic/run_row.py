"""A run as one row of the list, read from its folder: whatever is missing, damaged or not ours shows as such."""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.pipeline_stages import STAGE_NAMES
from toolkit.records import JSON, read_json
from toolkit.run_folder.folder import ENDED_STATES, RunFolder, tail_jsonl
from toolkit.terminal.numbers import as_number, headline_text
from toolkit.terminal.text import clean

LIVE_STATES = ("running", "stalled", "starting")
# State is never shown by colour alone: each has a sign and a word.
STATE_SIGNS = {
    "running": ("●", "good"),
    "stalled": ("◌", "warn"),
    "starting": ("◔", "accent"),
    "finished": ("✓", "good"),
    "failed": ("✗", "bad"),
    "out of memory": ("✗", "bad"),
    "cancelled": ("■", "warn"),
    "lost": ("?", "bad"),
    "unreadable": ("!", "bad"),
    "waiting": ("·", "dim"),
    "unchanged": ("=", "dim"),
}
_MODEL_LINE = re.compile(rb"^ *model: *['\"]?([^'\"\n#]+)", re.MULTILINE)


@dataclass(frozen=True)
class RunRow:
    """What the screens show of a run. All texts are clean."""

    path: Path
    id: str
    recipe: str
    state: str
    created: float | None = None
    model: str = ""
    stage: str = ""
    phase: str = ""
    done: float | None = None
    total: float | None = None
    step: float | None = None
    loss: float | None = None
    speed: float | None = None
    eta_s: float | None = None
    seconds: float | None = None
    peak_memory_gib: float | None = None
    headline: str = ""
    message: str = ""
    host: str = ""
    parent: str = ""
    stages: tuple[RunRow, ...] = field(default=())
    deep: bool = True  # whether the metrics were looked at

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def share(self) -> float | None:
        """Progress of the current phase, 0 to 1."""
        if not self.total or self.done is None:
            return None
        return min(1.0, max(0.0, self.done / self.total))

    def columns(self) -> JSON:
        """What a filter may name, by the names of the list's columns."""
        return {
            "id": self.id,
            "recipe": self.recipe,
            "state": self.state,
            "model": self.model,
            "stage": self.stage,
            "phase": self.phase,
            "step": self.step,
            "loss": self.loss,
            "speed": self.speed,
            "eta": self.eta_s,
            "seconds": self.seconds,
            "host": self.host,
        }


def read_row(path: Path, deep: bool = True) -> RunRow:
    """The row of a run folder; never raises. `deep` also reads the end of its metrics."""
    try:
        return _read_row(path, deep)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = (
            "no permission to read it"
            if isinstance(error, PermissionError)
            else f"its files cannot be read ({type(error).__name__})"
        )
        return RunRow(path, clean(path.name), "?", "unreadable", created=_folder_time(path), message=reason)


def _read_row(path: Path, deep: bool) -> RunRow:
    run = RunFolder(path)
    info, result = run.info, run.result
    state = str((result or {}).get("state", "failed")) if result else run.state()
    row = RunRow(
        path=path,
        id=clean(info.get("id", path.name)),
        recipe=clean(info.get("recipe", "?")),
        state=clean(state),
        created=as_number(info.get("created_unix")) or _folder_time(path),
        model=_model(path),
        host=clean(info.get("host") or ""),
        parent=clean(info.get("parent") or ""),
        deep=deep or state not in ENDED_STATES,
    )
    if not info:
        row = replace(row, message="run.json is missing or damaged")
    if result:
        row = replace(row, **_ending(result))
    if deep or state not in ENDED_STATES:
        row = replace(row, **_newest_metrics(path, state))
    return replace(row, stages=_stages(path, row.live)) if row.recipe == "pipeline" and deep else row


def _ending(result: JSON) -> dict[str, Any]:
    headline = result.get("headline")
    return {
        "seconds": as_number(result.get("seconds")),
        "peak_memory_gib": as_number(result.get("peak_memory_gib")),
        "headline": headline_text(headline) if isinstance(headline, dict) else "",
        "message": clean(str(result.get("message") or "").split("\n")[0]),
        "loss": as_number(headline.get("eval_loss")) if isinstance(headline, dict) else None,
    }


def _newest_metrics(path: Path, state: str) -> dict[str, Any]:
    """Of the last metrics lines: where the run stands. An ended run has no speed or ETA any more."""
    merged: JSON = {}
    for row in tail_jsonl(path / "metrics.jsonl", 4096):
        merged.update({name: value for name, value in row.items() if value is not None})
    found: dict[str, Any] = {name: as_number(merged.get(name)) for name in ("done", "total", "step")}
    found |= {"phase": clean(merged.get("phase", "")), "stage": clean(merged.get("stage", ""))}
    if (loss := as_number(merged.get("loss"))) is not None:
        found["loss"] = loss
    if state in LIVE_STATES:
        found |= {"eta_s": as_number(merged.get("eta_s")), "speed": as_number(merged.get("tokens_per_second"))}
    return found


def _stages(path: Path, pipeline_is_live: bool) -> tuple[RunRow, ...]:
    """A pipeline's stages in the order in which they run: those that ran, were taken from elsewhere, and are still to
    come.
    """
    ran = {
        folder.name: read_row(folder)
        for folder in (path / "stages").glob("*")
        if (folder / "run.json").exists() and ".before-" not in folder.name
    }
    skipped = {}
    for event in tail_jsonl(path / "events.jsonl", 65536):
        if event.get("event") == "stage_skipped":
            skipped[clean(event.get("stage", "?"))] = clean(event.get("run", ""))
    rows = []
    for name in (*STAGE_NAMES, *sorted(set(ran) - set(STAGE_NAMES))):
        if name in ran:
            rows.append(replace(ran[name], stage=clean(name)))
        elif name in skipped:
            rows.append(
                RunRow(Path(skipped[name]), name, name, "unchanged", stage=name, message=f"taken from {skipped[name]}")
            )
        elif pipeline_is_live:
            rows.append(RunRow(path / "stages" / name, name, name, "waiting", stage=name))
    return tuple(rows)


def _model(path: Path) -> str:
    """The model as the config's text names it; reading YAML for each row of a list would take seconds."""
    with contextlib.suppress(OSError):
        if match := _MODEL_LINE.search((path / "config.yaml").read_bytes()[:16384]):
            return clean(match[1].decode("utf-8", "replace").strip())
    return ""


def load_settings(path: Path) -> dict[str, Any]:
    """The run's config as dotted names and values; {} where it cannot be read."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError, RecursionError):
        return flatten(yaml.load((path / "config.yaml").read_bytes(), Loader=loader) or {})
    return {}


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names."""
    if not isinstance(value, dict):
        return {prefix.rstrip("."): value} if prefix else {}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= flatten(item, f"{prefix}{name}.") if isinstance(item, dict) and item else {f"{prefix}{name}": item}
    return found


def _folder_time(path: Path) -> float | None:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime
    return None


def result_of(path: Path) -> JSON:
    with contextlib.suppress(OSError):
        return read_json(path / "result.json") or {}
    return {}


def seconds_running(row: RunRow, now: float | None = None) -> float | None:
    """How long the run has taken or is taking."""
    if row.seconds is not None:
        return row.seconds
    return (
        None if row.created is None or not row.live else max(0.0, (time.time() if now is None else now) - row.created)
    )
