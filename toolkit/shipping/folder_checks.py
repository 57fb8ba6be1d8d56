"""The checks of a folder of safetensors: tokenizer and template as a chat endpoint calls them, where answers end, and
whose weights lie there.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.model_files import weight_files
from toolkit.records import read_json, sha256_file
from toolkit.results.shipped import ShipCheck
from toolkit.shipping.manifest import Manifest
from toolkit.shipping.merged_answers import Tell
from toolkit.shipping.prompts_check import check_prompts, proof_questions
from toolkit.shipping.source import Merged


def folder_checks(folder: Path, manifest: Manifest, merged: Merged, tell: Tell) -> list[ShipCheck]:
    """For a folder of safetensors: the tokenizer and template as a chat endpoint calls them, and whose weights lie
    there.
    """
    from transformers import AutoTokenizer

    tell("Rendering the questions with the shipped template.")
    tokenizer = AutoTokenizer.from_pretrained(folder, mistral_format=False)

    def encode(question: str) -> list[int]:
        asked = [{"role": "user", "content": question}]
        text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        return list(tokenizer.encode(text, add_special_tokens=False))

    asked = proof_questions(merged.codec)
    prompts = check_prompts(
        asked, merged.codec, (encode(question.text) for question in asked), "transformers' tokenizer"
    )
    stated = (read_json(folder / "generation_config.json") or {}).get("eos_token_id")
    ends = set(stated if isinstance(stated, list) else [stated])
    lacking = [token for token in manifest.prompt.stop_ids if token not in ends]
    stops = ShipCheck(
        name="stops",
        passed=not lacking,
        found=f"generation_config.json lacks {lacking}"
        if lacking
        else f"generation_config.json ends at {sorted(ends)}",
    )
    return [prompts, stops, _same_weights(folder, manifest, merged)]


def _same_weights(folder: Path, manifest: Manifest, merged: Merged) -> ShipCheck:
    if manifest.kind != "folder":
        return ShipCheck(
            name="answers",
            passed=None,
            found="the weights were rounded again: answer the test set with vLLM on them (docs/export.md) and evaluate",
        )
    own = {path.name: sha256_file(path) for path in weight_files(folder)}
    same = own == manifest.merge.weights
    told = "the weight files are the merged model's, byte by byte: the model that was measured"
    return ShipCheck(name="answers", passed=same, found=told if same else "the weight files are another model's")
