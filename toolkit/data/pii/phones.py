"""Telephone numbers: those that `phonenumbers` finds valid in the recipe's regions, and what is plainly written as one.

A bare run of digits counts only with a country code, a leading zero or a word about calling near it: order and tracking
numbers have the same shape. Dates, prices, versions and IP addresses never count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

import phonenumbers

from toolkit.data.pii.spans import Span

RUN = r"\d(?:[\d().\-/\u2010-\u2013 \u00a0]{4,24})\d"  # on one line
ANY_RUN = re.compile(RUN)  # begins with a digit, so that a text without digits is read at the speed of a search for one
CANDIDATE = re.compile(rf"(?<![\w@])[+(]{{0,2}}{RUN}")
LEAST_DIGITS, MOST_DIGITS = 6, 15  # six only in small countries, and only where something else speaks for it
NOT_A_PHONE = re.compile(
    r"\b(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}\b(?!\.\d)"
    r"|\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{4}\b"
    r"|(?<!\w)-\d[\d.]* [-–] \d[\d.]*|(?<![\d.])\d{1,2}\.\d{5,}\b"
    r"|(?:Rp|IDR|USD|GBP|EUR|[$£€])\.?\s*\d[\d.,\s]*\d"
    r"|\b(?<!\d\.)(?!\d{3}\.\d{3}\.\d{4}\b|0\d(?:\.\d\d){4}\b)v?\d+(?:\.\d+){2,}\b(?![-\s]\d)",
    re.IGNORECASE,
)
ABOUT_CALLING = re.compile(
    r"\b(call|calls|called|calling|phone|phones|tel|telephone|mobile|cell|cellphone|dial|ring|text|sms|fax|whatsapp|wa|hotline|contact|reach|"
    r"hubungi|telepon|telpon|hp|ponsel|nomor hp|kontak)\b",
    re.IGNORECASE,
)
NEAR_CHARS = 40
# The word before a number that says what it counts; number, serial letters and a verb may stand between.
COUNTS_SOMETHING_ELSE = re.compile(
    r"\b(?:orders?|bookings?|reservation|reference|ref|serial|s/n|invoice|ticket|case|meter|tracking|track and trace|"
    r"shipment|parcel|part|spare part|model|isbn|imei|version|section|chapter|appendix|figure|article|policy|contract|"
    r"batch|lot|pesanan|pemesanan|kode booking|referensi|seri|faktur|tiket|meteran|resi|pelacakan|suku cadang|versi|"
    r"bagian|bab|lampiran|gambar|polis|kontrak)\b(?: (?:number|no|nr|num|code|key|id|nomor|kode)\b)?"
    r"(?: (?:is|was|adalah|ialah))?[\s.:#=-]*(?:(?=[A-Z0-9]*\d|[A-Z]{2,5} )[A-Z0-9]{1,6}[ -]){0,4}$",
    re.IGNORECASE,
)
# North American form with separators, whatever the area code; an international prefix and eight digits or more.
WRITTEN_AS_PHONE = re.compile(
    r"(?<![\w.])(?:(?:\+|00)?1[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-. ]\d{4}(?:[ ,]*(?:x|ext\.?) ?\d{1,5})?(?!\w|-\d)"
    r"|(?<![\w.])\+\d{1,3}(?:[-. ]?\(?\d{1,5}\)?){2,6}(?!\w)"
    r"|(?<![\w.,])\(?0\d{1,4}(?:\) ?|[-. ])\d{2,8}(?:[-. ]\d{2,4}){0,4}(?!\w|-\d)"
    r"|(?<![\w.,])\(\d{1,4}\) ?\d{2,4}(?:[- ]\d{2,4}){1,3}(?!\w|-\d)"
    r"|(?<![\w.,-])(?<!\d )(?!\d{1,3}(?: \d{3})+(?!\d| ?-?\d))\d{2,4}(?:([- ])\d{2,4})(?:\1\d{2,4}){1,3}(?!\w|[- ]\d)"
)
AFTER_A_CALL = re.compile(r"(?<![\w.])[+(]{0,2}\d[\d().\- ]{4,18}\d(?!\w|-\d)")
# Enough for digits in groups, not for a bare run.
ABOUT_A_NUMBER = re.compile(
    r"\b(number|numbers|nomor|no|messages?|pesan|answer(?:ing)?|registered|terdaftar|office|kantor)\b", re.IGNORECASE
)
ALONE_ON_ITS_LINE = re.compile(r"^[ \t]*([+(]{0,2}\d{1,5}(?:[-. )(]{1,2}\d{2,5}){1,5})[ \t.,]*$", re.MULTILINE)


def find_phones(text: str, regions: Sequence[str]) -> list[Span]:
    if not ANY_RUN.search(text):
        return []
    candidates = [
        match.start() for match in CANDIDATE.finditer(text) if sum(map(str.isdigit, match.group())) >= LEAST_DIGITS
    ]
    if not candidates:
        return []
    # The rest holds no number that is long enough.
    lines = {(text.rfind("\n", 0, at) + 1, text.find("\n", at) % (len(text) + 1)) for at in candidates}
    excluded = [match.span() for match in NOT_A_PHONE.finditer(text)]
    found = [
        span
        for span in (*_valid(text, sorted(lines), regions), *_written(text))
        if not any(span.start < end and span.end > start for start, end in excluded)
        and not _counts_something_else(text, span.start)
    ]
    return _longest(found)


def _counts_something_else(text: str, start: int) -> bool:
    """Whether the word before a number calls it an order, a serial, a meter, a section; not one with a country code."""
    return text[start] != "+" and bool(COUNTS_SOMETHING_ELSE.search(_before(text, start).rpartition("\n")[2]))


def _valid(text: str, lines: Sequence[tuple[int, int]], regions: Sequence[str]) -> list[Span]:
    phones: dict[tuple[int, int], Span] = {}
    no_region: Sequence[str | None] = [None]
    for region, (first, last) in product(
        regions or no_region, lines
    ):  # without regions only numbers with a country code are found
        for match in phonenumbers.PhoneNumberMatcher(text[first:last], region, leniency=phonenumbers.Leniency.VALID):
            start, end = first + match.start, first + match.end
            if _is_written_as_phone(match.raw_string, _before(text, start)):
                key = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
                phones.setdefault((start, end), Span(start, end, "phone", key))
    return list(phones.values())


def _written(text: str) -> list[Span]:
    """Numbers of no valid range that nobody would read as anything else: people mistype, and regions are missing."""
    matches = [match for match in WRITTEN_AS_PHONE.finditer(text) if _has_phone_length(match.group())]
    matches += [match for match in AFTER_A_CALL.finditer(text) if _is_announced(match.group(), _around(text, match))]
    spans = [match.span() for match in matches] + [
        match.span(1) for match in ALONE_ON_ITS_LINE.finditer(text) if _has_phone_length(match.group())
    ]
    return [Span(start, end, "phone", re.sub(r"\D", "", text[start:end])) for start, end in spans]


def _around(text: str, match: re.Match[str]) -> str:
    return f"{_before(text, match.start())} | {text[match.end() : match.end() + NEAR_CHARS // 2]}"


def _is_announced(raw: str, around: str) -> bool:
    is_likely = bool(ABOUT_CALLING.search(around)) or (not raw.isdigit() and bool(ABOUT_A_NUMBER.search(around)))
    return is_likely and _has_phone_length(raw)


def _has_phone_length(raw: str) -> bool:
    digits = sum(map(str.isdigit, re.split(r"x|ext", raw)[0]))
    return LEAST_DIGITS <= digits <= MOST_DIGITS


def _before(text: str, start: int) -> str:
    return text[max(0, start - NEAR_CHARS) : start]


def _is_written_as_phone(raw: str, before: str) -> bool:
    return not raw.isdigit() or raw.startswith("0") or bool(ABOUT_CALLING.search(before))


def _longest(found: list[Span]) -> list[Span]:
    """Of matches that overlap (another region read less of the same number) the longest, then the first; a valid one
    before a written one.
    """
    chosen: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start - span.end, span.start)):
        if all(span.end <= other.start or span.start >= other.end for other in chosen):
            chosen.append(span)
    return chosen
