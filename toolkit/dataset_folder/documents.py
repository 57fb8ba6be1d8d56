"""The documents of a data set as types: ledger line, leak certificate, card.

What is written has the keys in the order of the fields. Viewers read with `split_sizes` and `is_leak_free`, which
survive damaged files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from toolkit.dataset_folder.names import CARD_FILE, CERTIFICATE_FILE
from toolkit.records import JSON, read_json
from toolkit.terminal.numbers import as_finite

DROPPED = "dropped"  # where a row that was left out ended
KEPT = "kept"  # where one ended that is in no split, as the build made none


@dataclass(frozen=True)
class LedgerLine:
    """Where a row of the input came from, where it ended (a split, KEPT or DROPPED), and why.

    `kept_for`: id of the row that a duplicate was left out for. `masks`: masked spans by kind.
    """

    source: str
    place: str
    id: str | None
    ended: str
    reason: str | None = None
    kept_for: str | None = None
    masks: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        return self.ended != DROPPED

    def to_json(self) -> JSON:
        return vars(self)  # not a copy: there are as many lines as rows


@dataclass(frozen=True)
class LeakCertificate:
    """leak_certificate.json: what was compared, how, and how many pairs of each kind cross two splits.
    `equal_questions`: rows whose question another row of the set has.
    """

    leak_free: bool
    crossing_pairs: dict[str, int]
    rows: dict[str, int]
    pairs_covered: int
    equal_questions: int
    method: str
    sha256: dict[str, str]

    def to_json(self) -> JSON:
        return asdict(self)


@dataclass(frozen=True)
class Funnel:
    """Rows in, rows left out by reason, rows kept."""

    rows_in: int
    dropped: dict[str, int]
    rows_kept: int


@dataclass(frozen=True)
class SplitSize:
    """What a split holds. `share`: of the rows; `asked`: the share that the options want."""

    rows: int
    share: float
    asked: float
    groups: int


@dataclass(frozen=True)
class Cell:
    """How many rows a domain has in a language and register."""

    domain: str
    language: str
    register: str
    rows: int


@dataclass(frozen=True)
class Spread:
    """How a length is spread over the rows. `median` is whole where a row has it."""

    least: int
    median: int | float
    mean: int | float
    most: int


@dataclass(frozen=True)
class Lengths:
    """Steps and words a row."""

    steps: Spread
    question_words: Spread
    answer_words: Spread


@dataclass(frozen=True)
class CardSource:
    """A source, or with the type `made` rows that come from no file."""

    name: str
    type: str
    file: str | None
    licence: str | None
    rows_in: int
    rows_kept: int
    sha256: str | None


@dataclass(frozen=True)
class TeacherSection:
    """The model that wrote rows. `prompts`: their hashes; `failed`: how often each way of failing occurred."""

    model: str
    terms: str
    temperature: float
    prompts: dict[str, str]
    tokens_in: int
    tokens_out: int
    cost: float
    failed: dict[str, int]


@dataclass(frozen=True)
class PairAgreement:
    """Two people on the rows that both decided; None where kappa is not defined."""

    rows: int
    cohen_kappa: float | None


@dataclass(frozen=True)
class Agreement:
    """How well people agree on the rows that several decided; None where a number is not defined. `pairs`: by the two
    names.
    """

    rows: int
    equal_pairs: float | None
    krippendorff_alpha: float | None
    fleiss_kappa: float | None
    pairs: dict[str, PairAgreement]


@dataclass(frozen=True)
class Proportion:
    """How many were right, the share, and its 95 % interval."""

    right: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class AuditReport:
    """Rows drawn at random that people judged. `right`: by what was asked (row, steps, masking)."""

    rows: int
    right: dict[str, Proportion]


@dataclass(frozen=True)
class CurationReport:
    """How far people are with a data set, and how well they agree. `annotators`: rows decided by each; `audit`: None
    where nobody audited.
    """

    annotators: dict[str, int]
    rows_decided: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    open_disagreements: int
    adjudicated: int
    agreement: Agreement
    audit: AuditReport | None = None

    def to_json(self) -> JSON:
        return asdict(self)


@dataclass(frozen=True)
class CardSections:
    """What not every card has; None for what this one lacks. `masking_quality` as toolkit.data.pii.quality gives it."""

    teacher: TeacherSection | None = None
    curation: CurationReport | None = None
    masking_quality: JSON | None = None
    pictures: list[str] | None = None
    warnings: list[str] = field(default_factory=list)  # worth a look, before what every card says


@dataclass(frozen=True)
class Card:
    """card.json: what went in, what was left out and why, what the splits hold. `worth_a_look`: what a careful person
    would look at, a sentence each; `settings`: the options of the build; `sha256`: of the files next to it.
    """

    funnel: Funnel
    splits: dict[str, SplitSize]
    worth_a_look: list[str]
    coverage: list[Cell]
    lengths: Lengths
    masked: dict[str, int]
    notes: dict[str, int]
    sources: list[CardSource]
    settings: JSON
    teacher: TeacherSection | None
    curation: CurationReport | None
    masking_quality: JSON | None
    pictures: list[str] | None
    sha256: dict[str, str]

    def to_json(self) -> JSON:
        return {name: value for name, value in asdict(self).items() if value is not None}


def is_leak_free(dataset: Path) -> bool:
    """Whether the certificate of a folder says so; False where it is missing or damaged."""
    return (read_json(dataset / CERTIFICATE_FILE) or {}).get("leak_free") is True


def split_sizes(dataset: Path) -> dict[str, int] | None:
    """Rows by split as the card of a folder tells; {} where a damaged one does not, None without a card."""
    card = read_json(dataset / CARD_FILE)
    if card is None:
        return None
    splits = card.get("splits")
    sizes = splits.items() if isinstance(splits, dict) else ()
    return {name: int(as_finite(size.get("rows")) or 0) for name, size in sizes if isinstance(size, dict)}
