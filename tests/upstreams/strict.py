"""A provider that answers its operations on containers and files strictly by OpenAI's document."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import formatdate
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qsl

from tests.upstreams.account import Account
from tests.upstreams.dialect import AzureDialect, Dialect, OpenAIDialect
from tests.upstreams.document import Json, Refusal, Violation
from tests.upstreams.listener import HOST, Listener
from tests.upstreams.messages import Answer, BrokenOff, Head, Malformed, read_body, read_head
from tests.upstreams.operations import Operations, Request
from tests.upstreams.ranges import cut
from tests.upstreams.stored import Manners, StoredContainer, StoredFile
from tests.upstreams.uploads import UploadedFile

Mode = Literal["openai", "azure"]


class Strict(Manners):
    """One account at OpenAI, or at Azure, on a port of the loopback interface.

    `violations` has a line for each request that the document does not allow, and for each answer
    that it would not; tests assert that it is empty. What Manners names can be set at any time.
    """

    def __init__(
        self,
        *keys: str,
        mode: Mode = "openai",
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__()
        self.keys = keys
        self.mode = mode
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.broken_off = 0  # requests that the client did not finish
        self.port = 0
        self._tls = tls
        self._clock = clock
        self._dialect: Dialect = OpenAIDialect() if mode == "openai" else AzureDialect()
        self._account = Account(clock, self, self._dialect.not_found)
        self._operations = Operations(self._account, self._dialect)
        self._listener: Listener | None = None

    @property
    def origin(self) -> str:
        """The URL without a path: Azure's endpoint."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    @property
    def base_path(self) -> str:
        """What all paths start with."""
        return self._dialect.base_path

    @property
    def base_url(self) -> str:
        """The URL that SDKs take."""
        return self.origin + self.base_path

    @property
    def containers(self) -> dict[str, StoredContainer]:
        """The containers by id, oldest first, without those that are deleted."""
        return self._account.containers

    @property
    def files(self) -> dict[str, StoredFile]:
        """The files of these containers by id, without those that are deleted."""
        return self._account.files

    @property
    def uploads(self) -> dict[str, UploadedFile]:
        """The files of the Files API by id, oldest first."""
        return self._account.uploads.files

    def start(self) -> Self:
        """Listen; after a stop on the same port, with all that was there."""
        self._listener = Listener(self._serve, self.port, tls=self._tls)
        self.port = self._listener.port
        return self

    def stop(self) -> None:
        """Let go of all clients, and refuse connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def add_file(self, file_id: str, name: str, content: bytes) -> None:
        """Make a file of the Files API, for `file_id` and `file_ids`."""
        with self._account.lock:
            self._account.uploads.add(file_id, name, content)

    def add_container(self, name: str, **spec: Any) -> str:
        """Make a container that somebody else's client made, and return its id."""
        with self._account.lock:
            return self._account.add_container({"name": name, **spec}).id

    def add_output(self, container_id: str, name: str, content: bytes) -> str:
        """Put a file into a container as a model does, and return its id."""
        with self._account.lock:
            return self._account.add_file(container_id, name, content, "assistant").id

    def expire(self, container_id: str) -> None:
        """End a container; how it is answered then is what `expired_as` says."""
        with self._account.lock:
            self._account.expire(container_id)

    def forget(self, container_id: str) -> None:
        """Lose a container: not even lists know it any more."""
        with self._account.lock:
            self._account.forget(container_id)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            try:
                while (head := read_head(stream)) is not None:
                    body, _ = read_body(stream, head)
                    connection.sendall(self._answer(head, body).encode())
                    if not head.keeps_alive:
                        return
            except BrokenOff:
                self.broken_off += 1
            except Malformed as exc:
                self.violations.append(f"Not HTTP: {exc}")
                connection.sendall(Answer(400, headers={"Connection": "close"}).encode())

    def _answer(self, head: Head, body: bytes) -> Answer:
        request = Request(
            method=head.method,
            path=head.path,
            query=parse_qsl(head.target.partition("?")[2], keep_blank_values=True),
            headers={name.lower(): value for name, value in head.headers.items()},
            body_size=len(body),
            chunked=head.chunked,
        )
        with self._account.lock:
            answer = self._perform(request, body)
            request.status = answer.status
            self.requests.append(request)
        return answer

    def _perform(self, request: Request, body: bytes) -> Answer:
        try:
            self._dialect.authorize(request.headers, self.keys)
            result = self._operations.perform(request, body)
        except Refusal as refusal:
            if isinstance(refusal, Violation):
                self.violations.append(f"{request.method} {request.path}: {refusal.message}")
            return self._refuse(refusal)
        if isinstance(result, StoredFile | UploadedFile):
            headers = self._headers("application/octet-stream")
            whole = Answer(200, result.content, headers, chunked=self.chunked_downloads)
            return cut(whole, request.headers) if self.ranges else whole
        lenient = self.null_bytes or self.empty_ids is None
        complaint = self._operations.complaint(request.operation or "", result, lenient=lenient)
        return self._json(200, result, complaint)

    def _refuse(self, refusal: Refusal) -> Answer:
        body = self._dialect.error(refusal)
        complaint = self._operations.error_complaint(body) if self.mode == "openai" else None
        return self._json(refusal.status, body, complaint)

    def _json(self, status: int, body: Json, complaint: str | None) -> Answer:
        if complaint is not None:
            self.violations.append(f"An answer that the document does not allow: {complaint}")
        return Answer(status, json.dumps(body).encode(), self._headers("application/json"))

    def _headers(self, content_type: str) -> dict[str, str]:
        date = formatdate(self._clock(), usegmt=True)
        return {"Content-Type": content_type, "Date": date, **self._dialect.headers()}
