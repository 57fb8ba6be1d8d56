"""Whether the shipped template and tokenizer make the trained token ids of a question, in the runtime that will serve.

A question may hold the text of a control token. Training and generate keep it text; a runtime that gets a rendered text
reads it as the token, whatever is shipped. Such questions are counted apart and decide nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from toolkit.bundled import recipes_dir
from toolkit.generation.prompts import Codec
from toolkit.prompting import control_tokens
from toolkit.records import iter_jsonl
from toolkit.results.shipped import ShipCheck
from toolkit.shipping.questions import CONTROL, EDGES, Question, questions


@dataclass
class Compared:
    """`asked` and `equal` questions by class; `example` is the first that differs and decides."""

    asked: Counter[str] = field(default_factory=Counter)
    equal: Counter[str] = field(default_factory=Counter)
    example: str = ""


def proof_questions(codec: Codec) -> list[Question]:
    """Made from the bundled how-to questions, so that a proof asks the same wherever it runs."""
    paths = sorted((recipes_dir() / "sample" / "howto").glob("*.jsonl"))
    real = [str(row["prompt"]) for path in paths for row in iter_jsonl(path)]
    return questions(real, sorted(control_tokens(codec.tokenizer).values()))


def check_prompts(
    asked: Iterable[Question],
    codec: Codec,
    results: Iterable[list[int]],
    runtime: str,
    apart: frozenset[str] = frozenset(),
) -> ShipCheck:
    """Compare a runtime's ids with the trained ones.

    Args:
        results: the runtime's ids, in the order of the questions.
        apart: further classes that this runtime cannot render as trained by its documented rules.
    """
    undecided = {CONTROL} | apart
    compared = Compared()
    for question, found in zip(asked, results, strict=True):
        wanted = codec.encode(question.text)
        compared.asked[question.kind] += 1
        compared.equal[question.kind] += found == wanted
        if found != wanted and question.kind not in undecided and not compared.example:
            compared.example = _difference(question, wanted, found, codec)
    return _verdict(compared, undecided, runtime)


def white_space_apart(codec: Codec) -> frozenset[str]:
    """For runtimes whose templates cannot cut white space off."""
    return frozenset({EDGES, "any characters", "control characters"} if codec.prompt_format.trims else ())


def _verdict(compared: Compared, undecided: set[str], runtime: str) -> ShipCheck:
    counted = [kind for kind in compared.asked if kind not in undecided]
    asked, equal = (sum(counts[kind] for kind in counted) for counts in (compared.asked, compared.equal))
    parts = [f"{equal} of {asked} questions have the trained token ids in {runtime}"]
    parts += [
        f"{kind}: {compared.equal[kind]} of {compared.asked[kind]} (counted apart)"
        for kind in compared.asked
        if kind in undecided
    ]
    if compared.example:
        worst = max(counted, key=lambda kind: compared.asked[kind] - compared.equal[kind])
        parts.append(f"most differ in: {worst}. {compared.example}")
    return ShipCheck(name="prompts", passed=equal == asked, found="; ".join(parts))


def _difference(question: Question, wanted: list[int], found: list[int], codec: Codec) -> str:
    place = next(
        (at for at, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), min(map(len, (wanted, found)))
    )
    bos = codec.tokenizer.bos_token_id
    if bos is not None and found[:2] == [bos, bos] and wanted[:2] != [bos, bos]:
        return f"The prompt begins with two BOS tokens ({bos})."
    text = question.text if len(question.text) < 60 else question.text[:57] + "..."
    return (
        f"First: {text!r} at token {place}: trained {wanted[place : place + 4]}, shipped {found[place : place + 4]}"
        f" ({len(wanted)} and {len(found)} tokens)."
    )
