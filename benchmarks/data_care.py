"""Care for what data-build does not know: other languages, people of ten nations, questions that are asked twice.

    make bench-data
    .venv/bin/python benchmarks/data_care.py [ROWS]     rows that are searched for half names; 20,000 if left out

The texts of personal_texts.txt, personal_texts_unseen.txt and personal_texts_second.txt are this benchmark's own. Prose
without personal data is Debian's LibreOffice help in six languages (help_text.py). Rows a second are by CPU seconds of
one core, after the first hundred, which load models and lists.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.data_samples import row as sample_row
from benchmarks.help_text import help_lines
from benchmarks.report import finish
from toolkit.data.cleaning.anonymise import anonymise_row
from toolkit.data.cleaning.check import clean_row
from toolkit.data.publishing.publish import publish
from toolkit.data.rows import Row
from toolkit.data.stages import Stages
from toolkit.options.data import CleaningOptions, DataBuildOptions, MaskingOptions
from toolkit.options.sources import JsonlSource
from toolkit.records import iter_jsonl
from toolkit.runs.recorder import Recorder

HERE = Path(__file__).parent
LANGUAGES = ("de", "es", "fr", "pt", "nl", "ja")
QUIET = Recorder(None)
PLANTED_PAIRS, FIRST_ROWS, CLEANED_ROWS, BOUND_ROWS = 200, 100, 2_000, 600
HALF_NAME_ROWS = 20_000
MARK = re.compile(r"\{([nep]):([^}]*)\}")
OWN_TEXTS = {
    "own texts": "personal_texts.txt",
    "unseen texts": "personal_texts_unseen.txt",
    "second unseen texts": "personal_texts_second.txt",
}
SEEN_BY_NOBODY = "second unseen texts"  # their names are part of no other measurement
KINDS = {"n": "names", "e": "e-mail", "p": "phones"}

Values = dict[str, float]


@dataclass(frozen=True)
class Text:
    """A text of personal_texts.txt: its language, and (kind, text) of the people in it."""

    language: str
    text: str
    personal: tuple[tuple[str, str], ...]


def main() -> int:
    values: Values = {}
    beside: dict[str, dict] = {}
    _own_texts(values, beside)
    _bound_keys(values)
    _half_names(values, int(sys.argv[1]) if len(sys.argv) > 1 else HALF_NAME_ROWS)
    _equal_questions(values)
    _speed(values)
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as folder:
        for language in LANGUAGES:
            _help(language, Path(folder), values)
            print(json.dumps(values), file=sys.stderr, flush=True)
    return finish("data_care", values, beside)


def own_texts(file: str = "personal_texts.txt") -> Iterator[Text]:
    language = ""
    for line in (HERE / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            language = line.strip("[]")
        elif not line.startswith("#"):
            found = tuple((match[1], match[2]) for match in MARK.finditer(line))
            yield Text(language, MARK.sub(r"\2", line).replace("\\n", "\n"), found)


def _own_texts(values: Values, beside: dict[str, dict]) -> None:
    for name, file in OWN_TEXTS.items():
        declared, detected = (_shares(file, declares) for declares in (True, False))
        for what, share in declared.items():
            values[f"{name}: {what}"] = share
            beside[f"{name}: {what}"] = {"language detected": detected[what]}


def _shares(file: str, declares: bool) -> Values:
    """What is found counts whole: no word of a name, no part of a number may stay. Each text is a row of its block's
    language, or with the language left for detection.
    """
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for text in own_texts(file):
        row = Row("s", "f:1", prompt=text.text, meta={"language": text.language} if declares else {})
        masked = anonymise_row(row, MaskingOptions())
        if not text.personal:
            total["clean"] += 1
            found["clean"] += bool(masked.masks)
        for kind, who in text.personal:
            total[kind] += 1
            found[kind] += not any(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", masked.prompt) for part in who.split())
    shares = {f"{KINDS[kind]} found": round(found[kind] / total[kind], 4) for kind in KINDS}
    return {**shares, "clean ones touched (%)": round(100 * found["clean"] / total["clean"], 2)}


def _bound_keys(values: Values) -> None:
    """People, accounts, passports, handles and numbers that a word gives away in the question, and that stand without
    it, written otherwise, in the answer and in what is published with the row.
    """
    names = [who for text in own_texts() for kind, who in text.personal if kind == "n"]
    chooser = random.Random(83)
    left = 0
    for _ in range(BOUND_ROWS):
        name, digits = chooser.choice(names), "".join(chooser.choices("123456789", k=10))
        passport, handle = f"X{digits[:7]}", f"user_{digits[:4]}"
        asked = (
            f"My name is {name}, bank account number {digits}, passport {passport}, my account is @{handle}."
            " How do I close it?"
        )
        spaced = f"{digits[:4]} {digits[4:7]}-{digits[7:]}"
        steps = f"1. Search for {name.upper()}.\n2. Close {spaced}.\n3. Enter {passport.lower()}.\n4. Tell {handle}."
        row = Row("s", "f:1", prompt=asked, output=steps, meta={"language": "en", "task": f"close {digits} of {name}"})
        masked = anonymise_row(row, MaskingOptions())
        text = f"{masked.prompt}\n{masked.output}\n{masked.meta['task']}".casefold()
        plain = re.sub(r"[^a-z0-9]", "", text)
        keys = (
            ("NAME", name.casefold() in text),
            ("ACCOUNT", digits in plain),
            ("PASSPORT", passport.lower() in plain),
        )
        masks = masked.prompt
        left += any(f"[{kind}_" in masks and stays for kind, stays in (*keys, ("HANDLE", handle in text)))
    values["a masked key anywhere else in its row (rows)"] = left


def _half_names(values: Values, rows: int) -> None:
    """Names that nobody has (the given name of one person, the family name of another) in the texts of all people: rows
    in which a part of the name is masked and a part stays.
    """
    texts = [text for name, file in OWN_TEXTS.items() if name != SEEN_BY_NOBODY for text in own_texts(file)]
    named = [(text, who) for text in texts for kind, who in text.personal if kind == "n"]
    given, family = ([who.split()[at] for _, who in named if not who.startswith("Dr")] for at in (0, -1))
    chooser = random.Random(716)
    halves = found = 0
    for _ in range(rows):
        text, who = chooser.choice(named)
        name = (chooser.choice(given), chooser.choice(family))
        row = Row("s", "f:1", prompt=text.text.replace(who, " ".join(name)), meta={"language": text.language})
        masked = anonymise_row(row, MaskingOptions()).prompt
        left = sum(bool(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", masked)) for part in name)
        found += left == 0
        halves += left == 1
    values["made-up names: whole ones found"] = round(found / rows, 4)
    values["made-up names: half a name left (rows of 100,000)"] = round(100_000 * halves / rows, 1)


def _equal_questions(values: Values) -> None:
    """Pairs of rows with one question, every third time worded a little differently, and two answers."""
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        folder = Path(scratch)
        numbers = [number for number in range(PLANTED_PAIRS * 4) if number % 10 not in (8, 9)][: PLANTED_PAIRS * 2]
        rows = [{**sample_row(number), "id": f"q{number}", "meta": {"language": "en"}} for number in numbers]
        for at in range(PLANTED_PAIRS):
            question = rows[at]["prompt"].replace("Bagaimana cara", "How do I")
            again = question if at % 3 else question.replace("How do I", "how can I").rstrip("?")
            rows[at]["prompt"], rows[at + PLANTED_PAIRS]["prompt"] = question, again
        source = folder / "rows.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        options = DataBuildOptions(sources=(JsonlSource(path=source),), rules=())
        stages = Stages(folder / "stages", QUIET)
        batch = stages.deduplicate(stages.clean(stages.collect(options), options), options)
        publish(folder / "dataset", batch, stages.split(batch, options), options, QUIET)
        split_of = {
            line["id"]: split
            for split in ("train", "validation", "test")
            for line in iter_jsonl(folder / "dataset" / f"{split}.jsonl")
        }
        pairs = [(rows[at]["id"], rows[at + PLANTED_PAIRS]["id"]) for at in range(PLANTED_PAIRS)]
        kept = [pair for pair in pairs if pair[0] in split_of and pair[1] in split_of]
        values["planted pairs of equal questions that were kept"] = len(kept)
        values["equal questions across splits, planted 200"] = sum(split_of[a] != split_of[b] for a, b in kept)


def _speed(values: Values) -> None:
    samples = [sample for sample in map(sample_row, range(2 * CLEANED_ROWS)) if sample["meta"]["language"] == "en"]
    rows = [Row("s", "f:1", prompt=one["prompt"], output=one["output"], meta={"language": "en"}) for one in samples]
    options = CleaningOptions()  # read once a build
    started = time.process_time()
    for row in rows[:FIRST_ROWS]:
        clean_row(row, options)
    values["the first rows, with models and lists to be loaded (s)"] = round(time.process_time() - started, 2)
    started = time.process_time()
    for row in rows[FIRST_ROWS : FIRST_ROWS + CLEANED_ROWS]:
        clean_row(row, options)
    values["rows cleaned per second and core, English"] = round(CLEANED_ROWS / (time.process_time() - started))


def _help(language: str, folder: Path, values: Values) -> None:
    """The language is left for detection, paragraph by paragraph."""
    if lines := help_lines(language, folder):
        touched = sum(bool(anonymise_row(Row("s", "f:1", prompt=line), MaskingOptions()).masks) for line in lines)
        values[f"clean help paragraphs touched by masking, {language} (%)"] = round(100 * touched / len(lines), 2)


if __name__ == "__main__":
    sys.exit(main())
