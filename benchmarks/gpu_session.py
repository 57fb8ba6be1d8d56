"""What nine minutes on one NVIDIA GPU prove, the most important first; each row is printed when it is done.

    make bench-gpu        (python benchmarks/gpu_session.py --rehearse: all of it on a CPU with a tiny model, no card)

No set-up and no network: weights are drawn on the card in Mistral-7B's shape and written once; `--wheels DIR` takes
packages from wheel files in place of an installation. What cannot be there, or would not end in time, is skipped with
the reason. The last line is the document that all benchmarks print.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LIMIT_S = 540.0
TINY = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}


@dataclass(frozen=True)
class Row:
    """One measured thing. `value`: a number that bars.toml may have a bar for, or None; `shown`: what belongs to it."""

    what: str
    value: float | None = None
    shown: dict[str, Any] = field(default_factory=dict)
    skipped: str | None = None
    failed: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: found for name, found in vars(self).items() if found not in (None, {})}


@dataclass
class Session:
    """A folder to work in, the shapes, and the time that is left."""

    folder: Path
    rehearsal: bool
    ends: float
    rows: list[Row] = field(default_factory=list)

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()

    def shape(self, layers: int) -> dict[str, Any]:
        from benchmarks.mistral_shape import MISTRAL_7B
        from toolkit.planning.model_configs import SHIPPED

        return {**SHIPPED[MISTRAL_7B], **(TINY if self.rehearsal else {}), "num_hidden_layers": layers}

    def small(self) -> Path:
        """A model of two layers."""
        return self._model("small", 2)

    def large(self) -> Path:
        """A model of all layers; in a rehearsal of three."""
        return self._model("large", 3 if self.rehearsal else 32)

    def _model(self, name: str, layers: int) -> Path:
        from benchmarks.mistral_shape import write_random_model

        folder = self.folder / name
        return folder if folder.is_dir() else write_random_model(folder, self.shape(layers), self.device)

    @property
    def device(self) -> str:
        return "cpu" if self.rehearsal else "cuda"

    def add(self, row: Row) -> None:
        self.rows.append(row)
        print(json.dumps({"row": row.to_json(), "left_s": round(self.left_s)}), file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Part:
    """`run` yields rows; it starts only where `needs_s` are left of the session."""

    name: str
    run: Callable[[Session], Iterator[Row]]
    needs_s: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rehearse", action="store_true", help="everything on a CPU with a tiny model")
    parser.add_argument("--wheels", type=Path, help="folder with wheel files of packages that are not installed")
    parser.add_argument("--minutes", type=float, default=LIMIT_S / 60, help="time for all parts together")
    options = parser.parse_args()
    ends = time.monotonic() + options.minutes * 60
    with tempfile.TemporaryDirectory(prefix="steptune-gpu-", dir=os.environ.get("STEPTUNE_BENCH_DIR")) as scratch:
        session = Session(Path(scratch), options.rehearse, ends)
        if options.wheels:
            unpack_wheels(options.wheels, session.folder / "packages")
        return run_session(session)


def unpack_wheels(wheels: Path, target: Path) -> None:
    """Make the packages of wheel files importable, here and in the commands that are started from here."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    sys.path.insert(1, str(target))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(target), os.environ.get("PYTHONPATH", "")])


def run_session(session: Session) -> int:
    """All parts in order; 0 when every bar is met, in a rehearsal when nothing failed."""
    from benchmarks.report import finish, skip

    if session.rehearsal:
        os.environ |= {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
    else:
        import torch

        if not torch.cuda.is_available():
            return skip("gpu", "there is no CUDA card here; --rehearse runs all of it on a CPU")
    from benchmarks.gpu_parts import PARTS

    for part in PARTS:
        for row in _rows_of(part, session):
            session.add(row)
    failed = [row for row in session.rows if row.failed]
    values = {row.what: row.value for row in session.rows if row.value is not None}
    beside = {row.what: row.to_json() for row in session.rows}
    if session.rehearsal:
        print(json.dumps({"bench": "gpu", "rehearsal": True, "rows": [row.to_json() for row in session.rows]}))
        return 1 if failed else 0
    return max(finish("gpu", values, beside), 1 if failed else 0)


def _rows_of(part: Part, session: Session) -> Iterator[Row]:
    """A part's rows; one that fails says why, and the next goes on."""
    if session.left_s < part.needs_s:
        yield Row(part.name, skipped=f"{session.left_s:.0f} s are left, {part.needs_s:.0f} s are needed")
        return
    started = time.monotonic()
    try:
        yield from part.run(session)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        yield Row(part.name, failed=f"{type(error).__name__}: {str(error)[:300]}")
    yield Row(f"{part.name}: seconds", shown={"seconds": round(time.monotonic() - started, 1)})


if __name__ == "__main__":
    sys.exit(main())
