"""A sweep: the parent of runs that differ in some settings and in their seed. Its folder lies among the runs, and holds
one document; the runs lie beside it as any others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import JSON, read_json, write_json
from toolkit.run_folder.find import runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.numbers import as_finite


@dataclass(frozen=True)
class Child:
    """A run of a sweep by the name of its folder: the swept settings as they were typed, and its seed."""

    run: str
    setting: Mapping[str, str]
    seed: int | None = None

    @property
    def label(self) -> str:
        """`lora_r=16 learning_rate=1e-4`; "" where only seeds differ."""
        return " ".join(f"{key}={value}" for key, value in self.setting.items())

    @classmethod
    def from_json(cls, row: object) -> Child:
        values: JSON = row if isinstance(row, dict) else {}
        setting, seed = values.get("setting"), as_finite(values.get("seed"))
        found = {str(key): str(value) for key, value in setting.items()} if isinstance(setting, dict) else {}
        return cls(str(values.get("run", "")), found, None if seed is None else int(seed))

    def to_json(self) -> JSON:
        return {"run": self.run, "setting": dict(self.setting), "seed": self.seed}


@dataclass(frozen=True)
class SweepDocument:
    """sweep.json. `stop_after`: the share of its steps after which a run that loses is ended; None ends none."""

    id: str
    recipe: str
    children: tuple[Child, ...] = ()
    stop_after: float | None = None
    created_unix: float | None = None

    @classmethod
    def from_json(cls, row: JSON, folder_name: str) -> SweepDocument:
        children = row.get("children")
        return cls(
            str(row.get("id", folder_name)),
            str(row.get("recipe", "?")),
            tuple(map(Child.from_json, children)) if isinstance(children, list) else (),
            as_finite(row.get("stop_after")),
            as_finite(row.get("created_unix")),
        )

    def to_json(self) -> JSON:
        row: dict[str, Any] = {**vars(self), "children": [child.to_json() for child in self.children]}
        return {name: value for name, value in row.items() if value is not None}


@dataclass(frozen=True)
class SweepFolder:
    """A sweep by its path; nothing is read before it is asked for."""

    path: Path
    _document: list[SweepDocument] = field(default_factory=list, compare=False, repr=False)

    @property
    def file(self) -> Path:
        return self.path / "sweep.json"

    def exists(self) -> bool:
        return self.file.exists()

    @property
    def document(self) -> SweepDocument:
        """Read once: it does not change."""
        if not self._document:
            self._document.append(SweepDocument.from_json(read_json(self.file) or {}, self.path.name))
        return self._document[0]

    def write(self, document: SweepDocument) -> None:
        write_json(self.file, document.to_json())

    def run(self, child: Child) -> RunFolder:
        return RunFolder(self.path.parent / child.run)


def sweep_of(run: RunFolder) -> SweepFolder | None:
    """The sweep that a run belongs to."""
    parent = run.info.parent
    sweep = SweepFolder(run.path.parent / parent) if parent and "/" not in parent else None
    return sweep if sweep and sweep.exists() else None


def list_sweeps(root: Path | None = None) -> list[SweepFolder]:
    """The sweeps of the runs folder, newest first."""
    found = [sweep for path in (root or runs_root()).glob("*") if (sweep := SweepFolder(path)).exists()]
    return sorted(found, key=lambda sweep: sweep.path.name, reverse=True)


def find_sweep(name: str) -> SweepFolder:
    """The sweep of that id, unique part of an id, `latest`, or path.

    Raises:
        UsageError: none or several match.
    """
    if SweepFolder(Path(name)).exists():
        return SweepFolder(Path(name).absolute())
    sweeps = list_sweeps()
    if name == "latest" and sweeps:
        return sweeps[0]
    found = [sweep for sweep in sweeps if name == sweep.path.name] or [
        sweep for sweep in sweeps if name and name in sweep.path.name
    ]
    if len(found) != 1:
        count = f"fits {len(found)} sweeps" if found else "fits no sweep"
        names = ", ".join(sweep.path.name for sweep in (found or sweeps)[:5]) or "none"
        raise UsageError(f"{name!r} {count} in {runs_root()}; there are: {names}.")
    return found[0]
