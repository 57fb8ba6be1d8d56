"""data-build: sources of how-to questions to a clean data set with a leak-free held-out test.

    steptune run data-build --preset demo

Reads the sources named in the config (JSONL, CSV, parquet, datasets folders, documents, forum dumps). Writes `dataset/`
into the run folder: train.jsonl, validation.jsonl, test.jsonl, ledger.jsonl, leak_certificate.json, card.json, card.md.
The same config on the same sources gives the same bytes.
"""

from __future__ import annotations

import os
from typing import Any

from toolkit.data.check import Cleaning
from toolkit.data.publish import publish, publish_rows
from toolkit.data.sources import Source
from toolkit.data.split import SPLITS
from toolkit.data.stages import Stages
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings.data_build import DataBuildSettings


def main(settings: DataBuildSettings, run: Run) -> Outcome:
    recorder = run.recorder
    sources = [Source(**_without_nones(source.model_dump())) for source in settings.sources]
    stages = Stages(run.dir / "stages", recorder, int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
    languages = settings.languages if settings.repair_typos else ()

    collected = stages.collect(sources, settings.strict, languages)
    batch = stages.clean(collected, _cleaning(settings, languages))
    if not is_main_process():  # rows were cleaned together; what looks at all of them is one process's work
        return Outcome({})
    if "deduplicate" in settings.stages:
        batch = stages.deduplicate(batch, settings.near_duplicate_jaccard)
    if "split" not in settings.stages:
        publish_rows(run.dir / "rows", batch, recorder)
        stages.forget()
        return Outcome({"rows": run.dir / "rows"}, {"rows": len(batch.kept)})
    split = stages.split(batch, settings.group_jaccard, settings.test_share, settings.validation_share, settings.seed)
    card = publish(run.dir / "dataset", batch, split, sources, settings.model_dump(mode="json", exclude={"sources"}), recorder)
    stages.forget()

    for warning in card["warnings"]:
        recorder.event("warning", message=warning)
        print(warning, flush=True)
    counts = {name: card["splits"][name]["rows"] for name in SPLITS}
    return Outcome({"dataset": run.dir / "dataset"}, {"rows": sum(counts.values()), **counts})


def _cleaning(settings: DataBuildSettings, languages: tuple[str, ...]) -> Cleaning:
    return Cleaning(
        settings.anonymise,
        settings.phone_regions,
        settings.min_steps,
        settings.max_steps,
        settings.max_chars,
        settings.anonymise_with == "surrogate",
        languages,
        stages=settings.stages,
    )


def _without_nones(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


if __name__ == "__main__":
    run_recipe(DataBuildSettings, main)
