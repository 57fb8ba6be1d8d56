"""generate: answer every prompt of a data set with a base model, with the model that sft tuned, or with both.

    python recipes/generate/run.py --run-dir DIR      (steptune run generate starts it)

Reads config.yaml in DIR, the model, the adapter (merged once, then cached), and the prompts. Writes predictions.jsonl
in the order of the prompts, generation.json beside it, and partial.jsonl, from which an interrupted run continues; with
two systems each in a folder of its own.
"""

from pathlib import Path

from toolkit.generation.answers import Job, Throughput, answer_requests
from toolkit.generation.engine import EngineOptions
from toolkit.generation.environment import choose_dtype, engines_for, set_engine_environment
from toolkit.generation.journal import PREDICTIONS_FILE, Journal
from toolkit.generation.prompts import Prompt, Sampling, build_requests, read_prompts
from toolkit.generation.proof import with_proof
from toolkit.generation.report import GENERATION_FILE, write_generation
from toolkit.generation.system import (
    ModelSource,
    System,
    base_system,
    context_limit,
    load_codec,
    server_system,
    tuned_system,
)
from toolkit.records import sha256_json
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.settings.generate import GenerateSettings, GeneratorSettings


def main(settings: GenerateSettings, run: Run) -> Outcome:
    set_engine_environment()
    assert settings.data is not None, "data is required; the command line checks it"
    prompts = read_prompts(settings.data, settings.split, settings.max_rows)
    sampling = Sampling(settings.max_new_tokens, settings.temperature, settings.top_p, settings.seed, settings.n)
    options = engine_options(settings.generator, settings.trust_remote_code)
    systems = prepare_systems(settings, prompts, run)
    folders = {name: run.dir / name if len(systems) > 1 else run.dir for name in systems}
    jobs = {
        name: prepare_job(system, settings, options, prompts, sampling, folders[name])
        for name, system in systems.items()
    }

    throughput: dict[str, Throughput] = {}
    for group in shared_engines(systems):
        ranks = [systems[name].lora_rank or 0 for name in group]
        for_group = options.with_lora_rank(max(ranks) or None)
        done = answer_requests([jobs[name] for name in group], sampling, for_group, run.recorder)
        throughput |= dict.fromkeys(group, done)

    answers = 0
    for name, job in jobs.items():
        predictions = job.journal.write_predictions(job.requests)
        write_generation(folders[name] / GENERATION_FILE, job, sampling, options, throughput[name], predictions)
        answers += len(predictions)
    return Outcome(
        outputs(folders), {"answers": answers, "tokens_per_second": next(iter(throughput.values())).tokens_per_second}
    )


def prepare_systems(settings: GenerateSettings, prompts: list[Prompt], run: Run) -> dict[str, System]:
    """The systems that were asked for, by name, merged and measured."""
    source = ModelSource(settings.model, settings.revision, settings.trust_remote_code)
    if settings.generator.server:
        return {"server": server_system(source, settings.generator.server, settings.generator.server_model)}
    systems: dict[str, System] = {}
    for name in settings.systems or (["tuned"] if settings.adapter else ["baseline"]):
        if name == "baseline":
            systems[name] = base_system(source)
        else:
            assert settings.adapter is not None, "tuned needs an adapter; the settings check it"
            tuned = tuned_system(
                source, settings.adapter, settings.merge_mode, settings.generator.unmerged, run.recorder
            )
            systems[name] = with_proof(
                tuned, [prompt.text for prompt in prompts], settings.prompt_format, settings.proof_rows, run.recorder
            )
    return systems


def prepare_job(
    system: System,
    settings: GenerateSettings,
    options: EngineOptions,
    prompts: list[Prompt],
    sampling: Sampling,
    folder: Path,
) -> Job:
    """A system's requests, and the journal that knows which of them are answered."""
    codec = load_codec(system, settings.prompt_format)
    context = context_limit(system, settings.generator.max_model_len)
    decides = sha256_json([system.fingerprint, options.backend, options.dtype])
    requests = build_requests(prompts, codec, sampling, context, decides, system.adapter if system.unmerged else None)
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


def engine_options(generator: GeneratorSettings, trust_remote_code: bool) -> EngineOptions:
    executor = generator.distributed_executor_backend
    return EngineOptions(
        backend="server" if generator.server else generator.backend,
        dtype="server" if generator.server else choose_dtype(generator.dtype),
        max_num_seqs=generator.max_num_seqs,
        data_parallel_size=engines_for(
            generator.data_parallel_size, generator.tensor_parallel_size * generator.pipeline_parallel_size
        ),
        tensor_parallel_size=generator.tensor_parallel_size,
        pipeline_parallel_size=generator.pipeline_parallel_size,
        distributed_executor_backend=None if executor == "auto" else executor,
        gpu_memory_utilization=generator.gpu_memory_utilization,
        cpu_kv_cache_gib=generator.cpu_kv_cache_gib,
        enforce_eager=generator.enforce_eager,
        trust_remote_code=trust_remote_code,
        server=generator.server,
        server_model=generator.server_model,
    )


if __name__ == "__main__":
    run_recipe(GenerateSettings, main)
