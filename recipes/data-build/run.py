"""data-build: from sources of how-to pairs to a clean, private, de-duplicated data set with a leak-free held-out test.

    steptune run data-build --preset demo

Reads the sources named in the config (JSONL, CSV, parquet, datasets folders, documents, forum dumps); a teacher may
write more rows. Writes `dataset/` into the run folder: train.jsonl, validation.jsonl, test.jsonl, ledger.jsonl,
leak_certificate.json, card.json, card.md. The same config on the same sources gives the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from toolkit.data.cleaning.anonymise import anonymise_row
from toolkit.data.cleaning.check import Cleaning
from toolkit.data.cleaning.rules import broken_rule
from toolkit.data.pii.quality import measured_quality
from toolkit.data.publishing.export import export
from toolkit.data.publishing.publish import publish, publish_rows
from toolkit.data.reading.chunks import Chunk, read_chunks
from toolkit.data.reading.sources import Source
from toolkit.data.rows import Batch, Dropped, Row
from toolkit.data.selection.balance import oversample, paraphrase
from toolkit.data.selection.curate import Curated, apply_curation
from toolkit.data.selection.split import SPLITS, Split
from toolkit.data.stages import Stages
from toolkit.data.teacher.grid import Domain, Grid
from toolkit.data.teacher.synthesis_prompts import PROMPTS
from toolkit.data.teacher.synthesise import Plan, plan_synthesis, synthesise
from toolkit.data.teacher.teacher import Options, Teacher, prompt_hash
from toolkit.data.teacher.teacher_costs import Budget, Prices
from toolkit.data.teacher.teacher_ledger import AnswerLedger
from toolkit.records import JSON
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings.data_build import DataBuildSettings
from toolkit.terminal.output import say


def main(settings: DataBuildSettings, run: Run) -> Outcome:
    sources = named_sources(settings)
    stages = Stages(
        run.dir / "stages", run.recorder, int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    )
    languages = settings.languages if settings.repair_typos else ()

    collected = stages.collect(sources, settings.strict, languages)
    if not is_main_process():  # rows are cleaned together; what looks at all of them is one process's work
        stages.clean(collected, _cleaning(settings, languages))
        return Outcome({})
    with ExitStack() as open_files:
        teacher = _teacher(settings, run, open_files)
        written = _synthesise(collected.batch, sources, settings, teacher) if teacher else []
        batch = stages.clean(collected, _cleaning(settings, languages), written)
        if "deduplicate" in settings.stages:
            batch = stages.deduplicate(batch, settings.near_duplicate_jaccard)
        curated = apply_curation(
            batch, settings.curation.journals, settings.curation.only_accepted, partial(_mask_row, settings)
        )
        if "split" not in settings.stages:
            publish_rows(run.dir / "rows", curated.batch, run.recorder)
            stages.forget()
            return Outcome({"rows": run.dir / "rows"}, {"rows": len(curated.batch.kept)})
        split = stages.split(
            curated.batch,
            settings.group_jaccard,
            settings.test_share,
            settings.validation_share,
            settings.seed,
            curation=curated.report,
        )
        batch, split = _balance(curated.batch, split, settings, teacher)

    shown = settings.model_dump(
        mode="json", exclude={"sources": True, "teacher": {"answers"}, "curation": {"journals"}}
    )
    further = _card_sections(settings, teacher, curated)
    card = publish(run.dir / "dataset", batch, split, sources, shown, run.recorder, further, with_pictures=True)
    stages.forget()
    return _outcome(settings, run, card)


def _outcome(settings: DataBuildSettings, run: Run, card: JSON) -> Outcome:
    outputs = {"dataset": run.dir / "dataset"}
    if settings.export:
        export(run.dir / "dataset", run.dir / "export", settings.export, card)
        outputs["export"] = run.dir / "export"
    for warning in card["warnings"]:
        run.recorder.event("warning", message=warning)
        say(warning)
    counts = {name: card["splits"][name]["rows"] for name in SPLITS}
    return Outcome(outputs, {"rows": sum(counts.values()), **counts})


def _cleaning(settings: DataBuildSettings, languages: tuple[str, ...]) -> Cleaning:
    return Cleaning(
        settings.anonymise,
        settings.phone_regions,
        settings.min_steps,
        settings.max_steps,
        settings.max_chars,
        settings.anonymise_with == "surrogate",
        languages,
        rules=settings.rules,
        rule_languages=settings.languages,
        stages=settings.stages,
    )


def _balance(batch: Batch, split: Split, settings: DataBuildSettings, teacher: Teacher | None) -> tuple[Batch, Split]:
    asked = settings.balance
    if teacher and asked.paraphrases:
        batch, split = paraphrase(
            batch, split, teacher, asked.paraphrases, asked.paraphrase_share, settings.group_jaccard, settings.seed
        )
    if asked.rare_cell_rows:
        batch, split = oversample(batch, split, asked.rare_cell_rows, asked.most_copies)
    return batch, split


def _card_sections(settings: DataBuildSettings, teacher: Teacher | None, curated: Curated) -> JSON:
    sections: JSON = {"teacher": _teacher_card(settings, teacher)} if teacher else {}
    sections |= {"curation": curated.report} if curated.report else {}
    sections |= (
        {"masking_quality": measured_quality(settings.languages)}
        if "anonymise" in settings.stages and settings.anonymise
        else {}
    )
    sections["warnings"] = [_budget_warning(teacher)] if teacher and teacher.stopped_by_budget else []
    return sections


def _teacher(settings: DataBuildSettings, run: Run, open_files: ExitStack) -> Teacher | None:
    """The teacher if anything is to be asked. Every kind of personal data that is known is masked before it is sent,
    whatever `anonymise` says.
    """
    if not settings.wants_teacher:
        return None
    asked = settings.teacher
    budget = Budget(Prices(asked.price_in, asked.price_out), asked.max_total_tokens, asked.max_cost)
    ledger = open_files.enter_context(AnswerLedger(asked.answers or run.dir / "teacher_answers.jsonl", run.dir.name))
    return Teacher(teacher_options(settings), ledger, budget, partial(mask_text, settings), run.recorder)


def teacher_options(settings: DataBuildSettings) -> Options:
    asked = settings.teacher
    return Options(
        asked.model,
        asked.base_url,
        asked.api_key_env or "",
        asked.temperature,
        asked.max_tokens,
        asked.concurrency,
        asked.timeout_s,
        asked.attempts,
        asked.retries,
        response_format=asked.response_format,
    )


def _mask_row(settings: DataBuildSettings, row: Row) -> Row:
    return anonymise_row(row, settings.anonymise, settings.phone_regions, settings.anonymise_with == "surrogate")


def mask_text(settings: DataBuildSettings, text: str) -> str:
    every_kind = DataBuildSettings.model_fields["anonymise"].default
    return anonymise_row(Row("", "", prompt=text), every_kind, settings.phone_regions).prompt


def _synthesise(
    batch: Batch, sources: list[Source], settings: DataBuildSettings, teacher: Teacher
) -> list[Row | Dropped]:
    """What the teacher writes beside the rows of the sources."""
    plans = plan_calls(batch.kept, read_passages(sources, settings), settings)

    def check(row: Row) -> str:
        return broken_rule(row, settings.rules, settings.languages)

    start = len(batch.kept) + len(batch.dropped)
    return (
        synthesise(
            start, plans, teacher, check, settings.min_steps, settings.max_steps, settings.synthesis.judge_min_score
        )
        if plans
        else []
    )


def plan_calls(rows: Iterable[Row], passages: list[Chunk], settings: DataBuildSettings) -> list[Plan]:
    """The calls that synthesis makes beside these rows of the sources."""
    asked = settings.synthesis
    domains = tuple(Domain(domain.name, domain.apps, domain.tasks) for domain in asked.domains)
    grid = Grid(domains, asked.registers, settings.languages, asked.personas, asked.difficulties)
    return plan_synthesis(grid, rows, passages, asked.rows, asked.grounded_rows, settings.seed)


def read_passages(sources: list[Source], settings: DataBuildSettings) -> list[Chunk]:
    """Passages as the teacher will see them, if it writes from any: masked, so that what it quotes can be found in
    them.
    """
    if not settings.synthesis.grounded_rows:
        return []
    least, most = settings.synthesis.min_passage_chars, settings.synthesis.max_passage_chars
    found = (
        chunk
        for source in sources
        if source.type == "documents"
        for chunk in read_chunks(
            source.path, source.label, source.domain, source.language, source.encoding, least, most
        )
    )
    return [
        replace(chunk, text=mask_text(settings, chunk.text), title=mask_text(settings, chunk.title)) for chunk in found
    ]


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
    return (
        f"The teacher stopped at its budget after {teacher.budget.tokens} tokens (cost {teacher.budget.cost:.2f});"
        " calls that were not made are in the ledger."
    )


def named_sources(settings: DataBuildSettings) -> list[Source]:
    return [
        Source(**{key: value for key, value in source.model_dump().items() if value is not None})
        for source in settings.sources
    ]


if __name__ == "__main__":
    run_recipe(DataBuildSettings, main)
