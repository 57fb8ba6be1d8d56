"""What answers a conversation: one base with its adapter on or off, or a server; by the renderer, the stop tokens, the
sampling and the engines of generate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec

from toolkit.errors import PreflightError
from toolkit.generation.adapter import choose_merge_mode, read_adapter
from toolkit.generation.engine import Finished, Watch
from toolkit.generation.environment import choose_dtype, device_name, on_cpu
from toolkit.generation.memory import require_memory
from toolkit.generation.prompts import Codec, Prompt, Request, build_requests
from toolkit.generation.server_engine import generate_server
from toolkit.generation.system import System, base_system, context_limit, load_codec, server_system, tuned_system
from toolkit.generation.transformers_engine import generate_transformers, load_model
from toolkit.options.asking import AskOptions
from toolkit.options.generation import EngineOptions, SamplingOptions
from toolkit.runs.ask_messages import Message, Question, Reply, Written
from toolkit.runs.recorder import Recorder

WRITTEN_EVERY_S = 0.05
_ASSUMED_PROMPT = 512  # tokens that are counted on before a question is known
_Tell = Callable[[Message], None]
_Generate = Callable[[list[Request], SamplingOptions, Callable[[int], None], Watch], Iterator[Finished]]


class Stopped(Exception):
    """The person who asked wants no more of this answer."""


@dataclass(frozen=True)
class Asked:
    """A system that can be asked."""

    system: System
    codec: Codec
    context: int | None


@dataclass(frozen=True)
class Answerer:
    """Systems by name over one engine; `said` names model, precision and device, `seconds` is what loading took."""

    systems: dict[str, Asked]
    generate: _Generate
    said: str
    seconds: float

    @property
    def context(self) -> int | None:
        """The least context of its systems."""
        return min((asked.context for asked in self.systems.values() if asked.context), default=None)

    def answer(self, question: Question, tell: _Tell, check_stop: Callable[[], None]) -> None:
        """Tell every answer as it is written and as it ends, system by system.

        Raises:
            SteptuneError: the server refused or stopped answering.
        """
        for name in question.systems:
            _Writing(name, self.systems[name], question, tell).run(self.generate, check_stop)


class _Writing:
    """One system's answers to one question."""

    def __init__(self, name: str, asked: Asked, question: Question, tell: _Tell) -> None:
        self.name, self.codec, self.tell, self.sampling = name, asked.codec, tell, question.sampling
        self.started = time.monotonic()
        adapter = asked.system.adapter if asked.system.unmerged else None
        prompt = Prompt(question.id, question.text)
        self.requests = build_requests([prompt], self.codec, self.sampling, asked.context, "", adapter)
        self.first_s: dict[int, float] = {}
        self.written: dict[int, tuple[list[int] | str, float]] = {}

    def run(self, generate: _Generate, check_stop: Callable[[], None]) -> None:
        left = {request.sample: request for request in self.requests}
        for request in [request for request in self.requests if request.refused]:
            self._reply(left.pop(request.sample), "", str(request.refused), 0)
        try:
            if left:
                tick: Callable[[int], None] = lambda _tokens: check_stop()  # noqa: E731
                for done in generate(list(left.values()), self.sampling, tick, self.watch):
                    text = self.codec.decode(done.token_ids) if done.text is None else done.text.strip()
                    self.first_s.setdefault(done.request.sample, self._now())
                    self._reply(left.pop(done.request.sample), text, done.finish_reason, done.generated)
        except Stopped:
            for request in left.values():
                so_far = self.written.get(request.sample, ([], 0.0))[0]
                count = 0 if isinstance(so_far, str) else len(so_far)
                self._reply(request, self._text(so_far), "stopped", count)

    def watch(self, request: Request, so_far: list[int] | str) -> None:
        """Tell what is written, a few times a second."""
        if not so_far:
            return
        now = self._now()
        self.first_s.setdefault(request.sample, now)
        told_s = self.written.get(request.sample, ([], -1.0))[1]
        is_due = now - told_s >= WRITTEN_EVERY_S
        self.written[request.sample] = (so_far, now if is_due else told_s)
        if is_due:
            self.tell(Written(self.name, request.sample, self._text(so_far)))

    def _text(self, so_far: list[int] | str) -> str:
        """Without the half of a character that the next token completes."""
        text = so_far.strip() if isinstance(so_far, str) else self.codec.decode(so_far)
        return text.rstrip("\ufffd")

    def _reply(self, request: Request, text: str, finish_reason: str, tokens: int) -> None:
        first_s = self.first_s.get(request.sample) if tokens else None
        self.tell(
            Reply(
                self.name,
                request.sample,
                text,
                finish_reason,
                len(request.prompt_ids),
                tokens,
                None if first_s is None else round(first_s, 3),
                round(self._now(), 3),
            )
        )

    def _now(self) -> float:
        return time.monotonic() - self.started


