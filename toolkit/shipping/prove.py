"""The proof of an export: its files, its descent, its weights, its prompts, its stop tokens, its answers.

Everything is measured on the files as they lie there, by the runtime that will serve them; a folder of the merged
weights is the measured model itself, and its hashes say so. What is found goes into the export's folder `proof/`.
"""

from __future__ import annotations

import time
from pathlib import Path

from toolkit.records import sha256_file, write_json
from toolkit.results.shipped import PROOF_SCHEMA, ShipCheck, ShippedClaim, ShipProof
from toolkit.shipping import llama_runtime
from toolkit.shipping.folder_checks import folder_checks
from toolkit.shipping.manifest import (
    FAILED_FILE,
    MANIFEST_FILE,
    PROOF_FILE,
    PROOF_FOLDER,
    REPORT_FILE,
    Manifest,
    read_manifest,
    wrong_files,
)
from toolkit.shipping.merged_answers import Tell
from toolkit.shipping.report import render_report
from toolkit.shipping.served_checks import answers_claim, prompt_checks
from toolkit.shipping.source import Merged, lineage
from toolkit.shipping.weights_check import check_weights


def prove(folder: Path, merged: Merged, tell: Tell = lambda text: None, answers: bool = True) -> ShipProof:
    """Prove an export and write what was found into it.

    Args:
        merged: the model that the export was made from.
        answers: False leaves the answers out; the verdict is then open for a GGUF file.

    Raises:
        ModelError: it is no finished export.
        PreflightError: its runtime is not installed.
    """
    started = time.monotonic()
    manifest = read_manifest(folder)
    (folder / PROOF_FOLDER).mkdir(exist_ok=True)
    (folder / PROOF_FOLDER / PROOF_FILE).unlink(missing_ok=True)  # what is proven anew is not proven until it is done
    checks = [_files(folder, manifest), _lineage(manifest, merged)]
    claim: ShippedClaim | None = None
    if manifest.model_file is None:
        checks += folder_checks(folder, manifest, merged, tell)
        runtime = "transformers' tokenizer, as vLLM's chat endpoint calls it"
    else:
        runtime = llama_runtime.runtime_name()
        gguf = folder / manifest.model_file
        tell("Comparing the weights with the merged model's.")
        checks.append(check_weights(gguf, merged, manifest.weights_type))
        if _sound(checks):
            checks += prompt_checks(folder, manifest, merged, tell)
        if _sound(checks):
            claim = answers_claim(folder, manifest, merged, tell) if answers else None
            checks += [] if claim else [_unanswered(answers)]
    proof = ShipProof(
        schema=PROOF_SCHEMA,
        manifest_sha256=sha256_file(folder / MANIFEST_FILE),
        runtime=runtime,
        checks=checks,
        claim=claim,
        agreement=claim.same / claim.n if claim else None,
        seconds=round(time.monotonic() - started, 1),
    )
    _write(folder, manifest, proof)
    return proof


def _sound(checks: list[ShipCheck]) -> bool:
    """Whether it is worth to go on: each check takes longer than the one before."""
    return all(check.passed is not False for check in checks)


def _unanswered(wanted: bool) -> ShipCheck:
    why = "no rows: give a data set with --data" if wanted else "left out by --no-answers"
    return ShipCheck(name="answers", passed=None, found=why)


def _files(folder: Path, manifest: Manifest) -> ShipCheck:
    wrong = wrong_files(folder, manifest)
    size = sum(file.bytes for file in manifest.files.values())
    told = "; ".join(wrong[:3]) or f"{len(manifest.files)} files, {size / 1e6:.1f} MB, have the hashes of the manifest"
    return ShipCheck(name="files", passed=not wrong, found=told)


def _lineage(manifest: Manifest, merged: Merged) -> ShipCheck:
    """The manifest's descent against the adapter, the base and the merge as they are here."""
    base, adapter, merge = lineage(merged)
    pairs = {
        "base": (manifest.base.fingerprint, base.fingerprint),
        "base that was trained on": (manifest.base.recorded_fingerprint, base.recorded_fingerprint),
        "revision": (manifest.base.revision, base.revision),
        "adapter": (manifest.adapter.fingerprint, adapter.fingerprint),
        "data": (manifest.adapter.dataset_hash, adapter.dataset_hash),
        "merge": (manifest.merge.weights, merge.weights),
        "merge mode": (manifest.merge.mode, merge.mode),
    }
    other = [name for name, (stated, here) in pairs.items() if stated != here]
    if other:
        return ShipCheck(
            name="lineage", passed=False, found=f"the export was made from another {' and another '.join(other)}"
        )
    return ShipCheck(
        name="lineage",
        passed=True,
        found=(
            f"{base.name} ({base.fingerprint[:12]}), adapter {adapter.fingerprint[:12]}, {merge.mode} merge: those of"
            " the training"
        ),
    )


def _write(folder: Path, manifest: Manifest, proof: ShipProof) -> None:
    report = render_report(manifest, proof)
    (folder / PROOF_FOLDER / REPORT_FILE).write_text(report, encoding="utf-8")
    failed = folder / FAILED_FILE
    if proof.verdict == "does_not":
        failed.write_text(report, encoding="utf-8")
    else:
        failed.unlink(missing_ok=True)
    write_json(folder / PROOF_FOLDER / PROOF_FILE, proof.to_json())
