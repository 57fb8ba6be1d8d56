"""Push an export, an adapter or a data set to the hub, with its card, as one commit to a new private repository.

What goes is decided file by file (a dry run shows the list) and is whatever the thing needs: rows that were left out,
reviews, test answers and paths of this machine never go.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from toolkit.dataset_folder.names import (
    CARD_FILE,
    CARD_TEXT_FILE,
    CERTIFICATE_FILE,
    LEDGER_FILE,
    SPLITS,
    split_file,
)
from toolkit.errors import ModelError, PreflightError, SteptuneError, UsageError
from toolkit.hub.wire import endpoint, find_token, is_offline
from toolkit.records import JSON, read_json, sha256_file
from toolkit.results.shipped import VERDICT_WORDS, read_ship_proof
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of
from toolkit.shipping.manifest import MANIFEST_FILE, PROOF_FILE, PROOF_FOLDER, REPORT_FILE, read_manifest
from toolkit.shipping.subject import find_subject

CARD: Final = "README.md"
_NAME = re.compile(r"^[\w.-]{1,96}/[\w.-]{1,96}$", re.ASCII)
_OF_A_DATASET: Final = (CARD_FILE, CERTIFICATE_FILE, "coverage.svg", "lengths.svg")
_OF_AN_ADAPTER: Final = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "prompt_format.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "chat_template.jinja",
    CARD,
)
TRAINING: Final = "training.json"


@dataclass(frozen=True)
class Push:
    """What would go: `files` by their name in the repository are files here, `written` are texts made for it."""

    repo: str
    type: Literal["model", "dataset"]
    what: str
    files: dict[str, Path]
    written: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def told(self) -> list[str]:
        """The dry run, a line each."""
        sizes = {name: path.stat().st_size for name, path in self.files.items()}
        sizes |= {name: len(text.encode()) for name, text in self.written.items()}
        total = sum(sizes.values())
        return [
            f"{self.what}: {len(sizes)} files, {total / 1e6:.1f} MB, to the new private {self.type} repository"
            f" {self.repo} at {endpoint()}:",
            *(f"  {size:>13,}  {name}" for name, size in sorted(sizes.items())),
            *self.notes,
        ]


def plan_push(source: str, repo: str) -> Push:
    """What pushing a thing means.

    Raises:
        UsageError: no repository's name, nothing that can be pushed, or an export that is not proven.
    """
    if not _NAME.match(repo):
        raise UsageError(
            f"--repo {repo} is no repository's name; expected OWNER/NAME of letters, digits, -, _ and dots."
        )
    folder = Path(source)
    if (folder / MANIFEST_FILE).is_file():
        return _export(folder, repo)
    dataset = folder if (folder / split_file("train")).is_file() else output_of(RunFolder(folder), "dataset")
    if dataset is not None and output_of(RunFolder(folder), "adapter") is None:
        return _dataset(dataset, repo)
    return _adapter(find_subject(source, None).adapter, repo)


def push(plan: Push) -> str:
    """Make the repository and commit all files to it at once; its address.

    Raises:
        PreflightError: there is no token, or the network is forbidden.
        UsageError: the repository exists already.
        SteptuneError: the hub refuses, or goes away.
    """
    token = find_token()
    if token is None:
        raise PreflightError(
            "Pushing needs a token of the hub: run `hf auth login`, or set HF_TOKEN (with write access)."
        )
    if is_offline():
        raise PreflightError("HF_HUB_OFFLINE is set, so that nothing can be pushed; unset it for this command.")
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=endpoint(), token=token)
    try:
        api.create_repo(plan.repo, repo_type=plan.type, private=True)
    except HfHubHTTPError as error:
        raise _refused(plan, error) from error
    except OSError as error:
        raise SteptuneError(f"{endpoint()} does not answer ({_first_line(error)}); nothing was pushed.") from error
    operations = [
        *(CommitOperationAdd(name, str(path)) for name, path in plan.files.items()),
        *(CommitOperationAdd(name, text.encode()) for name, text in plan.written.items()),
    ]
    try:
        api.create_commit(plan.repo, operations, commit_message=f"{plan.what}, by steptune", repo_type=plan.type)
    except (HfHubHTTPError, OSError, RuntimeError, ValueError) as error:
        raise SteptuneError(
            f"The push to {plan.repo} broke off ({_first_line(error)}); the repository was made and is empty, for all"
            f" files go in one commit. Delete it at {endpoint()}/{plan.repo}/settings, and push again."
        ) from error
    return f"{endpoint()}/{'datasets/' if plan.type == 'dataset' else ''}{plan.repo}"


def _export(folder: Path, repo: str) -> Push:
    manifest = read_manifest(folder)
    proof = read_ship_proof(folder / PROOF_FOLDER / PROOF_FILE)
    if proof is None or proof.manifest_sha256 != sha256_file(folder / MANIFEST_FILE):
        raise UsageError(f"{folder} is not proven; `steptune prove {folder}` comes first.")
    if proof.verdict == "does_not":
        raise UsageError(
            f"{folder} {VERDICT_WORDS['does_not']} ({folder / PROOF_FOLDER / REPORT_FILE}); what failed its proof is"
            " not pushed."
        )
    files = {name: folder / name for name in manifest.files}
    files |= {f"{PROOF_FOLDER}/{name}": folder / PROOF_FOLDER / name for name in (PROOF_FILE, REPORT_FILE)}
    public = manifest.model_copy(update={"local": None}).model_dump(mode="json", by_alias=True)
    notes = (
        () if proof.verdict == "ships" else ("Its proof is open: not enough rows, or something could not be checked.",)
    )
    return Push(repo, "model", f"Export ({manifest.weights_type})", files, {MANIFEST_FILE: _text(public)}, notes)


def _dataset(folder: Path, repo: str) -> Push:
    """The hub's layout that data-build writes with `export: [hub]`, where it lies beside; else rows and card."""
    layout = folder.parent / "export" / "hub"
    notes = ["Rows that were left out, and reviews, stay here."]
    if (layout / CARD).is_file():
        paths = sorted(path for path in layout.rglob("*") if path.is_file() and path.name != LEDGER_FILE)
        files = {path.relative_to(layout).as_posix(): path for path in paths}
    else:
        names = [*map(split_file, SPLITS), *_OF_A_DATASET]
        files = {name: folder / name for name in names if (folder / name).is_file()}
        if (folder / CARD_TEXT_FILE).is_file():
            files[CARD] = folder / CARD_TEXT_FILE
        notes.append("Build it with export=[hub] for a card that the hub's viewer and search read.")
    return Push(repo, "dataset", "Data set", files, notes=tuple(notes))


