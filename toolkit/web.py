"""Calls to servers: no redirect is followed, and an answer has an end. Standard library only.

A redirect would carry the key, and a question that may be confidential, to an address that nobody chose.
"""

from __future__ import annotations

import functools
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO, Any

from toolkit.text_files import Fault, parse_json

MOST_BYTES = 64 << 20  # of an answer; the longest that a model writes has a few hundred kilobytes
LONGEST_LINE = 4 << 20
CHUNK_BYTES = 64 << 10
REDIRECT = "a redirect, which is not followed; give the address that it leads to"
BROKEN = (OSError, http.client.HTTPException)  # what a call raises where no whole answer came


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Answers with a redirect are answers with that code, as any other that is not 200."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


@functools.cache
def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)


def open_url(request: urllib.request.Request | str, timeout_s: float) -> Any:
    """The response, open. Raises HTTPError for each code that is not 2xx, redirects among them, else one of BROKEN."""
    return _opener().open(request, timeout=timeout_s)


def answer_of(request: urllib.request.Request | str, timeout_s: float) -> dict[str, Any]:
    """The JSON object that a server answers with.

    Raises:
        HTTPError: a code that is not 2xx.
        ValueError: something else than a JSON object, or too much of it.
        BROKEN: no whole answer within `timeout_s`.
    """
    with open_url(request, timeout_s) as response:
        found = parse_json(_read(response, timeout_s).decode("utf-8", "replace"))
    if isinstance(found, Fault):
        raise ValueError(found.reason)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def lines_of(response: IO[bytes], timeout_s: float) -> Iterator[bytes]:
    """The lines of an answer as they come. Raises ValueError for one without an end, TimeoutError after `timeout_s`."""
    until, bytes_read = time.monotonic() + timeout_s, 0
    while line := response.readline(LONGEST_LINE):
        bytes_read += len(line)
        if len(line) == LONGEST_LINE or bytes_read > MOST_BYTES:
            raise ValueError("the answer has no end")
        if time.monotonic() > until:
            raise TimeoutError(f"no whole answer within {timeout_s:g} s")
        yield line


def refused(error: urllib.error.HTTPError) -> str:
    """What a code says, in words where it is a redirect."""
    if 300 <= error.code < 400:
        return f"{error.code} ({REDIRECT})"
    return str(error.code)


def without(text: str, secret: str | None) -> str:
    """What a server said, which may be the key that it was sent, for a message or a log."""
    return text.replace(secret, "[key]") if secret else text


def _read(response: Any, timeout_s: float) -> bytes:
    """The whole body. `timeout_s` is for all of it: a socket's own time-out begins anew with each byte."""
    until, body = time.monotonic() + timeout_s, bytearray()
    stated = response.headers.get("Content-Length") or ""
    expected = int(stated) if stated.isdecimal() and not response.chunked else None
    while (expected is None or len(body) < expected) and (piece := response.read1(CHUNK_BYTES)):
        body += piece
        if len(body) > MOST_BYTES:
            raise ValueError(f"the answer has more than {MOST_BYTES >> 20} MiB")
        if time.monotonic() > until:
            raise TimeoutError(f"no whole answer within {timeout_s:g} s")
    if expected is not None and len(body) < expected:
        raise http.client.IncompleteRead(bytes(body), expected - len(body))
    return bytes(body)
