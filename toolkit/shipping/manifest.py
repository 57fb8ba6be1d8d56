"""manifest.json of an export: what it was made from, how it is prompted, and the hash of every file.

Written last, into a folder that has another name until then: where there is a manifest, there is a whole export.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import Field, ValidationError

from toolkit.config_problems import first_problem
from toolkit.errors import ModelError
from toolkit.records import JSON, read_json, sha256_file, write_json
from toolkit.results.parts import Count, Part

MANIFEST_FILE: Final = "manifest.json"
SCHEMA: Final = 1
PROOF_FOLDER: Final = "proof"
PROOF_FILE: Final = "proof.json"
REPORT_FILE: Final = "report.md"
FAILED_FILE: Final = "DOES_NOT_SHIP.md"
CARD_FILE: Final = "README.md"
# What the proof adds to a finished export; everything else is listed with its hash.
ADDED_BY_PROOF: Final = (PROOF_FOLDER, FAILED_FILE)

Kind = Literal["folder", "gguf", "ollama", "fp8", "int4"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class File(Part):
    bytes: Count
    sha256: str


class Base(Part):
    """The base model as training.json names it; of a model in a folder the folder's name alone."""

    name: str
    revision: str | None
    fingerprint: str
    recorded_fingerprint: str | None = Field(description="The one that the training wrote down.")


class Adapter(Part):
    fingerprint: str
    dataset_hash: str | None
    train_rows: Count | None


class Merge(Part):
    mode: Literal["dequantised", "base16"]
    weights: dict[str, str] = Field(description="SHA-256 of each weight file of the merged model.")


class Prompt(Part):
    """How the model is asked: the trained format, and where an answer ends."""

    format: dict[str, str | bool]
    stop_ids: list[int]
    stop_texts: list[str]
    template_is_the_models_own: bool


class Sampling(Part):
    """What the answers were measured with, and what the export asks runtimes for."""

    max_new_tokens: Count
    temperature: float
    top_p: float
    presence_penalty: float


class Local(Part):
    """Paths of this machine: `prove` needs them, and the hub never gets them."""

    adapter: str
    data: str | None
    split: str
    max_rows: Count | None
    merged_answers: str | None


class Manifest(Part):
    """The document."""

    schema_: Literal[1] = Field(SCHEMA, alias="schema")
    kind: Kind
    weights_type: str = Field(description="Of the shipped weights, such as Q8_0 or bfloat16.")
    model_file: str | None = Field(description="The GGUF file; null for a folder of safetensors.")
    created_unix: float
    versions: dict[str, str]
    base: Base
    adapter: Adapter
    merge: Merge
    prompt: Prompt
    sampling: Sampling
    context: Count | None
    margin: float = Field(gt=0.0, lt=1.0, description="Of ROUGE-L, declared before the export answered anything.")
    trust_remote_code: bool
    files: dict[str, File]
    local: Local | None

    def write(self, folder: Path) -> None:
        write_json(folder / MANIFEST_FILE, self.model_dump(mode="json", by_alias=True))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an export.

    Raises:
        ModelError: there is none, or one that this version does not know.
    """
    found: JSON | None = read_json(folder / MANIFEST_FILE)
    if found is None:
        raise ModelError(
            f"{folder} is no finished export (it has no readable {MANIFEST_FILE}); expected a folder that `steptune"
            " export` wrote. An export that was interrupted leaves none: export again."
        )
    try:
        return Manifest.model_validate(found, strict=False)
    except ValidationError as error:
        problem = first_problem(error, Manifest)
        raise ModelError(
            f"{folder / MANIFEST_FILE}: {problem}; was it written by a newer version, or edited? `steptune export`"
            " writes it anew."
        ) from error


def hashed(folder: Path) -> dict[str, File]:
    """Every file below a folder that counts for the manifest, by its path in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: File(bytes=path.stat().st_size, sha256=sha256_file(path))
        for name, path in names.items()
        if name != MANIFEST_FILE and name.split("/")[0] not in ADDED_BY_PROOF
    }


def wrong_files(folder: Path, manifest: Manifest) -> list[str]:
    """What differs from the manifest, a sentence each; [] where all files are as they were written."""
    found = []
    for name, wanted in manifest.files.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif path.stat().st_size != wanted.bytes:
            found.append(f"{name} has {path.stat().st_size} bytes, not {wanted.bytes}")
        elif sha256_file(path) != wanted.sha256:
            found.append(f"{name} has another content than was written")
    return found
