"""An HTTP proxy: it connects tunnels, and passes on requests that it can read."""

import base64
import socket
import threading
from contextlib import suppress
from http.client import HTTPConnection
from io import BufferedReader
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.upstreams.listener import HOST, Listener
from tests.upstreams.messages import Answer, Head, encode_head, read_body, read_head

OWN_HEADERS = {"proxy-authorization", "proxy-connection", "connection", "keep-alive"}


class Proxy:
    """A proxy on a port of the loopback interface, for those who know `user` and `password`."""

    def __init__(self, user: str, password: str) -> None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._wanted = f"Basic {token}"
        self.asked: list[str] = []  # the request lines of what was let through
        self._listener = Listener(self._serve)
        self.address = f"{HOST}:{self._listener.port}"
        self.url = f"http://{user}:{password}@{self.address}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while (head := read_head(stream)) is not None:
                if head.headers.get("Proxy-Authorization") != self._wanted:
                    connection.sendall(Answer(407, headers={"Connection": "close"}).encode())
                    return
                self.asked.append(f"{head.method} {head.target.partition('?')[0]}")
                if head.method == "CONNECT":
                    self._tunnel(connection, head)
                    return
                connection.sendall(self._pass_on(stream, head).encode())

    def _tunnel(self, client: socket.socket, head: Head) -> None:
        host, _, port = head.target.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(encode_head(200, {}))
            back = threading.Thread(target=_pump, args=[server, client])
            back.start()
            _pump(client, server)
            back.join()

    @staticmethod
    def _pass_on(stream: BufferedReader, head: Head) -> Answer:
        _, raw = read_body(stream, head)
        url = urlsplit(head.target)
        server = HTTPConnection(url.hostname or "", url.port)
        try:
            path = url._replace(scheme="", netloc="").geturl()
            server.putrequest(head.method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in head.headers.items():
                if name.lower() not in OWN_HEADERS:
                    server.putheader(name, value)
            server.endheaders()
            server.send(raw)
            response = server.getresponse()
            framing = {"content-length", "transfer-encoding", "connection"}
            headers = {k: v for k, v in response.getheaders() if k.lower() not in framing}
            return Answer(response.status, response.read(), headers)
        finally:
            server.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either is gone
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
