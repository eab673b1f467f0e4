"""A listening socket of the loopback interface, a thread for each connection, and a sure end."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

HOST = "127.0.0.1"
END_TIMEOUT_S = 5


class Listener:
    """Serves connections until it is closed; then none of them, and no thread, is left.

    With `tls`, it speaks TLS.
    """

    def __init__(
        self,
        serve: Callable[[socket.socket], None],
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._serve = serve
        self._tls = tls
        self._socket = socket.create_server((HOST, port), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self.accepted = 0
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._acceptor = threading.Thread(target=self._accept, name=f"listener-{self.port}")
        self._acceptor.start()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """End all connections and threads. Raises RuntimeError when one does not end."""
        self._closing = True
        socket.create_connection((HOST, self.port), timeout=END_TIMEOUT_S).close()
        self._acceptor.join(END_TIMEOUT_S)
        self._socket.close()
        with self._lock:
            threads = list(self._open.values())
            for connection in self._open:
                _shut(connection)
        for thread in [*threads, self._acceptor]:
            thread.join(END_TIMEOUT_S)
            if thread.is_alive():
                raise RuntimeError(f"The thread {thread.name} does not end.")

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._closing:
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._run, args=[connection])
            with self._lock:
                self.accepted += 1
                self._open[connection] = thread
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):  # the client is gone, or we are closing
                self._serve_safely(connection)
        finally:
            with self._lock:
                del self._open[connection]
                connection.close()

    def _serve_safely(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._serve(connection)
            return
        with self._tls.wrap_socket(connection.dup(), server_side=True) as secure:
            self._serve(secure)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it ended by itself
        connection.shutdown(socket.SHUT_RDWR)
