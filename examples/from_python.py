"""steptune from Python: a data set out of a file of rows, and answers to its questions scored against the people's.

    python examples/from_python.py examples/rows.jsonl [FOLDER]

Writes FOLDER/dataset (`from-python` if none is given). No model is loaded: the "systems" here are the people's own
steps in another order and half of them, to show what the numbers say of answers that are known.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from toolkit.data.publishing.publish import publish
from toolkit.data.stages import Stages
from toolkit.evaluation.inputs import read_references
from toolkit.evaluation.rouge import rouge_l, tokenize
from toolkit.evaluation.steps import strip_markers
from toolkit.options.data import DataBuildOptions
from toolkit.runs.recorder import Recorder


def main(arguments: list[str]) -> int:
    folder = Path(arguments[1] if len(arguments) > 1 else "from-python")
    build(arguments[0], folder)
    items, _ = read_references(folder / "dataset", "test")
    references = [item.reference for item in items]
    for name, answers in (
        ("steps in reverse", ["\n".join(reversed(text.splitlines())) for text in references]),
        ("half of the steps", ["\n".join(text.splitlines()[::2]) for text in references]),
        ("other questions", references[1:] + references[:1]),
    ):
        scores = [rouge_l(words(right), words(given)) for right, given in zip(references, answers, strict=True)]
        print(f"{name:<18} ROUGE-L {np.mean(scores):.3f}, n {len(items)}")
    return 0


def words(text: str) -> list[str]:
    """As evaluate compares them: without the numbers of the steps."""
    return tokenize(strip_markers(text))


def build(source: str, folder: Path) -> None:
    """data-build's stages one after another, with the defaults of `steptune recipes data-build`."""
    options = DataBuildOptions(sources=source, test_share=0.3)
    quiet = Recorder(None)
    stages = Stages(folder / "stages", quiet)
    batch = stages.deduplicate(stages.clean(stages.collect(options), options), options)
    card = publish(folder / "dataset", batch, stages.split(batch, options), options, quiet)
    stages.forget()  # the results of the stages hold what masking took out
    print(", ".join(f"{name} {split.rows}" for name, split in card.splits.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
