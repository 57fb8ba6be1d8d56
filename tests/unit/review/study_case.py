"""A small study of sample predictions, and raters who answer by a rule."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

from toolkit.records import JSON, read_examples, sha256_text
from toolkit.review.study.create import Created, create_study
from toolkit.review.study.inputs import read_inputs
from toolkit.review.study.key import read_key
from toolkit.review.study.packet import find_packet, read_packet
from toolkit.review.study.plan import StudyPlan
from toolkit.review.study.session import Session, Task

SAMPLE = Path(__file__).resolve().parents[3] / "recipes" / "sample" / "howto"
QUALITY = {"human": 4.4, "tuned": 3.6, "baseline": 1.8}
Rule = Callable[[str], float]  # a source's level on the scale of 1 to 5


def sample_files(folder: Path, count: int = 12) -> tuple[Path, dict[str, Path]]:
    """References and two systems' predictions: `tuned` drops the last step, `baseline` gives the answer to another
    question.
    """
    rows = [row for path in sorted(SAMPLE.glob("*.jsonl")) for row in read_examples(path)[:8]][:count]
    folder.mkdir(parents=True, exist_ok=True)
    references = folder / "references.jsonl"
    references.write_text("".join(json.dumps(row.to_json()) + "\n" for row in rows), encoding="utf-8")
    made = {
        "baseline": [rows[(at + 1) % len(rows)].output.replace("2.", "2. First,", 1) for at in range(len(rows))],
        "tuned": ["\n".join(row.output.splitlines()[:-1]) for row in rows],
    }
    files = {}
    for name, outputs in made.items():
        files[name] = folder / f"{name}.jsonl"
        lines = [
            {"id": row.id, "prompt": row.prompt, "output": output, "finish_reason": "stop"}
            for row, output in zip(rows, outputs, strict=True)
        ]
        files[name].write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return references, files


def make_study(
    folder: Path, raters: Sequence[str] = ("anna", "ben"), passphrase: str = "", count: int = 12, **plan: object
) -> Created:
    """A study of six of twelve questions in `folder`/study."""
    references, files = sample_files(folder, count)
    options: JSON = {
        "items": 6,
        "core_items": 2,
        "bootstrap_samples": 100,
        "practice_units": 1,
        "guess_units": 2,
        **plan,
    }
    inputs, checked = read_inputs(references, files), StudyPlan.model_validate(options)
    with patch(
        "secrets.token_hex", return_value=sha256_text(folder.name)
    ):  # what is random in earnest is the same each time here
        return create_study(folder / "study", inputs, list(raters), checked, folder / "study.key", passphrase, True)


def answer(session: Session, task: Task, source: str, sources: Sequence[str], rule: Rule, noise: random.Random) -> None:
    """Say what a rater with this rule says."""
    if task.kind == "scores":
        level = max(1, min(5, round(rule(source) + noise.gauss(0, 0.6))))
        session.rate(task, {criterion.name: level for criterion in session.packet.criteria}, critical=level == 1)
    elif task.kind == "rank":
        order = sorted({rule(name) for name in sources}, reverse=True)
        session.rank(task, [order.index(rule(name)) + 1 for name in sources])
    else:
        session.guess(task, noise.choice([None, *range(len(session.packet.guess_options))]))


def quality(source: str) -> float:
    return QUALITY.get(source, 2.2)


def rate_all(made: Created, rater: str, rule: Rule = quality, seed: int = 1) -> None:
    """Everything of a packet, by a rater who knows the key and follows the rule."""
    units = read_key(made.key_file).body["units"][rater]
    noise = random.Random(f"{rater}{seed}")
    with Session(read_packet(find_packet(made.folder.path, rater))) as session:
        for task in session.tasks:
            sources = units[task.unit.name]["sources"]
            answer(session, task, "" if task.answer is None else sources[task.answer], sources, rule, noise)