def _adapter(folder: Path, repo: str) -> Push:
    files = {name: folder / name for name in _OF_AN_ADAPTER if (folder / name).is_file()}
    if CARD not in files:
        raise ModelError(f"{folder} has no {CARD}; an adapter goes to the hub with its card, which sft writes.")
    training = read_json(folder / TRAINING)
    written = {TRAINING: _text(without_paths(training))} if training else {}
    config = read_json(folder / "adapter_config.json")
    if config and without_paths(config) != config:
        written["adapter_config.json"] = _text(without_paths(config))
        del files["adapter_config.json"]
    return Push(repo, "model", "Adapter", files, written, ("Paths of this machine are cut to their last part.",))


def without_paths(value: Any) -> Any:
    """JSON in which absolute paths are cut to their last part."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return os.path.basename(value.rstrip("/")) if isinstance(value, str) and os.path.isabs(value) else value


def _text(document: JSON) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _refused(plan: Push, error: Any) -> SteptuneError:
    status = getattr(error.response, "status_code", None)
    if status == 409:
        return UsageError(
            f"{plan.repo} exists already at {endpoint()}; give another --repo, nothing was changed there."
        )
    if status in (401, 403):
        return PreflightError(
            f"The hub refuses to make {plan.repo} ({status}): the token has no write access, or is not"
            f" {plan.repo.split('/')[0]}'s; make one at {endpoint()}/settings/tokens."
        )
    return SteptuneError(f"The hub refused to make {plan.repo}: {_first_line(error)}. Nothing was pushed.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
