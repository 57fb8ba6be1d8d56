"""Arguments of `steptune export` and `steptune prove`, for the command line and for the programs behind it. Standard
library only: the command line's help reads them.
"""

from __future__ import annotations

import argparse
from typing import Final

TARGETS: Final = ("folder", "gguf", "ollama", "fp8", "int4", "hub")
QUANTS: Final = ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "bf16", "f16")


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="RUN",
        help="run with an adapter, or an adapter folder; for hub also an export or a data set folder",
    )
    parser.add_argument("--to", choices=TARGETS, required=True, help="what is written; hub pushes")
    parser.add_argument("--out", metavar="DIR", help="folder of the export, new or empty (default: exports/RUN-TYPE)")
    parser.add_argument("--quant", choices=QUANTS, default="q8_0", help="weights of a GGUF file (default q8_0)")
    parser.add_argument("--base", metavar="MODEL", help="base model, where the adapter does not name it, or it moved")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run Python code that comes with the base model"
    )
    parser.add_argument(
        "--data", metavar="PATH", help="data set or JSONL file that the proof answers (default: the run's)"
    )
    parser.add_argument(
        "--margin", type=_margin, metavar="X", help="largest loss of ROUGE-L against the merged model (default 0.05)"
    )
    parser.add_argument("--no-proof", action="store_true", help="write it, and leave the proof to `steptune prove`")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="for hub: where to push")
    parser.add_argument("--yes", action="store_true", help="for hub: push; without it, only show what would go")


def add_prove_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("export", metavar="EXPORT", help="folder that `steptune export` wrote")
    parser.add_argument("--base", metavar="MODEL", help="base model, where it moved")
    parser.add_argument("--adapter", metavar="DIR", help="adapter folder, where it moved")
    parser.add_argument(
        "--no-answers", action="store_true", help="leave the test set's answers out; the verdict stays open"
    )


def _margin(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number between 0 and 1")
    return value
