"""How well anonymising was measured to work, language by language, for the data card."""

from __future__ import annotations

import json
from collections.abc import Iterable

from toolkit.data.pii.features import resource
from toolkit.records import JSON

QUALITY_FILE = "quality.json"


def measured_quality(languages: Iterable[str]) -> JSON:
    """Recall by kind (`recall`, with `count`), `hard_recall` and `character_precision` per language, as
    `scripts/train_pii.py` measured them.

    All of it is synthetic: hand-written templates that were not trained on, filled with generated people, addresses and
    numbers (Faker, phonenumbers' ranges, numbers made by their checksums). Real text is harder; the benchmark of
    docs/experiments.md has other people's templates. A language that was not measured has the value None.
    """
    measured: JSON = json.loads(resource(QUALITY_FILE).read_text(encoding="utf-8"))
    return {
        **measured,
        "languages": {language: measured["languages"].get(language) for language in sorted(set(languages))},
    }
