"""generate: answer every prompt of a data set with a base model, with examples in its prompt, with the tuned model.

    python recipes/generate/run.py --run-dir DIR      (steptune run generate starts it)

Reads config.yaml in DIR, the model, the adapter (merged once, then cached), and the prompts. Writes predictions.jsonl
in the order of the prompts, generation.json next to it, and partial.jsonl, from which an interrupted run continues;
with two systems each in a folder of its own. With `guard_items` the bundled items of general ability are answered by
the same engine, in guard/ beside them.
"""

from dataclasses import replace
from pathlib import Path

from toolkit.generation.answers import Job, Throughput, answer_requests
from toolkit.generation.choice import decided
from toolkit.generation.environment import set_engine_environment
from toolkit.generation.few_shot import FEW_SHOT, Shots, read_shots, require_room
from toolkit.generation.journal import Journal
from toolkit.generation.prompts import Codec, Prompt, Request, build_requests, guard_prompts, read_prompts
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
from toolkit.guard import GUARD_FOLDER
from toolkit.options.generation import EngineOptions, SamplingOptions
from toolkit.predictions import PREDICTIONS_FILE
from toolkit.records import sha256_json
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.settings.generate import GenerateSettings


def main(settings: GenerateSettings, run: Run) -> Outcome:
    set_engine_environment()
    prompts = read_prompts(settings)
    guarding = guard_prompts() if settings.guard_items else []
    options = decided(settings, [*prompts, *guarding], run.recorder)
    systems = prepare_systems(settings, options, prompts, run)
    folders = {name: run.dir / name if len(systems) > 1 else run.dir for name in systems}
    shots = read_shots(settings) if FEW_SHOT in systems else None
    jobs = {
        name: prepare_job(system, settings, options, prompts, folders[name], shots if name == FEW_SHOT else None)
        for name, system in systems.items()
    }
    guards = {
        name: guard_job(jobs[name], settings, options, guarding, folders[name] / GUARD_FOLDER)
        for name in systems
        if guarding and name != FEW_SHOT  # its weights are the baseline's
    }

    throughput: dict[str, Throughput] = {}
    for group in shared_engines(systems):
        together = [*(jobs[name] for name in group), *(guards[name] for name in group if name in guards)]
        done = answer_requests(together, settings, options, run.recorder)
        throughput |= dict.fromkeys(group, done)

    answers = 0
    for name, job in jobs.items():
        predictions = job.journal.write_predictions(job.requests)
        write_generation(folders[name] / GENERATION_FILE, job, settings, options, throughput[name], predictions)
        answers += len(predictions)
    for name, job in guards.items():
        predictions = job.journal.write_predictions(job.requests)
        write_generation(job.journal.run_dir / GENERATION_FILE, job, settings, options, throughput[name], predictions)
    return Outcome(
        outputs(folders, guarded=list(guards)),
        {"answers": answers, "tokens_per_second": next(iter(throughput.values())).tokens_per_second},
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
    codec = load_codec(system, settings.prompt_format)
    if shots:
        codec = replace(codec, shots=shots)
    requests = requests_for(system, codec, settings, options, prompts, settings)
    if shots:
        require_room(requests, shots, settings.max_new_tokens, context_limit(system, settings.generator.max_model_len))
    folder.mkdir(exist_ok=True)
    return Job(system, codec, requests, Journal(folder))


def guard_job(job: Job, settings: GenerateSettings, options: EngineOptions, prompts: list[Prompt], folder: Path) -> Job:
    """The same system's answers to the items of the guard, one each."""
    once = SamplingOptions.of(settings).model_copy(update={"n": 1})
    folder.mkdir(exist_ok=True)
    return replace(
        job,
        requests=requests_for(job.system, job.codec, settings, options, prompts, once),
        journal=Journal(folder),
    )


def requests_for(
    system: System,
    codec: Codec,
    settings: GenerateSettings,
    options: EngineOptions,
    prompts: list[Prompt],
    sampling: SamplingOptions,
) -> list[Request]:
    """A system's requests, with keys that follow all that decides its answers."""
    context = context_limit(system, settings.generator.max_model_len)
    lossy = ["fp8"] if options.quantization == "fp8" else []  # NF4 is in the system's own fingerprint
    decides = sha256_json([system.fingerprint, options.engine, options.precision, *lossy])
    return build_requests(prompts, codec, sampling, context, decides, system.adapter if system.unmerged else None)


def shared_engines(systems: dict[str, System]) -> list[list[str]]:
    """Systems by engine: those whose weights are the same folder share one, for an unmerged adapter changes none."""
    by_folder: dict[Path, list[str]] = {}
    for name, system in systems.items():
        by_folder.setdefault(system.folder, []).append(name)
    return list(by_folder.values())


def outputs(folders: dict[str, Path], guarded: list[str]) -> dict[str, Path]:
    files = {"predictions": PREDICTIONS_FILE, "generation": GENERATION_FILE, "guard": GUARD_FOLDER}
    return {
        kind if len(folders) == 1 else f"{kind}_{name}": folder / file
        for kind, file in files.items()
        for name, folder in folders.items()
        if kind != "guard" or name in guarded
    }


if __name__ == "__main__":
    run_recipe(GenerateSettings, main)
