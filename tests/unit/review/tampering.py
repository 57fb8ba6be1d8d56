"""Ways to change a locked and opened study: bytes, lines, files, and whole rewrites with every hash made anew.

`tamper` is somebody who has the key and every file; only the hash of the lock, handed out before, is out of reach.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from toolkit.errors import SteptuneError
from toolkit.records import JSON, dump_line, sha256_file, write_json
from toolkit.review.study.create import Created
from toolkit.review.study.folder import open_study, sealed
from toolkit.review.study.key import Key, canonical, new_key, read_key
from toolkit.review.study.packet import read_packet
from toolkit.review.study.ratings import chained_entry, read_ratings
from toolkit.review.study.verify import find_changes

Way = Callable[[Created, random.Random], None]


def tamper(made: Created, kind: str, generator: random.Random) -> None:
    """Change the study in this way, at a place of the generator's."""
    _WAYS[kind](made, generator)


def named_changes(made: Created, handed_out: str) -> list[str]:
    """What verify names, with the key and the hash that was handed out."""
    try:
        key = read_key(made.key_file)
    except SteptuneError as error:
        return [str(error)]
    try:
        return find_changes(open_study(made.folder.path), key, handed_out)
    except SteptuneError as error:
        return [str(error)]


def entries_of(made: Created, rater: str) -> list[JSON]:
    packet = read_packet(made.folder.packet_file(rater))
    return read_ratings(made.folder.ratings_file(rater), packet.study, rater, packet.sha256)


def _byte(made: Created, generator: random.Random) -> None:
    path = _some_file(made, generator)
    raw = path.read_bytes()
    at, kind = generator.randrange(len(raw)), generator.randrange(3)
    path.write_bytes(
        raw[:at]
        + (bytes([raw[at] ^ generator.randrange(1, 256)]) if kind == 0 else b"" if kind == 1 else b" ")
        + raw[at + (kind != 2) :]
    )


