"""Identifiers that a form, a range or a checksum gives away, in any language; some need the word that announces them.

Private, loopback and documentation IP addresses stay: manuals are full of them and they are nobody's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence

from toolkit.data.pii.checks import is_card, is_iban, is_nik, is_npwp, is_passport_zone, is_ssn
from toolkit.data.pii.lexicon import BRANDS
from toolkit.data.pii.phones import find_phones
from toolkit.data.pii.spans import Span

# Bounded: a long run of letters must not cost its square.
EMAIL = re.compile(r"[\w.+-]{0,63}\w@(?:[\w-]{1,63}\.)+[^\W\d_]{2,}")
THREE_DIGITS = re.compile(r"\d(?:[ .\-/]?\d){2}")  # what most identifiers have, and the numbers of steps do not
DIGITS = re.compile(r"(?<![\w.,])\d(?:[ .\-/]?\d){8,18}(?![\w])(?!\.\d)")
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{1,4}){3,8}(?![A-Za-z0-9])")
NPWP_FORM = re.compile(r"(?<!\d)\d{2}\.\d{3}\.\d{3}\.\d-\d{3}\.\d{3}(?!\d)")
SSN_FORM = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w])(?!\.\d)")
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
HANDLE = re.compile(r"(?<![\w.@/])@([A-Za-z0-9](?:[A-Za-z0-9._]{1,28})[A-Za-z0-9_])(?![\w@])")
PASSPORT_ZONE = re.compile(r"[A-Z0-9<]{44}")
# A version or section, also the second one of "from version 10.14.6 to 11.0.1.2".
BEFORE_VERSION = re.compile(
    r"\b(?:version|versi|ver|v|build|firmware|release|rilis|section|chapter|appendix|bagian|bab|pasal|lampiran)\.?\s*"
    r"(?:v?\d+(?:\.\d+)+\b[^\n\d]{1,32})?$",
    re.IGNORECASE,
)
# What git and scp call a place: user@host:path.
REMOTE_PATH = re.compile(r":(?:[\w~.-]*/|[\w-]+\.git\b)")
OWN_ACCOUNT = re.compile(
    r"\b(my|mine|his|her|their|user|username|handle|ig|instagram|twitter|tiktok|telegram|dm|follow|saya|akun|pengguna|ikuti)\b",
    re.IGNORECASE,
)
CUES = {
    "ssn": (
        re.compile(r"\b(?:ssn|social security)\b", re.IGNORECASE),
        re.compile(r"(?<![\w-])\d{3}[- ]?\d{2}[- ]?\d{4}(?![\w-])"),
    ),
    "nik": (
        re.compile(r"\b(?:nik|ktp|no\.? ?kk|kartu keluarga)\b", re.IGNORECASE),
        re.compile(r"(?<!\w)\d(?:[ .-]?\d){15}(?!\w)"),
    ),
    "npwp": (re.compile(r"\bnpwp\b", re.IGNORECASE), re.compile(r"(?<!\w)\d(?:[ .-]?\d){14,15}(?!\w)")),
    "passport": (
        re.compile(r"\b(?:passport|paspor)\b", re.IGNORECASE),
        re.compile(r"(?<!\w)(?:[A-Z]{1,2} ?\d{6,8}|\d{8,9})(?!\w)"),
    ),
    "licence": (
        re.compile(
            r"\b(?:driver'?s? licen[cs]e|driving licen[cs]e|licen[cs]e (?:no|number)|dl (?:no|number)|nomor sim|no\.?"
            r" sim)\b",
            re.IGNORECASE,
        ),
        re.compile(r"(?<!\w)(?:[A-Za-z]{1,5}[ -]?)?\d[A-Za-z\d]*(?:[ -]\d+){0,4}(?!\w)"),
    ),
    "account": (
        re.compile(
            r"\b(?:rekening|norek|account (?:no|number|num)|acct|bank account|nomor va|virtual account)\b",
            re.IGNORECASE,
        ),
        re.compile(r"(?<!\w)\d(?:[ -]?\d){7,17}(?!\w)"),
    ),
}
CUE_CHARS = 48
LEAST_LICENCE_DIGITS = 5
LICENCE_LETTERS = re.compile(r"(?i:licen|dl n|sim)")  # one of them is in every cue
# A licence's five digits: three of them stand together, or letters between two.
BETWEEN_LETTERS = re.compile(r"\d[A-Za-z]+\d")


def find_identifiers(text: str, kinds: frozenset[str], regions: Sequence[str]) -> list[Span]:
    """Spans of the asked kinds in the order of precedence: what has a checksum before what only has a form."""
    has_number = bool(THREE_DIGITS.search(text))
    finders = _FINDERS if has_number else _WITHOUT_A_NUMBER if _has_marks(text) else ()
    spans = [span for kind, finder in finders if kind in kinds for span in finder(text)]
    if "phone" in kinds:
        spans += find_phones(text, regions)
    if "account" in kinds and has_number:
        spans += _account(text)
    return spans


def _has_marks(text: str) -> bool:
    """Whether a text without three digits holds what the identifiers without them need."""
    return "@" in text or "<" in text or ":" in text or bool(BETWEEN_LETTERS.search(text))


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from (
            Span(match.start(), match.end(), "email", match.group().casefold())
            for match in EMAIL.finditer(text)
            if not REMOTE_PATH.match(text, match.end())
        )


def _handles(text: str) -> Iterator[Span]:
    """A handle of its own: with a digit or underscore, or after a word about somebody's account; brands stay."""
    for match in HANDLE.finditer(text) if "@" in text else ():
        name = match.group(1)
        is_personal = any(character.isdigit() or character in "_." for character in name) or OWN_ACCOUNT.search(
            text[: match.start()][-CUE_CHARS:]
        )
        if is_personal and re.split(r"[._\d]", name.casefold())[0] not in BRANDS:
            yield Span(match.start(), match.end(), "handle", name.casefold())


