"""One request, or one connection, in the hands of a behaviour."""

import fcntl
import select
import socket
import struct
import termios
import time
from io import BufferedReader

from tests.upstreams.messages import Answer, Head, read_body

DRAIN_TIMEOUT_S = 5


class Call:
    """What a behaviour may do to a client.

    `head` is None for a behaviour that acts on the connection, before any request.
    """

    def __init__(self, connection: socket.socket, stream: BufferedReader, head: Head | None):
        self._connection = connection
        self._stream = stream
        self._head = head
        self.body = b""
        self.raw_body = b""
        self.ended = False

    @property
    def head(self) -> Head:
        """The request line and the headers."""
        if self._head is None:
            raise ValueError("Nothing was asked yet.")
        return self._head

    def read_body(self) -> None:
        """Wait for the whole request."""
        self.body, self.raw_body = read_body(self._stream, self.head)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(data)

    def answer(self, answer: Answer) -> None:
        """Answer as a server should."""
        self.send(answer.encode())

    def hang_up(self) -> None:
        """Close the connection in an orderly way (FIN)."""
        self.ended = True
        self._connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Break the connection (RST), after all that was sent has arrived."""
        self._drain()
        self.ended = True
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._stream.close()
        self._connection.close()

    def wait_for_end(self) -> None:
        """Do nothing until the client hangs up, or the server is closed."""
        self.ended = True
        while self._connection.recv(65536):
            pass

    def pause(self, seconds: float) -> bool:
        """Wait; return whether the client is still there."""
        readable, _, _ = select.select([self._connection], [], [], seconds)
        if readable and not self._connection.recv(1, socket.MSG_PEEK):
            self.ended = True
        return not self.ended

    def _drain(self) -> None:
        """Wait until the kernel has nothing left to send: a reset throws it away."""
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while time.monotonic() < deadline:
            unsent = fcntl.ioctl(self._connection, termios.TIOCOUTQ, b"\0" * 4)
            if not any(unsent) or not self.pause(0.001):
                return