def _line_removed(made: Created, generator: random.Random) -> None:
    path = _some_file(made, generator, "*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    lines.pop(generator.randrange(len(lines)))
    path.write_bytes(b"".join(lines))


def _lines_swapped(made: Created, generator: random.Random) -> None:
    path = _some_file(made, generator, "*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    at = generator.randrange(len(lines) - 1)
    lines[at : at + 2] = lines[at : at + 2][::-1]
    path.write_bytes(b"".join(lines))


def _file_removed(made: Created, generator: random.Random) -> None:
    path = _some_file(made, generator)
    while path == made.folder.unblinded_file:  # without the opened key a study is still blind, and nothing is lost
        path = _some_file(made, generator)
    path.unlink()


def _score_rewritten(made: Created, generator: random.Random) -> None:
    entries = entries_of(made, "anna")
    changed = generator.choice([entry for entry in entries if entry["kind"] == "scores"])
    name = generator.choice(sorted(changed["scores"]))
    changed["scores"][name] = changed["scores"][name] % 5 + 1
    _write_ratings(made, "anna", entries)
    _lock_again(made)


def _rating_added(made: Created, generator: random.Random) -> None:
    entries = entries_of(made, "ben")
    _write_ratings(made, "ben", [*entries, dict(generator.choice(entries[1:]), kind="scores")])
    _lock_again(made)


def _rater_left_out(made: Created, generator: random.Random) -> None:
    made.folder.ratings_file(generator.choice(["anna", "ben"])).unlink()
    _lock_again(made)


def _answer_rewritten(made: Created, generator: random.Random) -> None:
    """Another text for an answer, in outputs and packets, with manifest, key, chains and lock made anew."""
    path = made.folder.outputs_file
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    old = generator.choice(lines)["text"]
    for file in (path, *sorted((made.folder.path / "packets").iterdir())):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        text = "".join(dump_line(_replaced(row, old, f"{old} More.")) for row in rows)
        file.write_text(text, encoding="utf-8")
    _seal_again(made, lambda body: None)


def _systems_exchanged(made: Created, generator: random.Random) -> None:
    """The key says that the answers of two systems are each other's."""
    a, b = generator.sample(["baseline", "tuned", "human"], 2)
    other = {a: b, b: a}

    def exchange(body: JSON) -> None:
        for entry in body["answers"].values():
            entry[1] = other.get(entry[1], entry[1])
        for units in body["units"].values():
            for unit in units.values():
                unit["sources"] = [other.get(source, source) for source in unit["sources"]]

    _seal_again(made, exchange)


def _plan_rewritten(made: Created, generator: random.Random) -> None:
    content = json.loads(made.folder.plan_file.read_text(encoding="utf-8"))
    content["plan"]["comparisons"][1]["margin"] = round(generator.uniform(0.3, 4), 2)
    write_json(made.folder.plan_file, content)
    _seal_again(made, lambda body: None)


def _form_broken(made: Created, generator: random.Random) -> None:
    """A sealed document without one of its keys, with its seal made anew."""
    path = generator.choice([made.folder.manifest_file, made.folder.lock_file, made.folder.unblinded_file])
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["seal"], content[generator.choice(sorted(content.keys() - {"seal"}))]
    write_json(path, sealed(content))


_WAYS: dict[str, Way] = {
    "byte": _byte,
    "line removed": _line_removed,
    "lines swapped": _lines_swapped,
    "file removed": _file_removed,
    "score rewritten, chain and lock anew": _score_rewritten,
    "rating added, chain and lock anew": _rating_added,
    "rater left out, lock anew": _rater_left_out,
    "answer rewritten, everything anew": _answer_rewritten,
    "systems exchanged, everything anew": _systems_exchanged,
    "margin rewritten, everything anew": _plan_rewritten,
    "form broken, seal anew": _form_broken,
}
KINDS = tuple(_WAYS)


def _some_file(made: Created, generator: random.Random, pattern: str = "*") -> Path:
    files = [path for path in sorted(made.folder.path.rglob(pattern)) if path.is_file()]
    return generator.choice(files)


def _replaced(row: JSON, old: str, new: str) -> JSON:
    return {
        name: new
        if value == old
        else [new if text == old else text for text in value]
        if isinstance(value, list)
        else value
        for name, value in row.items()
    }


def _write_ratings(made: Created, rater: str, entries: list[JSON]) -> None:
    chain: list[JSON] = []
    for entry in entries:
        fields = {name: value for name, value in entry.items() if name not in ("n", "kind", "previous", "hash")}
        chain.append(chained_entry(chain, entry["kind"], fields))
    made.folder.ratings_file(rater).write_text("".join(dump_line(entry) for entry in chain), encoding="utf-8")


def _seal_again(made: Created, change: Callable[[JSON], None]) -> None:
    """Key, manifest, chains of ratings, lock and opened key, all as if the study had been so from the start."""
    manifest, key = made.folder.manifest(), read_key(made.key_file)
    ratings = {rater: entries_of_any(made, rater) for rater in manifest.raters}
    files = {name: sha256_file(made.folder.path / name) for name in manifest.files}
    body = {**json.loads(json.dumps(key.body)), "files": files}
    change(body)
    anew = new_key(body)
    content = manifest.model_dump(by_alias=True, exclude={"seal"})
    write_json(made.folder.manifest_file, sealed({**content, "commitment": anew.commitment, "files": files}))
    _write_key(made.key_file, anew)
    for rater, entries in ratings.items():
        entries[0]["packet"] = files[f"packets/{rater}.jsonl"]
        _write_ratings(made, rater, entries)
    _lock_again(made)
    write_json(made.folder.unblinded_file, sealed({"nonce": anew.nonce, "key": anew.body}))


def entries_of_any(made: Created, rater: str) -> list[JSON]:
    """The entries of a rating file whatever packet it is of."""
    return [json.loads(line) for line in made.folder.ratings_file(rater).read_text(encoding="utf-8").splitlines()]


def _write_key(path: Path, key: Key) -> None:
    path.write_bytes(canonical({"form": "steptune-study-key/1", "nonce": key.nonce, "key": key.body}) + b"\n")


def _lock_again(made: Created) -> None:
    manifest, ratings = made.folder.manifest(), {}
    for rater in manifest.raters:
        if made.folder.ratings_file(rater).exists():
            entries = entries_of_any(made, rater)
            ratings[rater] = {
                "lines": len(entries),
                "sha256": sha256_file(made.folder.ratings_file(rater)),
                "receipt": entries[-1]["hash"],
            }
    content = {"study": manifest.study, "manifest": sha256_file(made.folder.manifest_file), "ratings": ratings}
    write_json(made.folder.lock_file, sealed(content))
