"""`steptune study verify`: recompute every hash and name whatever is not as it was sealed."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.errors import SteptuneError
from toolkit.records import JSON, iter_jsonl, read_json, sha256_file
from toolkit.review.study.folder import StudyFolder, read_sealed
from toolkit.review.study.key import Key
from toolkit.review.study.packet import read_packet
from toolkit.review.study.packets import PRACTICE
from toolkit.review.study.ratings import read_ratings


def find_changes(folder: StudyFolder, key: Key | None = None) -> list[str]:
    """What was changed, a sentence each; [] if all is as it was sealed. With the key, its commitment and contents as
    well.
    """
    try:
        manifest = folder.manifest()
    except SteptuneError as error:
        return [str(error)]
    changes = _not_as_written(folder.manifest_file) + _changed_files(folder, manifest)
    lock = None
    if folder.lock_file.exists():
        lock, found = _lock_changes(folder, manifest)
        changes += found
    changes += _rating_changes(folder, manifest, lock)
    changes += _unblinded_changes(folder, manifest)
    if key is not None:
        changes += _key_changes(folder, manifest, key)
    return changes


def _not_as_written(path: Path) -> list[str]:
    """A sealed document whose bytes are not those that steptune writes: a change that JSON does not see (a space, an
    escape).
    """
    expected = json.dumps(read_json(path), ensure_ascii=False, indent=2) + "\n"
    return (
        []
        if path.read_bytes() == expected.encode()
        else [f"{path.name} was changed: its bytes are not those that were written"]
    )


def _changed_files(folder: StudyFolder, manifest: JSON) -> list[str]:
    changes = []
    for name, expected in manifest["files"].items():
        path = folder.path / name
        if not path.is_file():
            changes.append(f"{name} is missing")
        elif sha256_file(path) != expected:
            changes.append(f"{name} was changed: its hash is not the one in manifest.json")
    return changes


def _lock_changes(folder: StudyFolder, manifest: JSON) -> tuple[JSON | None, list[str]]:
    try:
        lock = read_sealed(folder.lock_file)
    except SteptuneError as error:
        return None, [str(error)]
    changes = _not_as_written(folder.lock_file)
    if lock["study"] != manifest["study"]:
        changes.append("lock.json is of another study")
    if lock["manifest"] != sha256_file(folder.manifest_file):
        changes.append("manifest.json was changed after the ratings were locked")
    return lock, changes


def _rating_changes(folder: StudyFolder, manifest: JSON, lock: JSON | None) -> list[str]:
    changes = []
    for rater in manifest["raters"]:
        path = folder.ratings_file(rater)
        locked = lock["ratings"].get(rater) if lock else None
        if not path.exists():
            changes += (
                [f"ratings/{rater}.jsonl is missing: it had {locked['lines']} lines when it was locked"]
                if locked
                else []
            )
            continue
        try:
            entries = read_ratings(path, manifest["study"], rater, manifest["files"][f"packets/{rater}.jsonl"])
        except SteptuneError as error:
            changes.append(str(error))
            continue
        if lock and locked is None:
            changes.append(f"ratings/{rater}.jsonl was written after the lock: there was none then")
        elif locked and sha256_file(path) != locked["sha256"]:
            changes.append(_after_lock(rater, len(entries), locked["lines"]))
    return changes


def _after_lock(rater: str, lines: int, locked: int) -> str:
    if lines > locked:
        return f"ratings/{rater}.jsonl has {lines - locked} lines that were written after the lock"
    if lines < locked:
        return f"ratings/{rater}.jsonl was cut: {locked - lines} lines are missing since the lock"
    return f"ratings/{rater}.jsonl was changed after the lock"


def _unblinded_changes(folder: StudyFolder, manifest: JSON) -> list[str]:
    if not folder.unblinded_file.exists():
        return []
    try:
        content = read_sealed(folder.unblinded_file)
    except SteptuneError as error:
        return [str(error)]
    changes = _not_as_written(folder.unblinded_file)
    opened = Key(content["nonce"], content["key"])
    if opened.commitment != manifest["commitment"]:
        changes.append("unblinded.json is not the key that manifest.json commits to")
    return changes + (_key_changes(folder, manifest, opened) if not changes else [])


def _key_changes(folder: StudyFolder, manifest: JSON, key: Key) -> list[str]:
    """The key against its commitment, the hashes that it holds, and packets and outputs against each other."""
    if key.commitment != manifest["commitment"]:
        return ["the key is not the one that manifest.json commits to: SHA-256(nonce || key) differs"]
    if key.body["files"] != manifest["files"]:
        return ["manifest.json was changed: the hashes of files that the key holds are others"]
    if _changed_files(folder, manifest):
        return []  # named already
    texts = {row["answer"]: row["text"] for row in iter_jsonl(folder.outputs_file)}
    by_source = {(item, source): texts[name] for name, (item, source) in key.body["answers"].items()}
    changes = []
    for rater, units in key.body["units"].items():
        for unit in read_packet(folder.packet_file(rater)).units:
            what = units[unit.name]
            if what["kind"] != PRACTICE and list(unit.answers) != [
                by_source[what["item"], source] for source in what["sources"]
            ]:
                changes.append(f"packets/{rater}.jsonl: unit {unit.name} does not show the answers that the key says")
    return changes
