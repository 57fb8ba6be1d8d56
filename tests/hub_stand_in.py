"""A stand-in for the Hugging Face hub on this machine: one model's files, by the few requests that downloads make, and
new repositories, by those of a push in one commit.

It can ask for a token, want terms to be accepted, answer slowly, drip, or break off an upload.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 1 << 16


@dataclass
class Hub:
    """What the stand-in serves, and what it was asked for (`asked`: method and path)."""

    name: str
    folder: Path
    gated: bool = False
    tokens: frozenset[str] = frozenset()  # those it knows
    admitted: frozenset[str] = frozenset()  # those whose owner accepted the terms
    bytes_per_second: float = 0.0
    hang_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    taken: frozenset[str] = frozenset()  # names of repositories that exist
    loses_uploads: bool = False
    made: list[dict] = field(default_factory=list)  # what repositories were asked for
    pushed: dict[str, bytes] = field(default_factory=dict)  # content by path, once committed
    uploads: dict[str, bytes] = field(default_factory=dict)  # large files by their SHA-256
    url: str = ""


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Callers that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(True)

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_POST(self) -> None:
        path, body = self._asked()
        if not (token := self.headers.get("Authorization", "").removeprefix("Bearer ")) or token not in self.hub.tokens:
            return self._refuse(401, "")
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":  # the front matter of a card
            return self._send(b'{"errors": [], "warnings": []}', True)
        if "/preupload/" in path:
            files = [file | {"uploadMode": _mode(file), "shouldIgnore": False} for file in json.loads(body)["files"]]
            return self._send(json.dumps({"files": files}).encode(), True)
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._batch(json.loads(body)["objects"])
        return self._commit(body) if "/commit/" in path else self._refuse(404, "")

    def do_PUT(self) -> None:
        path, body = self._asked()
        if self.hub.loses_uploads:
            return self._refuse(400, "")
        assert hashlib.sha256(body).hexdigest() == path.rsplit("/", 1)[1]
        self.hub.uploads[path.rsplit("/", 1)[1]] = body
        return self._send(b"{}", True)

    def _asked(self) -> tuple[str, bytes]:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        return path, self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _create(self, wanted: dict) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if name in self.hub.taken:
            return self._refuse(409, "")
        self.hub.made.append(wanted)
        folder = "datasets/" if wanted.get("type") == "dataset" else ""
        return self._send(json.dumps({"url": f"{self.hub.url}/{folder}{name}", "name": name}).encode(), True)

    def _batch(self, objects: list[dict]) -> None:
        for thing in objects:
            thing["actions"] = {"upload": {"href": f"{self.hub.url}/upload/{thing['oid']}", "header": {}}}
        self._send(json.dumps({"transfer": "basic", "objects": objects}).encode(), True)

    def _commit(self, body: bytes) -> None:
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                self.hub.pushed[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.hub.pushed[value["path"]] = self.hub.uploads[value["oid"]]
        done = {"commitUrl": f"{self.hub.url}/x/y/commit/{COMMIT}", "commitOid": COMMIT, "hookOutput": ""}
        self._send(json.dumps(done).encode(), True)

    def log_message(self, *_: object) -> None:
        """Silent."""

    def _answer(self, body: bool) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path}")
        time.sleep(hub.hang_s)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and hub.tokens and token not in hub.tokens:
            return self._refuse(401, "")
        api, resolve = f"/api/models/{hub.name}", f"/{hub.name}/resolve/"
        if path.startswith(f"{api}/tree/"):
            return self._send(json.dumps([self._described(file) for file in self._files()]).encode(), body)
        if path.startswith(f"{api}/revision/"):
            if path.rsplit("/", 1)[1] not in ("main", COMMIT):
                return self._refuse(404, "RevisionNotFound")
            siblings = [{"rfilename": file.name, "size": file.stat().st_size} for file in self._files()]
            gated = "auto" if hub.gated else False
            return self._send(json.dumps({"sha": COMMIT, "gated": gated, "siblings": siblings}).encode(), body)
        if path.startswith(resolve):
            if hub.gated and token not in hub.admitted:
                return self._refuse(403 if token else 401, "GatedRepo")
            return self._file(hub.folder / path.removeprefix(resolve).split("/", 1)[1], body)
        return self._refuse(401, "RepoNotFound")

    def _files(self) -> list[Path]:
        return sorted(file for file in self.hub.folder.iterdir() if file.is_file())

    def _described(self, file: Path) -> dict:
        content = file.read_bytes()
        return {
            "type": "file",
            "path": file.name,
            "size": len(content),
            "oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
        }

    def _file(self, file: Path, body: bool) -> None:
        if not file.is_file():
            return self._refuse(404, "EntryNotFound")
        described = self._described(file)
        content = file.read_bytes()
        given = self.headers.get("Range", "")
        start = int(given.removeprefix("bytes=").split("-")[0]) if given else 0
        self.send_response(206 if given else 200)
        self.send_header("ETag", f'"{described["oid"]}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content) - start))
        if given:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        for place in range(start, len(content), PIECE) if body else ():
            self.wfile.write(content[place : place + PIECE])
            time.sleep(PIECE / self.hub.bytes_per_second if self.hub.bytes_per_second else 0)
        return None

    def _send(self, content: bytes, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _mode(file: dict) -> str:
    return "lfs" if file["path"].endswith((".safetensors", ".gguf")) else "regular"
