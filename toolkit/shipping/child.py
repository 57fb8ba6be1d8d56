"""Programs behind an export that end with it, even when it is killed: llama.cpp's converter, and its server.

    python -P -m toolkit.shipping.child convert SCRIPT ARGUMENTS ...
    python -P -m toolkit.shipping.child quantise FROM TO TYPE
    python -P -m toolkit.shipping.child serve MODEL CONTEXT PARALLEL THREADS

`serve` writes one JSON line with the server's address on stdout and lives until its standard input is closed.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from toolkit.generation.child import die_with_parent, keep_stdout_for_replies, say


def main(arguments: list[str]) -> int:
    """Do it; returns the exit code."""
    die_with_parent()
    task, *rest = arguments
    if task == "convert":
        return _convert(rest[0], rest[1:])
    if task == "quantise":
        return _quantise(*rest)
    return _serve(*rest)


def _convert(script: str, arguments: list[str]) -> int:
    """As `python SCRIPT ARGUMENTS`: the converter brings modules of its own, which lie beside it."""
    sys.path.insert(0, str(Path(script).parent))
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")
    return 0


def _quantise(source: str, target: str, kind: str) -> int:
    import ctypes

    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    return int(llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)))


def _serve(model: str, context: str, parallel: str, threads: str) -> int:
    import xllamacpp

    replies = keep_stdout_for_replies()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx, parameters.n_parallel = int(context), int(parallel)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(threads)
    parameters.use_jinja, parameters.warmup, parameters.port, parameters.verbosity = True, False, 0, -1
    parameters.hostnames = ["127.0.0.1"]
    server = xllamacpp.Server(parameters)
    say(replies, address=server.listening_address)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
