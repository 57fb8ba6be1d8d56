"""generate: answer every prompt of a data set with a base model, or with the model that sft tuned.

    python recipes/generate/run.py --run-dir DIR      (steptune run generate starts it)

Reads config.yaml in DIR, the model, the adapter (merged once, then cached), and the prompts. Writes predictions.jsonl in
the order of the prompts, generation.json beside it, and partial.jsonl, from which an interrupted run continues.
"""

from toolkit.generation.answers import GENERATION_FILE, answer_requests, write_generation
from toolkit.generation.engine import EngineOptions
from toolkit.generation.environment import choose_dtype, set_engine_environment
from toolkit.generation.journal import PREDICTIONS_FILE, Journal
from toolkit.generation.prompts import Sampling, build_requests, read_prompts
from toolkit.generation.system import context_limit, load_codec, prepare_system
from toolkit.records import sha256_json
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.settings.generate import GenerateSettings, GeneratorSettings


def main(settings: GenerateSettings, run: Run) -> Outcome:
    set_engine_environment(settings.generator.tensor_parallel_size)
    assert settings.data is not None, "data is required; the command line checks it"
    prompts = read_prompts(settings.data, settings.split, settings.max_rows)
    system = prepare_system(settings.model, settings.adapter, settings.merge_mode, settings.revision, settings.trust_remote_code, run.recorder)

    codec = load_codec(system, settings.prompt_format)
    sampling = Sampling(settings.max_new_tokens, settings.temperature, settings.top_p, settings.seed)
    options = engine_options(settings.generator, settings.trust_remote_code)
    context = context_limit(system, settings.generator.max_model_len)
    requests = build_requests(prompts, codec, sampling, context, sha256_json([system.fingerprint, options.backend, options.dtype]))

    journal = Journal(run.dir)
    throughput = answer_requests(requests, journal, system, codec, sampling, options, run.recorder)
    predictions = journal.write_predictions(requests)
    write_generation(run.dir / GENERATION_FILE, system, codec, sampling, options, throughput, predictions)
    return Outcome(
        outputs={"predictions": run.dir / PREDICTIONS_FILE, "generation": run.dir / GENERATION_FILE},
        headline={"answers": len(predictions), "tokens_per_second": throughput.tokens_per_second},
    )


def engine_options(generator: GeneratorSettings, trust_remote_code: bool) -> EngineOptions:
    return EngineOptions(
        backend=generator.backend,
        dtype=choose_dtype(generator.dtype),
        max_num_seqs=generator.max_num_seqs,
        tensor_parallel_size=generator.tensor_parallel_size,
        gpu_memory_utilization=generator.gpu_memory_utilization,
        cpu_kv_cache_gib=generator.cpu_kv_cache_gib,
        enforce_eager=generator.enforce_eager,
        trust_remote_code=trust_remote_code,
    )


if __name__ == "__main__":
    run_recipe(GenerateSettings, main)
