"""Anonymising: personal data becomes typed placeholders (`[NAME_1]`) or surrogates, the same one for the same person or
number in a row.

Rules and checksums decide on identifiers (`toolkit.data.pii.rules`), a CRF on names and addresses
(`toolkit.data.pii.tagger`). What the CRF is unsure of stays, and the row gets the note UNSURE for the review queue. Not
covered: birthdays, places alone, organisations, scripts other than Latin for names and addresses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from toolkit.data.pii.rules import find_identifiers
from toolkit.data.pii.spans import KINDS, Span, without_overlaps
from toolkit.data.pii.surrogates import surrogate, surrogate_places
from toolkit.data.pii.tagger import SURE_FROM, find_names_and_addresses
from toolkit.data.rows import Row
from toolkit.options.data import MaskingOptions

UNSURE = "review: may hold a name or address"
PLACEHOLDER = re.compile(rf"\[({'|'.join(kind.upper() for kind in KINDS)})_(\d+)\]")
MOST_PASSES = 20


def anonymise_row(row: Row, options: MaskingOptions) -> Row:
    """The row with placeholders or surrogates numbered through question and steps."""
    masking = _Masking(frozenset(options.anonymise), options.phone_regions, options.anonymise_with == "surrogate")
    for kind, number in PLACEHOLDER.findall(f"{row.prompt}\n{row.output}"):
        masking.numbers[kind] = max(masking.numbers[kind], int(number))
    prompt, output = masking.mask(row.prompt), masking.mask(row.output)
    notes = (*row.notes, UNSURE) if masking.is_unsure and UNSURE not in row.notes else row.notes
    return replace(row, prompt=prompt, output=output, masks=dict(sorted(masking.masks.items())), notes=notes)


def mask_every_kind(text: str, options: MaskingOptions) -> str:
    """The text as it may leave the machine: placeholders for all personal data that is known, whatever `anonymise`
    says.
    """
    every_kind = MaskingOptions(phone_regions=options.phone_regions)
    return anonymise_row(Row("", "", prompt=text), every_kind).prompt


def find_personal(
    text: str, kinds: frozenset[str], regions: Sequence[str], least_score: float = SURE_FROM
) -> list[Span]:
    """What is masked, in order, without overlaps: identifiers win over names and addresses that they touch."""
    found = find_identifiers(text, kinds, regions)
    if "name" in kinds or "address" in kinds:
        found += [span for span in find_names_and_addresses(text, kinds) if span.score >= least_score]
    return without_overlaps(found)


class _Masking:
    """The state of one row: which number each person or address got, and what was masked."""

    def __init__(self, kinds: frozenset[str], regions: tuple[str, ...], with_surrogates: bool) -> None:
        self.kinds, self.regions, self.with_surrogates = kinds, regions, with_surrogates
        self.taken: dict[tuple[str, str], int] = {}
        self.numbers: Counter[str] = Counter()
        self.masks: Counter[str] = Counter()
        self.is_unsure = False

    def mask(self, text: str) -> str:
        for _ in range(MOST_PASSES):  # again: something can be hidden by what stood before it until that is masked
            found = find_personal(text, self.kinds, self.regions, least_score=0.0)
            places = surrogate_places(text) if self.with_surrogates else []
            found = [
                span for span in found if not any(first <= span.start and span.end <= last for first, last in places)
            ]
            sure = [span for span in found if span.score >= SURE_FROM]
            if not sure:
                self.is_unsure |= bool(found)
                return text
            text = self._replaced(text, sure)
        return text

    def _replaced(self, text: str, spans: list[Span]) -> str:
        parts, at = [], 0
        for span in spans:
            kind = span.kind.upper()
            if (kind, span.key) not in self.taken:
                self.numbers[kind] += 1
                self.taken[kind, span.key] = self.numbers[kind]
            number = self.taken[kind, span.key]
            parts += [
                text[at : span.start],
                (surrogate(span.kind, number) if self.with_surrogates else None) or f"[{kind}_{number}]",
            ]
            at = span.end
            self.masks[span.kind] += 1
        return "".join([*parts, text[at:]])
