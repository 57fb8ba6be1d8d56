"""Merge a LoRA adapter into its base model, tensor by tensor, from safetensors to safetensors.

    python -m toolkit.generation.merge ADAPTER --out DIR [--mode auto|dequantised|base16] [--base MODEL]

Reads an adapter folder and the base model that it names; writes a model folder with the base's tensor names, shapes,
dtypes and offsets, the adapter's tokenizer and prompt format, and `merge.json` (mode, fingerprints, SHA-256 per file).

Two modes. `dequantised`: the function that was trained on NF4 weights, dequantise(NF4(w)) + B·A·scale. `base16`:
w + B·A·scale. Both add in float32 and round once to the stored dtype.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import DiskFullError, ModelError, SteptuneError, UsageError
from toolkit.generation import nf4, tensor_stream
from toolkit.generation.adapter import WEIGHTS_FILE, Adapter, LayerUpdate, MergeMode, choose_merge_mode, read_adapter
from toolkit.generation.base_model import check_base, local_model
from toolkit.models import FINGERPRINT_FILE, fingerprint_model, resolve_model
from toolkit.records import read_json, sha256_file, write_json

if TYPE_CHECKING:
    import torch

MERGE_FILE = "merge.json"
SPARE_BYTES = 64 << 20  # for config, tokenizer and the file system's own needs
_OTHER_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack"}
_FROM_ADAPTER = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "chat_template.jinja", "prompt_format.json")


@dataclass(frozen=True)
class Merged:
    """A merged model folder; `files` maps each file to its size in bytes and SHA-256."""

    folder: Path
    mode: MergeMode
    files: dict[str, dict[str, Any]]
    seconds: float


def merge_adapter(
    adapter: Adapter,
    base_dir: Path,
    out_dir: Path,
    mode: MergeMode,
    trust_remote_code: bool = False,
    checkpoint: Callable[[int, int], None] = lambda done, total: None,
) -> Merged:
    """Write the merged model to `out_dir`, which must be absent or empty: the whole folder appears, or nothing.

    Args:
        checkpoint: called with bytes done and in all after each tensor; may raise to give up.

    Raises:
        UsageError: `out_dir` has files in it.
        ModelError: adapter and base do not fit, or a file is damaged.
        DiskFullError: too little space, before or while writing.
    """
    started = time.monotonic()
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise UsageError(f"{out_dir} is not an empty folder; give a new folder for the merged model.")
    sources = sorted(base_dir.glob("*.safetensors"))
    rounded = nf4.quantised_layers(base_dir, trust_remote_code) if mode == "dequantised" else {}
    _require_fit(adapter, base_dir, sources, rounded)
    with _written_beside(out_dir, sources) as temporary, ExitStack() as opened:
        change = _changes(adapter, rounded, opened)
        files = _rewrite_all(sources, temporary, change, checkpoint)
        files |= _copy_small_files(base_dir, adapter.folder, temporary)
        seconds = round(time.monotonic() - started, 3)
        write_json(temporary / MERGE_FILE, _record(adapter, base_dir, mode, files, len(rounded), seconds))
    return Merged(out_dir, mode, files, seconds)


def merged_weight(
    weight: torch.Tensor, update: LayerUpdate | None, matrices: dict[str, torch.Tensor], rounded: bool | None, fan_in_fan_out: bool = False
) -> torch.Tensor:
    """One base tensor as the merged model has it, in float32 where an adapter changed it.

    Args:
        matrices: the adapter's tensors named by `update`.
        rounded: None leaves the base as it is; otherwise it makes the NF4 round trip, transposed or not.
    """
    import torch

    base = weight if rounded is None else nf4.round_trip(weight, rounded)
    if update is None:
        return base
    turned = fan_in_fan_out or update.embedding
    base = base.float().T if turned else base.float()
    merged = base + (matrices[update.b].float() @ matrices[update.a].float()) * update.scale
    if update.magnitude is not None:  # DoRA (Liu et al., 2024): the rows of the sum, rescaled to the trained magnitudes
        merged = (matrices[update.magnitude].float() / torch.linalg.norm(merged, dim=1)).view(-1, 1) * merged
    return merged.T if turned else merged


def _require_fit(adapter: Adapter, base_dir: Path, sources: list[Path], rounded: dict[str, bool]) -> None:
    """Every tensor that changes must be in the files under its name: one that is not would stay as it is in silence."""
    config = read_json(base_dir / "config.json") or {}
    if "quantization_config" in config:
        raise ModelError(f"{base_dir} is stored quantised; merge into the 16-bit model that it was made from (--base).")
    stored = {entry.name for path in sources for entry in tensor_stream.read_header(path)[1]}
    touched = {*adapter.updates, *adapter.replacements}
    at_the_ends = sorted(name for name in touched if name == "lm_head.weight" or name.endswith("embed_tokens.weight"))
    if at_the_ends and "lm_head.weight" not in stored:
        raise ModelError(
            f"The adapter changes {', '.join(at_the_ends)}, but the base model ties its output head to its embeddings, so one tensor cannot hold both; train without that module."
        )
    if missing := sorted(touched - stored):
        raise ModelError(
            f"{base_dir} has no {missing[0]} ({len(missing)} of {len(touched)} tensors that the adapter changes are missing); give the adapter's own base model."
        )
    if missing := sorted(set(rounded) - stored):
        raise ModelError(f"{base_dir} stores {missing[0]} and {len(missing) - 1} other quantised layers under other names; use merge mode base16.")


@contextmanager
def _written_beside(out_dir: Path, sources: list[Path]) -> Iterator[Path]:
    """A temporary folder that becomes `out_dir` when all went well, and is removed otherwise."""
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(path.stat().st_size for path in sources) + SPARE_BYTES
    free = shutil.disk_usage(out_dir.parent).free
    if free < needed:
        raise DiskFullError(
            f"The merged model needs {needed / 1e9:.1f} GB in {out_dir.parent}, which has {free / 1e9:.1f} GB free; free some or choose another place (STEPTUNE_CACHE or --out)."
        )
    temporary = Path(tempfile.mkdtemp(prefix=f".{out_dir.name}.", dir=out_dir.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.replace(out_dir)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"No space left in {out_dir.parent} while merging; nothing was kept. Free {needed / 1e9:.1f} GB and try again."
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _changes(adapter: Adapter, rounded: dict[str, bool], opened: ExitStack) -> tensor_stream.Change:
    """The change of each tensor by name; the adapter's file stays open in `opened` and is read a layer at a time."""
    from safetensors import safe_open

    file = opened.enter_context(safe_open(adapter.folder / WEIGHTS_FILE, "pt"))

    def change(name: str) -> Callable[[torch.Tensor], torch.Tensor] | None:
        update, replacement = adapter.updates.get(name), adapter.replacements.get(name)
        if update is None and replacement is None and name not in rounded:
            return None
        keys = (update.a, update.b, update.magnitude) if update else ()
        matrices = {key: file.get_tensor(key) for key in keys if key}

        def compute(weight: torch.Tensor) -> torch.Tensor:
            if replacement is not None:
                weight = file.get_tensor(replacement).to(weight.dtype)
            return merged_weight(weight, update, matrices, rounded.get(name), adapter.fan_in_fan_out)

        return compute

    return change


