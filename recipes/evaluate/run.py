"""evaluate: several systems' predictions against the human answers, with floors, intervals, paired tests and a report.

    steptune run evaluate predictions.baseline=FILE predictions.tuned=FILE data=dataset

Reads `predictions` (one JSONL file a system), `data` (the references), `adapter`/training.json, `guard` (answers to the
bundled items) and `study_results`. Writes report/ with results.json, report.md, report.html and model_card.md. With
several processes all encode, rank 0 does the rest.
"""

from __future__ import annotations

from toolkit.errors import DataError
from toolkit.evaluation import ranks
from toolkit.evaluation.contamination import measure_contamination
from toolkit.evaluation.encoder import encode_for_main, fetch_encoder, load_encoder
from toolkit.evaluation.gate import require_at_least
from toolkit.evaluation.guard import guard_systems
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.report import write_report
from toolkit.evaluation.results import evaluate_systems
from toolkit.evaluation.several import require_comparable_runs
from toolkit.evaluation.shipped import shipped_system
from toolkit.evaluation.study_join import read_study
from toolkit.results.headline import headline_of
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings import EvaluateSettings
from toolkit.terminal.output import say


def main(settings: EvaluateSettings, run: Run) -> Outcome:
    fetch_encoder(settings.bertscore_model, run.recorder)
    if not is_main_process():
        encode_for_main(load_encoder(settings.bertscore_model, settings.bertscore_layer), settings.bertscore_batch_size)
        ranks.finish()
        return Outcome({})
    if settings.data is None or not settings.predictions:
        raise DataError("evaluate needs data=FOLDER and at least one predictions.NAME=FILE; found none.")
    items, source = read_references(settings.data, settings.split, settings.max_rows)
    systems = [read_system(name, path, items) for name, path in settings.predictions.items()]
    require_comparable_runs(systems)
    guard = guard_systems(settings.guard, systems, settings.guard_margin)
    shipped = shipped_system(systems, items, settings.ship_margin)
    base = settings.contamination_model
    contamination = measure_contamination(base, items, settings, run.recorder) if base else None
    human = human_system(items, source)
    study = None
    if settings.study_results:
        inputs = {system.name: system.source for system in (*systems, human)}
        study = read_study(settings.study_results, items, inputs, settings.study_lock)
        say(study.provenance)

    results = evaluate_systems(
        items, systems, human, settings, run.recorder, study, settings.judge, guard, contamination, shipped
    )
    ranks.finish()

    report = run.dir / "report"
    write_report(report, results, settings.adapter)
    if shipped:
        say(f"Shipped file: {shipped.text}")
    say(f"{results.verdict.text}\nReport: {report / 'report.html'}")
    require_at_least(results, settings.fail_under, report)
    return Outcome({"report": report}, headline_of(results).to_json())


if __name__ == "__main__":
    run_recipe(EvaluateSettings, main)
