"""The model folder that is shipped, or converted: the merged weights with the trained template, the stop tokens and the
sampling in the files where runtimes look for them.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from toolkit.generation.merge_folder import MERGE_FILE, PROOF_FILE
from toolkit.model_files import INDEX_FILE, weight_files
from toolkit.models import NOT_OF_THE_MODEL
from toolkit.options.generation import AnswerOptions
from toolkit.prompting import end_token, save_format, served_template
from toolkit.records import JSON, read_json, write_json, write_text
from toolkit.shipping import manifest
from toolkit.shipping.source import Merged

TEMPLATE_FILE = "chat_template.jinja"
_NOT_SHIPPED = (*NOT_OF_THE_MODEL, MERGE_FILE, PROOF_FILE)
_CARDS = ("README.md", "README")


def stage_small_files(merged: Merged, target: Path, answering: AnswerOptions) -> manifest.Prompt:
    """Write everything but the weights into `target`; what the manifest says of the prompt."""
    weights = {path.name for path in weight_files(merged.folder)}
    for path in sorted(merged.folder.iterdir()):
        if path.is_file() and path.name not in (*weights, *_NOT_SHIPPED, *_CARDS):
            shutil.copyfile(path, target / path.name)
    tokenizer, trained = merged.codec.tokenizer, merged.codec.prompt_format
    template, is_own = served_template(trained, tokenizer)
    _set_template(target, template)
    save_format(trained, target)
    stops = [end_token(trained, tokenizer), *merged.codec.stop_ids]
    stop_ids = list(dict.fromkeys(stops))  # the trained one first
    write_json(target / "generation_config.json", _generation_config(target, stop_ids, answering))
    return manifest.Prompt(
        format=asdict(trained),
        stop_ids=stop_ids,
        stop_texts=[str(tokenizer.convert_ids_to_tokens(token)) for token in stop_ids],
        template_is_the_models_own=is_own,
    )


def copy_weights(merged: Merged, target: Path) -> None:
    """The weights themselves: a link would change with its original."""
    index = merged.folder / INDEX_FILE
    for path in [*weight_files(merged.folder), *([index] if index.exists() else [])]:
        shutil.copyfile(path, target / path.name)


def link_weights(merged: Merged, target: Path) -> None:
    """For a converter that only reads them."""
    for path in weight_files(merged.folder):
        (target / path.name).symlink_to(path)


def end_with_trained_token(target: Path, prompt: manifest.Prompt) -> None:
    """Let the EOS be the token that ends a trained answer: GGUF has one such field that all runtimes read."""
    path = target / "tokenizer_config.json"
    config = read_json(path) or {}
    write_json(path, {**config, "eos_token": prompt.stop_texts[0]})
    config = read_json(target / "config.json") or {}
    write_json(target / "config.json", {**config, "eos_token_id": prompt.stop_ids[0]})


def _set_template(target: Path, template: str) -> None:
    """In the one file where libraries look for it; another that they might prefer goes."""
    write_text(target / TEMPLATE_FILE, template)
    (target / "chat_template.json").unlink(missing_ok=True)
    shutil.rmtree(target / "additional_chat_templates", ignore_errors=True)
    path = target / "tokenizer_config.json"
    config = read_json(path) or {}
    if "chat_template" in config:
        write_json(path, {key: value for key, value in config.items() if key != "chat_template"})


def _generation_config(target: Path, stop_ids: list[int], answering: AnswerOptions) -> JSON:
    """What vLLM, transformers and SGLang take for defaults; a maker's own sampling would be another model's."""
    kept = ("bos_token_id", "pad_token_id", "decoder_start_token_id")
    found = read_json(target / "generation_config.json") or {}
    return {
        **{key: found[key] for key in kept if found.get(key) is not None},
        "eos_token_id": stop_ids if len(stop_ids) > 1 else stop_ids[0],
        "do_sample": not answering.greedy,
        "temperature": answering.temperature,
        "top_p": answering.top_p,
        "max_new_tokens": answering.max_new_tokens,
    }