def _rewrite_all(
    sources: list[Path], target: Path, change: tensor_stream.Change, checkpoint: Callable[[int, int], None]
) -> dict[str, dict[str, Any]]:
    total = sum(path.stat().st_size for path in sources)
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        checkpoint(done, total)

    files = {}
    for source in sources:
        digest = tensor_stream.rewrite(source, target / source.name, change, count)
        files[source.name] = {"bytes": source.stat().st_size, "sha256": digest}
    return files


def _copy_small_files(base_dir: Path, adapter_dir: Path, target: Path) -> dict[str, dict[str, Any]]:
    """Configuration and tokenizer; where the adapter brings its own tokenizer or prompt format, that one."""
    chosen = {
        path.name: path
        for path in sorted(base_dir.iterdir())
        if path.is_file() and not path.name.startswith(".") and path.suffix not in _OTHER_WEIGHTS and path.name not in (FINGERPRINT_FILE, MERGE_FILE)
    }
    chosen |= {name: adapter_dir / name for name in _FROM_ADAPTER if (adapter_dir / name).is_file()}
    for name, source in chosen.items():
        with source.open("rb") as reader, (target / name).open("wb") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(writer.fileno())
    return {name: {"bytes": source.stat().st_size, "sha256": sha256_file(target / name)} for name, source in chosen.items()}


def _record(
    adapter: Adapter, base_dir: Path, mode: MergeMode, files: dict[str, dict[str, Any]], rounded_layers: int, seconds: float
) -> dict[str, Any]:
    return {
        "mode": mode,
        "base_fingerprint": fingerprint_model(str(base_dir)),
        "adapter_fingerprint": adapter.fingerprint(),
        "changed_tensors": len(adapter.updates) + len(adapter.replacements),
        "nf4": {"layers": rounded_layers, "block_size": nf4.BLOCK_SIZE, "double_quantisation": nf4.DOUBLE_QUANTISATION}
        if mode == "dequantised"
        else None,
        "seconds": seconds,
        "files": files,
    }


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="steptune merge", description="Merge an adapter into its base model.")
    parser.add_argument("adapter", type=Path, help="adapter folder that sft wrote")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the merged model")
    parser.add_argument(
        "--mode",
        choices=("auto", "dequantised", "base16"),
        default="auto",
        help="base weights: rounded to NF4 as in training, or 16-bit; auto follows training.json",
    )
    parser.add_argument("--base", help="base model, if not the one that the adapter names")
    parser.add_argument("--revision", help="revision of a base model on the hub")
    parser.add_argument("--trust-remote-code", action="store_true", help="run Python code that comes with the base model")
    arguments = parser.parse_args(argv)
    try:
        print(_run(arguments))
    except SteptuneError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _run(arguments: argparse.Namespace) -> str:
    adapter = read_adapter(arguments.adapter)
    name = arguments.base or adapter.base_model
    if not name:
        raise ModelError(f"adapter: {arguments.adapter} does not name its base model; give it with --base.")
    resolved = resolve_model(name)
    base_dir = local_model(resolved, arguments.revision)
    check_base(adapter, name, resolved, base_dir)
    mode = choose_merge_mode(arguments.mode, adapter)
    merged = merge_adapter(adapter, base_dir, arguments.out, mode, arguments.trust_remote_code)
    size = sum(file["bytes"] for file in merged.files.values())
    return f"Merged {arguments.adapter} into {name} ({mode}): {merged.folder}, {size / 1e9:.2f} GB in {merged.seconds:.1f} s."


if __name__ == "__main__":
    sys.exit(main())
