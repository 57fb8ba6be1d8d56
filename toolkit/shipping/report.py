"""The report of a proof, in Markdown: the verdict first, then what it rests on."""

from __future__ import annotations

from toolkit.results.shipped import CHECK_WORDS, VERDICT_WORDS, ShipProof
from toolkit.shipping.manifest import PROOF_FOLDER, Manifest

_STATES = {True: "as it must be", False: "**fails**", None: "not known"}


def verdict_line(manifest: Manifest, proof: ShipProof) -> str:
    """One sentence with the verdict."""
    name = manifest.model_file or "The folder"
    failed = [CHECK_WORDS[check.name] for check in proof.checks if check.passed is False]
    if proof.claim and proof.claim.outcome == "does_not":
        failed.append("Answers")
    return f"{name} {VERDICT_WORDS[proof.verdict]}" + (f": {', '.join(failed)}." if failed else ".")


def render_report(manifest: Manifest, proof: ShipProof) -> str:
    """Markdown."""
    rows = [f"| {CHECK_WORDS[check.name]} | {_STATES[check.passed]} | {_cell(check.found)} |" for check in proof.checks]
    if proof.claim:
        state = {"ships": True, "does_not": False, "open": None}[proof.claim.outcome]
        rows.append(f"| Answers | {_STATES[state]} | {_cell(proof.claim.text)} |")
    lines = [
        "# Proof of an export",
        "",
        f"**{verdict_line(manifest, proof)}**",
        "",
        "| What | State | Found |",
        "|---|---|---|",
        *rows,
        "",
        f"Runtime: {proof.runtime}. Weights: {manifest.weights_type}. {proof.seconds:.0f} s.",
        "",
    ]
    if proof.claim:
        penalty = manifest.sampling.presence_penalty
        lines += [
            f"The claim: greedy answers of the shipped file lose less than {proof.claim.margin:g} ROUGE-L against those"
            " of the merged model, on the same rows; the margin was written into the manifest before the first answer.",
            f"`{PROOF_FOLDER}/predictions.jsonl` has the answers; evaluate takes them as `predictions.shipped`.",
            "",
        ]
        if penalty:
            lines += [
                f"Both sides had a presence penalty of {penalty:g}. llama.cpp counts the prompt's tokens as present,"
                " vLLM and transformers those of the answer alone: that is part of the difference.",
                "",
            ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
