"""`steptune ask`: put questions to the model of a run, its base and the tuned one side by side."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from toolkit.config_problems import problems_of
from toolkit.errors import ConfigError, SteptuneError, UsageError
from toolkit.options.asking import AskOptions
from toolkit.options.generation import SamplingOptions
from toolkit.run_folder.find import find_run
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.answer_text import answer_lines, column_name
from toolkit.runs.answered import send_to_curation
from toolkit.runs.ask_messages import Question, Ready, Reply, Written
from toolkit.runs.asking import AskError, AskSession, new_id
from toolkit.runs.exchanges import Exchange, keep_exchange, note_failure
from toolkit.runs.run_model import model_of
from toolkit.runs.served import asked_where_served
from toolkit.terminal.live_block import LiveBlock
from toolkit.terminal.live_line import LiveLine
from toolkit.terminal.numbers import amount
from toolkit.terminal.output import ask as read_line
from toolkit.terminal.output import say_error, say_json

WIDEST = 160
HELP = (
    "A question a line; the model stays loaded. /curate sends the last answer to the curation queue of the run's data"
    " set, /fail [NOTE] writes it down as a failure, Ctrl-C cuts an answer short, Ctrl-D leaves."
)


def ask(args: argparse.Namespace) -> int:
    """One question, or all lines of standard input, or a dialogue on a terminal."""
    run = find_run(args.run)
    options = ask_options(run, args)
    systems = wanted_systems(run, options, args.system)
    with AskSession(options) as session:
        _show_loading(session)
        dialogue = Dialogue(run, session, systems, args.json)
        if args.question is not None:
            dialogue.put(args.question)
            return dialogue.exit_code
        dialogue.run()
        return dialogue.exit_code


def ask_options(run: RunFolder, args: argparse.Namespace) -> AskOptions:
    """The run's own model, prompt and sampling, with what the command line says.

    Raises:
        ConfigError: a number that cannot be, or several answers without a temperature.
    """
    given: dict[str, Any] = {
        name: value
        for name in ("temperature", "n", "max_new_tokens", "seed")
        if (value := getattr(args, name)) is not None
    }
    known = asked_where_served(run, model_of(run))
    if args.server or args.server_model:
        given["at"] = {"server": args.server, "server_model": args.server_model}
    try:
        return AskOptions.model_validate({**known.model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        raise ConfigError(problems_of(error, AskOptions), "the command line") from None


def wanted_systems(run: RunFolder, options: AskOptions, asked: str | None) -> tuple[str, ...]:
    """The systems of `--system`; what there is where it is left out.

    Raises:
        UsageError: the run has no adapter, or a server answers and a system was named.
    """
    if options.at.server:
        if asked:
            raise UsageError("--system chooses between the systems of a run; a server answers with what it serves.")
        return options.systems
    if asked in ("tuned", "both") and options.adapter is None:
        raise UsageError(
            f"The run {run.id} ({run.recipe}) has no adapter, so that there is no tuned system to ask; --system"
            " baseline asks its model alone."
        )
    return options.systems if asked in (None, "both") else (asked,)


def _show_loading(session: AskSession) -> None:
    line, said = LiveLine(sys.stderr), ""
    try:
        for message in session.load():
            if isinstance(message, Ready):
                context = f", context of {message.context} tokens" if message.context else ""
                line.say(f"{message.said}{context}; ready after {message.seconds:.1f} s")
            elif line.rewrites:
                line.show(f"{message.what} {amount(message.what, message.done, message.total)}".strip())
            elif message.what != said:
                said = message.what
                line.say(said)
    finally:
        line.finish()


class Dialogue:
    """Questions one after the other to a model that stays loaded; each exchange is kept in the run's folder."""

    def __init__(self, run: RunFolder, session: AskSession, systems: tuple[str, ...], as_json: bool) -> None:
        self.run_folder, self.session, self.systems, self.as_json = run, session, systems, as_json
        self.last: Exchange | None = None
        self.exit_code = 0

    def run(self) -> None:
        """Until the input ends."""
        if sys.stdin.isatty():
            say_error(HELP)
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401 (arrow keys in the line that is typed)
        for text in _lines():
            try:
                self._obey(text) if text.startswith("/") else self.put(text)
            except AskError as error:
                say_error(f"steptune: {error}")
                self.exit_code = error.exit_code
                if error.fatal:
                    return
            except SteptuneError as error:
                say_error(f"steptune: {error}")
                self.exit_code = error.exit_code

    def put(self, text: str) -> None:
        """Ask, show the answers as they are written, keep them.

        Raises:
            UsageError: the question is empty, or no system could be asked: it fills the context.
            AskError: the model is gone, or the server refused.
        """
        text = text.encode("utf-8", "replace").decode()  # an argument may hold bytes that are no text
        if not text.strip():
            raise UsageError("The question is empty.")
        question = Question(new_id(), text, self.systems, SamplingOptions.of(self.session.options))
        exchange = self.last = Exchange(question)
        self.session.ask(question)
        block, several = LiveBlock(sys.stdout), question.sampling.n > 1
        width = min(WIDEST, shutil.get_terminal_size().columns - 1)
        parts: dict[str, Reply | Written] = {}
        for part in self._answers():
            parts[column_name(part, several)] = part
            if isinstance(part, Reply):
                exchange.replies.append(part)
            if not self.as_json:
                block.show(answer_lines(list(parts.values()), width, several))
        if self.as_json:
            say_json({"id": question.id, "prompt": text, "answers": list(map(asdict, exchange.replies))}, indent=None)
        else:
            block.finish([*answer_lines(exchange.replies, width, several), ""])
        keep_exchange(self.run_folder, exchange, self.session.options)
        _require_an_answer(exchange)

    def _answers(self) -> Iterator[Reply | Written]:
        """Ctrl-C cuts the answers short; what is written comes all the same."""
        while True:
            try:
                yield from self.session.answers()
                return
            except KeyboardInterrupt:
                self.session.stop_answer()

    def _obey(self, command: str) -> None:
        word, _, note = command.partition(" ")
        replies = self.last.replies if self.last else []
        if word not in ("/curate", "/fail"):
            say_error(HELP)
        elif self.last is None or not replies:
            say_error("There is no answer yet.")
        elif word == "/curate":
            dataset = send_to_curation(self.run_folder, self.last, replies[-1])
            say_error(f"{replies[-1].system}: sent to the queue of {dataset} (steptune curate).")
        else:
            note_failure(self.run_folder, self.last, replies[-1], note)
            say_error(f"{replies[-1].system}: written down in {self.run_folder.failures_file}.")


def _lines() -> Iterator[str]:
    """Lines of standard input that hold something; on a terminal after a prompt, where Ctrl-C leaves the line."""
    while True:
        try:
            text = read_line("> ") if sys.stdin.isatty() else read_line("")
        except EOFError:
            return
        except KeyboardInterrupt:
            say_error("")
            return
        if text.strip():
            yield text


def _require_an_answer(exchange: Exchange) -> None:
    """Raises UsageError where the question did not fit any system."""
    replies = exchange.replies
    if replies and all(reply.finish_reason == "prompt_too_long" for reply in replies):
        raise UsageError(
            f"The question has {replies[0].prompt_tokens} tokens as a prompt, which fills the model's context; ask a"
            " shorter one."
        )
