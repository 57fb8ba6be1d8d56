"""Texts that attack a terminal, a layout or a markup parser, and the check that none reached the terminal raw."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.tui.sample_runs import make_run, results
from toolkit.records import write_json

HOSTILE = (
    "\x1b]52;c;SE9TVElMRQ==\x07",  # writes the clipboard
    "\x1b]0;HOSTILE title\x07",
    "\x1b]2;HOSTILE\x1b\\",
    "\x1b[2J\x1b[1;1HHOSTILE",
    "\x1b[31mHOSTILE\x1b[0m",
    "\x1b[?1049lHOSTILE",
    "\x1bcHOSTILE",
    "\x1bP0;1|17/ab\x1b\\HOSTILE",
    "\x9b31mHOSTILE",
    "\x9d0;HOSTILE\x9c",
    "HOSTILE\x00\x01\x02\x03\x07\x08\x7f",
    "HOSTILE\r\nHOSTILE\rX",
    "\u202eELITSOH\u202c",
    "\u2066HOSTILE\u2069\u200f",
    "[/]HOSTILE[/red][bold",
    "[@click=app.quit]HOSTILE[/]",
    "$HOSTILE ${HOSTILE} {HOSTILE}",
    "H" + "\u0301" * 400 + "OSTILE",
    "\u200b\u200d\ufeffHOSTILE\ufe0f",
    "👩‍👩‍👧‍👦🏳️‍🌈 HOSTILE ｗｉｄｅ 漢字",
    "\t\tHOSTILE\t",
    "HOSTILE" * 3000,
    " " * 200 + "HOSTILE",
    "",
    "../../HOSTILE/\\..",
    "\ud800HOSTILE",
    "\u2028HOSTILE\u2029\x85",
    "\x1b[6nHOSTILE\x1b[c\x05",
)
_ALLOWED_C0 = frozenset((0x0A, 0x0D, 0x1B, 0x08))


def forbidden_output(sent: bytes, text: str) -> int:
    """How often something of `text` reached the terminal as a control: its own sequences, other C0, C1 and bidi
    characters.
    """
    found = 0
    sent = re.sub(rb"\x1b\]22;[a-z-]*\x07", b"", sent)  # Textual's own: the shape of the mouse pointer
    raw = text.encode("utf-8", "replace")
    for start in (
        b"\x1b]52;",
        b"\x1b]0;HOSTILE",
        b"\x1b]2;HOSTILE",
        b"\x1bP",
        b"\x1bc",
        b"\x1b[6n",
        b"\x1b[c",
        b"\x1b[2J",
    ):
        if start in raw:
            found += sent.count(start)
    decoded = sent.decode("utf-8", "replace")
    found += sum(
        1
        for character in decoded
        if (ord(character) < 0x20 and ord(character) not in _ALLOWED_C0) or 0x7F <= ord(character) < 0xA0
    )
    return found + sum(
        decoded.count(mark) for mark in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029"
    )


def make_hostile(root: Path, text: str) -> None:
    """Two runs with a hostile string wherever a run's files have text."""
    # Half a surrogate pair fits only into an escape of JSON.
    escaped, text = text, text.encode("utf-8", "replace").decode()
    for number in (1, 2):
        path = make_run(
            root,
            f"2026010{number}-000000-evaluate-{number}",
            "evaluate",
            message=text,
            headline={text: 1.0, "x": text},
            config={"model": text, "learning_rate": number / 1000},
        )
        info = json.loads((path / "run.json").read_text())
        write_json(path / "run.json", {**info, "id": f"{number}{text}", "host": text})
        with (path / "events.jsonl").open("a", encoding="utf-8", errors="surrogatepass") as file:
            file.write(
                json.dumps({"event": escaped, "time": 1e300, escaped: escaped})
                + "\n"
                + json.dumps({"event": "warning", "message": escaped})
                + "\n"
            )
        with (path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": 99, escaped: 3.0, "phase": escaped, "done": 1, "total": 2}) + "\n")
        (path / "log.txt").write_bytes(
            escaped.encode("utf-8", "surrogatepass") * 3 + b"\n" + escaped.encode("utf-8", "surrogatepass") + b"\n"
        )
        report = path / "report"
        report.mkdir()
        write_json(report / "results.json", hostile_results(text))
        result = json.loads((path / "result.json").read_text())
        write_json(path / "result.json", {**result, "outputs": {"report": {"path": "report", "sha256": "0"}}})


def hostile_results(text: str) -> dict[str, Any]:
    """A results.json of the right form with the text wherever it has one."""
    document = results(1)
    system, (item,), (comparison, *_) = document["systems"]["tuned"], document["items"], document["comparisons"]
    system["metrics"][text] = system["metrics"]["rouge_l"]
    answers = {
        "outputs": {text: text, "tuned": text},
        "scores": {text: {"rouge_l": 0.5}},
        "failed_checks": {text: [text]},
    }
    return {
        **document,
        "verdict": text,
        "systems": {text: system},
        "comparisons": [{**comparison, "a": text, "b": text, "metric": text}],
        "items": [{**item, "id": text, "prompt": text, "reference": text, **answers}],
    }
