"""Arguments of `steptune merge`, for the command line and for the program behind it. Standard library only: the command
line's help reads them.
"""

from __future__ import annotations

import argparse
from typing import Literal, get_args

MergeChoice = Literal["auto", "dequantised", "base16"]
VERIFY_ROWS = 64


def add_merge_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("adapter", metavar="ADAPTER", help="adapter folder that sft wrote")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the merged model, new or empty")
    parser.add_argument("--base", metavar="MODEL", help="base model, where the adapter does not name it")
    parser.add_argument("--revision", metavar="NAME", help="revision of a base model on the hub")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run Python code that comes with the base model"
    )
    parser.add_argument(
        "--mode",
        choices=get_args(MergeChoice),
        default="auto",
        help="base weights: rounded to NF4 as in training, or 16-bit; auto follows training.json",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="measure logits and greedy text against base + adapter and print the differences",
    )
    parser.add_argument(
        "--verify-rows",
        type=_count,
        metavar="N",
        default=VERIFY_ROWS,
        help=f"questions that --verify asks ({VERIFY_ROWS}); fewer for a large model on a CPU",
    )


def merge_arguments(args: argparse.Namespace) -> list[str]:
    """The command line that `add_merge_arguments` reads as `args`."""
    named = {
        "--out": args.out,
        "--base": args.base,
        "--revision": args.revision,
        "--mode": args.mode,
        "--verify-rows": str(args.verify_rows),
    }
    switches = {"--trust-remote-code": args.trust_remote_code, "--verify": args.verify}
    return [
        args.adapter,
        *(part for name, value in named.items() if value is not None for part in (name, value)),
        *(name for name, is_set in switches.items() if is_set),
    ]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text}")
    return int(text)
