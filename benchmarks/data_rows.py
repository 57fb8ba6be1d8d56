"""Cleaning at scale, compared with its peers: personal data, typing errors, near-duplicates, the split, time and memory
of a large build.

    make bench-data                    (STEPTUNE_BENCH_PYTHON names an interpreter that has the extra `bench`, if it is
    not this one)
    .venv/bin/python benchmarks/data_rows.py [ROWS]     rows of the large build; 20,000 if left out

Prose without personal data is Debian's libreoffice-help (English, Indonesian; downloaded, not installed). Times are CPU
seconds of one core, except those of whole builds.
"""

from __future__ import annotations

import gc
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.data_samples import near_copy, row, typing_error
from benchmarks.data_scale import build, write_source
from benchmarks.help_text import help_lines
from benchmarks.report import finish
from scripts.pii.measure import MOSTLY, measure_generated
from toolkit.data.cleaning.anonymise import anonymise_row, find_personal
from toolkit.data.cleaning.typos import WORD, WordCounts, repair_typos
from toolkit.data.pii.spans import KINDS
from toolkit.data.rows import Batch, Row
from toolkit.data.selection.leak_check import find_leaks
from toolkit.data.selection.similarity import similar_pairs
from toolkit.data.stages import Stages
from toolkit.grams import GramSets, comparable
from toolkit.options.data import DuplicateOptions, MaskingOptions, SplitOptions
from toolkit.runs.recorder import Recorder

