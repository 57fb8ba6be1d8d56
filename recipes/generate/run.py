"""generate: answer every prompt of a data set with a base model, with examples in its prompt, with the tuned model.

    python recipes/generate/run.py --run-dir DIR      (steptune run generate starts it)

Reads config.yaml in DIR, the model, the adapter (merged once, then cached), and the prompts. Writes predictions.jsonl
in the order of the prompts, generation.json next to it, and partial.jsonl, from which an interrupted run continues;
with two systems each in a folder of its own.
"""

from dataclasses import replace
from pathlib import Path

from toolkit.generation.answers import Job, Throughput, answer_requests
from toolkit.generation.choice import decided
from toolkit.generation.environment import set_engine_environment
from toolkit.generation.few_shot import FEW_SHOT, Shots, read_shots, require_room
from toolkit.generation.journal import Journal
from toolkit.generation.prompts import Prompt, build_requests, read_prompts
from toolkit.generation.proof import with_proof
from toolkit.generation.report import GENERATION_FILE, write_generation
from toolkit.generation.system import (
    System,
    base_system,
    context_limit,
    load_codec,
    server_system,
    tuned_system,
)
from toolkit.options.generation import EngineOptions
from toolkit.predictions import PREDICTIONS_FILE
from toolkit.records import sha256_json
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.settings.generate import GenerateSettings


def main(settings: GenerateSettings, run: Run) -> Outcome:
    set_engine_environment()
    prompts = read_prompts(settings)
    options = decided(settings, prompts, run.recorder)
    systems = prepare_systems(settings, options, prompts, run)
    folders = {name: run.dir / name if len(systems) > 1 else run.dir for name in systems}
    shots = read_shots(settings) if FEW_SHOT in systems else None
    jobs = {
        name: prepare_job(system, settings, options, prompts, folders[name], shots if name == FEW_SHOT else None)
        for name, system in systems.items()
    }

    throughput: dict[str, Throughput] = {}
    for group in shared_engines(systems):
        done = answer_requests([jobs[name] for name in group], settings, options, run.recorder)
        throughput |= dict.fromkeys(group, done)

    answers = 0
    for name, job in jobs.items():
        predictions = job.journal.write_predictions(job.requests)
        write_generation(folders[name] / GENERATION_FILE, job, settings, options, throughput[name], predictions)
        answers += len(predictions)
    return Outcome(
        outputs(folders), {"answers": answers, "tokens_per_second": next(iter(throughput.values())).tokens_per_second}
    )


def prepare_systems(
    settings: GenerateSettings, options: EngineOptions, prompts: list[Prompt], run: Run
) -> dict[str, System]:
    """The systems that were asked for, by name, merged and measured."""
    if settings.generator.server:
        return {"server": server_system(settings, settings.generator.server, settings.generator.server_model)}
    in_nf4 = options.weights == "nf4"
    systems: dict[str, System] = {}
    for name in settings.wanted:
        if name in ("baseline", FEW_SHOT):
            systems[name] = base_system(settings, run.recorder, in_nf4)
        else:
            by_peft = options.backend == "transformers"
            tuned = tuned_system(settings, options.applies_adapter, run.recorder, in_nf4, by_peft)
            systems[name] = with_proof(
                tuned,
                [prompt.text for prompt in prompts],
                settings.prompt_format,
                settings.proof_rows,
                options,
                run.dir,
                run.recorder,
            )
    return systems


def prepare_job(
    system: System,
    settings: GenerateSettings,
    options: EngineOptions,
    prompts: list[Prompt],
    folder: Path,
    shots: Shots | None,
) -> Job:
    """A system's requests, and the journal that knows which of them are answered."""
    codec = replace(load_codec(system, settings.prompt_format), shots=shots)
    context = context_limit(system, settings.generator.max_model_len)
    lossy = ["fp8"] if options.quantization == "fp8" else []  # NF4 is in the system's own fingerprint
    decides = sha256_json([system.fingerprint, options.engine, options.precision, *lossy])
    requests = build_requests(prompts, codec, settings, context, decides, system.adapter if system.unmerged else None)
    if shots:
        require_room(requests, shots, settings.max_new_tokens, context)
    folder.mkdir(exist_ok=True)
    return Job(system, codec, requests, Journal(folder))


def shared_engines(systems: dict[str, System]) -> list[list[str]]:
    """Systems by engine: those whose weights are the same folder share one, for an unmerged adapter changes none."""
    by_folder: dict[Path, list[str]] = {}
    for name, system in systems.items():
        by_folder.setdefault(system.folder, []).append(name)
    return list(by_folder.values())


def outputs(folders: dict[str, Path]) -> dict[str, Path]:
    if len(folders) == 1:
        folder = next(iter(folders.values()))
        return {"predictions": folder / PREDICTIONS_FILE, "generation": folder / GENERATION_FILE}
    files = {"predictions": PREDICTIONS_FILE, "generation": GENERATION_FILE}
    return {f"{kind}_{name}": folder / file for kind, file in files.items() for name, folder in folders.items()}


if __name__ == "__main__":
    run_recipe(GenerateSettings, main)
