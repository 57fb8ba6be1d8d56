"""evaluate: several systems' predictions against the human answers, with floors, intervals, paired tests and a report.

    steptune run evaluate predictions.baseline=FILE predictions.tuned=FILE data=dataset

Reads `predictions` (one JSONL file a system), `data` (the references) and `adapter`/training.json. Writes report/ with
results.json, report.md, report.html and model_card.md. With several processes rank 0 does the work and the others end.
"""

from __future__ import annotations

from toolkit.errors import DataError
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.report import write_report
from toolkit.evaluation.results import evaluate_systems, headline
from toolkit.evaluation.scoring import MetricOptions
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings import EvaluateSettings


def main(settings: EvaluateSettings, run: Run) -> Outcome:
    if not is_main_process():
        return Outcome({})
    if settings.data is None or not settings.predictions:
        raise DataError("evaluate needs data=FOLDER and at least one predictions.NAME=FILE; found none.")
    items, source = read_references(settings.data, settings.split, settings.max_rows)
    systems = [read_system(name, path, items) for name, path in settings.predictions.items()]
    human = human_system(items, source)

    results = evaluate_systems(items, systems, human, _metric_options(settings), settings.bootstrap_samples, run.recorder)

    report = run.dir / "report"
    write_report(report, results, settings.adapter)
    print(results["verdict"], f"Report: {report / 'report.html'}", sep="\n")
    return Outcome({"report": report}, headline(results))


def _metric_options(settings: EvaluateSettings) -> MetricOptions:
    return MetricOptions(
        bertscore_model=settings.bertscore_model,
        bertscore_layer=settings.bertscore_layer,
        bertscore_batch_size=settings.bertscore_batch_size,
        rouge_tokenizer=settings.rouge_tokenizer,
        markers=settings.markers,
        min_steps=settings.min_steps,
        max_steps=settings.max_steps,
        seed=settings.seed,
    )


if __name__ == "__main__":
    run_recipe(EvaluateSettings, main)
