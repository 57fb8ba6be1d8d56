"""`steptune study`: a blind study from `new` to `verify`."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from pathlib import Path

from toolkit.bundled import resolve_bundled
from toolkit.commands.screens import become_screens
from toolkit.dataset_folder.names import split_file
from toolkit.errors import EXIT_DONE, EXIT_FAILED, DataError, UsageError
from toolkit.records import JSON
from toolkit.review.study.folder import StudyFolder, open_study
from toolkit.review.study.key import Key, is_encrypted, read_key
from toolkit.terminal.output import ask, say, say_json


def new(args: argparse.Namespace) -> int:
    """Draw and seal a study."""
    from toolkit.review.study.create import create_study
    from toolkit.review.study.inputs import read_inputs
    from toolkit.review.study.plan import read_plan
    from toolkit.review.study.power import power_sentence

    changes = {
        name: value
        for name, value in (("items", args.items), ("core_items", args.core), ("title", args.title))
        if value is not None
    }
    plan = read_plan(Path(args.plan) if args.plan else None, changes, args.margin)
    data = resolve_bundled(args.data)
    inputs = read_inputs(data / split_file("test") if data.is_dir() else data, _systems(args.system))
    folder = StudyFolder(Path(args.study))
    key_file = Path(args.key) if args.key else folder.default_key_file
    passphrase = _passphrase(args, confirm=True) if args.passphrase or args.passphrase_file else ""
    raters = [name.strip() for name in args.raters.split(",") if name.strip()]
    created = create_study(folder.path, inputs, raters, plan, key_file, passphrase, args.acknowledge_leaks)
    if args.json:
        say_json(
            {"study": str(folder.path), "key": str(key_file), "raters": raters, "sample": created.sample.model_dump()}
        )
        return EXIT_DONE
    effect = created.sample.smallest_detectable_effect
    say(f"{folder.path}: {created.sample.items} questions, {len(raters)} raters: {', '.join(raters)}.")
    say(f"Smallest difference that it finds with 80 % power: {f'{effect:g} points' if effect is not None else 'none'}.")
    for claim in created.sample.claims:
        say(f"  {power_sentence(claim, created.sample.raters)}")
    say(f"Key: {key_file}. Keep it from the raters, and keep it: without it the study cannot be opened.")
    say(f"Next: steptune study rate {folder.path} --rater {raters[0]}, or send packets/{raters[0]}.jsonl.")
    return EXIT_DONE


def rate(args: argparse.Namespace) -> int:
    """Rate on the screen, or line by line where there is none."""
    from toolkit.review.study.packet import find_packet, read_packet
    from toolkit.review.study.plain import rate_plain
    from toolkit.review.study.session import Session

    packet = find_packet(Path(args.study), args.rater)
    if not args.plain and sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        with Session(read_packet(packet)):
            pass  # what is wrong with the files is said here, not on the screen
        become_screens("--rate", str(packet))
    with Session(read_packet(packet)) as session:
        rate_plain(session, ask, say)
    return EXIT_DONE


def lock(args: argparse.Namespace) -> int:
    """Fix the ratings as they are."""
    from toolkit.review.study.closing import lock as lock_ratings

    folder = open_study(Path(args.study))
    counts = lock_ratings(folder, args.incomplete)
    handed_out = folder.lock_hash()
    receipts = {rater: f"{rater}:{row.lines}:{row.receipt}" for rater, row in folder.lock().ratings.items()}
    lines = [f"{rater}: {count['done']} of {count['tasks']}" for rater, count in counts.items()]
    lines += [f"Receipt: {receipt}" for receipt in receipts.values()]
    lines += [
        f"Locked: {handed_out}",
        "Hand this hash out now, to the raters and to somebody who has not the key: `steptune study verify"
        f" {folder.path} --lock {handed_out[:8]}...` then names whatever is changed from here on, whoever changes it.",
    ]
    _say_result(args, {"locked": counts, "lock": handed_out, "receipts": receipts}, lines)
    return EXIT_DONE


def unblind(args: argparse.Namespace) -> int:
    """Open the key."""
    from toolkit.review.study.closing import require_locked
    from toolkit.review.study.closing import unblind as open_key

    folder = open_study(Path(args.study))
    require_locked(folder, "unblinded")
    key_file = Path(args.key) if args.key else folder.default_key_file
    key = open_key(folder, key_file, _passphrase_for(key_file, args))
    _say_result(args, {"systems": key.body["systems"]}, [f"unblinded: {', '.join(key.body['systems'])}"])
    return EXIT_DONE


def report(args: argparse.Namespace) -> int:
    """Write report/study_report.json and .md."""
    from toolkit.review.study.report_text import verdict
    from toolkit.review.study.reporting import write_report

    folder = open_study(Path(args.study))
    found, text_file = write_report(folder, Path(args.results) if args.results else None)
    _say_result(
        args,
        found.to_json(),
        [verdict(found), f"Report: {text_file}", f"For evaluate: study_results={folder.report_file}"],
    )
    return EXIT_DONE


def verify(args: argparse.Namespace) -> int:
    """Recompute every hash; 1 if something was changed."""
    from toolkit.review.study.report_check import find_report_changes
    from toolkit.review.study.verify import find_changes, read_receipt

    folder = open_study(Path(args.study))
    receipts = [read_receipt(text) for text in args.receipt]
    if args.lock and not re.fullmatch(r"[0-9a-fA-F]{64}", args.lock.strip()):
        raise UsageError(f"--lock {args.lock}: expected the 64 hex digits that `steptune study lock` printed.")
    key_file = Path(args.key) if args.key else folder.default_key_file
    key: Key | None = None
    changes: list[str] = []
    if key_file.exists() or args.key:
        try:
            key = read_key(key_file, _passphrase_for(key_file, args))
        except DataError as error:
            changes.append(str(error))
    changes += find_changes(folder, key, args.lock, receipts)
    if not changes and folder.unblinded_file.exists():
        changes = find_report_changes(folder)
    unchecked = [] if key else ["the key was not checked: it is not here"]
    if not args.lock:
        unchecked.append(
            "no handed-out hash (--lock): whoever has the key and every file can have written all of it anew"
        )
    lines = [f"changed: {change}" for change in changes] or [f"{folder.path}: nothing was changed."]
    document: JSON = {
        "ok": not changes,
        "key_checked": key is not None,
        "lock_checked": bool(args.lock),
        "receipts_checked": [kept.rater for kept in receipts],
        "changes": changes,
    }
    _say_result(args, document, lines + [f"not shown: {text}." for text in unchecked])
    return EXIT_FAILED if changes else EXIT_DONE


def _systems(given: list[str]) -> dict[str, Path]:
    systems: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise UsageError(
                f"--system {text}: expected NAME=FILE, for example --system tuned=tuned/predictions.jsonl."
            )
        if name in systems:
            raise UsageError(f"--system {name} is given twice; each system needs a name of its own.")
        systems[name] = Path(path)
    return systems


def _passphrase(args: argparse.Namespace, confirm: bool = False) -> str:
    if args.passphrase_file:
        try:
            said = Path(args.passphrase_file).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise UsageError(
                f"{args.passphrase_file} cannot be read ({error.strerror}); give a file that holds the passphrase."
            ) from None
    else:
        said = getpass.getpass("Passphrase of the key: ")
        if confirm and getpass.getpass("Once more: ") != said:
            raise UsageError("The two passphrases differ; nothing was made.")
    if not said:
        raise UsageError("The passphrase is empty; give one, or leave --passphrase out.")
    return said


def _passphrase_for(key_file: Path, args: argparse.Namespace) -> str:
    return _passphrase(args) if is_encrypted(key_file) else ""


def _say_result(args: argparse.Namespace, document: JSON, lines: list[str]) -> None:
    if args.json:
        say_json(document)
    else:
        say("\n".join(lines))
