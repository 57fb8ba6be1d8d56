"""The field's own packages as backends: rouge-score, bert-score, and Hugging Face's evaluate."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolkit.errors import ModelError
from toolkit.evaluation.bertscore import Match, Pair
from toolkit.evaluation.encoder import Encoder
from toolkit.options.evaluation import MetricOptions

_LIKE = {"rouge": "rouge-score", "bertscore": "bert-score"}


def describe(backend: str, metric: str) -> str:
    """The backend as part of a signature, for example `backend:rouge-score-0.1.2`."""
    return (
        f"backend:own,like:{_LIKE[metric]}-{version(_LIKE[metric])}"
        if backend == "own"
        else f"backend:{backend}-{version(backend)}"
    )


def rouge(backend: str, pairs: list[Pair]) -> list[float]:
    """ROUGE-L F of (output, reference) pairs by `rouge-score` or `evaluate`."""
    if backend == "evaluate":
        outputs, references = [output for output, _ in pairs], [reference for _, reference in pairs]
        scores = _evaluate_metric("rouge").compute(
            predictions=outputs, references=references, rouge_types=["rougeL"], use_aggregator=False
        )
        return [float(score) for score in scores["rougeL"]]
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"])
    return [float(scorer.score(reference, output)["rougeL"].fmeasure) for output, reference in pairs]


def bertscore(
    options: MetricOptions, encoder: Encoder, pairs: list[Pair], idf_references: list[str]
) -> dict[Pair, Match]:
    """BERTScore of (output, reference) pairs by `bert-score` or `evaluate`, with their limits.

    Raises:
        ModelError: the package fails on these texts or this model, as it does on empty texts.
    """
    outputs, references = [output for output, _ in pairs], [reference for _, reference in pairs]
    common: dict[str, Any] = {
        "model_type": encoder.source,
        "num_layers": encoder.layer,
        "batch_size": options.bertscore_batch_size,
        "nthreads": 0,  # idf in this process: the package forks a pool, which hangs once torch has threads
    }
    common |= {"rescale_with_baseline": options.bertscore_rescale, "lang": options.bertscore_language}
    if options.bertscore_rescale and Path(encoder.source).is_dir():
        raise ModelError(
            f"bertscore_rescale: {options.bertscore_backend} has no baseline for a folder; use the model's hub id or"
            " bertscore_backend=own."
        )
    try:
        if options.bertscore_backend == "evaluate":
            found = _evaluate_metric("bertscore").compute(
                predictions=outputs, references=references, idf=options.bertscore_idf, **common
            )
            columns = [found[name] for name in ("precision", "recall", "f1")]
        else:
            import bert_score

            scorer = bert_score.BERTScorer(
                idf=options.bertscore_idf, idf_sents=idf_references if options.bertscore_idf else None, **common
            )
            columns = [part.tolist() for part in scorer.score(outputs, references)]
    except (AttributeError, OverflowError, TypeError, ValueError, IndexError, KeyError, AssertionError) as error:
        raise ModelError(
            f"bertscore_backend: {options.bertscore_backend} failed on these texts or this encoder"
            f" ({type(error).__name__}: {str(error)[:120]}); bertscore_backend=own scores them."
        ) from error
    return {pair: Match(*map(float, values)) for pair, *values in zip(pairs, *columns, strict=True)}


def _evaluate_metric(name: str) -> Any:
    import evaluate

    try:
        return evaluate.load(name)
    except (OSError, ImportError) as error:
        raise ModelError(
            f"evaluate could not load its {name} module, which it fetches from the Hugging Face hub"
            f" ({str(error).splitlines()[0][:120]}); choose the backend own, or load it once with a connection."
        ) from error
