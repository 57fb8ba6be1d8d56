"""The merged model behind an export: base, adapter and merge as generate makes and keeps them, with the codec that
answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.downloads import local_model
from toolkit.errors import ModelError
from toolkit.generation.adapter import Adapter, MergeMode, choose_merge_mode, read_adapter
from toolkit.generation.base_model import check_base
from toolkit.generation.merge_cache import cached_merge
from toolkit.generation.merge_folder import MERGE_FILE
from toolkit.generation.prompts import Codec
from toolkit.generation.system import System, context_limit, load_codec
from toolkit.model_files import weight_files
from toolkit.models import fingerprint_model, resolve_model
from toolkit.records import read_json
from toolkit.shipping import manifest


@dataclass(frozen=True)
class Merged:
    """A merged model in the cache, checked against its hashes. `base_dir` is the base as it was before."""

    folder: Path
    base_dir: Path
    base_name: str
    adapter: Adapter
    mode: MergeMode
    codec: Codec
    context: int | None
    trust_remote_code: bool

    @property
    def system(self) -> System:
        return System(
            self.folder,
            self.base_name,
            fingerprint_model(str(self.base_dir)),
            adapter=self.adapter.folder,
            adapter_fingerprint=self.adapter.fingerprint(),
            merge_mode=self.mode,
            trust_remote_code=self.trust_remote_code,
            base_dir=self.base_dir,
        )


def merge_for_export(adapter_dir: Path, base: str | None, trust_remote_code: bool = False) -> Merged:
    """Merge, or find what generate merged already.

    Raises:
        ModelError: no adapter there, its base is gone or another one, or a file is damaged.
        DiskFullError: no space for the merged model.
    """
    adapter = read_adapter(adapter_dir)
    name = base or adapter.base_model
    if not name:
        raise ModelError(f"adapter: {adapter_dir} does not name its base model; give it with --base.")
    revision = adapter.training.get("revision")
    try:
        resolved = resolve_model(name)
        base_dir = local_model(resolved, revision)
    except ModelError as error:
        raise ModelError(
            f"The base of the adapter {adapter_dir} is not to be had: {error} Or give it with --base."
        ) from error
    check_base(adapter, name, resolved, base_dir, revision)
    mode = choose_merge_mode("auto", adapter)
    fingerprint = fingerprint_model(str(base_dir))
    folder, _ = cached_merge(adapter, base_dir, fingerprint, mode, trust_remote_code, lambda done, total: None)
    system = System(folder, name, fingerprint, adapter.folder, adapter.fingerprint(), mode, trust_remote_code, base_dir)
    codec, context = load_codec(system, "auto"), context_limit(system, None)
    return Merged(folder, base_dir, name, adapter, mode, codec, context, trust_remote_code)


def lineage(merged: Merged) -> tuple[manifest.Base, manifest.Adapter, manifest.Merge]:
    """What the manifest says of the model's descent."""
    training = merged.adapter.training
    counts = (training.get("counts") or {}).get("train") or {}
    record = (read_json(merged.folder / MERGE_FILE) or {}).get("files") or {}
    rows = counts.get("rows")
    return (
        manifest.Base(
            name=shown_name(merged.base_name),
            revision=training.get("revision"),
            fingerprint=fingerprint_model(str(merged.base_dir)),
            recorded_fingerprint=training.get("base_fingerprint"),
        ),
        manifest.Adapter(
            fingerprint=merged.adapter.fingerprint(),
            dataset_hash=training.get("dataset_hash"),
            train_rows=rows if isinstance(rows, int) else None,
        ),
        manifest.Merge(
            mode=merged.mode,
            weights={path.name: str(record[path.name]["sha256"]) for path in weight_files(merged.folder)},
        ),
    )


def shown_name(base: str) -> str:
    """A base's name without a path of this machine."""
    return Path(base).name if Path(base).is_absolute() else base
