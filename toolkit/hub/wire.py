"""One question to the hub: an answer, or the reason that there is none, within `wait_s()` whatever the network does."""

from __future__ import annotations

import importlib.util
import os
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from toolkit.errors import ModelError
from toolkit.hub.cache import hub_cache, hub_home
from toolkit.web import BROKEN, MOST_BYTES

_YES = {"1", "ON", "YES", "TRUE"}
_Answer = TypeVar("_Answer")


def endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def shown_endpoint() -> str:
    """As messages name it: a name with a password before the host is left out."""
    address = urllib.parse.urlsplit(endpoint())
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def wait_s() -> float:
    """Longest wait for one answer of the hub, in seconds; HF_HUB_ETAG_TIMEOUT changes it."""
    try:
        return float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or 4)
    except ValueError:
        return 4.0


def is_offline() -> bool:
    """Whether the user forbids asking the hub."""
    return any(os.environ.get(name, "").upper() in _YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def ask(name: str, path: str, method: str = "GET") -> bytes:
    headers = {"User-Agent": "steptune", **({"Authorization": f"Bearer {token}"} if (token := find_token()) else {})}
    request = urllib.request.Request(endpoint() + path, headers=headers, method=method)
    try:
        return _within(wait_s(), lambda: _read(request))
    except urllib.error.HTTPError as error:
        raise ModelError(_explained(name, error, token is not None)) from error
    except (*BROKEN, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise ModelError(
            f"{name} is not in the hub's cache ({hub_cache()}), and {shown_endpoint()} does not answer ({reason});"
            " check the network (HTTPS_PROXY, HF_ENDPOINT), copy the model into the cache, or give a folder."
        ) from error


def _read(request: urllib.request.Request) -> bytes:
    opener = urllib.request.build_opener(_LeavesTokenBehind, urllib.request.HTTPSHandler(context=_certificates()))
    with opener.open(request, timeout=wait_s()) as answer:
        content: bytes = answer.read(MOST_BYTES)
    return content


class _LeavesTokenBehind(urllib.request.HTTPRedirectHandler):
    """A redirect to another host, as for large files, or to plain http must not carry the token there."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and (following.type, following.host) != (req.type, req.host):
            following.remove_header("Authorization")
        return following


def _certificates() -> ssl.SSLContext:
    """The system's certificates, or those of the package that Hugging Face's libraries use where it is installed."""
    if os.environ.get("SSL_CERT_FILE") or importlib.util.find_spec("certifi") is None:
        return ssl.create_default_context()
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _within(seconds: float, work: Callable[[], _Answer]) -> _Answer:
    """The work's answer; TimeoutError after that time, for looking a host up and dripping answers know no timeout."""
    answers: list[_Answer] = []
    errors: list[Exception] = []

    def do() -> None:
        try:
            answers.append(work())
        except Exception as error:  # raised again below, in the caller's thread
            errors.append(error)

    worker = threading.Thread(target=do, daemon=True)
    worker.start()
    worker.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"nothing within {seconds:g} s")
    return answers[0]


def _explained(name: str, error: urllib.error.HTTPError, has_token: bool) -> str:
    """What the hub's refusal means. Its codes: https://huggingface.co/docs/huggingface_hub/package_reference/utilities"""
    code, page = error.headers.get("X-Error-Code", ""), f"{shown_endpoint()}/{name}"
    if code == "GatedRepo" or error.code == 403:
        if has_token:
            return (
                f"{name} is gated, and the account of your token has no access yet: accept its terms at {page} (some"
                " owners answer later), or give another model."
            )
        return (
            f"{name} is gated, and there is no token: accept its terms at {page}, then run `hf auth login` or set"
            " HF_TOKEN."
        )
    if code == "RevisionNotFound":
        return f"{name} has no such revision; see {page}/tree/main for what there is."
    if error.code == 401 and has_token and code != "RepoNotFound":
        return (
            f"The hub refuses your token (HF_TOKEN or `hf auth login`); make one at {shown_endpoint()}/settings/tokens."
        )
    if error.code in (401, 404):
        hidden = "or your token may not see it" if has_token else "or it is private and there is no token (HF_TOKEN)"
        return f"{shown_endpoint()} shows no model {name}, {hidden}; check the name."
    return f"{shown_endpoint()} answered {error.code} {error.reason} for {name}; try again later, or give a folder."


def find_token() -> str | None:
    """The user's token as Hugging Face's libraries find it."""
    if token := (os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")):
        return token.strip() or None
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in _YES:
        return None
    file = Path(os.environ.get("HF_TOKEN_PATH") or hub_home() / "token").expanduser()
    return (file.read_text(encoding="utf-8").strip() or None) if file.is_file() else None
