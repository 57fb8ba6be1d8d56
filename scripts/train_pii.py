"""Trains the CRF for names and addresses and measures all of anonymising, from generated text alone.

    .venv/bin/python scripts/train_pii.py            (needs Faker: pip install "steptune[bench]")

Reads the templates of scripts/pii (train_*, help_* for training; test_* for measuring, none of them in both) and the
bundled how-to rows as text without personal data. Writes names.crfsuite, names.txt.gz and quality.json into
toolkit/data/pii. While training, only the names of NEAR are on the list that the model sees; people from other
countries teach it names that no list knows. The list that is shipped has them all.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
import time
from functools import cache
from pathlib import Path

import pycrfsuite
from faker import Faker
from wordfreq import get_frequency_dict

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from scripts.pii.fill import WESTERN, Filled, Filler, templates
from scripts.pii.measure import measure_generated
from toolkit.data.pii.features import IS_A_WORD, NAMES_FILE, TOKEN, features, forget_names, resource
from toolkit.data.pii.quality import QUALITY_FILE
from toolkit.data.pii.tagger import MODEL_FILE
from toolkit.data.words.help_words import HELP_WORDS
from toolkit.records import iter_jsonl, write_json

ROOT = Path(__file__).resolve().parents[1]
SEED = 5
NEAR = ("en_US", "en_GB", "id_ID", "en_IN", "de_DE", "nl_NL", "fr_FR", "es_ES")
FILLS = {"train_en": 22, "train_id": 22, "help_en": 40, "help_id": 40}  # how often each template is filled
FOREIGN_SHARE = 0.35
# How often the forms of a name are written, in addition to the name, from which it is a word as well.
WORD_FROM = {"en": 0.03, "id": 0.01}
NO_NAME_FROM = 3.5e-4  # share of all words from which a word is no name, whoever bears it: the, may, such
PLURAL_OF = 5  # a name in -s is the plural of a word that is written at least a fifth as often
ENGLISH_AFTER = ("s", "es", "ed", "ing", "er", "ers", "ly", "ful", "less", "ness", "ty", "ern")
INDONESIAN_BEFORE = ("", "per", "di", "me", "mem", "men", "meng", "ber", "ter", "ke", "se", "pe", "peng")
INDONESIAN_AFTER = ("", "nya", "an", "kan", "i", "lah")


def main() -> None:
    names = {locale: _names(locale) for locale in (*NEAR, *WESTERN)}
    _write_names(set().union(*(names[locale] for locale in NEAR)))
    started = time.monotonic()
    texts = _training_texts()
    _train(texts, resource(MODEL_FILE))
    _write_names(set().union(*names.values()))
    print(f"{len(texts)} texts, trained in {time.monotonic() - started:.0f} s", file=sys.stderr)
    quality = measure_generated()
    write_json(resource(QUALITY_FILE), quality)
    print(json.dumps(quality, indent=1))


def _names(locale: str) -> set[str]:
    """Words of the given and family names that Faker knows for a locale."""
    provider = next(provider for provider in Faker(locale).get_providers() if ".person" in type(provider).__module__)
    lists = (getattr(provider, name) for name in dir(provider) if "first_name" in name or "last_name" in name)
    found = {
        str(word)
        for values in lists
        if isinstance(values, (list, tuple, dict))
        for value in values
        for word in str(value).split()
    }
    return {word.casefold() for word in found if len(word) > 1 and word[0].isupper()}


def _write_names(names: set[str]) -> None:
    lines = (f"{name}{IS_A_WORD if _is_word(name) else ''}" for name in sorted(names))
    resource(NAMES_FILE).write_bytes(gzip.compress("\n".join(lines).encode("utf-8"), 9, mtime=0))
    forget_names()


@cache
def _is_word(name: str) -> bool:
    """Whether a name is a word as well: its forms are written too (roses, hoped, tanggalnya), which those of kevin are
    not.
    """
    if name in HELP_WORDS or any(_written(name, language) >= NO_NAME_FROM for language in ("en", "id")):
        return True
    if name.endswith("s") and _written(name[:-1], "en") > _written(name, "en") / PLURAL_OF and _is_word(name[:-1]):
        return True
    return any(
        _forms_written(name, language) >= least * _written(name, language) > 0 for language, least in WORD_FROM.items()
    )


def _forms_written(word: str, language: str) -> float:
    """Share of all words that are forms of this one."""
    if language == "id":
        forms = {before + word + after for before in INDONESIAN_BEFORE for after in INDONESIAN_AFTER} - {word}
    else:
        forms = {word + after for after in ENGLISH_AFTER} | {word + word[-1] + after for after in ("ed", "ing", "er")}
        forms |= {
            word[:-1] + after
            for after in {"e": ("ing", "ed", "er"), "y": ("ies", "ied", "ily", "ier", "iest")}.get(word[-1], ())
        }
    return sum(_written(form, language) for form in forms)


def _written(word: str, language: str) -> float:
    return float(get_frequency_dict(language, "best").get(word, 0.0))


def _training_texts() -> list[Filled]:
    texts: list[Filled] = []
    for name, fills in FILLS.items():
        filler = Filler(name[-2:], SEED, FOREIGN_SHARE if name.startswith("train") else 0.0)
        texts += [filler.fill(template) for template in templates(name) for _ in range(fills)]
    rows = [row for path in sorted((ROOT / "recipes" / "sample" / "howto").glob("*.jsonl")) for row in iter_jsonl(path)]
    texts += [Filled(f"{row['prompt']}\n{row['output']}", ()) for row in rows]
    chooser = random.Random(SEED)
    chooser.shuffle(texts)
    # Personal data also stands within longer help text: pairs of neighbours joined by a line end or a space.
    pairs = (chooser.sample(texts, 2) for _ in range(len(texts) // 4))
    joined = [_joined(left, right, chooser.choice("\n\n ")) for left, right in pairs]
    return texts + joined


def _joined(left: Filled, right: Filled, by: str) -> Filled:
    shift = len(left.text) + len(by)
    return Filled(
        f"{left.text}{by}{right.text}",
        left.spans + tuple((start + shift, end + shift, kind) for start, end, kind in right.spans),
    )


def _train(texts: list[Filled], model: Path) -> None:
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    for text in texts:
        tokens = list(TOKEN.finditer(text.text))
        if tokens:
            trainer.append(features([token.group() for token in tokens]), _labels(tokens, text))
    trainer.set_params({"c1": 0.25, "c2": 0.02, "max_iterations": 90, "feature.minfreq": 3})
    trainer.train(str(model))


def _labels(tokens: list, text: Filled) -> list[str]:
    labels = []
    for token in tokens:
        span = next(
            (span for span in text.spans if span[0] <= token.start() < span[1] and span[2] in ("name", "address")), None
        )
        if span is None:
            labels.append("O")
        else:
            labels.append(f"{'B' if token.start() <= span[0] else 'I'}-{span[2]}")
    return labels


if __name__ == "__main__":
    if (
        os.environ.get("PYTHONHASHSEED") != "0"
    ):  # some of Faker's lists are sets: without it every training has another model
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
