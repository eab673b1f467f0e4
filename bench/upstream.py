"""A provider with OpenAI's containers that keeps nothing and answers faster than a gateway can ask.

A file's size is part of its id, so that any process of it can give the file back.
"""

import asyncio
import re
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import httptools
import orjson
import uvloop

CHUNK = bytes(256 * 1024)
HEAD_BYTES = 16 * 1024
BACKLOG = 1024  # connections that come at once must not wait for a second try
_ROUTE = re.compile(r"/v1/containers(?:/(\w+)(?:/files(?:/(\w+)(/content)?)?)?)?(/files)?$")
_FILENAME = re.compile(rb'filename="([^"]*)"')


class Connection(asyncio.Protocol):
    """One client: reads requests, answers each after `delay_s`."""

    _transport: asyncio.Transport

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._writable = asyncio.Event()
        self._writable.set()
        self._parser = httptools.HttpRequestParser(self)
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._parser.feed_data(data)

    def pause_writing(self) -> None:
        """Wait for a client that does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop sending."""
        for task in self._tasks:
            task.cancel()

    def on_url(self, url: bytes) -> None:
        """Begin a request."""
        self._path = httptools.parse_url(url).path.decode()
        self._head, self._bytes = b"", 0

    def on_body(self, body: bytes) -> None:
        """Count a body, and keep its beginning only."""
        if len(self._head) < HEAD_BYTES:
            self._head += body[:HEAD_BYTES]
        self._bytes += len(body)

    def on_message_complete(self) -> None:
        """Answer."""
        method = self._parser.get_method().decode()
        answer = self._answer(method, self._path)
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, answer)
        else:
            answer()

    def _answer(self, method: str, path: str) -> Callable[[], None]:
        container_id, file_id, content = _parts(path)
        if file_id is not None and content:
            return lambda: self._start(_size(file_id))
        if method == "POST" and path.endswith("/files"):
            name, size = _form(self._head, self._bytes)
            body = _file(container_id or "", f"cfile_{secrets.token_hex(8)}{size:016x}", name)
        elif method == "POST":
            name = orjson.loads(self._head)["name"]
            body = _container(f"cntr_{secrets.token_hex(24)}", name)
        elif file_id is not None:
            body = _file(container_id or "", file_id, "file.bin")
        else:
            body = _container(container_id or "", "bench")
        return lambda: self._send(orjson.dumps(body))

    def _send(self, body: bytes) -> None:
        self._transport.write(_headers("application/json", len(body)) + body)

    def _start(self, size: int) -> None:
        task = asyncio.get_running_loop().create_task(self._stream(size))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stream(self, size: int) -> None:
        self._transport.write(_headers("application/octet-stream", size))
        whole, rest = divmod(size, len(CHUNK))
        for _ in range(whole):
            await self._writable.wait()
            self._transport.write(CHUNK)
        self._transport.write(CHUNK[:rest])


def _parts(path: str) -> tuple[str | None, str | None, bool]:
    match = _ROUTE.match(path)
    if match is None:
        raise ValueError(f"There is no {path}.")
    return match[1], match[2], match[3] is not None


def _headers(content_type: str, length: int) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _form(head: bytes, total: int) -> tuple[str, int]:
    """Return the name and size of the file that ends a form, from the form's beginning."""
    boundary = head[: head.index(b"\r\n")]
    name = _FILENAME.search(head)
    if name is None:
        raise ValueError("There is no file in the form.")
    begins = head.index(b"\r\n\r\n", name.start()) + 4
    return name[1].decode(), total - begins - len(b"\r\n" + boundary + b"--\r\n")


def _size(file_id: str) -> int:
    return int(file_id[-16:], 16)


def _container(container_id: str, name: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "id": container_id,
        "object": "container",
        "created_at": now,
        "status": "running",
        "expires_after": {"anchor": "last_active_at", "minutes": 20},
        "last_active_at": now,
        "memory_limit": "1g",
        "name": name,
    }


def _file(container_id: str, file_id: str, name: str) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "container.file",
        "created_at": int(time.time()),
        "bytes": _size(file_id),
        "container_id": container_id,
        "path": f"/mnt/data/{name}",
        "source": "user",
    }


async def serve(port: int, delay_s: float) -> None:
    """Serve on the port of the loopback interface until killed."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(delay_s), "127.0.0.1", port, backlog=BACKLOG
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
