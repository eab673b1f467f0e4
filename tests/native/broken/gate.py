"""A server whose provider's API misbehaves, and the operations that meet it there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.upstreams import behaviours as b
from tests.upstreams.bodies import ACCOUNT_TEXTS
from tests.upstreams.broken import Asked, Broken
from tests.upstreams.strict import Strict

KEY = "sk-canary-0123456789"
THREADS = 4
TRIES = 5
OPERATIONS = ("create", "retrieve", "delete", "upload", "list_files", "download")
SECRETS = (*ACCOUNT_TEXTS, KEY, "127.0.0.1", "localhost", "Traceback")

Json = dict[str, Any]


@dataclass
class Gate:
    """One provider of a server: `broken` passes on to `strict` what it is not told to break."""

    url: str
    provider: str
    strict: Strict
    broken: Broken
    session: requests.Session = field(default_factory=requests.Session)
    container: str = ""
    file: str = ""

    def prepare(self) -> None:
        """Have a container with a file; nothing has been asked or broken yet."""
        self.broken.script([], otherwise=b.relay(self.strict))
        self.container = self._make("create")
        self.file = self._make("upload")
        self.broken.requests.clear()

    def ask(self, operation: str) -> requests.Response:
        """Ask the server for one of OPERATIONS."""
        container = f"/v1/containers/{self.container}"
        asks: dict[str, Callable[[], requests.Response]] = {
            "create": lambda: self.call(
                "POST", "/v1/containers", json={"provider": self.provider, "name": "n"}
            ),
            "retrieve": lambda: self.call("GET", container),
            "delete": lambda: self.call("DELETE", container),
            "upload": lambda: self.upload(b"bytes"),
            "list_files": lambda: self.call("GET", f"{container}/files"),
            "download": lambda: self.call("GET", f"{container}/files/{self.file}/content"),
        }
        return asks[operation]()

    def upload(self, content: bytes) -> requests.Response:
        """Upload a file."""
        path = f"/v1/containers/{self.container}/files"
        return self.call("POST", path, files={"file": ("a.txt", content)})

    def call(self, method: str, path: str, **request: Any) -> requests.Response:
        """Send a request to the server."""
        params = {"provider": self.provider} if "json" not in request else None
        return self.session.request(method, self.url + path, params=params, timeout=10, **request)

    def meet(self, operation: str, behaviour: b.Behaviour) -> requests.Response:
        """Ask for an operation whose last call upstream meets the behaviour."""
        self.break_next(operation, behaviour)
        return self.ask(operation)

    def break_next(self, operation: str, behaviour: b.Behaviour) -> None:
        """Have an operation's last call upstream meet the behaviour."""
        self.broken.requests.clear()
        before = [b.relay(self.strict)] if operation == "download" else []
        self.broken.script([*before, behaviour])

    def asked(self, operation: str) -> list[Asked]:
        """Return the requests that came for the operation's last call upstream."""
        return self.broken.requests[1:] if operation == "download" else self.broken.requests

    def heal(self) -> None:
        """Break nothing any more; a call that works keeps the circuit closed."""
        self.broken.script([])
        assert self.call("GET", f"/v1/containers/{self.container}").status_code == 200

    def _make(self, operation: str) -> str:
        """Return the id of something new; a busy machine may be too slow for the timeouts."""
        for _ in range(TRIES):
            answer = self.ask(operation)
            if answer.ok:
                break
        assert answer.ok, answer.text
        return str(answer.json()["id"])


def told(answer: requests.Response, status: int) -> Json:
    """Return the error of an answer: one envelope that tells nothing of the account."""
    assert answer.status_code == status, answer.text
    body = answer.json()

    assert set(body) == {"error", "extra_fields"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    assert not [text for text in SECRETS if text in answer.text]
    return {**body["error"], "retry_after": answer.headers.get("Retry-After")}
