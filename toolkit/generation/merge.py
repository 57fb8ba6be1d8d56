"""Merge a LoRA adapter into its base model, tensor by tensor, from safetensors to safetensors.

Reads an adapter folder and the base model that it names; writes a model folder with the base's tensor names, shapes,
dtypes and offsets, the adapter's tokenizer and prompt format, and `merge.json` (mode, fingerprints, SHA-256 per file).

Two modes. `dequantised`: the function that was trained on NF4 weights, dequantise(NF4(w)) + B·A·scale. `base16`:
w + B·A·scale. Both add in float32 and round once to the stored dtype.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ModelError, UsageError
from toolkit.generation import nf4, tensor_stream
from toolkit.generation.adapter import WEIGHTS_FILE, Adapter, LayerUpdate, MergeMode
from toolkit.generation.merge_folder import MERGE_FILE, copy_small_files, written_beside
from toolkit.model_files import weight_files
from toolkit.models import fingerprint_model
from toolkit.records import read_json, write_json

if TYPE_CHECKING:
    import torch

# Rows are added in blocks of about this many elements: the base's float32 copy stays in the processor's cache.
BLOCK_ELEMENTS = 1 << 18


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
    durable: bool = True,
) -> Merged:
    """Write the merged model to `out_dir`, which must be absent or empty: the whole folder appears, or nothing.

    Args:
        checkpoint: called with bytes done and in all after each tensor; may raise to give up.
        durable: wait until all is on the disk; needless where the hashes are checked before each use.

    Raises:
        UsageError: `out_dir` has files in it.
        ModelError: adapter and base do not fit, or a file is damaged.
        DiskFullError: too little space, before or while writing.
    """
    started = time.monotonic()
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise UsageError(f"{out_dir} is not an empty folder; give a new folder for the merged model.")
    sources = weight_files(base_dir)
    rounded = nf4.quantised_layers(base_dir, trust_remote_code) if mode == "dequantised" else {}
    _require_fit(adapter, base_dir, sources, rounded)
    with written_beside(out_dir, sources) as temporary, ExitStack() as opened:
        change = _changes(adapter, rounded, opened)
        files = _rewrite_all(sources, temporary, change, checkpoint, durable)
        files |= copy_small_files(base_dir, adapter.folder, temporary, durable)
        seconds = round(time.monotonic() - started, 3)
        write_json(temporary / MERGE_FILE, _record(adapter, base_dir, mode, files, len(rounded), seconds))
    return Merged(out_dir, mode, files, seconds)


class Scratch:
    """Memory that is used again from tensor to tensor: fresh memory for each costs more in page faults than the
    arithmetic.
    """

    def __init__(self) -> None:
        self.floats: torch.Tensor | None = None

    def matrix(self, rows: int, columns: int) -> torch.Tensor:
        """float32 [rows, columns] of no particular content, valid until the next call."""
        import torch

        if self.floats is None or self.floats.numel() < rows * columns:
            self.floats = torch.frombuffer(tensor_stream.large_memory(rows * columns * 4), dtype=torch.float32)
        return self.floats[: rows * columns].view(rows, columns)


def merged_weight(
    weight: torch.Tensor,
    update: LayerUpdate | None,
    matrices: dict[str, torch.Tensor],
    rounded: bool | None,
    fan_in_fan_out: bool = False,
    scratch: Scratch | None = None,
) -> torch.Tensor:
    """One base tensor as the merged model has it, in its own dtype; `weight` may be overwritten.

    Args:
        matrices: the adapter's tensors named by `update`.
        rounded: None leaves the base as it is; otherwise it makes the NF4 round trip, transposed or not.
    """
    base = weight if rounded is None else nf4.round_trip(weight, rounded)
    if update is not None:
        turned = fan_in_fan_out or update.embedding
        _add_in_blocks(base.T if turned else base, update, matrices, scratch or Scratch())
    return base


def _add_in_blocks(
    base: torch.Tensor, update: LayerUpdate, matrices: dict[str, torch.Tensor], scratch: Scratch
) -> None:
    """Add in place."""
    import torch

    magnitude = matrices[update.magnitude].float() if update.magnitude else None
    # The product as a whole: in blocks the library may sum in another order, and one element in 10^8 rounds otherwise.
    delta = torch.mm(matrices[update.b].float(), matrices[update.a].float(), out=scratch.matrix(*base.shape))
    rows_each = max(1, BLOCK_ELEMENTS // base.shape[1])
    weights = torch.empty(rows_each, base.shape[1])
    with _one_thread():
        for start in range(0, base.shape[0], rows_each):
            rows = slice(start, min(start + rows_each, base.shape[0]))
            block = delta[rows].mul_(update.scale).add_(weights[: rows.stop - start].copy_(base[rows]))
            if (
                magnitude is not None
            ):  # DoRA (Liu et al., 2024): the rows of the sum, rescaled to the trained magnitudes
                block = (magnitude[rows] / torch.linalg.norm(block, dim=1)).view(-1, 1) * block
            base[rows].copy_(block)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Blocks are too small to share: a barrier after each costs more than it saves, and whole time slices where
    other work runs.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
            f"The adapter changes {', '.join(at_the_ends)}, but the base model ties its output head to its embeddings,"
            " so one tensor cannot hold both; train without that module."
        )
    if missing := sorted(touched - stored):
        raise ModelError(
            f"{base_dir} has no {missing[0]} ({len(missing)} of {len(touched)} tensors that the adapter changes are"
            " missing); give the adapter's own base model."
        )
    if missing := sorted(set(rounded) - stored):
        raise ModelError(
            f"{base_dir} stores {missing[0]} and {len(missing) - 1} other quantised layers under other names; use merge"
            " mode base16."
        )


def _changes(adapter: Adapter, rounded: dict[str, bool], opened: ExitStack) -> tensor_stream.Change:
    """The change of each tensor by name; the adapter's file stays open in `opened` and is read a layer at a time."""
    from safetensors import safe_open

    file = opened.enter_context(safe_open(adapter.folder / WEIGHTS_FILE, "pt"))
    scratch = Scratch()

    def change(name: str) -> Callable[[torch.Tensor], torch.Tensor] | None:
        update, replacement = adapter.updates.get(name), adapter.replacements.get(name)
        if update is None and replacement is None and name not in rounded:
            return None
        keys = (update.a, update.b, update.magnitude) if update else ()
        matrices = {key: file.get_tensor(key) for key in keys if key}

        def compute(weight: torch.Tensor) -> torch.Tensor:
            if replacement is not None:
                weight = file.get_tensor(replacement).to(weight.dtype)
            return merged_weight(weight, update, matrices, rounded.get(name), adapter.fan_in_fan_out, scratch)

        return compute

    return change


def _rewrite_all(
    sources: list[Path],
    target: Path,
    change: tensor_stream.Change,
    checkpoint: Callable[[int, int], None],
    durable: bool,
) -> dict[str, dict[str, Any]]:
    total = sum(path.stat().st_size for path in sources)
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        checkpoint(done, total)

    files = {}
    for source in sources:
        digest = tensor_stream.rewrite(source, target / source.name, change, count, durable)
        files[source.name] = {"bytes": source.stat().st_size, "sha256": digest}
    return files


def _record(
    adapter: Adapter,
    base_dir: Path,
    mode: MergeMode,
    files: dict[str, dict[str, Any]],
    rounded_layers: int,
    seconds: float,
) -> dict[str, Any]:
    return {
        "mode": mode,
        "base_fingerprint": fingerprint_model(str(base_dir)),
        "adapter_fingerprint": adapter.fingerprint(),
        "changed_tensors": len(adapter.updates) + len(adapter.replacements),
        "nf4": (
            {"layers": rounded_layers, "block_size": nf4.BLOCK_SIZE, "double_quantisation": nf4.DOUBLE_QUANTISATION}
            if mode == "dequantised"
            else None
        ),
        "seconds": seconds,
        "files": files,
    }
