"""Write an export: merge, stage, convert, and give the folder its name once all of it is there.

The folder is made under a hidden name beside its place, with a lock. Whatever was killed there before is removed by the
next export to the same place; nothing without a manifest is ever taken for an export.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolkit import __version__
from toolkit.errors import DiskFullError, UsageError
from toolkit.generation.report import GENERATION_FILE
from toolkit.machine.packages import version_of
from toolkit.model_files import weight_files
from toolkit.options.generation import AnswerOptions
from toolkit.prompting import text_around
from toolkit.records import is_disk_full, read_json, write_text
from toolkit.shipping import gguf_file, llama_runtime, manifest
from toolkit.shipping.card import render_card
from toolkit.shipping.compress import SCHEMES, require_compressor, write_compressed
from toolkit.shipping.merged_answers import sampling_of
from toolkit.shipping.modelfile import MODELFILE, write_modelfile
from toolkit.shipping.source import Merged, lineage, merge_for_export
from toolkit.shipping.staging import (
    TEMPLATE_FILE,
    copy_weights,
    end_with_trained_token,
    link_weights,
    stage_small_files,
)
from toolkit.shipping.subject import Subject

SPARE_BYTES: Final = 64 << 20
_STAGED, _LOG = "staged", "conversion.log"


@dataclass(frozen=True)
class Wanted:
    """What is asked for; `quant` is the type of a GGUF file."""

    kind: manifest.Kind
    quant: str = "q8_0"
    margin: float = 0.05
    base: str | None = None
    trust_remote_code: bool = False
    proves: bool = True

    @property
    def is_gguf(self) -> bool:
        return self.kind in ("gguf", "ollama")


def default_out(name: str, kind: str, quant: str) -> Path:
    return Path("exports") / f"{name}-{kind if kind not in ('gguf', 'ollama') else f'{kind}-{quant}'}"


def write_export(subject: Subject, wanted: Wanted, out: Path, tell: Callable[[str], None]) -> Merged:
    """Make the folder `out`; the merged model behind it.

    Raises:
        UsageError: `out` has files in it.
        PreflightError: a program that it needs is not installed.
        ModelError: adapter, base or architecture cannot be exported.
        DiskFullError: too little space, before or while writing.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder; give a new one with --out, or remove it.")
    if wanted.is_gguf:
        gguf_file.require_tools(wanted.quant)
        if wanted.proves:
            llama_runtime.require_runtime()
    if wanted.kind in SCHEMES:
        require_compressor()
    merged = merge_for_export(subject.adapter, wanted.base, wanted.trust_remote_code)
    if wanted.is_gguf:
        gguf_file.require_architecture(merged.folder)
    _require_space(merged, wanted, out)
    with _made_beside(out) as folder:
        tell(f"Writing {out}.")
        _fill(folder, subject, merged, wanted, out.name)
    return merged


def _fill(folder: Path, subject: Subject, merged: Merged, wanted: Wanted, name: str) -> None:
    sampling = _sampling(subject)
    answering = AnswerOptions(**sampling.model_dump())
    model_file: str | None = None
    if wanted.is_gguf:
        staged = folder / _STAGED
        staged.mkdir()
        prompt = stage_small_files(merged, staged, answering)
        end_with_trained_token(staged, prompt)
        link_weights(merged, staged)
        model_file = f"{name}.gguf"
        gguf_file.write_gguf(staged, folder / model_file, wanted.quant, folder / _LOG)
        for kept in (TEMPLATE_FILE, "prompt_format.json"):
            shutil.copyfile(staged / kept, folder / kept)
        shutil.rmtree(staged)
        (folder / _LOG).unlink()
        if wanted.kind == "ollama":
            write_text(folder / MODELFILE, _modelfile(folder / model_file, merged, prompt, answering))
        weights_type = (gguf_file.BY_CONVERTER | gguf_file.BY_LIBRARY)[wanted.quant]
    else:
        prompt = stage_small_files(merged, folder, answering)
        if wanted.kind == "folder":
            copy_weights(merged, folder)
            weights_type = str((read_json(folder / "config.json") or {}).get("dtype") or "as the base's")
        else:
            weights_type = write_compressed(merged, folder, wanted.kind)
    base, adapter, merge = lineage(merged)
    stated = manifest.Manifest(
        schema=manifest.SCHEMA,
        kind=wanted.kind,
        weights_type=weights_type,
        model_file=model_file,
        created_unix=round(time.time(), 3),
        versions=_versions(wanted),
        base=base,
        adapter=adapter,
        merge=merge,
        prompt=prompt,
        sampling=sampling,
        context=merged.context,
        margin=wanted.margin,
        trust_remote_code=wanted.trust_remote_code,
        files={},
        local=manifest.Local(
            adapter=str(subject.adapter.resolve()),
            data=str(subject.rows.data) if subject.rows.data else None,
            split=subject.rows.split,
            max_rows=subject.rows.max_rows,
            merged_answers=str(subject.answers) if subject.answers else None,
        ),
    )
    write_text(folder / manifest.CARD_FILE, render_card(stated))
    stated.model_copy(update={"files": manifest.hashed(folder)}).write(folder)