def open_answerer(options: AskOptions, recorder: Recorder, say: Callable[[str], None]) -> Answerer:
    """Load what answers; `say` gets what is done next.

    Raises:
        PreflightError: no such server, a package is missing, or memory does not suffice.
        ModelError: model or adapter cannot be used, or do not belong together.
        DiskFullError: no space for a rounded base.
    """
    started = time.monotonic()
    opened = _from_server(options) if options.at.server else _loaded_here(options, recorder, say)
    return replace(opened, seconds=round(time.monotonic() - started, 1))


def _from_server(options: AskOptions) -> Answerer:
    system = server_system(options, str(options.at.server), options.at.server_model)
    server = system.server
    assert server is not None
    if options.adapter and server.takes_token_ids:
        system = replace(system, adapter=options.adapter, lora_rank=1)  # the tokenizer and format that were trained
    asked = Asked(system, load_codec(system, options.prompt_format), context_limit(system, None))

    def generate(
        requests: list[Request], sampling: SamplingOptions, tick: Callable[[int], None], watch: Watch
    ) -> Iterator[Finished]:
        return generate_server(server, requests, sampling, len(requests), tick, watch)

    return Answerer({"server": asked}, generate, f"{server.model} at {server.url}", 0.0)


def _loaded_here(options: AskOptions, recorder: Recorder, say: Callable[[str], None]) -> Answerer:
    dtype = choose_dtype("auto")
    say("model and adapter are checked" if options.adapter else "the model is checked")
    tuned = _tuned(options, recorder) if options.adapter else None
    base = replace(tuned, adapter=None, adapter_fingerprint=None, lora_rank=None) if tuned else base_system(options)
    systems = {"baseline": base, **({"tuned": tuned} if tuned else {})}
    say("the tokenizer is loaded")
    asked = {
        name: Asked(system, load_codec(system, options.prompt_format), context_limit(system, None))
        for name, system in systems.items()
    }
    if on_cpu():
        room = Request("", "", [0] * _ASSUMED_PROMPT, options.max_new_tokens, 0, "")
        require_memory(base.folder, EngineOptions(backend="transformers", dtype=dtype, max_num_seqs=1), [room])
    kind = "NF4" if base.in_nf4 else dtype
    say(f"the weights are loaded ({kind}, {device_name()})")
    model = load_model(
        base.folder,
        dtype,
        base.trust_remote_code,
        in_nf4=base.in_nf4,
        adapter=str(options.adapter) if tuned else None,
    )
    said = f"{options.model}{' and its adapter' if tuned else ''}, {kind} on {device_name()}"
    return Answerer(asked, partial(_generate_here, model), said, 0.0)


def _generate_here(
    model: object, requests: list[Request], sampling: SamplingOptions, tick: Callable[[int], None], watch: Watch
) -> Iterator[Finished]:
    return generate_transformers(model, len(requests), requests, sampling, tick, watch)


def _tuned(options: AskOptions, recorder: Recorder) -> System:
    """The adapter over its base, which is rounded as in training where it was trained so: on a GPU held in NF4."""
    if find_spec("peft") is None:
        raise PreflightError(
            "An adapter beside its base needs the package peft, which is not installed; install with `make setup`, or"
            " `pip install 'steptune[train]'`, or ask a server (--server URL)."
        )
    assert options.adapter is not None
    mode = choose_merge_mode(options.merge_mode, read_adapter(options.adapter))
    return tuned_system(options, True, recorder, in_nf4=mode == "dequantised" and not on_cpu(), by_peft=True)
