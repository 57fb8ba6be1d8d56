"""The folder that a merge makes: whole or not there at all, with the base's small files and the adapter's tokenizer."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.errors import DiskFullError
from toolkit.models import NOT_OF_THE_MODEL
from toolkit.records import is_disk_full, sha256_file

MERGE_FILE = "merge.json"
PROOF_FILE = "proof.json"
SPARE_BYTES = 64 << 20  # for config, tokenizer and the file system's own needs
_OTHER_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack"}
# Config and index of Mistral's own format, whose weights are not merged: a loader that finds them prefers them.
_OTHER_FORMAT = ("params.json", "consolidated.")
_FROM_ADAPTER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "chat_template.jinja",
    "prompt_format.json",
)


@contextmanager
def written_beside(out_dir: Path, sources: list[Path]) -> Iterator[Path]:
    """A temporary folder that becomes `out_dir` when all went well, and is removed otherwise."""
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(path.stat().st_size for path in sources) + SPARE_BYTES
    free = shutil.disk_usage(out_dir.parent).free
    if free < needed:
        raise DiskFullError(
            f"The merged model needs {needed / 1e9:.1f} GB in {out_dir.parent}, which has {free / 1e9:.1f} GB free;"
            " free some or choose another place (STEPTUNE_CACHE or --out)."
        )
    temporary = Path(tempfile.mkdtemp(prefix=f".{out_dir.name}.", dir=out_dir.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.replace(out_dir)
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"No space left in {out_dir.parent} while merging; nothing was kept. Free {needed / 1e9:.1f} GB and try"
                " again."
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_small_files(base_dir: Path, adapter_dir: Path, target: Path, durable: bool) -> dict[str, dict[str, Any]]:
    """Configuration and tokenizer; where the adapter brings its own tokenizer or prompt format, that one."""
    chosen = {
        path.name: path
        for path in sorted(base_dir.iterdir())
        if path.is_file()
        and not path.name.startswith(".")
        and path.suffix not in _OTHER_WEIGHTS
        and not path.name.startswith(_OTHER_FORMAT)
        and path.name not in (*NOT_OF_THE_MODEL, MERGE_FILE, PROOF_FILE)
    }
    chosen |= {name: adapter_dir / name for name in _FROM_ADAPTER if (adapter_dir / name).is_file()}
    for name, source in chosen.items():
        with source.open("rb") as reader, (target / name).open("wb") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            if durable:
                os.fsync(writer.fileno())
    return {
        name: {"bytes": source.stat().st_size, "sha256": sha256_file(target / name)} for name, source in chosen.items()
    }
