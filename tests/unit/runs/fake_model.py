"""In place of toolkit.generation.ask_worker: says what it was asked, piece by piece, without a model.

A question `die` ends it in the middle of an answer, `refuse` is refused, `slow` waits for a stop, `long` fills the
context, `controls` is answered with what a terminal would obey.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.tui.hostile import HOSTILE
from toolkit.options.asking import AskOptions
from toolkit.runs.ask_messages import (
    Done,
    Failed,
    Loading,
    Message,
    Question,
    Ready,
    Reply,
    Written,
    to_line,
)

COMMAND = (sys.executable, __file__)
CONTROLS = "".join(HOSTILE).encode("utf-8", "replace").decode()


def tell(message: Message) -> None:
    sys.stdout.write(to_line(message))
    sys.stdout.flush()


def main() -> None:
    options = AskOptions.model_validate(json.loads(sys.stdin.readline()))
    if options.model == "broken":
        tell(Failed("model: broken cannot be used.", 2, True))
        return
    tell(Loading("the weights are loaded", 1, 2))
    tell(Ready(options.model, 0.1, 96))
    for line in iter(sys.stdin.readline, ""):
        row = json.loads(line)
        if row["kind"] == "question":
            answer(Question.from_json(row))


def answer(question: Question) -> None:
    for system in question.systems:
        for sample in range(question.sampling.n):
            text = CONTROLS if question.text == "controls" else f"{system} {sample}: {question.text}"
            tell(Written(system, sample, text[:4]))
            reason = "length" if question.sampling.max_new_tokens < 5 else "stop"
            if question.text == "die":
                print("the last words", file=sys.stderr, flush=True)
                os._exit(7)
            if question.text == "refuse":
                tell(Failed("the server refused it.", 1, False))
                return
            if question.text == "slow":
                assert json.loads(sys.stdin.readline())["kind"] == "stop"
                text, reason = text[:4], "stopped"
            if question.text == "long":
                text, reason = "", "prompt_too_long"
            time.sleep(0.01)
            tell(Reply(system, sample, text, reason, 3, 0 if not text else 4, 0.1 if text else None, 0.2))
    tell(Done())


if __name__ == "__main__":
    main()
