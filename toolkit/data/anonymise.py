"""Anonymising: e-mail addresses and phone numbers become typed placeholders, the same one for the same address in a row.

Phone numbers are those that `phonenumbers` finds valid in one of the given regions. A bare run of digits counts only
with a country code, a leading zero or a word about calling near it: order and tracking numbers have the same shape.
Not covered: names, postal addresses, bank and identity numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import phonenumbers

from toolkit.data.rows import Row

EMAIL = re.compile(r"[\w.+-]{0,63}\w@(?:[\w-]{1,63}\.)+[^\W\d_]{2,}")  # bounded: a long run of letters must not cost its square
PLACEHOLDER = re.compile(r"\[(EMAIL|PHONE)_(\d+)\]")
# What also has digits and dots or dashes: IP addresses, dates, prices, versions.
NOT_A_PHONE = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{4}\b"
    r"|(?:Rp|IDR|USD|GBP|EUR|[$£€])\.?\s*\d[\d.,\s]*\d|\bv?\d+(?:\.\d+){2,}\b(?![-\s]\d)",
    re.IGNORECASE,
)
ABOUT_CALLING = re.compile(
    r"\b(call|phone|tel|telephone|mobile|cell|dial|ring|text|sms|fax|whatsapp|wa|hotline|contact|hubungi|telepon|telpon|hp|ponsel|nomor hp|kontak)\b",
    re.IGNORECASE,
)
NEAR_CHARS = 40


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    kind: str
    key: str


def anonymise_row(row: Row, kinds: Iterable[str], regions: Iterable[str]) -> Row:
    """The row with placeholders numbered through question and steps; `kinds`: email, phone."""
    kinds, regions = set(kinds), list(regions)
    taken: dict[tuple[str, str], int] = {}
    numbers = Counter(dict.fromkeys(("EMAIL", "PHONE"), 0))
    for kind, number in PLACEHOLDER.findall(f"{row.prompt}\n{row.output}"):
        numbers[kind] = max(numbers[kind], int(number))
    masks: Counter[str] = Counter()

    def mask(text: str) -> str:
        while found := _find(text, kinds, regions):  # again: a number can be hidden by what stood before it until that is masked
            text = replaced(text, found)
        return text

    def replaced(text: str, found_in_order: list[_Found]) -> str:
        parts, at = [], 0
        for found in found_in_order:
            if (found.kind, found.key) not in taken:
                numbers[found.kind] += 1
                taken[found.kind, found.key] = numbers[found.kind]
            parts += [text[at : found.start], f"[{found.kind}_{taken[found.kind, found.key]}]"]
            at = found.end
            masks[found.kind.lower()] += 1
        return "".join([*parts, text[at:]])

    masked = replace(row, prompt=mask(row.prompt), output=mask(row.output))
    return replace(masked, masks=dict(sorted(masks.items())))


def _find(text: str, kinds: set[str], regions: list[str]) -> list[_Found]:
    """What to mask, in order, without overlaps; e-mail addresses win over phone numbers within them."""
    found = [_Found(match.start(), match.end(), "EMAIL", match.group().casefold()) for match in EMAIL.finditer(text)] if "email" in kinds else []
    if "phone" in kinds and sum(character.isdigit() for character in text) >= 7:
        found += _find_phones(text, regions)
    ordered: list[_Found] = []
    for item in sorted(found, key=lambda item: (item.kind, item.start)):
        if all(item.end <= other.start or item.start >= other.end for other in ordered):
            ordered.append(item)
    return sorted(ordered, key=lambda item: item.start)


def _find_phones(text: str, regions: list[str]) -> list[_Found]:
    excluded = [match.span() for match in (*NOT_A_PHONE.finditer(text), *EMAIL.finditer(text))]
    phones: dict[tuple[int, int], _Found] = {}
    no_region: list[str | None] = [None]
    for region in regions or no_region:  # without regions only numbers with a country code are found
        for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID):
            overlaps = any(match.start < end and match.end > start for start, end in excluded)
            if not overlaps and _is_written_as_phone(match.raw_string, text[max(0, match.start - NEAR_CHARS) : match.start]):
                key = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
                phones.setdefault((match.start, match.end), _Found(match.start, match.end, "PHONE", key))
    return _longest(list(phones.values()))


def _is_written_as_phone(raw: str, before: str) -> bool:
    return not raw.isdigit() or raw.startswith("0") or bool(ABOUT_CALLING.search(before))


def _longest(found: list[_Found]) -> list[_Found]:
    """Of matches that overlap (another region read less of the same number) the longest, then the first."""
    chosen: list[_Found] = []
    for item in sorted(found, key=lambda item: (item.start - item.end, item.start)):
        if all(item.end <= other.start or item.start >= other.end for other in chosen):
            chosen.append(item)
    return chosen
