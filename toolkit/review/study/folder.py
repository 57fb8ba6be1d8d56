"""The files of a study, and where each is. A packet also works alone, copied to a rater's own machine.

STUDY/plan.json           the plan, the sample size and its smallest detectable effect
STUDY/outputs.jsonl       every answer under a random name
STUDY/packets/RATER.jsonl what each rater is shown
STUDY/manifest.json       commitment to the key, hashes of the files above
STUDY/ratings/RATER.jsonl what each rater said, hash-chained
STUDY/lock.json           the state of all ratings when they were locked
STUDY/unblinded.json      the key, once it was opened
STUDY/report/             study_report.json and study_report.md
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from toolkit.errors import DataError, UsageError
from toolkit.records import JSON, read_json, sha256_file, sha256_json
from toolkit.results.study import STUDY_REPORT, Sample
from toolkit.review.study.plan import StudyPlan

SCHEMA: Final = 2


class _Sealed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    seal: str


class Manifest(_Sealed):
    """manifest.json: what was fixed before the first rating."""

    schema_: Literal[2] = Field(alias="schema")
    study: str
    title: str
    raters: list[str]
    commitment: str
    files: dict[str, str]


class LockedRatings(BaseModel):
    """A rater's file when it was locked; `receipt` is the hash of its last line, as in the rater's own receipt."""

    model_config = ConfigDict(extra="forbid", strict=True)

    lines: int
    sha256: str
    receipt: str


class Lock(_Sealed):
    """lock.json. Its own SHA-256 is the hash to hand out: it fixes the manifest, and all that the manifest names."""

    study: str
    manifest: str
    ratings: dict[str, LockedRatings]


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder; the files need not exist yet."""

    path: Path

    @property
    def plan_file(self) -> Path:
        return self.path / "plan.json"

    @property
    def outputs_file(self) -> Path:
        return self.path / "outputs.jsonl"

    @property
    def manifest_file(self) -> Path:
        return self.path / "manifest.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock.json"

    @property
    def unblinded_file(self) -> Path:
        return self.path / "unblinded.json"

    @property
    def report_file(self) -> Path:
        return self.path / "report" / STUDY_REPORT

    @property
    def default_key_file(self) -> Path:
        """Next to the folder, so that a copy of the folder does not carry it along."""
        return self.path.parent / f"{self.path.name}.key"

    def packet_file(self, rater: str) -> Path:
        return self.path / "packets" / f"{rater}.jsonl"

    def ratings_file(self, rater: str) -> Path:
        return self.path / "ratings" / f"{rater}.jsonl"

    def manifest(self) -> Manifest:
        """Raises DataError if it is missing, of another form, or does not have its own seal any more."""
        found = read_sealed(self.manifest_file)
        if found.get("schema") != SCHEMA:
            raise DataError(
                f"{self.manifest_file} has schema {found.get('schema')!r}; this version of steptune reads {SCHEMA}."
            )
        return _checked(Manifest, found, self.manifest_file)

    def lock(self) -> Lock:
        """Raises DataError if it is missing, of another form, or does not have its own seal any more."""
        return _checked(Lock, read_sealed(self.lock_file), self.lock_file)

    def lock_hash(self) -> str:
        """The hash that is handed out after the lock."""
        return sha256_file(self.lock_file)

    def plan(self, systems: dict[str, str]) -> StudyPlan:
        """The plan with the systems' names, which plan.json does not have: `systems` (of the key) says whose name each
        mark stands for.
        """
        return StudyPlan.model_validate(_named(self._plan_content()["plan"], "comparisons", systems))

    def sample(self, systems: dict[str, str]) -> Sample:
        """The sample size section of the plan, with the systems' names."""
        return Sample.model_validate(_named(self._plan_content()["sample"], "claims", systems))

    def _plan_content(self) -> JSON:
        content = read_json(self.plan_file)
        if content is None:
            raise DataError(f"{self.plan_file} is missing or damaged; take it from your copy of the study.")
        return content

    def raters(self) -> list[str]:
        return self.manifest().raters


def open_study(path: Path) -> StudyFolder:
    """The study in a folder. Raises UsageError if there is none."""
    folder = StudyFolder(path)
    if not folder.manifest_file.is_file():
        raise UsageError(f"{path} holds no study (no manifest.json); give the folder that `steptune study new` made.")
    return folder


_Form = TypeVar("_Form", bound=_Sealed)


def _checked(form: type[_Form], found: JSON, path: Path) -> _Form:
    try:
        return form.model_validate(found)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise DataError(
            f"{path} was changed: `{place}` is not what steptune writes; take it from your copy of the study."
        ) from None


def _named(content: JSON, claims: str, systems: dict[str, str]) -> JSON:
    rows = [{**row, "a": systems[row["a"]], "b": systems[row["b"]]} for row in content[claims]]
    return {**content, claims: rows}


def sealed(content: JSON) -> JSON:
    """The content with a hash of itself under `seal`."""
    return {**content, "seal": sha256_json(content)}


def read_sealed(path: Path) -> JSON:
    """A JSON document that carries its own hash.

    Raises:
        DataError: missing, damaged, or changed since.
    """
    found: Any = read_json(path)
    if found is None:
        raise DataError(f"{path} is missing or damaged; take it from your copy of the study.")
    if found.get("seal") != sha256_json({name: value for name, value in found.items() if name != "seal"}):
        raise DataError(f"{path} was changed after it was written; take it from your copy of the study.")
    return dict(found)
