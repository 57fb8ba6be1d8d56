"""What the command line says at the end of a pipeline: the result in plain words, one question with both answers, and
after a trial with an embedded model what to do next.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from toolkit.embedded import is_embedded
from toolkit.results.document import Results
from toolkit.results.plain_words import plain_words, typical_example
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.layout import side_by_side, wrap
from toolkit.terminal.output import say

WIDEST = 120
NEXT = (
    ("", "look at the runs, every answer and the report in the screens"),
    ("run pipeline --preset demo data.sources=mine.jsonl", "the same with your own rows"),
    ("run pipeline --dry-run", "what Mistral-7B needs on a GPU, and whether it fits here"),
)


def say_ending(run_folder: RunFolder, results: Results) -> None:
    """Print it, no wider than the terminal."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    for sentence in (results.verdict.plain, results.verdict.numbers, *plain_words(results)):
        say("\n".join(wrap(sentence, width)))
    if example := typical_example(results):
        say("\n" + "\n".join(wrap(f"A typical question: {example.prompt}", width)))
        say("\n".join(side_by_side(example.answers, width)) + "\n")
    if is_embedded(run_folder.info.model or ""):
        say("Next:")
        for arguments, purpose in NEXT:
            say(f"  {f'{_program()} {arguments}'.strip()}\n      {purpose}")
        say()


def _program() -> str:
    """`steptune` as it can be typed here: with its path where the environment is not activated."""
    if shutil.which("steptune"):
        return "steptune"
    path = Path(sys.executable).with_name("steptune")
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
