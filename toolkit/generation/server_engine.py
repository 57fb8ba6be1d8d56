"""Generation through an OpenAI-compatible server: vLLM's by token ids, any other through its chat endpoint."""

from __future__ import annotations

import http.client
import json
import os
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from toolkit.errors import PreflightError, SteptuneError
from toolkit.generation.engine import Finished, Tick, Watch
from toolkit.generation.prompts import PROMPT_TOO_LONG, Request
from toolkit.options.generation import SamplingOptions
from toolkit.text_files import Fault, parse_json
from toolkit.web import BROKEN, answer_of, lines_of, open_url, refused, without

KEY_VARIABLE = "OPENAI_API_KEY"
CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 1800.0
TICK_EVERY_S = 0.5
# A server that restarts or is briefly overloaded gets this long; then the run fails and keeps its answers.
RETRY_AFTER_S = (1.0, 2.0, 4.0, 8.0)
_TRY_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
# By how they introduce themselves: vLLM's server, and the one that serves where vLLM is not.
_TAKE_TOKEN_IDS = ("vllm", "steptune")
_LARGEST_ID = 2**31 - 1  # what tokenizers take for one at all
_REASONS = {"stop": "stop", "length": "length"}


@dataclass(frozen=True)
class Server:
    """A server that answered. `context` is its limit for prompt and answer in tokens, where it says so."""

    url: str
    model: str
    takes_token_ids: bool
    context: int | None = None


