"""data-build: sources of how-to questions to a clean data set with a leak-free held-out test.

    steptune run data-build --preset demo

Reads the sources named in the config (JSONL, CSV, Markdown, HTML, Mallard); a teacher may write more rows. Writes `dataset/` into the run folder:
train.jsonl, validation.jsonl, test.jsonl, ledger.jsonl, leak_certificate.json, card.json, card.md. The same config on the
same sources gives the same bytes.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from toolkit.data.anonymise import anonymise_row
from toolkit.data.balance import oversample, paraphrase
from toolkit.data.check import clean
from toolkit.data.chunks import Chunk, read_chunks
from toolkit.data.curate import apply_curation
from toolkit.data.deduplicate import deduplicate
from toolkit.data.export import export
from toolkit.data.grid import Domain, Grid
from toolkit.data.publish import publish
from toolkit.data.rows import Batch, Row
from toolkit.data.rules import broken_rule, check_rules
from toolkit.data.sources import Source, collect
from toolkit.data.split import SPLITS, split_by_groups
from toolkit.data.synthesis_prompts import PROMPTS
from toolkit.data.synthesise import plan_synthesis, synthesise
from toolkit.data.teacher import Options, Teacher, prompt_hash
from toolkit.data.teacher_costs import Budget, Prices
from toolkit.data.teacher_ledger import AnswerLedger
from toolkit.records import JSON
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings.data_build import DataBuildSettings


def main(settings: DataBuildSettings, run: Run) -> Outcome:
    if not is_main_process():  # rows are not sharded: one process does the work, the others have nothing to do
        return Outcome({})
    recorder = run.recorder
    sources = [Source(**_without_nones(source.model_dump())) for source in settings.sources]
    with ExitStack() as open_files:
        teacher = _teacher(settings, run, open_files)
        batch = collect(sources, settings.strict, recorder)
        if teacher and (settings.synthesis.rows or settings.synthesis.grounded_rows):
            batch = _synthesise(batch, sources, settings, teacher)
        batch = clean(batch, settings.anonymise, settings.phone_regions, settings.min_steps, settings.max_steps, settings.max_chars, recorder)
        batch = check_rules(batch, settings.rules, settings.languages, recorder)
        batch = deduplicate(batch, settings.near_duplicate_jaccard, recorder)
        mask_row = partial(anonymise_row, kinds=settings.anonymise, regions=settings.phone_regions)
        curated = apply_curation(batch, settings.curation.journals, settings.curation.only_accepted, mask_row)
        batch = curated.batch
        split = split_by_groups(batch, settings.group_jaccard, settings.test_share, settings.validation_share, settings.seed, recorder)
        if teacher and settings.balance.paraphrases:
            share, count = settings.balance.paraphrase_share, settings.balance.paraphrases
            batch, split = paraphrase(batch, split, teacher, count, share, settings.group_jaccard, settings.seed)
        if settings.balance.rare_cell_rows:
            batch, split = oversample(batch, split, settings.balance.rare_cell_rows, settings.balance.most_copies)

    further: JSON = {"teacher": _teacher_card(settings, teacher)} if teacher else {}
    further |= {"curation": curated.report} if curated.report else {}
    further["warnings"] = [_budget_warning(teacher)] if teacher and teacher.stopped_by_budget else []
    shown = settings.model_dump(mode="json", exclude={"sources": True, "teacher": {"answers"}, "curation": {"journals"}})
    card = publish(run.dir / "dataset", batch, split, sources, shown, recorder, further, with_pictures=True)
    outputs = {"dataset": run.dir / "dataset"}
    if settings.export:
        export(run.dir / "dataset", run.dir / "export", settings.export, card)
        outputs["export"] = run.dir / "export"

    for warning in card["warnings"]:
        recorder.event("warning", message=warning)
        print(warning, flush=True)
    counts = {name: card["splits"][name]["rows"] for name in SPLITS}
    return Outcome(outputs, {"rows": sum(counts.values()), **counts})


def _teacher(settings: DataBuildSettings, run: Run, open_files: ExitStack) -> Teacher | None:
    """The teacher if anything is to be asked. Every kind of personal data that is known is masked before it is sent, whatever `anonymise` says."""
    if not settings.wants_teacher:
        return None
    asked = settings.teacher
    options = Options(
        asked.model, asked.base_url, asked.api_key_env or "", asked.temperature, asked.max_tokens, asked.concurrency, asked.timeout_s,
        asked.attempts, asked.retries, response_format=asked.response_format,
    )  # fmt: skip
    budget = Budget(Prices(asked.price_in, asked.price_out), asked.max_total_tokens, asked.max_cost)
    ledger = open_files.enter_context(AnswerLedger(asked.answers or run.dir / "teacher_answers.jsonl", run.dir.name))
    return Teacher(options, ledger, budget, partial(_mask, settings), run.recorder)


def _mask(settings: DataBuildSettings, text: str) -> str:
    every_kind = DataBuildSettings.model_fields["anonymise"].default
    return anonymise_row(Row("", "", prompt=text), every_kind, settings.phone_regions).prompt


def _synthesise(batch: Batch, sources: list[Source], settings: DataBuildSettings, teacher: Teacher) -> Batch:
    asked = settings.synthesis
    domains = tuple(Domain(domain.name, domain.apps, domain.tasks) for domain in asked.domains)
    grid = Grid(domains, asked.registers, settings.languages, asked.personas, asked.difficulties)
    chunks = _chunks(sources, settings) if asked.grounded_rows else []
    plans = plan_synthesis(grid, batch, chunks, asked.rows, asked.grounded_rows, settings.seed)

    def check(row: Row) -> str:
        return broken_rule(row, settings.rules, settings.languages)

    return synthesise(batch, plans, teacher, check, settings.min_steps, settings.max_steps, asked.judge_min_score)


def _chunks(sources: list[Source], settings: DataBuildSettings) -> list[Chunk]:
    """Passages as the teacher will see them: masked, so that what it quotes can be found in them."""
    least, most = settings.synthesis.min_passage_chars, settings.synthesis.max_passage_chars
    found = (
        chunk
        for source in sources
        if source.type == "documents"
        for chunk in read_chunks(source.path, source.label, source.domain, source.language, source.encoding, least, most)
    )
    return [replace(chunk, text=_mask(settings, chunk.text), title=_mask(settings, chunk.title)) for chunk in found]


def _teacher_card(settings: DataBuildSettings, teacher: Teacher) -> JSON:
    """What the card says of the teacher; the same answers give the same card, however many calls this process made."""
    asked = settings.teacher
    return {
        "model": asked.model,
        "terms": asked.terms or "not stated; some providers restrict training models that compete with theirs",
        "temperature": asked.temperature,
        "prompts": {name: prompt_hash(text) for name, text in PROMPTS.items()},
        "tokens_in": teacher.budget.tokens_in,
        "tokens_out": teacher.budget.tokens_out,
        "cost": round(teacher.budget.cost, 4),
        "failed": dict(sorted(teacher.ledger.failures().items())),
    }


def _budget_warning(teacher: Teacher) -> str:
    return f"The teacher stopped at its budget after {teacher.budget.tokens} tokens (cost {teacher.budget.cost:.2f}); calls that were not made are in the ledger."


def _without_nones(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


if __name__ == "__main__":
    run_recipe(DataBuildSettings, main)
