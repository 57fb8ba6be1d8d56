"""`steptune study verify`: recompute every hash and name whatever is not as it was sealed.

What that shows has three steps. The files alone: whoever changed one did not also rewrite the others. With the rater's
receipts: nothing that the rater said was changed. With the hash of lock.json that was handed out: nothing at all was
changed since the lock, whoever did it. Without that hash, who has the key and every file can write it all anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import SteptuneError, UsageError
from toolkit.records import JSON, iter_jsonl, read_json, sha256_file
from toolkit.review.study.folder import Lock, Manifest, StudyFolder, read_sealed
from toolkit.review.study.key import Key
from toolkit.review.study.packet import read_packet
from toolkit.review.study.packets import PRACTICE
from toolkit.review.study.ratings import read_ratings


@dataclass(frozen=True)
class Receipt:
    """What a rater kept: how many lines there were, and the hash of the last."""

    rater: str
    lines: int
    hash: str


def read_receipt(text: str) -> Receipt:
    """Raises UsageError if it is no receipt."""
    rater, _, rest = text.strip().partition(":")
    lines, _, last = rest.partition(":")
    if not rater or not lines.isdigit() or len(last) != 64:
        raise UsageError(f"--receipt {text}: expected what `steptune study rate` showed at the end, NAME:LINES:HASH.")
    return Receipt(rater, int(lines), last)


def find_changes(
    folder: StudyFolder, key: Key | None = None, lock_hash: str | None = None, receipts: Sequence[Receipt] = ()
) -> list[str]:
    """What was changed, a sentence each; [] if all is as it was sealed. With the key, its commitment and contents as
    well; with the hash that was handed out, that the lock is still the same; with receipts, what raters kept.
    """
    handed_out = _handed_out_changes(folder, lock_hash) if lock_hash else []
    try:
        manifest = folder.manifest()
    except SteptuneError as error:
        return [*handed_out, str(error)]
    changes = handed_out + _not_as_written(folder.manifest_file) + _changed_files(folder, manifest)
    changes += _strange_files(folder, manifest)
    lock = None
    if folder.lock_file.exists():
        lock, found = _lock_changes(folder, manifest)
        changes += found
    changes += _rating_changes(folder, manifest, lock, receipts)
    changes += _unblinded_changes(folder, manifest)
    if key is not None:
        changes += _key_changes(folder, manifest, key)
    return changes


def _handed_out_changes(folder: StudyFolder, lock_hash: str) -> list[str]:
    if not folder.lock_file.is_file():
        return ["lock.json is missing, although a hash of it was handed out"]
    if folder.lock_hash() == lock_hash.strip().lower():
        return []
    return ["lock.json is not the one whose hash was handed out: the study was rewritten or locked again since"]


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


def _changed_files(folder: StudyFolder, manifest: Manifest) -> list[str]:
    changes = []
    for name, expected in manifest.files.items():
        path = folder.path / name
        if not path.is_file():
            changes.append(f"{name} is missing")
        elif sha256_file(path) != expected:
            changes.append(f"{name} was changed: its hash is not the one in manifest.json")
    return changes


def _strange_files(folder: StudyFolder, manifest: Manifest) -> list[str]:
    """Files beside those of the raters: a stray copy, or two people under one name (`anna (2).jsonl`)."""
    expected = {place(rater) for place in (folder.packet_file, folder.ratings_file) for rater in manifest.raters}
    return [
        f"{path.parent.name}/{path.name} is no rater's file; if two people rated under one name, keep the file of one:"
        " each rater needs a name and a packet of their own"
        for place in ("packets", "ratings")
        for path in sorted((folder.path / place).glob("[!.]*"))
        if path not in expected
    ]


def _lock_changes(folder: StudyFolder, manifest: Manifest) -> tuple[Lock | None, list[str]]:
    try:
        lock = folder.lock()
    except SteptuneError as error:
        return None, [str(error)]
    changes = _not_as_written(folder.lock_file)
    if lock.study != manifest.study:
        changes.append("lock.json is of another study")
    if lock.manifest != sha256_file(folder.manifest_file):
        changes.append("manifest.json was changed after the ratings were locked")
    return lock, changes


def _rating_changes(
    folder: StudyFolder, manifest: Manifest, lock: Lock | None, receipts: Sequence[Receipt]
) -> list[str]:
    changes = [
        f"the receipt of {kept.rater} is of no rater here" for kept in receipts if kept.rater not in manifest.raters
    ]
    for rater in manifest.raters:
        path = folder.ratings_file(rater)
        locked = lock.ratings.get(rater) if lock else None
        if not path.exists():
            if locked:
                changes.append(f"ratings/{rater}.jsonl is missing: it had {locked.lines} lines when it was locked")
            changes += [
                f"ratings/{rater}.jsonl is missing: {rater} has a receipt" for r in receipts if r.rater == rater
            ]
            continue
        try:
            entries = read_ratings(path, manifest.study, rater, manifest.files[f"packets/{rater}.jsonl"])
        except SteptuneError as error:
            changes.append(str(error))
            continue
        if lock and locked is None:
            changes.append(f"ratings/{rater}.jsonl was written after the lock: there was none then")
        elif locked and sha256_file(path) != locked.sha256:
            changes.append(_after_lock(rater, len(entries), locked.lines))
        elif locked and entries and entries[-1]["hash"] != locked.receipt:
            changes.append(f"lock.json has another receipt of {rater} than ratings/{rater}.jsonl gives")
        changes += [
            f"ratings/{rater}.jsonl does not hold what {rater}'s receipt is of: {kept.lines} lines that end otherwise"
            for kept in receipts
            if kept.rater == rater and [entry["hash"] for entry in entries[kept.lines - 1 : kept.lines]] != [kept.hash]
        ]
    return changes


def _after_lock(rater: str, lines: int, locked: int) -> str:
    if lines > locked:
        return f"ratings/{rater}.jsonl has {lines - locked} lines that were written after the lock"
    if lines < locked:
        return f"ratings/{rater}.jsonl was cut: {locked - lines} lines are missing since the lock"
    return f"ratings/{rater}.jsonl was changed after the lock"


def _unblinded_changes(folder: StudyFolder, manifest: Manifest) -> list[str]:
    if not folder.unblinded_file.exists():
        return []
    try:
        content = read_sealed(folder.unblinded_file)
    except SteptuneError as error:
        return [str(error)]
    changes = _not_as_written(folder.unblinded_file)
    opened = Key(str(content.get("nonce")), content.get("key") or {})
    if opened.commitment != manifest.commitment:
        changes.append("unblinded.json is not the key that manifest.json commits to")
    return changes + (_key_changes(folder, manifest, opened) if not changes else [])


def _key_changes(folder: StudyFolder, manifest: Manifest, key: Key) -> list[str]:
    """The key against its commitment, the hashes that it holds, and packets and outputs against each other."""
    if key.commitment != manifest.commitment:
        return ["the key is not the one that manifest.json commits to: SHA-256(nonce || key) differs"]
    if key.body["files"] != manifest.files:
        return ["manifest.json was changed: the hashes of files that the key holds are others"]
    if _changed_files(folder, manifest):
        return []  # named already
    texts = {row["answer"]: row["text"] for row in iter_jsonl(folder.outputs_file)}
    by_source = {(item, source): texts[name] for name, (item, source) in key.body["answers"].items()}
    changes = []
    for rater, units in key.body["units"].items():
        for unit in read_packet(folder.packet_file(rater)).units:
            what: JSON = units[unit.name]
            if what["kind"] != PRACTICE and list(unit.answers) != [
                by_source[what["item"], source] for source in what["sources"]
            ]:
                changes.append(f"packets/{rater}.jsonl: unit {unit.name} does not show the answers that the key says")
    return changes
