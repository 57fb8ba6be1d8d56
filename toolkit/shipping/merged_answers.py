"""What the merged model answered to the rows of a proof: the answers that were measured, or new ones where there are
none that fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from toolkit.errors import DataError
from toolkit.evaluation.inputs import TestItem
from toolkit.generation.environment import choose_dtype
from toolkit.generation.memory import fitting_dtype
from toolkit.generation.prompts import Prompt, build_requests
from toolkit.generation.report import GENERATION_FILE
from toolkit.options.generation import SamplingOptions
from toolkit.predictions import read_predictions
from toolkit.records import JSON, read_json
from toolkit.shipping.manifest import Sampling
from toolkit.shipping.source import Merged

BATCH = 16
Tell = Callable[[str], None]  # what is under way, for whoever waits
_COMPARED = ("max_new_tokens", "temperature", "top_p", "presence_penalty")


def answers_of_merged(
    items: Sequence[TestItem], kept: Path | None, merged: Merged, sampling: Sampling, tell: Tell
) -> list[str]:
    """In the order of the items. Kept answers count where they are this merged model's, with this sampling."""
    if kept is not None and (found := _kept(items, kept, merged, sampling)) is not None:
        return found
    tell(f"Answering {len(items)} test questions with the merged model (transformers).")
    from toolkit.generation.transformers_engine import generate_transformers, load_model

    options = SamplingOptions(**sampling.model_dump())
    prompts = [Prompt(item.id, item.prompt) for item in items]
    requests = build_requests(prompts, merged.codec, options, merged.context, merged.system.fingerprint)
    dtype = fitting_dtype(merged.base_dir, merged.mode, choose_dtype("auto"))
    model = load_model(merged.folder, dtype, merged.trust_remote_code)
    asked = [request for request in requests if request.refused is None]
    texts = {
        finished.request.id: merged.codec.decode(finished.token_ids)
        for finished in generate_transformers(model, BATCH, asked, options, lambda tokens: None)
    }
    return [texts.get(item.id, "") for item in items]


def sampling_of(generation: JSON | None) -> Sampling | None:
    """What a generation.json says that it sampled with."""
    found = (generation or {}).get("sampling")
    if not isinstance(found, dict) or any(name not in found for name in _COMPARED):
        return None
    return Sampling.model_validate({name: found[name] for name in _COMPARED}, strict=False)


def _kept(items: Sequence[TestItem], kept: Path, merged: Merged, sampling: Sampling) -> list[str] | None:
    generation = read_json(kept.parent / GENERATION_FILE) or {}
    if generation.get("adapter_fingerprint") != merged.adapter.fingerprint() or generation.get("shots"):
        return None
    if sampling_of(generation) != sampling or generation.get("merge_mode") != merged.mode:
        return None
    try:
        found = read_predictions(kept, {item.id: item.prompt for item in items})
    except DataError:
        return None
    return [row.output for row in found.values()]
