"""The folder that a server loads: the model's own files, and with them what was trained around a question (as a chat
template), the tokens that end an answer, and the defaults of sampling, each in the file where every runtime looks.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from toolkit.errors import ModelError
from toolkit.generation.prompts import Codec
from toolkit.generation.system import System
from toolkit.models import NOT_OF_THE_MODEL
from toolkit.options.generation import AnswerOptions
from toolkit.prompting import FORMAT_FILE, save_format, served_template
from toolkit.records import JSON, read_json, write_json, write_text

GENERATION_CONFIG, TEMPLATE_FILE = "generation_config.json", "chat_template.jinja"
_TOKENIZER_CONFIG = "tokenizer_config.json"
_OWN = (GENERATION_CONFIG, _TOKENIZER_CONFIG, TEMPLATE_FILE, "chat_template.json", *NOT_OF_THE_MODEL)
# Ordinary and hostile: what a question may hold, and what a template may lose.
QUESTIONS = (
    "How do I reset my router?",
    "  How do I block a lost card?\n",
    "Two lines:\nwhat then?",
    "Bagaimana cara mengganti PIN?",
    "Wie ändere ich {{ mein }} \"Kennwort\" 'heute'? 🔑",
)


def make_served_folder(folder: Path, system: System, codec: Codec, defaults: AnswerOptions) -> None:
    """Write it anew. The weights are links to the model's.

    Raises:
        ModelError: what the folder's template writes is not what was trained.
        DiskFullError: no space.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    tokenizer_from = [system.adapter] if system.unmerged and system.adapter else []
    for source in (system.folder, *tokenizer_from):
        for path in sorted(source.iterdir()):
            is_own = path.name in _OWN or path.name.startswith(".") or path.is_dir()
            if not is_own and (source is system.folder or "token" in path.name):
                (folder / path.name).unlink(missing_ok=True)
                (folder / path.name).symlink_to(path.resolve())
    config = _tokenizer_config(system)
    write_json(folder / _TOKENIZER_CONFIG, {key: value for key, value in config.items() if key != "chat_template"})
    write_text(folder / TEMPLATE_FILE, served_template(codec.prompt_format, codec.tokenizer)[0])
    (folder / FORMAT_FILE).unlink(missing_ok=True)
    save_format(codec.prompt_format, folder)
    write_json(folder / GENERATION_CONFIG, _generation_config(system, codec, defaults))
    _require_the_trained_prompt(folder, system, codec)


def _tokenizer_config(system: System) -> JSON:
    folders = [folder for folder in (system.adapter if system.unmerged else None, system.folder) if folder]
    return next((found for folder in folders if (found := read_json(folder / _TOKENIZER_CONFIG))), {})


def _generation_config(system: System, codec: Codec, defaults: AnswerOptions) -> JSON:
    """Special tokens as the model has them; answers end and are drawn as generate's."""
    stored = read_json(system.folder / GENERATION_CONFIG) or {}
    kept = {key: stored[key] for key in ("bos_token_id", "pad_token_id") if stored.get(key) is not None}
    drawn = {} if defaults.greedy else {"top_p": defaults.top_p}
    penalty = {"presence_penalty": defaults.presence_penalty} if defaults.presence_penalty else {}
    return {
        **kept,
        "eos_token_id": codec.stop_ids,
        "do_sample": not defaults.greedy,
        "temperature": defaults.temperature,
        "max_new_tokens": defaults.max_new_tokens,
        **drawn,
        **penalty,
    }


def _require_the_trained_prompt(folder: Path, system: System, codec: Codec) -> None:
    """Rendered by the folder's own template, each question must give the ids that training gave."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=system.trust_remote_code, mistral_format=False)
    for question in QUESTIONS:
        message = [{"role": "user", "content": question}]
        written = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
        require_ids(question, tokenizer.encode(str(written), add_special_tokens=False), codec, "its chat template")


def require_ids(question: str, ids: list[int], codec: Codec, by: str) -> None:
    """Raises ModelError where a question's prompt is not the trained one."""
    trained = codec.encode(question)
    if list(ids) != trained:
        raise ModelError(
            f"The prompt that {by} writes for {question!r} is not the trained one: {len(ids)} tokens {list(ids)[:12]},"
            f" expected {len(trained)}: {trained[:12]}. Nothing is served; please report this with the model's name."
        )
