"""A loopback chat-completions server with faults, and the same faults as a proxy before a real one. Standard library
only.

    python tests/fault_server.py PORT --faults 0.2 --log FILE [--upstream http://127.0.0.1:8000] [--seed 1]

Every request is a line of the log: its Idempotency-Key, a hash of its messages, and what was done with it. The fault of
a request follows from seed and key, so that a run can be repeated.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

FAULTS = (
    "429",
    "500",
    "503",
    "hang",
    "cut",
    "malformed",
    "html",
    "error_200",
    "other_schema",
    "endless",
    "drop",
    "empty",
)
PAGE = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"


class FaultServer:
    """Answers every POST. `upstream`: where good requests go; None answers them here with `answer`."""

    def __init__(
        self, faults: float, log: Path, upstream: str | None = None, seed: int = 1, hang_s: float = 30.0
    ) -> None:
        self.share, self.upstream, self.seed, self.hang_s = faults, upstream, seed, hang_s
        self.log = log.open("a", buffering=1)

    async def serve(self, port: int) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", port)
        async with server:
            await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False ends the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (text.partition(":") for text in head[1:] if text)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        key = headers.get("idempotency-key", "")
        fault = self._fault(key)
        messages = json.loads(body).get("messages") if body else None
        ask = hashlib.sha256(json.dumps(messages).encode()).hexdigest()
        self.log.write(json.dumps({"time": time.time(), "key": key, "ask": ask, "fault": fault}) + "\n")
        return await self._misbehave(fault, writer) if fault else await self._answer(body, writer)

    def _fault(self, key: str) -> str:
        digest = hashlib.sha256(f"{self.seed} {key}".encode()).digest()
        return FAULTS[digest[0] % len(FAULTS)] if int.from_bytes(digest[1:5], "big") / 2**32 < self.share else ""

    async def _misbehave(self, fault: str, writer: asyncio.StreamWriter) -> bool:
        if fault in ("429", "500", "503"):
            return await _reply(
                writer,
                int(fault),
                b'{"error": {"message": "try again"}}',
                extra="retry-after: 0.1\r\n" if fault == "429" else "",
            )
        if fault == "hang":
            await asyncio.sleep(self.hang_s)
        elif fault == "cut":
            writer.write(
                b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{"choices": [{"mess'
            )
            await writer.drain()
        elif fault == "malformed":
            return await _reply(writer, 200, b'{"choices": [{"message": {"content": "{\\"question\\": ')
        elif fault == "html":
            return await _reply(writer, 200, PAGE, "text/html")
        elif fault == "empty":
            return await _reply(writer, 200, b"")
        elif fault == "error_200":
            return await _reply(writer, 200, b'{"error": {"message": "model overloaded", "code": 529}}')
        elif fault == "other_schema":
            return await _reply(writer, 200, completion('{"answer": "Open the app and look around."}'))
        elif fault == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
            for _ in range(2000):  # 128 MB, far beyond what any client should read
                writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                await writer.drain()
        return False

    async def _answer(self, body: bytes, writer: asyncio.StreamWriter) -> bool:
        if self.upstream is None:
            return await _reply(writer, 200, answer(body))
        address = urlsplit(self.upstream)
        reader, upstream = await asyncio.open_connection(address.hostname, address.port)
        request = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-type:"
            f" application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        upstream.write(request.encode() + body)
        writer.write(await reader.read())  # the whole answer: the server closes
        upstream.close()
        return False


def answer(body: bytes) -> bytes:
    """A valid answer that differs from question to question."""
    word = hashlib.sha256(body).hexdigest()[:12].translate(str.maketrans("0123456789", "ghijklmnop"))
    value = {
        "question": f"How do I set up {word} in the app?",
        "steps": [f"Open the {word} app.", f"Tap {word[:6]} settings.", f"Choose {word[6:]} and confirm."],
    }
    return completion(json.dumps(value))


def completion(content: str) -> bytes:
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 120, "completion_tokens": 60, "total_tokens": 180}
    return json.dumps(
        {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
    ).encode()


async def _reply(
    writer: asyncio.StreamWriter, status: int, body: bytes, content_type: str = "application/json", extra: str = ""
) -> bool:
    writer.write(
        f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode()
        + body
    )
    await writer.drain()
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--faults", type=float, default=0.2)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--upstream")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hang-s", type=float, default=30.0)
    given = parser.parse_args()
    asyncio.run(FaultServer(given.faults, given.log, given.upstream, given.seed, given.hang_s).serve(given.port))
