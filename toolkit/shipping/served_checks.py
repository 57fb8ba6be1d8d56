"""The checks of a GGUF file in llama.cpp's server: prompts, stop tokens, answers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from toolkit.evaluation.inputs import TestItem, read_references
from toolkit.evaluation.shipped import claim_shipped
from toolkit.generation.prompts import EMPTY_PROMPT, PROMPT_TOO_LONG, Codec
from toolkit.options.generation import AnswerOptions
from toolkit.predictions import PREDICTIONS_FILE
from toolkit.records import write_jsonl
from toolkit.results.shipped import ShipCheck, ShippedClaim
from toolkit.shipping import llama_runtime
from toolkit.shipping.llama_runtime import Answer, LlamaServer
from toolkit.shipping.manifest import PROOF_FOLDER, Manifest
from toolkit.shipping.merged_answers import Tell, answers_of_merged
from toolkit.shipping.modelfile import MODELFILE, parse_modelfile, render_template
from toolkit.shipping.prompts_check import check_prompts, proof_questions, white_space_apart
from toolkit.shipping.questions import Question
from toolkit.shipping.source import Merged

AT_ONCE = 4
SEED = 17
SERVER_LOG = "server.log"
SMALL_CONTEXT = 512  # tokens: nothing is answered


def prompt_checks(folder: Path, manifest: Manifest, merged: Merged, tell: Tell) -> list[ShipCheck]:
    """Prompts and stop tokens of a GGUF file in llama.cpp's server."""
    asked = proof_questions(merged.codec)
    tell(f"Rendering {len(asked)} questions in llama.cpp.")
    with _serving(folder, manifest, SMALL_CONTEXT) as server:
        prompts = _rendered(folder, manifest, server, asked, merged.codec)
        return [*prompts, _stops(manifest, server, merged.codec, asked[0])]


def answers_claim(folder: Path, manifest: Manifest, merged: Merged, tell: Tell) -> ShippedClaim | None:
    """The test set answered by a GGUF file and by the merged model; None where there are no rows."""
    local = manifest.local
    if local is None or local.data is None or not Path(local.data).exists():
        return None
    items, _ = read_references(Path(local.data), local.split, local.max_rows)
    kept = Path(local.merged_answers) if local.merged_answers else None
    before = answers_of_merged(items, kept, merged, manifest.sampling, tell)
    tell(f"Answering {len(items)} test questions in llama.cpp.")
    found = _answered(folder, manifest, items, merged.codec)
    _write_predictions(folder, items, found)
    return claim_shipped(items, [answer.text for answer in found], before, manifest.margin)


def _serving(folder: Path, manifest: Manifest, context: int) -> AbstractContextManager[LlamaServer]:
    model, log = folder / str(manifest.model_file), folder / PROOF_FOLDER / SERVER_LOG
    return llama_runtime.serving(model, min(context, manifest.context or context), AT_ONCE, log)


def _rendered(
    folder: Path, manifest: Manifest, server: LlamaServer, asked: list[Question], codec: Codec
) -> list[ShipCheck]:
    def by_server(question: Question) -> list[int]:
        return server.encoded(server.rendered(question.text))

    results = list(llama_runtime.in_parallel(by_server, asked, AT_ONCE))
    check = check_prompts(asked, codec, results, "llama.cpp")
    # The chat endpoint goes this way itself; its own count of the tokens says whether it still does.
    counted = [server.counted(question.text) for question in asked[:: len(asked) // 20]]
    if counted != [len(ids) for ids in results[:: len(asked) // 20]]:
        check = ShipCheck(
            name="prompts", passed=False, found=f"the chat endpoint counts other tokens than it encodes; {check.found}"
        )
    if manifest.kind != "ollama":
        return [check]
    template = parse_modelfile((folder / MODELFILE).read_text(encoding="utf-8")).template

    def by_modelfile(question: Question) -> list[int]:
        return server.encoded(render_template(template, question.text))

    by_ollama = llama_runtime.in_parallel(by_modelfile, asked, AT_ONCE)
    apart = white_space_apart(codec)
    return [check, check_prompts(asked, codec, by_ollama, "the Modelfile by Ollama's documented rules", apart)]


def _stops(manifest: Manifest, server: LlamaServer, codec: Codec, question: Question) -> ShipCheck:
    """Each stop token is forced upon the model: the answer must be over, and the token not in its text."""
    prompt_ids = codec.encode(question.text)
    ends = {token: server.ends_at(token, prompt_ids) for token in manifest.prompt.stop_ids}
    named = dict(zip(manifest.prompt.stop_ids, manifest.prompt.stop_texts, strict=True))
    trained = manifest.prompt.stop_ids[0]
    told = ", ".join(f"{named[token]} ({token})" for token, ended in ends.items() if ended) or "nothing"
    missed = ", ".join(f"{named[token]} ({token})" for token, ended in ends.items() if not ended)
    found = f"an answer ends at {told}" + (f"; it does not end at {missed}" if missed else "")
    return ShipCheck(name="stops", passed=ends[trained], found=found)


def _answered(folder: Path, manifest: Manifest, items: list[TestItem], codec: Codec) -> list[Answer]:
    answering = AnswerOptions(**manifest.sampling.model_dump())
    lengths = {item.id: len(codec.encode(item.prompt)) for item in items}
    wanted = max(lengths.values()) + answering.max_new_tokens + 8
    context = min(wanted, manifest.context or wanted)

    def answer(item: TestItem) -> Answer:
        """As generate does: what is empty or leaves no room is no question, on both sides."""
        if not item.prompt.strip() or lengths[item.id] >= context:
            reason = PROMPT_TOO_LONG if item.prompt.strip() else EMPTY_PROMPT
            return Answer("", reason, lengths[item.id], 0)
        return server.answer(item.prompt, answering, SEED)

    with _serving(folder, manifest, context) as server:
        return list(llama_runtime.in_parallel(answer, items, AT_ONCE))


def _write_predictions(folder: Path, items: list[TestItem], found: list[Answer]) -> None:
    """As generate writes them, so that evaluate takes them."""
    rows = (
        {
            "id": item.id,
            "prompt": item.prompt,
            "output": answer.text,
            "finish_reason": answer.finish_reason,
            "prompt_tokens": answer.prompt_tokens,
            "output_tokens": answer.output_tokens,
        }
        for item, answer in zip(items, found, strict=True)
    )
    write_jsonl(folder / PROOF_FOLDER / PREDICTIONS_FILE, rows)