def _numbers(kind: str, is_valid: Callable[[str], bool]) -> Callable[[str], Iterator[Span]]:
    def find(text: str) -> Iterator[Span]:
        for match in DIGITS.finditer(text):
            digits = re.sub(r"\D", "", match.group())
            if is_valid(digits):
                yield Span(match.start(), match.end(), kind, digits)

    return find


def _form(kind: str, pattern: re.Pattern[str], is_valid: Callable[[str], bool]) -> Callable[[str], Iterator[Span]]:
    def find(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            digits = re.sub(r"\D", "", match.group())
            if is_valid(digits):
                yield Span(match.start(), match.end(), kind, digits)

    return find


def _ibans(text: str) -> Iterator[Span]:
    for match in IBAN.finditer(text):
        raw = match.group()
        while raw and not is_iban(raw):  # a capitalised word behind it may have been read as a part
            raw = re.sub(r"[ -]?[A-Z0-9]+$", "", raw) if re.search(r"[ -]", raw) else ""
        if raw:
            yield Span(match.start(), match.start() + len(raw), "iban", re.sub(r"[\s-]", "", raw))


def _ips_of(text: str, found: Iterator[re.Match[str]]) -> Iterator[Span]:
    for match in found:
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if address.is_global and not BEFORE_VERSION.search(text[: match.start()][-64:]):
            yield Span(match.start(), match.end(), "ip", str(address))


def _ips_4(text: str) -> Iterator[Span]:
    return _ips_of(text, IPV4.finditer(text)) if text.count(".") > 2 else iter(())


def _ips_6(text: str) -> Iterator[Span]:
    return _ips_of(text, IPV6.finditer(text)) if text.count(":") > 1 else iter(())


def _passport_zones(text: str) -> Iterator[Span]:
    if "<" in text:
        yield from (
            Span(match.start(), match.end(), "passport", match.group())
            for match in PASSPORT_ZONE.finditer(text)
            if is_passport_zone(match.group())
        )


def _announced(kind: str) -> Callable[[str], Iterator[Span]]:
    """Numbers within CUE_CHARS behind the word that says what they are."""
    cue, form = CUES[kind]

    def find(text: str) -> Iterator[Span]:
        may_be = kind != "licence" or (
            (THREE_DIGITS.search(text) or BETWEEN_LETTERS.search(text)) and LICENCE_LETTERS.search(text)
        )
        for word in cue.finditer(text) if may_be else ():
            window_end = min(len(text), word.end() + CUE_CHARS)
            line_end = text.find("\n", word.end(), window_end)
            for match in form.finditer(
                text, word.end(), line_end if line_end >= 0 else min(len(text), window_end + 20)
            ):
                if match.start() <= window_end and (
                    kind != "licence" or sum(map(str.isdigit, match.group())) >= LEAST_LICENCE_DIGITS
                ):
                    yield Span(match.start(), match.end(), kind, re.sub(r"[\s.-]", "", match.group()))

    return find


_card, _nik, _npwp, _ssn = (
    _numbers("card", is_card),
    _numbers("nik", is_nik),
    _form("npwp", NPWP_FORM, is_npwp),
    _form("ssn", SSN_FORM, is_ssn),
)
_announced_ssn, _announced_nik, _announced_npwp = _announced("ssn"), _announced("nik"), _announced("npwp")
_announced_passport, _account = _announced("passport"), _announced("account")
_IN_NUMBERS = frozenset(
    {_ibans, _card, _nik, _npwp, _ssn, _announced_ssn, _announced_nik, _announced_npwp, _announced_passport, _ips_4}
)
_FINDERS: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
    ("email", _emails),
    ("passport", _passport_zones),
    ("ssn", _announced_ssn),
    ("nik", _announced_nik),
    ("npwp", _announced_npwp),
    ("passport", _announced_passport),
    ("licence", _announced("licence")),
    ("iban", _ibans),
    ("ip", _ips_4),
    ("ip", _ips_6),
    ("card", _card),
    ("nik", _nik),
    ("npwp", _npwp),
    ("ssn", _ssn),
    ("handle", _handles),
)
_WITHOUT_A_NUMBER = tuple((kind, finder) for kind, finder in _FINDERS if finder not in _IN_NUMBERS)
