"""One call to an OpenAI-compatible server: sent by the openai SDK over a transport that bounds every body, and what
came of it.

The SDK's own retries are off: each attempt is a line of the answer ledger.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import httpx
import openai

from toolkit.data.teacher.teacher_answers import Completion, read_completion
from toolkit.errors import PreflightError
from toolkit.options.teacher import CallOptions
from toolkit.records import JSON
from toolkit.web import REDIRECT, without

MAX_BODY_BYTES = 4 << 20
CHUNK_BYTES = 64 << 10
READ_HEADERS = ("content-type", "retry-after", "x-request-id")
# "answered": usable or not, it was paid. "retry": not paid. "in_doubt": the end is unknown. "refused": this request can
# never work. "fatal": none can.
Kind = Literal["answered", "retry", "in_doubt", "refused", "fatal"]


class BodyTooLong(httpx.TransportError):
    """A body went on beyond MAX_BODY_BYTES."""


@dataclass(frozen=True)
class Received:
    """What came of one call."""

    kind: Kind
    reason: str = ""
    completion: Completion = field(default_factory=Completion)
    retry_after_s: float = 0.0


class Wire:
    """The connection to one server. The API key is read from the environment when it is made, and held in memory only.

    Raises (when made):
        PreflightError: the environment variable is not set.
    """

    def __init__(self, options: CallOptions) -> None:
        self.model, self.timeout_s = options.model, options.timeout_s
        self._transport = _BoundedTransport(options.concurrency)
        client: Any = _ClientWithoutCookies(transport=self._transport, timeout=None)
        self._client = openai.AsyncOpenAI(
            api_key=api_key(options.api_key_env or ""),
            base_url=options.base_url,
            max_retries=0,
            http_client=client,
        )

    async def close(self) -> None:
        await self._client.close()

    async def send(self, key: str, messages: list[JSON], parameters: JSON) -> Received:
        """Send one call; every way in which it can end is an answer of this function. `key` goes along as
        Idempotency-Key.
        """
        try:
            async with asyncio.timeout(self.timeout_s):
                # The SDK's typed method walks through every parameter, which costs more than the rest of the request.
                body = {"model": self.model, "messages": messages, **parameters}
                options: Any = {"headers": {"Idempotency-Key": key}}
                response = await self._client.post(
                    "/chat/completions", cast_to=httpx.Response, body=body, options=options
                )
        except openai.APIStatusError as error:
            return _refusal(error, self._client.api_key)
        except (TimeoutError, openai.APITimeoutError):
            return Received("in_doubt", f"no answer within {self.timeout_s:g} s")
        except openai.APIConnectionError as error:
            return _broken_connection(error)
        completion = read_completion(response.content, response.headers.get("content-type", ""))
        return Received("answered", completion.reason, completion)


def api_key(name: str) -> str:
    """The key from the environment variable of that name; servers of one's own need none, for which the name is "".

    Raises:
        PreflightError: it is not set.
    """
    if not name:
        return "none"
    if not os.environ.get(name):
        raise PreflightError(
            f"The teacher's key is read from the environment variable {name}, which is not set; set it, or"
            " teacher.api_key_env=none for a server without keys."
        )
    return os.environ[name]


def _refusal(error: openai.APIStatusError, key: str) -> Received:
    status, body = error.status_code, error.body if isinstance(error.body, dict) else {}
    code = str(body.get("code") or "")
    detail = " ".join(without(str(body.get("message") or ""), key).split())[:200]
    if 300 <= status < 400:
        return Received("fatal", f"the server answered {status} ({REDIRECT})")
    if status in (401, 403, 404) or code == "insufficient_quota":
        return Received("fatal", f"the server answered {status}{f' ({detail})' if detail else ''}")
    if status in (408, 409, 425, 429) or status >= 500:
        return Received(
            "retry", f"status {status}", retry_after_s=_retry_after(error.response.headers.get("retry-after", ""))
        )
    return Received("refused", f"status {status}{f' ({detail})' if detail else ''}")


def _retry_after(value: str) -> float:
    """Seconds; a date, which gateways rarely send, counts as none."""
    try:
        return max(0.0, min(float(value), 300.0))
    except ValueError:
        return 0.0


def _broken_connection(error: openai.APIConnectionError) -> Received:
    cause = error.__cause__
    if isinstance(cause, BodyTooLong):
        return Received(
            "answered", "answered with a body without end", Completion(reason="answered with a body without end")
        )
    if isinstance(cause, httpx.ConnectError):
        return Received("retry", "no connection")
    return Received("in_doubt", "the connection broke before the answer was whole")


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """None: looking for them took a fourteenth of a call."""


class _ClientWithoutCookies(httpx.AsyncClient):
    _none = _NoCookies()

    @property  # type: ignore[misc]
    def cookies(self) -> httpx.Cookies:
        return self._none


class _BoundedTransport(httpx.AsyncBaseTransport):
    """aiohttp under httpx: a third of the CPU time a request of httpx' own transport, and a place to bound the body."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._concurrency)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(None), trust_env=True
            )
        try:
            async with self._session.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=request.content,
                allow_redirects=False,
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        response.close()
                        raise BodyTooLong(f"more than {MAX_BODY_BYTES} bytes")
                headers = {name: response.headers[name] for name in READ_HEADERS if name in response.headers}
                return httpx.Response(response.status, headers=headers, content=bytes(body), request=request)
        except aiohttp.ClientConnectorError as error:
            raise httpx.ConnectError(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx.ReadError(str(error)) from error

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
