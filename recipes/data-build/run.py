"""data-build: sources of how-to questions to a clean data set with a leak-free held-out test.

    steptune run data-build --preset demo

Reads the sources named in the config (JSONL, CSV, parquet, datasets folders, documents, forum dumps). Writes `dataset/`
into the run folder: train.jsonl, validation.jsonl, test.jsonl, ledger.jsonl, leak_certificate.json, card.json, card.md.
The same config on the same sources gives the same bytes.
"""

from __future__ import annotations

from typing import Any

from toolkit.data.check import clean
from toolkit.data.deduplicate import deduplicate
from toolkit.data.publish import publish
from toolkit.data.sources import Source, collect
from toolkit.data.split import SPLITS, split_by_groups
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings.data_build import DataBuildSettings


def main(settings: DataBuildSettings, run: Run) -> Outcome:
    if not is_main_process():  # rows are not sharded: one process does the work, the others have nothing to do
        return Outcome({})
    recorder = run.recorder
    sources = [Source(**_without_nones(source.model_dump())) for source in settings.sources]

    collected = collect(sources, settings.strict, recorder)
    limits = (settings.min_steps, settings.max_steps, settings.max_chars)
    cleaned = clean(collected, settings.anonymise, settings.phone_regions, *limits, recorder, settings.anonymise_with == "surrogate")
    unique = deduplicate(cleaned, settings.near_duplicate_jaccard, recorder)
    split = split_by_groups(unique, settings.group_jaccard, settings.test_share, settings.validation_share, settings.seed, recorder)
    card = publish(run.dir / "dataset", unique, split, sources, settings.model_dump(mode="json", exclude={"sources"}), recorder)

    for warning in card["warnings"]:
        recorder.event("warning", message=warning)
        print(warning, flush=True)
    counts = {name: card["splits"][name]["rows"] for name in SPLITS}
    return Outcome({"dataset": run.dir / "dataset"}, {"rows": sum(counts.values()), **counts})


def _without_nones(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


if __name__ == "__main__":
    run_recipe(DataBuildSettings, main)
