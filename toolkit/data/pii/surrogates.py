"""Stand-ins that read like the real thing and are nobody's: names of no one, example.org, numbers reserved for fiction.

Identity, bank and card numbers have no surrogates on purpose: any number that passes their checks may be somebody's.
"""

from __future__ import annotations

import re

NAMES = (
    "Alex Sample",
    "Budi Contoh",
    "Kim Placeholder",
    "Sari Misalnya",
    "Robin Example",
    "Andi Teladan",
    "Jo Specimen",
    "Rina Umpama",
)
_STREETS = ("Example Street", "Sample Road", "Jalan Contoh", "Jalan Teladan")
_EMAIL = re.compile(r"person\d+@example\.org")
_PHONE = re.compile(r"\+1 202-555-01\d\d")  # the range that the North American plan keeps for fiction
_NAMES = re.compile(rf"(?:{'|'.join(NAMES)})(?: \d+)?")
_ADDRESS = re.compile(rf"\d+ (?:{'|'.join(_STREETS)})")


def surrogate(kind: str, number: int) -> str | None:
    """The stand-in with that number within a row; None for kinds that only get placeholders."""
    if kind == "name":
        again = (number - 1) // len(NAMES)
        return NAMES[(number - 1) % len(NAMES)] + (f" {again + 1}" if again else "")
    if kind == "email":
        return f"person{number}@example.org"
    if kind == "phone":
        return f"+1 202-555-01{number:02}" if number < 100 else None
    return f"{number} {_STREETS[number % len(_STREETS)]}" if kind == "address" else None


def surrogate_places(text: str) -> list[tuple[int, int]]:
    """Where stand-ins are in a text, so that neither they nor a part of them are taken for somebody."""
    return [match.span() for pattern in (_EMAIL, _PHONE, _NAMES, _ADDRESS) for match in pattern.finditer(text)]