def connect(url: str, model: str | None) -> Server:
    """Find out what a server serves.

    Raises:
        PreflightError: nothing answers there, something else does, or it does not serve `model`.
    """
    base = url.rstrip("/").removesuffix("/v1")
    try:
        answer = answer_of(_request(f"{base}/v1/models", None), CONNECT_TIMEOUT_S)
        served = {str(row["id"]): _object(row) for row in answer["data"]}
    except urllib.error.HTTPError as error:
        hint = f" (is {KEY_VARIABLE} set?)" if error.code in (401, 403) else ""
        raise PreflightError(
            f"generator.server: {base}/v1/models answered {refused(error)}{hint}; expected an OpenAI-compatible server."
            " Another program may have that port."
        ) from error
    except (ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        raise PreflightError(
            f"generator.server: what answers at {base} is no OpenAI-compatible server (no list of models at"
            " /v1/models); another program may have that port."
        ) from error
    except OSError as error:
        raise PreflightError(
            f"generator.server: nothing answers at {base} ({_reason(error)}); start the server, or correct address and"
            " port."
        ) from error
    name = model or (next(iter(served)) if len(served) == 1 else None)
    if name not in served:
        wanted = f"not {model}" if model else "and generator.server_model names none"
        raise PreflightError(
            f"generator.server: {base} serves {', '.join(served) or 'no model'}, {wanted}; set generator.server_model"
            " to one of them."
        )
    row = served[name]
    return Server(base, name, row.get("owned_by") in _TAKE_TOKEN_IDS, _count(row.get("max_model_len")) or None)


def generate_server(
    server: Server,
    requests: list[Request],
    sampling: SamplingOptions,
    in_flight: int,
    tick: Tick,
    watch: Watch | None = None,
) -> Iterator[Finished]:
    """Answer all requests, `in_flight` at a time; yields each as it ends. `watch` is called from threads with what is
    written of each.

    Raises:
        SteptuneError: the server refuses a request, or stays away for longer than the retries last.
    """
    waiting: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[Finished | Exception] = queue.SimpleQueue()
    for request in requests:
        waiting.put(request)
    given_up = threading.Event()
    for _ in range(min(in_flight, len(requests))):
        waiting.put(None)
        threading.Thread(target=_serve, args=(server, sampling, waiting, done, given_up, watch), daemon=True).start()
    generated = answers = 0
    try:
        while answers < len(requests):
            try:
                outcome = done.get(timeout=TICK_EVERY_S)
            except queue.Empty:
                tick(generated)
                continue
            if isinstance(outcome, Exception):
                raise outcome
            answers, generated = answers + 1, generated + outcome.generated
            yield outcome
            tick(generated)
    finally:
        given_up.set()


def _serve(
    server: Server,
    sampling: SamplingOptions,
    waiting: queue.SimpleQueue[Request | None],
    done: queue.SimpleQueue[Finished | Exception],
    given_up: threading.Event,
    watch: Watch | None,
) -> None:
    """One connection's worth of requests, until none is left or the run is over."""
    while not given_up.is_set() and (request := waiting.get()) is not None:
        try:
            done.put(_answer(server, request, sampling, given_up, watch))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            done.put(
                SteptuneError(
                    f"generator.server: {server.url} gave an answer without text or token ids ({type(error).__name__}:"
                    f" {str(error)[:200]})."
                )
            )
            return
        except Exception as error:  # a thread that died in silence would be waited for without end
            done.put(error)
            return


def _answer(
    server: Server, request: Request, sampling: SamplingOptions, given_up: threading.Event, watch: Watch | None
) -> Finished:
    path = "/v1/completions" if server.takes_token_ids else "/v1/chat/completions"
    body = _body(server, request, sampling)
    for pause_s in (*RETRY_AFTER_S, None):
        try:
            if watch is not None:
                return _streamed(server, path, request, body, given_up, watch)
            return _finished(request, answer_of(_request(server.url + path, body), ANSWER_TIMEOUT_S), server)
        except urllib.error.HTTPError as error:
            said = without(error.read(4000).decode("utf-8", "replace"), os.environ.get(KEY_VARIABLE))[:500]
            if error.code == 400 and "context" in said and "length" in said:
                return Finished(request, [], PROMPT_TOO_LONG, "", len(request.prompt_ids), 0)
            if error.code not in _TRY_AGAIN:
                raise SteptuneError(
                    f"generator.server: {server.url} refused the prompt {request.id!r} with {refused(error)}: {said}"
                ) from error
            reason = f"answered {error.code}"
        except BROKEN as error:
            reason = _reason(error)
        if pause_s is None or given_up.wait(pause_s):
            break
    raise SteptuneError(
        f"generator.server: {server.url} stopped answering ({reason}) and did not come back within"
        f" {sum(RETRY_AFTER_S):.0f} s; the answers so far are kept. Start it again and run `steptune resume`."
    )


def _body(server: Server, request: Request, sampling: SamplingOptions) -> dict[str, Any]:
    common = {
        "model": server.model,
        "max_tokens": request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "stream": False,
    }
    common |= {} if sampling.greedy else {"seed": request.seed}
    if not server.takes_token_ids:
        return {**common, "messages": [{"role": "user", "content": request.prompt}]}
    explicit = {
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "add_special_tokens": False,
        "return_token_ids": True,
    }
    return {**common, **explicit, "prompt": request.prompt_ids, "stop_token_ids": list(request.stop_ids)}


def _finished(request: Request, answer: dict[str, Any], server: Server) -> Finished:
    choice = _object(answer["choices"][0])
    reason = _REASONS.get(str(choice["finish_reason"]), str(choice["finish_reason"]))
    if server.takes_token_ids:
        return Finished(request, _token_ids(choice["token_ids"]), reason)
    text = str(_object(choice["message"])["content"] or "")
    return _with_text(request, reason, text, answer.get("usage"))


def _streamed(
    server: Server, path: str, request: Request, body: dict[str, Any], given_up: threading.Event, watch: Watch
) -> Finished:
    """An answer piece by piece, by server-sent events; cut where nobody wants it any more."""
    ids: list[int] = []
    text, reason = "", ""
    usage: Any = None
    streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
    with open_url(_request(server.url + path, streamed), ANSWER_TIMEOUT_S) as response:
        for piece in _events(lines_of(response, ANSWER_TIMEOUT_S)):
            usage = piece.get("usage") or usage
            for choice in map(_object, piece.get("choices") or []):
                reason = str(choice.get("finish_reason") or reason)
                ids += _token_ids(choice.get("token_ids") or [])
                text += str(_object(choice.get("delta") or {}).get("content") or "")
            watch(request, list(ids) if server.takes_token_ids else text)
            if given_up.is_set():
                break
    if not reason and not given_up.is_set():
        raise http.client.IncompleteRead(b"")
    reason = _REASONS.get(reason, reason)
    if server.takes_token_ids:
        return Finished(request, ids, reason)
    return _with_text(request, reason, text, usage)


def _with_text(request: Request, reason: str, text: str, usage: Any) -> Finished:
    told = usage if isinstance(usage, dict) else {}
    return Finished(request, [], reason, text, _count(told.get("prompt_tokens")), _count(told.get("completion_tokens")))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"found {type(value).__name__}, expected an object")
    return value


def _count(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _token_ids(value: Any) -> list[int]:
    if not isinstance(value, list) or not all(type(token) is int and 0 <= token <= _LARGEST_ID for token in value):
        raise ValueError("token_ids is no list of token ids")
    return list(value)


def _events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The documents of server-sent events, up to the mark of their end."""
    for line in lines:
        name, _, data = line.decode("utf-8", "replace").strip().partition(":")
        if name != "data":
            continue
        if data.strip() == "[DONE]":
            return
        document = parse_json(data)
        if isinstance(document, Fault):
            raise ValueError(document.reason)
        if isinstance(document, dict):
            yield document


def _request(url: str, body: dict[str, Any] | None) -> urllib.request.Request:
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(KEY_VARIABLE):
        headers["Authorization"] = f"Bearer {key}"
    return urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None)
    return str(inner if isinstance(inner, OSError) else error) or type(error).__name__
