"""Has the base model seen the test questions? The likelihood of each against twins with other opening words.

A twin says the same with the opening of another test question: "How do I" for "How can I". What is compared is the
likelihood of the words that both share, given the opening; a model that learnt a question by heart expects them after
the question's own words most of all. Each opening takes part as often as the questions have it, so that an opening
which makes any rest likelier adds nothing to the mean. That people choose an opening which suits the rest does add.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolkit.device import device_kind
from toolkit.downloads import local_model
from toolkit.errors import ModelError
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.intervals import Floats, cluster, mean_interval
from toolkit.models import resolve_model
from toolkit.options.evaluation import BootstrapOptions, MetricOptions
from toolkit.results.contamination import Contamination
from toolkit.runs.recorder import Recorder

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Openings that can stand for each other, by language: each is followed by a bare verb.
OPENINGS = (
    (
        "How do I",
        "How can I",
        "How should I",
        "How would I",
        "How do you",
        "How can you",
        "How do we",
        "How can we",
        "How to",
        "What is the best way to",
        "What's the best way to",
        "What is the right way to",
        "What is the correct way to",
        "What is the proper way to",
        "What is the way to",
        "What's the way to",
        "What do I need to do to",
        "How may I",
        "How might I",
        "How does one",
        "Could you tell me how to",
        "Could you explain how to",
        "Can you tell me how to",
        "Please explain how to",
    ),
    (
        "Bagaimana cara",
        "Bagaimana caranya",
        "Bagaimana saya bisa",
        "Bagaimana saya dapat",
        "Bagaimana langkah-langkah",
        "Bagaimana prosedur",
        "Gimana cara",
        "Gimana caranya",
        "Mohon dijelaskan cara",
        "Apa cara terbaik untuk",
        "Apa langkah untuk",
    ),
)
_LEAST_WORDS = 3
_BATCH = 8
_REACH = (-20.0, 20.0)  # nats a token
# Token ids of an opening and of what follows; gives the mean log likelihood of a token of the latter, for each pair.
Score = Callable[[Sequence[tuple[list[int], list[int]]]], Iterator[float]]


@dataclass(frozen=True)
class Question:
    """A test question cut after its opening; `family` are the openings that could stand there."""

    opening: str
    rest: str
    family: int


def cut(question: str) -> Question | None:
    """The question as opening and rest; None where it has no known opening, or hardly a rest."""
    text = " ".join(question.split())
    for family, openings in enumerate(OPENINGS):
        for opening in sorted(openings, key=len, reverse=True):
            if re.match(rf"{re.escape(opening)}\s", text, re.IGNORECASE):
                rest = text[len(opening) :]
                return Question(opening, rest, family) if len(rest.split()) >= _LEAST_WORDS else None
    return None


def measure_contamination(
    model: str, items: Sequence[TestItem], options: MetricOptions, recorder: Recorder
) -> Contamination:
    """The difference with its interval, over groups of items.

    Raises:
        ModelError: the model cannot be loaded.
        Cancelled: the run was asked to stop.
    """
    cuts = [cut(item.prompt) for item in items]
    tokenizer, base = _load(model, recorder)
    found = _differences(cuts, tokenizer, _scorer(base, recorder))
    places = [index for index, value in enumerate(found) if not np.isnan(value)]
    values, groups = found[places], [items[index].group for index in places]
    known = [cuts[index] for index in places]
    interval = (
        mean_interval(cluster(values, groups), BootstrapOptions.of(options).bootstrap_samples, options.seed, _REACH)
        if places
        else None
    )
    return Contamination(
        model=model,
        n=len(places),
        questions=len(items),
        openings=dict(sorted(Counter(question.opening for question in known if question).items())),
        difference=float(values.mean()) if interval else None,
        ci95=interval,
    )


def _differences(cuts: Sequence[Question | None], tokenizer: PreTrainedTokenizerBase, score: Score) -> Floats:
    """By question how much likelier its rest is after its own opening; NaN where there is no twin.

    Within a family of openings with shares p, v = (s(own) - sum of p times s) / (1 - sum of p squared): its mean is the
    effect of the own opening in the model s = question + opening + own.
    """
    found = np.full(len(cuts), np.nan)
    for family in range(len(OPENINGS)):
        places = [index for index, question in enumerate(cuts) if question and question.family == family]
        openings = Counter(question.opening for index in places if (question := cuts[index]))
        pairs = {index: _encoded(cuts[index], openings, tokenizer) for index in places}
        pairs = {index: own for index, own in pairs.items() if own}
        shares = Counter(question.opening for index in pairs if (question := cuts[index]))
        if len(shares) < 2:
            continue
        p = {opening: count / len(pairs) for opening, count in shares.items()}
        scores = score([own[opening] for own in pairs.values() for opening in p])
        for index in pairs:
            likelihood = {opening: next(scores) for opening in p}
            question = cuts[index]
            assert question is not None
            expected = sum(share * likelihood[opening] for opening, share in p.items())
            found[index] = (likelihood[question.opening] - expected) / (1 - sum(share**2 for share in p.values()))
    return found


def _encoded(
    question: Question | None, openings: Mapping[str, int], tokenizer: PreTrainedTokenizerBase
) -> dict[str, tuple[list[int], list[int]]]:
    """Ids of each opening and of the rest after it; {} where the rest is not the same tokens after all of them."""
    assert question is not None
    pairs = {}
    for opening in openings:
        before, whole = (list(tokenizer(text).input_ids) for text in (opening, opening + question.rest))
        if whole[: len(before)] != before:
            return {}
        pairs[opening] = (before, whole[len(before) :])
    return pairs if len({tuple(rest) for _, rest in pairs.values()}) == 1 else {}


def _load(model: str, recorder: Recorder) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    on_gpu = device_kind() == "cuda"
    folder = local_model(resolve_model(model), recorder=recorder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype="auto" if on_gpu else "float32").eval()
    except (OSError, ValueError) as error:
        raise ModelError(
            f"contamination_model: {model} cannot be loaded as a causal language model ({str(error)[:200]}); give the"
            " base model that was trained."
        ) from error
    return tokenizer, loaded.to("cuda:0" if on_gpu else "cpu")


def _scorer(model: PreTrainedModel, recorder: Recorder) -> Score:
    def score(pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[float]:
        for start in range(0, len(pairs), _BATCH):
            yield from _batch_scores(model, pairs[start : start + _BATCH])
            recorder.progress("contamination", min(start + _BATCH, len(pairs)), len(pairs))
            recorder.check_stop()

    return score


def _batch_scores(model: PreTrainedModel, pairs: Sequence[tuple[list[int], list[int]]]) -> list[float]:
    import torch

    longest = max(len(before) + len(rest) for before, rest in pairs)
    ids = torch.zeros((len(pairs), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, (before, rest) in enumerate(pairs):
        ids[row, : len(before) + len(rest)] = torch.tensor([*before, *rest])
        mask[row, : len(before) + len(rest)] = 1
    with torch.inference_mode():
        logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits
        likely = logits.float().log_softmax(-1).cpu()
    return [
        float(likely[row, len(before) - 1 : len(before) + len(rest) - 1].gather(1, torch.tensor(rest)[:, None]).mean())
        for row, (before, rest) in enumerate(pairs)
    ]
