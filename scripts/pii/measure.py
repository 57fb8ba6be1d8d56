"""Measures anonymising on generated texts: what share of each kind is found, and how much of what is masked is
personal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from scripts.pii.fill import Filled, Filler, templates
from toolkit.data.cleaning.anonymise import find_personal
from toolkit.data.pii.spans import KINDS

TEST_SEED, FILLS = 1009, 40
REGIONS = {"en": ("US", "GB"), "id": ("ID",)}
SOFT = {"name", "address"}
# Share of the characters of a name or address that must be masked for it to count as found; identifiers: all.
MOSTLY = 0.8


def measure_generated() -> dict:
    """quality.json: per language and kind how many there were and what share was found, and the precision by
    characters.
    """
    languages = {language: measure(_texts(language), REGIONS[language]) for language in ("en", "id")}
    return {
        "synthetic": (
            "Every text is a template of scripts/pii/test_*.txt filled with generated people, addresses and numbers; no"
            " template was trained on. Real text will differ."
        ),
        "found": f"identifiers: wholly masked; names and addresses: at least {MOSTLY:.0%} of the characters",
        "languages": languages,
    }


def _texts(language: str) -> list[Filled]:
    filler = Filler(language, TEST_SEED)
    extra = [
        "{email}",
        "Kartu: {card}",
        "NIK {nik}",
        "No. {nik}",
        "SSN {ssn}",
        "IP {ip}",
        "{iban}",
        "NPWP: {npwp}",
        "Tel. {phone}",
        "IG saya {handle}",
        "Follow {handle}",
        "{phone}",
    ]
    lines = [template.replace("\\n", "\n") for template in templates(f"test_{language}")]
    return [filler.fill(template) for template in (*lines, *extra) for _ in range(FILLS)]


def measure(texts: Iterable[Filled], regions: tuple[str, ...]) -> dict:
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    masked_chars = right_chars = 0
    for text in texts:
        spans = find_personal(text.text, frozenset(KINDS), regions)
        covered = bytearray(len(text.text))
        personal = bytearray(len(text.text))
        for span in spans:
            covered[span.start : span.end] = b"\1" * (span.end - span.start)
        for start, end, kind in text.spans:
            personal[start:end] = b"\1" * (end - start)
            total[kind] += 1
            found[kind] += sum(covered[start:end]) >= (end - start) * (MOSTLY if kind in SOFT else 1)
        masked_chars += sum(covered)
        right_chars += sum(left & right for left, right in zip(covered, personal, strict=True))
    hard = [kind for kind in total if kind not in SOFT]
    return {
        "recall": {kind: round(found[kind] / total[kind], 4) for kind in sorted(total)},
        "count": dict(sorted(total.items())),
        "hard_recall": round(sum(found[kind] for kind in hard) / max(1, sum(total[kind] for kind in hard)), 4),
        "character_precision": round(right_chars / max(1, masked_chars), 4),
    }
