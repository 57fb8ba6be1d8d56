"""The commands `steptune export` and `steptune prove`.

python -P -m toolkit.shipping.command export RUN --to KIND [...] | prove EXPORT [...]  (`--help`: all)
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from toolkit.errors import EXIT_DONE, EXIT_FAILED, EXIT_INSUFFICIENT, ModelError, SteptuneError, UsageError
from toolkit.generation.child import die_with_parent
from toolkit.generation.environment import set_engine_environment
from toolkit.options.export import add_export_arguments, add_prove_arguments
from toolkit.results.shipped import SHIP_MARGIN, ShipProof
from toolkit.shipping.manifest import PROOF_FOLDER, REPORT_FILE, Manifest, read_manifest
from toolkit.terminal.output import say, say_error

EXIT_CODES = {"ships": EXIT_DONE, "does_not": EXIT_FAILED, "open": EXIT_INSUFFICIENT}


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code: 0 it ships, 1 it does not, 4 the rows do not tell."""
    command, *given = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog=f"steptune {command}")
    (add_export_arguments if command == "export" else add_prove_arguments)(parser)
    arguments = parser.parse_args(given)
    set_engine_environment()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        if command == "prove":
            return _prove(arguments)
        return _push(arguments) if arguments.to == "hub" else _export(arguments)
    except SteptuneError as error:
        say_error(f"steptune: {error}")
        return error.exit_code


def _export(arguments: argparse.Namespace) -> int:
    from toolkit.shipping.export import Wanted, default_out, write_export
    from toolkit.shipping.subject import find_subject

    subject = find_subject(arguments.source, arguments.data)
    out = Path(arguments.out) if arguments.out else default_out(subject.name, arguments.to, arguments.quant)
    wanted = Wanted(
        kind=arguments.to,
        quant=arguments.quant,
        margin=arguments.margin or SHIP_MARGIN,
        base=arguments.base,
        trust_remote_code=arguments.trust_remote_code,
        proves=not arguments.no_proof,
    )
    merged = write_export(subject, wanted, out.absolute(), say)
    if arguments.no_proof:
        say(f"{out} is not proven; `steptune prove {out}` does that.")
        return EXIT_DONE
    from toolkit.shipping.prove import prove

    return _told(out, prove(out, merged, say))


def _prove(arguments: argparse.Namespace) -> int:
    from toolkit.shipping.prove import prove
    from toolkit.shipping.source import merge_for_export

    folder = Path(arguments.export)
    manifest = read_manifest(folder)
    adapter = Path(arguments.adapter) if arguments.adapter else _adapter_of(manifest, folder)
    merged = merge_for_export(adapter, arguments.base, manifest.trust_remote_code)
    return _told(folder, prove(folder, merged, say, answers=not arguments.no_answers))


def _adapter_of(manifest: Manifest, folder: Path) -> Path:
    path = Path(manifest.local.adapter) if manifest.local else None
    if path is None or not path.is_dir():
        raise ModelError(
            f"{folder} was made from the adapter {path or '(on another machine)'}, which is not there; give its folder"
            " with --adapter."
        )
    return path


def _told(folder: Path, proof: ShipProof) -> int:
    from toolkit.shipping.report import verdict_line

    manifest = read_manifest(folder)
    for check in proof.checks:
        state = {True: "ok", False: "FAILS", None: "not known"}[check.passed]
        say(f"  {check.name:8} {state}: {check.found}")
    if proof.claim:
        say(f"  answers  {proof.claim.text}")
    say(f"{verdict_line(manifest, proof)} {folder / PROOF_FOLDER / REPORT_FILE}")
    return EXIT_CODES[proof.verdict]


def _push(arguments: argparse.Namespace) -> int:
    from toolkit.shipping.hub import plan_push, push

    if not arguments.repo:
        raise UsageError("export --to hub needs --repo OWNER/NAME: where to push.")
    plan = plan_push(arguments.source, arguments.repo)
    for line in plan.told():
        say(line)
    if not arguments.yes:
        say("Nothing was sent. --yes pushes just this.")
        return EXIT_DONE
    say(f"Pushed to {push(replace(plan))}.")
    return EXIT_DONE


if __name__ == "__main__":
    if os.getppid() != 1:  # the first process of a container has nobody to end with
        die_with_parent()
    sys.exit(main())
