"""data-build: from sources of how-to pairs to a clean, private, de-duplicated data set with a leak-free held-out test.

    steptune run data-build --preset demo

Reads the sources named in the config (tables, JSON, documents, forum dumps, tickets), and finds out what a source is
that says nothing but its path; a teacher may write more rows. Writes `dataset/` into the run folder: train.jsonl,
validation.jsonl, test.jsonl, ledger.jsonl, leak_certificate.json, card.json, card.md. The same config on the same
sources gives the same bytes.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial

from toolkit.config import dump
from toolkit.data.cleaning.anonymise import anonymise_row, mask_every_kind
from toolkit.data.cleaning.rules import broken_rule
from toolkit.data.pii.quality import measured_quality
from toolkit.data.publishing.export import export
from toolkit.data.publishing.publish import publish, publish_rows
from toolkit.data.reading.sniff import explicit_sources
from toolkit.data.rows import Batch, Dropped, Row
from toolkit.data.selection.curate import Curated, apply_curation
from toolkit.data.selection.oversample import oversample
from toolkit.data.selection.split import Split, teacher_rows_in_train
from toolkit.data.stages import Stages
from toolkit.data.teacher.paraphrase import paraphrase
from toolkit.data.teacher.plan import plan_calls, read_passages
from toolkit.data.teacher.synthesis_prompts import PROMPTS
from toolkit.data.teacher.synthesise import synthesise
from toolkit.data.teacher.teacher import Teacher, prompt_hash
from toolkit.data.teacher.teacher_ledger import AnswerLedger
from toolkit.dataset_folder.documents import CardSections, TeacherSection
from toolkit.dataset_folder.names import SPLITS
from toolkit.options.data import ReadingOptions
from toolkit.records import write_text
from toolkit.run_folder.documents import EventName
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings.data_build import DataBuildSettings
from toolkit.terminal.output import say

EXPLICIT = "explicit.yaml"  # the config with every source named, in the run folder


def main(settings: DataBuildSettings, run: Run) -> Outcome:
    settings = _with_explicit_sources(settings, run)
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    stages = Stages(run.dir / "stages", run.recorder, rank, processes)
    collected = stages.collect(settings, settings.repaired_languages)
    if not is_main_process():  # rows are cleaned together; what looks at all of them is one process's work
        stages.clean(collected, settings)
        return Outcome({})
    with ExitStack() as open_files:
        teacher = _teacher(settings, run, open_files)
        written = _synthesise(collected.batch, settings, teacher) if teacher else []
        batch = stages.clean(collected, settings, written)
        if "deduplicate" in settings.stages:
            batch = stages.deduplicate(batch, settings)
        curated = apply_curation(batch, settings.curation, partial(anonymise_row, options=settings))
        if "split" in settings.stages:
            split = stages.split(curated.batch, settings, curated.report)
            batch = curated.batch
            if written and not settings.synthesis.held_out:
                batch, split = teacher_rows_in_train(batch, split)
            outcome = _publish(*_balance(batch, split, settings, teacher), settings, run, teacher, curated)
        else:
            publish_rows(run.dir / "rows", curated.batch, run.recorder)
            outcome = Outcome({"rows": run.dir / "rows"}, {"rows": len(curated.batch.kept)})
    stages.forget()
    return outcome


def _with_explicit_sources(settings: DataBuildSettings, run: Run) -> DataBuildSettings:
    """The settings with the kind and the columns of every source; what was found out is said, and written into the
    run.
    """
    found = explicit_sources(settings.sources)
    if all(one.said == "" for one in found):
        return settings
    settings = settings.with_options(ReadingOptions(sources=tuple(one.source for one in found), strict=settings.strict))
    if is_main_process():
        for one in found:
            told = [f"taken for {one.said}"] if one.said else []
            for text in [*told, *([f"warning: {one.warning}"] if one.warning else [])]:
                run.recorder.event(EventName.TAKEN_FOR, message=f"{one.source.label}: {text}")
                say(f"{one.source.label}: {text}")
        write_text(run.dir / EXPLICIT, dump(settings))
    return settings


def _teacher(settings: DataBuildSettings, run: Run, open_files: ExitStack) -> Teacher | None:
    """The teacher if anything is to be asked."""
    if not settings.wants_teacher:
        return None
    path = settings.teacher.answers or run.dir / "teacher_answers.jsonl"
    ledger = open_files.enter_context(AnswerLedger(path, run.dir.name))
    return Teacher(settings.teacher, ledger, partial(mask_every_kind, options=settings), run.recorder)


def _synthesise(batch: Batch, settings: DataBuildSettings, teacher: Teacher) -> list[Row | Dropped]:
    """What the teacher writes in addition to the rows of the sources."""
    plans = plan_calls(batch.kept, read_passages(settings), settings)
    if not plans:
        return []
    start = len(batch.kept) + len(batch.dropped)
    check = partial(broken_rule, options=settings)
    return synthesise(start, plans, teacher, check, settings, settings.synthesis.judge_min_score)


def _balance(batch: Batch, split: Split, settings: DataBuildSettings, teacher: Teacher | None) -> tuple[Batch, Split]:
    if teacher and settings.balance.paraphrases:
        batch, split = paraphrase(batch, split, teacher, settings.balance, settings)
    if settings.balance.rare_cell_rows:
        batch, split = oversample(batch, split, settings.balance)
    return batch, split


def _publish(
    batch: Batch, split: Split, settings: DataBuildSettings, run: Run, teacher: Teacher | None, curated: Curated
) -> Outcome:
    sections = _card_sections(settings, teacher, curated)
    card = publish(run.dir / "dataset", batch, split, settings, run.recorder, sections, with_pictures=True)
    outputs = {"dataset": run.dir / "dataset"}
    if settings.export:
        export(run.dir / "dataset", run.dir / "export", settings.export, card)
        outputs["export"] = run.dir / "export"
    if card.worth_a_look:
        say("\n".join(["Worth a look:", *(f"  - {line}" for line in card.worth_a_look)]))
    counts = {name: card.splits[name].rows for name in SPLITS}
    return Outcome(outputs, {"rows": sum(counts.values()), **counts}, card.worth_a_look)


def _card_sections(settings: DataBuildSettings, teacher: Teacher | None, curated: Curated) -> CardSections:
    """What the card says in addition to what every card says."""
    masks = "anonymise" in settings.stages and settings.anonymise
    is_audited = curated.report is not None and curated.report.audit is not None  # own numbers before generated ones
    return CardSections(
        teacher=_teacher_section(settings, teacher) if teacher else None,
        curation=curated.report,
        masking_quality=measured_quality(settings.languages) if masks and not is_audited else None,
        warnings=[_budget_warning(teacher)] if teacher and teacher.stopped_by_budget else [],
    )


def _teacher_section(settings: DataBuildSettings, teacher: Teacher) -> TeacherSection:
    """What the card says of the teacher; the same answers give the same card, however many calls this process made."""
    asked = settings.teacher
    return TeacherSection(
        model=asked.model,
        terms=asked.terms or "not stated; some providers restrict training models that compete with theirs",
        temperature=asked.temperature,
        prompts={name: prompt_hash(text) for name, text in PROMPTS.items()},
        tokens_in=teacher.budget.tokens_in,
        tokens_out=teacher.budget.tokens_out,
        cost=round(teacher.budget.cost, 4),
        failed=dict(sorted(teacher.ledger.failures().items())),
    )


def _budget_warning(teacher: Teacher) -> str:
    return (
        f"The teacher stopped at its budget after {teacher.budget.tokens} tokens (cost {teacher.budget.cost:.2f});"
        " calls that were not made are in the ledger."
    )


if __name__ == "__main__":
    run_recipe(DataBuildSettings, main)
