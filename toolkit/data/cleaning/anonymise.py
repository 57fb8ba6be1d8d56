"""Anonymising: personal data becomes typed placeholders (`[NAME_1]`) or surrogates, the same one for the same person or
number in a row, wherever in the row it stands.

Rules and checksums decide on identifiers in any language (`toolkit.data.pii.rules`), a CRF on names and addresses in
those that it was trained on (`toolkit.data.pii.tagger`); elsewhere they stay, and the row gets a note. What the CRF is
unsure of stays, with the note UNSURE for the review queue. Not covered: birthdays, places alone, organisations, scripts
other than Latin for names and addresses.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from toolkit.data.cleaning.row_language import row_language
from toolkit.data.pii.echoes import echoes
from toolkit.data.pii.rules import find_identifiers
from toolkit.data.pii.spans import KINDS, Span, without_overlaps
from toolkit.data.pii.surrogates import surrogate, surrogate_places
from toolkit.data.pii.tagger import SURE_FROM, find_names_and_addresses
from toolkit.data.rows import Row
from toolkit.data.words.languages import KNOWN, language_of
from toolkit.options.data import MaskingOptions

UNSURE = "review: may hold a name or address"
NOT_LOOKED_FOR = "names and addresses were not looked for in this language"
NEEDS_THE_LANGUAGE = frozenset({"name", "address"})
PLACEHOLDER = re.compile(rf"\[({'|'.join(kind.upper() for kind in KINDS)})_(\d+)\]")
TEXTS_OF_META = ("domain", "app", "task", "persona")  # of a row's meta, which is published with it
MOST_PASSES = 20


def anonymise_row(row: Row, options: MaskingOptions) -> Row:
    """The row with placeholders or surrogates numbered through question, steps and the texts of its meta."""
    in_meta = [key for key in TEXTS_OF_META if key in row.meta]
    texts = [row.prompt, row.output, *(row.meta[key] for key in in_meta)]
    masking = _Masking(options, row_language(row))
    (prompt, output, *further), lineage = masking.mask(texts), masking.unnamed(row.lineage)
    if not masking.masks and not masking.notes:
        return row
    return replace(
        row,
        prompt=prompt,
        output=output,
        meta={**row.meta, **dict(zip(in_meta, further, strict=True))},
        lineage=lineage,
        masks=dict(sorted(masking.masks.items())),
        notes=tuple(dict.fromkeys((*row.notes, *masking.notes))),
    )


def mask_every_kind(text: str, options: MaskingOptions, language: str = "") -> str:
    """The text as it may leave the machine: placeholders for all personal data that is known, whatever `anonymise`
    says. `language`: of the text, if it is known.
    """
    return mask_together([text], options, language)[0]


def mask_together(texts: Sequence[str], options: MaskingOptions, language: str = "") -> list[str]:
    """Texts of one thing, such as a passage and its title, with the same placeholders in all of them."""
    every_kind = MaskingOptions(phone_regions=options.phone_regions)
    return _Masking(every_kind, language_of(language, "\n".join(texts))).mask(texts)


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

    def __init__(self, options: MaskingOptions, language: str) -> None:
        asked = frozenset(options.anonymise)
        is_known = language in KNOWN
        self.kinds = asked if is_known else asked - NEEDS_THE_LANGUAGE
        self.regions, self.with_surrogates = options.phone_regions, options.anonymise_with == "surrogate"
        self.taken: dict[tuple[str, str], int] = {}
        self.surfaces: dict[tuple[str, str], dict[str, None]] = {}  # how each was written, in the order of finding
        self.numbers: Counter[str] = Counter()
        self.masks: Counter[str] = Counter()
        self.notes = [] if is_known or self.kinds == asked else [f"{NOT_LOOKED_FOR}: {language or 'none'}"]

    def mask(self, texts: Sequence[str]) -> list[str]:
        for text in texts:
            for kind, number in PLACEHOLDER.findall(text) if "_" in text else ():
                self.numbers[kind] = max(self.numbers[kind], int(number))
        masked = list(texts)
        found: list[list[Span]] = []
        for _ in range(MOST_PASSES):  # again: something can be hidden by what stood before it until that is masked
            # Nothing is found again in a text that stayed as it was.
            found = [
                [] if found and text == before else self._found(text)
                for text, before in zip(masked, texts, strict=True)
            ]
            if not any(found):
                break
            texts = masked
            masked = [self._replaced(text, self._told(text, spans)) for text, spans in zip(masked, found, strict=True)]
            masked = [self._replaced(text, self._echoes(text)) for text in masked]
        return masked

    def _found(self, text: str) -> list[Span]:
        """What is surely personal; the rest is noted."""
        found = self._outside_surrogates(text, find_personal(text, self.kinds, self.regions, least_score=0.0))
        sure = [span for span in found if span.score >= SURE_FROM]
        if found and not sure and UNSURE not in self.notes:
            self.notes.append(UNSURE)
        return sure

    def _told(self, text: str, found: list[Span]) -> list[Span]:
        """What was found, but where it is a part of what is known from before: @rina_88 is no Rina."""
        known = self._echoes(text)
        new = [
            span for span in found if not any(other.start <= span.start and span.end <= other.end for other in known)
        ]
        self._know(text, new)
        return without_overlaps([*new, *known])

    def _echoes(self, text: str) -> list[Span]:
        found = (
            span
            for kind, key in self.taken
            for surface in self.surfaces[kind, key]
            for span in echoes(text, kind, key, surface)
        )
        return without_overlaps(sorted(self._outside_surrogates(text, found), key=lambda span: span.start - span.end))

    def _outside_surrogates(self, text: str, spans: Iterable[Span]) -> list[Span]:
        places = surrogate_places(text) if self.with_surrogates else []
        return [span for span in spans if not any(first <= span.start and span.end <= last for first, last in places)]

    def _know(self, text: str, spans: list[Span]) -> None:
        for span in spans:
            name = (span.kind, self._same_person(span.key) if span.kind == "name" else span.key)
            if name not in self.taken:
                self.numbers[span.kind.upper()] += 1
                self.taken[name] = self.numbers[span.kind.upper()]
            self.taken.setdefault((span.kind, span.key), self.taken[name])
            self.surfaces.setdefault((span.kind, span.key), {})[text[span.start : span.end]] = None

    def _same_person(self, key: str) -> str:
        """The name that was found before of which this one has all words, or that has all of its words."""
        words = set(key.split())
        for kind, known in self.taken:
            others = set(known.split())
            if kind == "name" and (words <= others or others <= words):
                return known
        return key

    def _replaced(self, text: str, spans: list[Span]) -> str:
        parts, at = [], 0
        for span in spans:
            number = self.taken[span.kind, span.key]
            stand_in = surrogate(span.kind, number) if self.with_surrogates else None
            parts += [text[at : span.start], stand_in or f"[{span.kind.upper()}_{number}]"]
            at = span.end
            self.masks[span.kind] += 1
        return "".join([*parts, text[at:]])

    def unnamed(self, lineage: tuple[str, ...]) -> tuple[str, ...]:
        """A row's lineage; one that tells what was masked gets a hash before it, which the group is called after."""
        if not lineage:
            return lineage
        slugs = ["-".join(re.findall(r"\w+", surface.lower())) for found in self.surfaces.values() for surface in found]
        first = lineage[0].lower()
        if not any(slug in first and re.search(rf"(?<!\w){re.escape(slug)}(?!\w)", first) for slug in slugs):
            return lineage
        return (f"section-{hashlib.sha256(lineage[0].encode()).hexdigest()[:16]}", *lineage)
