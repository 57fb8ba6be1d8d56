"""Lock, unblind: the steps between rating and report. Each checks the files first and refuses what was changed."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import DataError, UsageError
from toolkit.records import JSON, sha256_file, write_json
from toolkit.review.study.folder import StudyFolder, read_sealed, sealed
from toolkit.review.study.key import Key, read_key
from toolkit.review.study.packet import read_packet
from toolkit.review.study.ratings import read_ratings
from toolkit.review.study.session import latest_values, tasks_of
from toolkit.review.study.verify import find_changes


def progress(folder: StudyFolder) -> JSON:
    """Per rater how many tasks are done, of how many; reads every rating file and checks its chain.

    Raises:
        DataError: a rating file that was changed or belongs elsewhere.
    """
    manifest = folder.manifest()
    counts: JSON = {}
    for rater in manifest.raters:
        packet = read_packet(folder.packet_file(rater))
        entries = read_ratings(
            folder.ratings_file(rater), manifest.study, rater, manifest.files[f"packets/{rater}.jsonl"]
        )
        tasks = tasks_of(packet)
        values = latest_values(entries)
        counts[rater] = {"done": sum(task.identity in values for task in tasks), "tasks": len(tasks)}
    return counts


def lock(folder: StudyFolder, accept_incomplete: bool = False) -> JSON:
    """Fix the ratings as they are; from now on nothing can be added or edited unnoticed. Returns the progress per
    rater.

    Raises:
        UsageError: locked already, or raters are not done and `accept_incomplete` is not given.
        DataError: something was changed.
    """
    if folder.lock_file.exists():
        raise UsageError(f"{folder.path} is locked already.")
    changes = find_changes(folder)
    if changes:
        raise DataError(_refusal(folder, changes, "locked"))
    counts = progress(folder)
    open_ones = [
        f"{rater} {count['done']} of {count['tasks']}"
        for rater, count in counts.items()
        if count["done"] < count["tasks"]
    ]
    if open_ones and not accept_incomplete:
        raise UsageError(
            f"Not everybody is done: {', '.join(open_ones)}. Wait for them, or lock as it is with --incomplete."
        )
    if not any(count["done"] for count in counts.values()):
        raise UsageError(f"{folder.path} has no ratings yet; rate first with `steptune study rate`.")
    manifest = folder.manifest()
    ratings: JSON = {}
    for rater in manifest.raters:
        path = folder.ratings_file(rater)
        entries = read_ratings(path, manifest.study, rater, manifest.files[f"packets/{rater}.jsonl"])
        if not entries:
            continue
        ratings[rater] = {"lines": len(entries), "sha256": sha256_file(path), "receipt": entries[-1]["hash"]}
    write_json(
        folder.lock_file,
        sealed({"study": manifest.study, "manifest": sha256_file(folder.manifest_file), "ratings": ratings}),
    )
    return counts


def unblind(folder: StudyFolder, key_file: Path, passphrase: str = "") -> Key:
    """Open the key and lay it into the study folder, after everything was checked.

    Raises:
        UsageError: not locked yet.
        DataError: the key is not the one that was committed to, or something was changed.
    """
    require_locked(folder, "unblinded")
    key = read_key(key_file, passphrase)
    changes = find_changes(folder, key)
    if changes:
        raise DataError(_refusal(folder, changes, "unblinded"))
    write_json(folder.unblinded_file, sealed({"nonce": key.nonce, "key": key.body}))
    return key


def opened_key(folder: StudyFolder) -> Key:
    """The key of an unblinded study.

    Raises:
        UsageError: not locked, or not unblinded yet.
        DataError: the opened key was changed.
    """
    require_locked(folder, "reported")
    if not folder.unblinded_file.exists():
        raise UsageError(
            f"{folder.path} is still blind; open the key with `steptune study unblind {folder.path}` first."
        )
    content = read_sealed(folder.unblinded_file)
    return Key(content["nonce"], content["key"])


def require_locked(folder: StudyFolder, what: str) -> None:
    if not folder.lock_file.exists():
        raise UsageError(
            f"{folder.path} cannot be {what} before its ratings are locked; run `steptune study lock {folder.path}`"
            " first."
        )


def _refusal(folder: StudyFolder, changes: list[str], what: str) -> str:
    lines = "".join(f"\n  - {change}" for change in changes)
    return (
        f"{folder.path} cannot be {what}: {len(changes)} things are not as they were sealed.{lines}\nTake the files"
        " from a copy that was not changed."
    )