def _sampling(subject: Subject) -> manifest.Sampling:
    """Greedy, and otherwise as the run's answers were measured."""
    measured = sampling_of(read_json(subject.answers.parent / GENERATION_FILE)) if subject.answers else None
    if measured is None:
        measured = manifest.Sampling.model_validate(AnswerOptions().model_dump())
    return measured.model_copy(update={"temperature": 0.0})


def _modelfile(gguf: Path, merged: Merged, prompt: manifest.Prompt, answering: AnswerOptions) -> str:
    start, suffix = text_around(merged.codec.prompt_format, merged.codec.tokenizer)
    bos = str(merged.codec.tokenizer.bos_token or "")
    if bos and _adds_bos(gguf):
        start = start.removeprefix(bos)
    return write_modelfile(gguf.name, start, suffix, prompt.stop_texts, answering, merged.context)


def _adds_bos(gguf: Path) -> bool:
    """Whether a runner puts BOS before whatever it gets, as the file says; where it says nothing, by its vocabulary."""
    from gguf import GGUFReader

    fields = GGUFReader(gguf).fields
    stated = fields.get("tokenizer.ggml.add_bos_token")
    if stated is not None:
        return bool(stated.contents())
    kind = fields.get("tokenizer.ggml.model")
    return kind is not None and kind.contents() == "llama"


def _versions(wanted: Wanted) -> dict[str, str]:
    named = {"steptune": __version__}
    packages = ["torch", "transformers", *(["gguf", "xllamacpp"] if wanted.is_gguf else [])]
    if wanted.quant in gguf_file.BY_LIBRARY and wanted.is_gguf:
        packages.append("llama-cpp-python")
    return named | {package: found for package in packages if (found := version_of(package))}


def _require_space(merged: Merged, wanted: Wanted, out: Path) -> None:
    weights = sum(path.stat().st_size for path in weight_files(merged.folder))
    factor = 1.0
    if wanted.is_gguf:  # of 16-bit weights; a smaller type is made from a 16-bit file
        factor = gguf_file.BYTES[wanted.quant] / 2 + (1.0 if wanted.quant in gguf_file.BY_LIBRARY else 0.0)
    needed = int(weights * factor) + SPARE_BYTES
    out.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out.parent).free
    if free < needed:
        raise DiskFullError(
            f"The export needs {needed / 1e9:.1f} GB in {out.parent}, which has {free / 1e9:.1f} GB free; free some, or"
            " give another place with --out."
        )


@contextmanager
def _made_beside(out: Path) -> Iterator[Path]:
    """A folder under a hidden name that becomes `out` when all went well, and is removed otherwise."""
    temporary, lock = out.parent / f".{out.name}.partial", out.parent / f".{out.name}.lock"
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"Another export to {out} is under way; wait for it, or give another --out.") from None
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            _to_disk(temporary)
            temporary.rename(out)
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(
                    f"No space left in {out.parent}; nothing was kept. Free some and export again."
                ) from error
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _to_disk(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
