"""The command `steptune merge`: merge an adapter into its base model, and measure the result if asked.

python -m toolkit.generation.merge_command ADAPTER --out DIR [--mode MODE] [--base MODEL] [--verify]  (`--help`: all)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from toolkit.bundled import recipes_dir
from toolkit.downloads import local_model
from toolkit.errors import ModelError, SteptuneError
from toolkit.generation.adapter import Adapter, choose_merge_mode, read_adapter
from toolkit.generation.base_model import check_base
from toolkit.generation.environment import choose_dtype, set_engine_environment
from toolkit.generation.memory import fitting_dtype
from toolkit.generation.merge import Merged, merge_adapter
from toolkit.generation.merge_folder import PROOF_FILE
from toolkit.generation.system import System
from toolkit.models import fingerprint_model, resolve_model
from toolkit.options.merge import add_merge_arguments
from toolkit.records import iter_jsonl
from toolkit.terminal.output import say, say_error


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="steptune merge", description="Merge an adapter into its base model.")
    add_merge_arguments(parser)
    arguments = parser.parse_args(argv)
    set_engine_environment()
    try:
        adapter = read_adapter(Path(arguments.adapter))
        name = arguments.base or adapter.base_model
        if not name:
            raise ModelError(f"adapter: {arguments.adapter} does not name its base model; give it with --base.")
        resolved = resolve_model(name)
        base_dir = local_model(resolved, arguments.revision)
        check_base(adapter, name, resolved, base_dir, arguments.revision)
        mode = choose_merge_mode(arguments.mode, adapter)
        merged = merge_adapter(adapter, base_dir, Path(arguments.out), mode, arguments.trust_remote_code)
        size = sum(file["bytes"] for file in merged.files.values())
        say(
            f"Merged {arguments.adapter} into {name} ({mode}): {merged.folder}, {size / 1e9:.2f} GB in"
            f" {merged.seconds:.1f} s."
        )
        if arguments.verify:
            say(f"Against base + adapter: {_verify(adapter, merged, resolved, base_dir, arguments)}")
    except SteptuneError as error:
        say_error(str(error))
        return error.exit_code
    return 0


def _verify(adapter: Adapter, merged: Merged, resolved: str, base_dir: Path, arguments: argparse.Namespace) -> str:
    """Measure the merged model on the bundled how-to questions, keep the result with it, and say it in a sentence."""
    from toolkit.generation.reference import measure

    rows = [
        row["prompt"]
        for path in sorted((recipes_dir() / "sample" / "howto").glob("*.jsonl"))
        for row in iter_jsonl(path)
    ]
    every = max(1, len(rows) // arguments.verify_rows)
    system = System(
        merged.folder,
        resolved,
        fingerprint_model(str(base_dir)),
        adapter=adapter.folder,
        merge_mode=merged.mode,
        trust_remote_code=arguments.trust_remote_code,
        base_dir=base_dir,
    )
    dtype = fitting_dtype(base_dir, merged.mode, choose_dtype("auto"))
    measured = measure(system, rows[::every][: arguments.verify_rows], dtype=dtype)
    measured.write(merged.folder / PROOF_FILE)
    return str(measured.proof)


if __name__ == "__main__":
    sys.exit(main())
