"""`steptune study`: a blind study from `new` to `verify`."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from toolkit.bundled import resolve_bundled
from toolkit.dataset_folder.names import split_file
from toolkit.errors import EXIT_DONE, EXIT_FAILED, DataError, UsageError
from toolkit.records import JSON, read_examples, write_json, write_text
from toolkit.review.study.folder import StudyFolder, open_study
from toolkit.review.study.key import Key, is_encrypted, read_key
from toolkit.review.study.packets import Question
from toolkit.review.study.plan import HUMAN
from toolkit.terminal.output import ask, say, say_json


def new(args: argparse.Namespace) -> int:
    """Draw and seal a study."""
    from toolkit.review.study.create import create_study
    from toolkit.review.study.inputs import read_inputs
    from toolkit.review.study.plan import read_plan

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
    languages = [question.language for question in inputs.questions]
    spare = _sample_questions(max(sorted(set(languages)), key=languages.count) if languages else "en")
    created = create_study(folder.path, inputs, raters, plan, key_file, passphrase, spare, args.acknowledge_leaks)
    if args.json:
        say_json(
            {"study": str(folder.path), "key": str(key_file), "raters": raters, "sample": created.sample.model_dump()}
        )
        return EXIT_DONE
    effect = created.sample.smallest_detectable_effect
    say(f"{folder.path}: {created.sample.items} questions, {len(raters)} raters: {', '.join(raters)}.")
    say(
        "Smallest difference that it finds with 80 % power:"
        f" {f'{effect:g} points' if effect is not None else 'none, with one question'}."
    )
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
        os.execv(sys.executable, [sys.executable, "-P", "-m", "tui", "--rate", str(packet)])
    with Session(read_packet(packet)) as session:
        rate_plain(session, ask, say)
    return EXIT_DONE


def lock(args: argparse.Namespace) -> int:
    """Fix the ratings as they are."""
    from toolkit.review.study.closing import lock as lock_ratings

    counts = lock_ratings(open_study(Path(args.study)), args.incomplete)
    _say_result(
        args,
        {"locked": counts},
        [f"{rater}: {count['done']} of {count['tasks']}" for rater, count in counts.items()] + ["locked"],
    )
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
    from toolkit.review.study.analysis import analyse
    from toolkit.review.study.closing import opened_key
    from toolkit.review.study.report_text import markdown, verdict
    from toolkit.review.study.verify import find_changes

    folder = open_study(Path(args.study))
    key = opened_key(folder)
    if changes := find_changes(folder):
        raise DataError(
            "the study cannot be reported, since it is not as it was sealed:"
            + "".join(f"\n  - {change}" for change in changes)
        )
    found = analyse(folder, key, Path(args.results) if args.results else None)
    text_file = folder.report_file.with_suffix(".md")
    write_json(folder.report_file, found.to_json())
    write_text(text_file, markdown(found))
    _say_result(
        args,
        found.to_json(),
        [verdict(found), f"Report: {text_file}", f"For evaluate: study_results={folder.report_file}"],
    )
    return EXIT_DONE


def verify(args: argparse.Namespace) -> int:
    """Recompute every hash; 1 if something was changed."""
    from toolkit.review.study.verify import find_changes

    folder = open_study(Path(args.study))
    key_file = Path(args.key) if args.key else folder.default_key_file
    key: Key | None = None
    changes: list[str] = []
    if key_file.exists() or args.key:
        try:
            key = read_key(key_file, _passphrase_for(key_file, args))
        except DataError as error:
            changes.append(str(error))
    changes += find_changes(folder, key)
    what = "with the key" if key else "without the key: what it holds was not checked"
    lines = [f"changed: {change}" for change in changes] or [f"{folder.path}: nothing was changed ({what})."]
    _say_result(args, {"ok": not changes, "key_checked": key is not None, "changes": changes}, lines)
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


def _sample_questions(language: str) -> list[Question]:
    """Questions of the bundled sample for practice, those of the study's language first."""
    rows = [
        row
        for path in sorted(resolve_bundled("bundled:sample/howto").glob("*.jsonl"))
        for row in read_examples(path)[::8]
    ]
    found = [
        Question(row.id, row.prompt, {HUMAN: row.output}, row.id, str(row.meta.get("language", "en"))) for row in rows
    ]
    return sorted(found, key=lambda question: question.language != language)


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