HERE = Path(__file__).parent
PEER_PYTHON = os.environ.get("STEPTUNE_BENCH_PYTHON", sys.executable)
LANGUAGES = ("en", "id")
REGIONS = ("US", "GB", "ID")
QUIET = Recorder(None)
FILLED_TEXTS, DUPLICATE_ROWS, SPLIT_ROWS = 1_500, 6_000, 100_000
HARD = {"CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "EMAIL_ADDRESS", "US_SSN", "IP_ADDRESS", "US_DRIVER_LICENSE"}
PERSONAL = HARD | {"PERSON", "STREET_ADDRESS", "GPE", "ZIP_CODE", "TITLE"}  # what a masked character may belong to

Values = dict[str, float]
Beside = dict[str, dict[str, Any]]


def main() -> int:
    values: Values = {}
    beside: Beside = {}
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        of_help = {language: help_lines(language, Path(scratch)) for language in LANGUAGES}
        for part in (_personal_data, _foreign_templates, _typing_errors, _near_duplicates):
            part(values, beside, of_help)
            print(json.dumps({"after": part.__name__, **values}), file=sys.stderr, flush=True)
        _split(values, beside)
        _whole_build(values, beside, Path(scratch), int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
    return finish("data_rows", values, beside)


def _peer(name: str, job: dict) -> dict | None:
    """A peer's answer, or None where it is not installed."""
    done = subprocess.run(
        [PEER_PYTHON, str(HERE / "data_peers.py"), name],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    answer: dict = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _personal_data(values: Values, beside: Beside, of_help: dict[str, list[str]]) -> None:
    measured = measure_generated()["languages"]
    for language, found in measured.items():
        values[f"personal data {language}: hard identifiers found"] = found["hard_recall"]
        values[f"personal data {language}: names found"] = found["recall"]["name"]
        values[f"personal data {language}: addresses found"] = found["recall"]["address"]
    for language, lines in of_help.items():
        if lines:
            touched = sum(bool(find_personal(line, frozenset(KINDS), REGIONS)) for line in lines)
            values[f"personal data {language}: help strings touched (%)"] = round(100 * touched / len(lines), 2)
    samples = [row(number) for number in range(2_000)]
    rows = [Row("s", "f:1", prompt=sample["prompt"], output=sample["output"]) for sample in samples]
    started = time.process_time()
    for one in rows:
        anonymise_row(one, MaskingOptions())
    values["personal data: rows/s"] = round(len(rows) / (time.process_time() - started))
    answer = _peer("presidio", {"texts": [f"{sample['prompt']}\n{sample['output']}" for sample in samples[:200]]})
    if answer:
        beside["personal data: rows/s"] = {"presidio": round(200 / answer["seconds"])}
    if of_help["en"] and (answer := _peer("presidio", {"texts": of_help["en"][:400]})):
        beside["personal data en: help strings touched (%)"] = {
            "presidio": round(100 * sum(map(bool, answer["spans"])) / 400, 1)
        }


def _foreign_templates(values: Values, beside: Beside, of_help: dict[str, list[str]]) -> None:
    answer = _peer("presidio_texts", {"count": FILLED_TEXTS})
    if answer is None:
        return
    texts = answer["texts"]
    own = [
        [(span.start, span.end) for span in find_personal(text["text"], frozenset(KINDS), ("US", "GB"))]
        for text in texts
    ]
    names = ("hard identifiers found", "names found", "addresses found", "character precision")
    values.update(
        {
            f"presidio-evaluator's templates: {name}": value
            for name, value in zip(names, _found(texts, own), strict=True)
        }
    )
    theirs = _peer("presidio", {"texts": [text["text"] for text in texts]})
    if theirs:
        found = _found(texts, [[(start, end) for start, end, _ in spans] for spans in theirs["spans"]])
        beside.update(
            {
                f"presidio-evaluator's templates: {name}": {"presidio": value}
                for name, value in zip(names, found, strict=True)
            }
        )


def _found(texts: list[dict], spans: list[list[tuple[int, int]]]) -> tuple[float, float, float, float]:
    """Shares of hard identifiers (whole), names and addresses (at least MOSTLY) that are masked; share of masked
    characters that are personal.
    """
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    masked = right = 0
    for text, own in zip(texts, spans, strict=True):
        covered, personal = bytearray(len(text["text"])), bytearray(len(text["text"]))
        for start, end in own:
            covered[start:end] = b"\1" * (end - start)
        for start, end, kind in text["spans"]:
            group = "hard" if kind in HARD else kind
            total[group] += 1
            found[group] += sum(covered[start:end]) >= (end - start) * (1 if kind in HARD else MOSTLY)
            if kind in PERSONAL:
                personal[start:end] = b"\1" * (end - start)
        masked += sum(covered)
        right += sum(left & other for left, other in zip(covered, personal, strict=True))
    shares = [round(found[group] / total[group], 4) for group in ("hard", "PERSON", "STREET_ADDRESS")]
    return (*shares, round(right / max(1, masked), 4))  # type: ignore[return-value]


def _typing_errors(values: Values, beside: Beside, of_help: dict[str, list[str]]) -> None:
    """What the repair changes in help text, each line a row; and in the same text when every second line has an error
    planted.

    Every change counts as harm; next to it stands what is left without the errors that the help itself has, by reading
    (help_errors.txt).
    """
    of_the_help = dict(
        line.split() for line in (HERE / "help_errors.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"
    )
    planted: list[tuple[str, str, str]] = []  # the error, the word, what the repair made of it
    for language, lines in of_help.items():
        if not lines:
            return
        changes = [
            change
            for line, repaired in zip(lines, _repaired(lines), strict=True)
            for change in _changed_words(line, repaired)
        ]
        words = sum(len(re.findall(r"(?<!\w)[^\W\d_]+(?!\w)", line)) for line in lines)
        harmed = [change for change in changes if of_the_help.get(change[0]) != change[1]]
        values[f"typing errors {language}: words harmed (%)"] = round(100 * len(changes) / words, 3)
        beside[f"typing errors {language}: words harmed (%)"] = {
            "without errors of the help itself": round(100 * len(harmed) / words, 3)
        }
        planted += _planted(lines)
        if language == "en":
            sample = [
                word
                for line in lines
                for word in WORD.findall(line)
                if word.islower() and word.isascii() and len(word) >= 5
            ][:500]
            for name in ("symspellpy", "pyspellchecker"):
                if answer := _peer(name, {"words": sample}):
                    share = sum(left != right for left, right in zip(sample, answer["words"], strict=True)) / len(
                        sample
                    )
                    beside[f"typing errors {language}: words harmed (%)"][name] = round(100 * share, 1)
            english = planted[:300]
            for name in ("symspellpy", "pyspellchecker"):
                if answer := _peer(name, {"words": [wrong for wrong, _, _ in english]}):
                    right = sum(
                        left == word for left, (_, word, _) in zip(answer["words"], english, strict=True)
                    ) / len(english)
                    beside.setdefault("typing errors: planted ones repaired", {})[f"{name}, English"] = round(right, 3)
        right = sum(word == made for _, word, made in planted)
        beside.setdefault("typing errors: planted ones repaired", {})[
            "English" if language == "en" else "with Indonesian"
        ] = round(right / len(planted), 4)
    values["typing errors: planted ones repaired"] = round(right / len(planted), 4)
    values["typing errors: precision"] = round(right / sum(wrong != made for wrong, _, made in planted), 4)


def _repaired(lines: list[str]) -> list[str]:
    counts = WordCounts(LANGUAGES)
    for line in lines:
        counts.see(line)
    vocabulary = counts.found()
    return [repair_typos(line, LANGUAGES, vocabulary)[0] for line in lines]


def _changed_words(line: str, repaired: str) -> list[tuple[str, str]]:
    return [
        (left, right) for left, right in zip(WORD.findall(line), WORD.findall(repaired), strict=True) if left != right
    ]


def _planted(lines: list[str]) -> list[tuple[str, str, str]]:
    """An error in every second line with a word of six letters and more; none that makes another word of the text."""
    chooser = random.Random(7)
    words = {word for line in lines for word in WORD.findall(line)}
    texts, places = list(lines), {}
    for at in range(0, len(lines), 2):
        matches = [
            match
            for match in WORD.finditer(lines[at])
            if len(match.group()) >= 6 and match.group().islower() and match.group().isascii()
        ]
        if matches:
            match = chooser.choice(matches)
            wrong = typing_error(match.group(), chooser)
            if wrong not in words:
                texts[at] = lines[at][: match.start()] + wrong + lines[at][match.end() :]
                places[at] = (wrong, match.group(), len(WORD.findall(lines[at][: match.start()])))
    repaired = _repaired(texts)
    return [(wrong, word, WORD.findall(repaired[at])[number]) for at, (wrong, word, number) in places.items()]


def _near_duplicates(values: Values, beside: Beside, of_help: dict[str, list[str]]) -> None:
    """Copies of every closeness among rows of their own; the truth is the Jaccard similarity of sets of strings."""
    chooser = random.Random(11)
    samples = [row(number) for number in range(DUPLICATE_ROWS) if number % 10 != 9]
    samples += [near_copy(sample, chooser, chooser.randint(1, 14)) for sample in samples[:2_000]]
    texts = [comparable(sample["prompt"], sample["output"]) for sample in samples]
    grams = [{text[at : at + 4] for at in range(len(text) - 3)} for text in texts]
    first_copy = len(samples) - 2_000
    truth = {
        (at, first_copy + at): len(grams[at] & grams[first_copy + at]) / len(grams[at] | grams[first_copy + at])
        for at in range(2_000)
    }
    found = {(earlier, later) for earlier, later, _ in similar_pairs(GramSets(texts), 0.7)}
    for least in (0.8, 0.7):
        pairs = [pair for pair, value in truth.items() if value >= least]
        values[f"near-duplicates: recall at J >= {least}"] = round(sum(pair in found for pair in pairs) / len(pairs), 4)
    exact = [len(grams[left] & grams[right]) / len(grams[left] | grams[right]) >= 0.7 for left, right in found]
    values["near-duplicates: precision"] = round(sum(exact) / len(exact), 4)
    rows = [
        Row("s", f"f:{at}", at, sample["prompt"], sample["output"], id=str(at)) for at, sample in enumerate(samples)
    ]
    gc.collect()  # the sets of strings above take as long to collect as the rows to deduplicate
    with _stages() as stages:
        started = time.process_time()
        stages.deduplicate(Batch(rows), DuplicateOptions())
        values["near-duplicates: rows/s end to end"] = round(len(rows) / (time.process_time() - started))
    values["near-duplicates: hard negatives deleted"] = _hard_negatives_deleted()
    if answer := _peer("datasketch", {"texts": texts[:3_000] + texts[first_copy:], "threshold": 0.7}):
        same = {(left, right - 3_000 + first_copy) for left, right in answer["pairs"] if left < 3_000 <= right}
        high = [pair for pair, value in truth.items() if value >= 0.8]
        beside["near-duplicates: recall at J >= 0.8"] = {
            "datasketch": round(sum(pair in same for pair in high) / len(high), 4)
        }
        beside["near-duplicates: rows/s end to end"] = {"datasketch": round(5_000 / answer["seconds"])}


@contextmanager
def _stages() -> Iterator[Stages]:
    """The stages of a build whose folder is thrown away."""
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as folder:
        yield Stages(Path(folder), QUIET)


def _hard_negatives_deleted() -> int:
    """Rows that differ in the name of an app, a number or an opposite alone, and are different tasks."""
    steps = (
        "1. Open {0} and sign in with your number.\n2. Tap Profile, then Security.\n3. Choose the PIN and confirm.\n4."
        " Enter it twice and save it."
    )
    texts = [
        (f"How do I reset the PIN in {app}?", steps.format(app))
        for app in ("Gojek", "DANA", "OVO", "LinkAja", "ShopeePay", "Jenius", "Grab", "Flip")
    ]
    texts += [(f"How do I update to iOS {number}?", steps.format("Settings")) for number in range(12, 20)]
    texts += [(f"How do I turn {way} the location in Maps?", steps.format("Maps")) for way in ("on", "off")]
    texts += [
        (f"Bagaimana cara {way} notifikasi Tokopedia?", steps.format("Tokopedia"))
        for way in ("mengaktifkan", "menonaktifkan")
    ]
    rows = [Row("s", f"f:{at}", at, prompt, output, id=str(at)) for at, (prompt, output) in enumerate(texts)]
    with _stages() as stages:
        return len(rows) - len(stages.deduplicate(Batch(rows), DuplicateOptions()).kept)


def _split(values: Values, beside: Beside) -> None:
    samples = (row(number) for number in range(SPLIT_ROWS))
    rows = [
        Row("s", f"f:{at}", at, sample["prompt"], sample["output"], sample["id"], sample["id"], sample["meta"])
        for at, sample in enumerate(samples)
    ]
    with _stages() as stages:
        started = time.process_time()
        whole = stages.split(Batch(rows), SplitOptions())
        values["split: 100,000 rows (s)"] = round(time.process_time() - started, 1)
    with _stages() as stages:
        old = stages.split(Batch(rows[: SPLIT_ROWS * 10 // 11]), SplitOptions())
    values["split: old rows moved when 10 % is added"] = sum(
        whole.split_of[name] != split for name, split in old.split_of.items()
    )
    values["split: test share, distance from 15 %"] = round(
        abs(100 * sum(split == "test" for split in whole.split_of.values()) / len(rows) - 15), 2
    )
    some = rows[:10_000]  # searched exactly
    values["split: pairs across splits"] = _crossing(some, {one.id: whole.split_of[one.id] for one in some})
    chooser = random.Random(5)
    at_random = {one.id: chooser.choices(("train", "validation", "test"), (0.75, 0.1, 0.15))[0] for one in some}
    tests = [one for one in some if at_random[one.id] == "test"]
    beside["split: pairs across splits"] = {
        "random split": _crossing(some, at_random),
        "random split, its test rows": len(tests),
    }


def _crossing(rows: list[Row], split_of: dict[str, str]) -> int:
    """Pairs by text, J >= .6 or lineage that lie in two splits of the written files."""
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as folder:
        for split in ("train", "validation", "test"):
            lines = (
                {"id": one.id, "prompt": one.prompt, "output": one.output, "meta": one.meta}
                for one in rows
                if split_of[one.id] == split
            )
            (Path(folder) / f"{split}.jsonl").write_text(
                "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
            )
        return len(find_leaks(Path(folder), 0.6))


def _whole_build(values: Values, beside: Beside, scratch: Path, count: int) -> None:
    """One process and two on the same rows; the million is these times up to the split carried on in proportion, and
    says so.
    """
    source = write_source(scratch / "rows.jsonl", count)
    one, two = (build(source, scratch / f"run{processes}", processes) for processes in (1, 2))
    same = all(
        (scratch / "run1" / "dataset" / name).read_bytes() == (scratch / "run2" / "dataset" / name).read_bytes()
        for name in ("train.jsonl", "test.jsonl", "ledger.jsonl")
    )
    values["two processes: speed of the row stages"] = round(one["phases"]["clean"] / two["phases"]["clean"], 2)
    values["two processes: files that differ"] = 0 if same else 1
    to_the_split = sum(seconds for phase, seconds in two["phases"].items() if phase != "publish")
    values["1,000,000 rows, two processes (minutes)"] = round(to_the_split / count * 1_000_000 / 60, 1)
    values["1,000,000 rows, two processes (GB)"] = two["peak_gb"]
    beside["1,000,000 rows, two processes (minutes)"] = {"measured rows": count, "measured": two, "one process": one}
    beside["1,000,000 rows, two processes (GB)"] = {"measured rows": count}


if __name__ == "__main__":
    sys.exit(main())
