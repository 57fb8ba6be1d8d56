"""The card of an export (README.md) with the hub's front matter: what it is, what it was made from, how to run it."""

from __future__ import annotations

from toolkit.shipping.manifest import MANIFEST_FILE, Manifest
from toolkit.shipping.modelfile import MODELFILE

_RUNS = {
    "folder": "vLLM, transformers, SGLang and TGI read the folder as it is: `vllm serve FOLDER`.",
    "gguf": "`llama-server -m {file}` (llama.cpp), LM Studio, and whatever else reads GGUF.",
    "ollama": f"`ollama create NAME -f {MODELFILE}`, then `ollama run NAME`.",
    "fp8": "`vllm serve FOLDER` on a GPU that computes with FP8.",
    "int4": "`vllm serve FOLDER`.",
}


def render_card(manifest: Manifest) -> str:
    """Markdown."""
    base, on_hub = manifest.base.name, manifest.base.name.count("/") == 1
    stops = ", ".join(f"`{text}`" for text in manifest.prompt.stop_texts)
    sampling = manifest.sampling
    revision = f" at {manifest.base.revision}" if manifest.base.revision else ""
    rows = [
        ("Base model", f"{base}{revision}, fingerprint `{manifest.base.fingerprint[:12]}`"),
        ("Adapter", f"LoRA, fingerprint `{manifest.adapter.fingerprint[:12]}`"),
        (
            "Data",
            f"{manifest.adapter.train_rows or '?'} training rows, SHA-256 `{manifest.adapter.dataset_hash or '?'}`",
        ),
        ("Merge", f"{manifest.merge.mode}, before the weights were stored as {manifest.weights_type}"),
        ("Prompt format", str(manifest.prompt.format["name"])),
        ("An answer ends at", stops),
        (
            "Measured with",
            f"temperature {sampling.temperature:g}, top_p {sampling.top_p:g}, presence penalty"
            f" {sampling.presence_penalty:g}, at most {sampling.max_new_tokens} tokens",
        ),
    ]
    table = [f"| {name} | {_cell(value)} |" for name, value in rows]
    front = ["---", *([f"base_model: {base}"] if on_hub else []), "pipeline_tag: text-generation"]
    front += ["tags: [how-to, steptune" + (", gguf" if manifest.model_file else "") + "]", "---"]
    return "\n".join(
        [
            *front,
            "",
            f"# {base}, tuned to answer how-to questions ({manifest.weights_type})",
            "",
            "A model that answers how-to questions with numbered steps, made with steptune.",
            f"`{MANIFEST_FILE}` has the hash of every file and what they were made from; `proof/report.md`, where it is"
            " there, what was proven of them.",
            "",
            "| | |",
            "|---|---|",
            *table,
            "",
            _RUNS[manifest.kind].format(file=manifest.model_file),
            "",
            "The template comes with the model. It was trained for one question at a time, without a system message;"
            " other prompts give other answers. The base model's licence applies to what is derived from it.",
            "",
        ]
    )


def _cell(value: str) -> str:
    return (
        value.replace("|", "\\|").replace("\n", " ") if "`" in value else value.replace("|", "\\|").replace("<", "&lt;")
    )
