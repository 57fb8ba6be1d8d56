"""Checksums and value ranges of identifiers: what tells a card or identity number from any other run of digits."""

from __future__ import annotations

import re

# Kementerian Dalam Negeri's province codes, the first two digits of a NIK.
INDONESIAN_PROVINCES = frozenset(
    [*range(11, 20), 21, *range(31, 37), *range(51, 54), *range(61, 66), *range(71, 77), 81, 82, *range(91, 98)]
)
# First digits by ISO/IEC 7812 as the networks publish them: Visa, Mastercard, Amex, Diners, Discover, JCB, UnionPay,
# Maestro.
CARD_PREFIX = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|30[0-5]|3[689]|6011|64[4-9]|65|35|2131|1800|62|50[0-9]|5[6-9]|6[37]|60|81"
)
CARD_LENGTHS = range(12, 20)
MRZ_WEIGHTS = (7, 3, 1)


def passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = int(character) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_card(digits: str) -> bool:
    return (
        len(digits) in CARD_LENGTHS and bool(CARD_PREFIX.match(digits)) and len(set(digits)) > 1 and passes_luhn(digits)
    )


def is_iban(text: str) -> bool:
    """ISO 13616: letters count from A = 10, the number with its first four characters last is 1 modulo 97."""
    compact = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def is_nik(digits: str) -> bool:
    """Indonesian resident number: province, regency, district, birthday (40 added to the day for women), serial."""
    if (
        len(digits) != 16
        or int(digits[:2]) not in INDONESIAN_PROVINCES
        or digits[2:4] == "00"
        or digits[4:6] == "00"
        or digits[12:] == "0000"
    ):
        return False
    day, month = int(digits[6:8]), int(digits[8:10])
    return (1 <= day <= 31 or 41 <= day <= 71) and 1 <= month <= 12


def is_npwp(digits: str) -> bool:
    """Indonesian tax number of 15 digits: the ninth is a Luhn check digit of the eight before it."""
    return len(digits) == 15 and len(set(digits)) > 1 and passes_luhn(digits[:9])


def is_ssn(digits: str) -> bool:
    """US social security number: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    return (
        len(digits) == 9
        and digits[:3] not in {"000", "666"}
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
    )


def is_passport_zone(line: str) -> bool:
    """Second line of a passport's machine-readable zone with its three check digits (ICAO 9303, part 4)."""
    if not re.fullmatch(r"[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{16}", line):
        return False
    return all(
        _mrz_digit(part) == int(check)
        for part, check in ((line[:9], line[9]), (line[13:19], line[19]), (line[21:27], line[27]))
    )


def _mrz_digit(text: str) -> int:
    return (
        sum((0 if character == "<" else int(character, 36)) * MRZ_WEIGHTS[at % 3] for at, character in enumerate(text))
        % 10
    )
