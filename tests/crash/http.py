"""A connection to a server that may die at any moment."""

from collections.abc import Iterator
from typing import Any

import requests

TIMEOUT_S = 60
PROVIDER = {"provider": "ollama"}

Json = dict[str, Any]


class Unanswered(Exception):
    """The connection ended before the answer was complete."""


class Held(Exception):
    """A request that died still holds its idempotency key, for some seconds."""


class Broken(Exception):
    """The server broke a promise."""


class Http:
    """A connection that tells an answer from none, and takes nothing but success for an answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def call(self, method: str, path: str, *, ok: int = 200, **arguments: Any) -> requests.Response:
        """Send a request and return its answer. Raises Unanswered, Held and Broken.

        A path that is not a whole one is below the containers.
        """
        whole = path if path.startswith("/v1/") else f"/v1/containers{path}"
        try:
            answer = self._session.request(
                method, f"{self._url}{whole}", timeout=TIMEOUT_S, **arguments
            )
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as exc:
            raise Unanswered from exc
        if answer.status_code == 409:
            raise Held
        if answer.status_code != ok:
            raise Broken(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer

    def pages(self, path: str) -> Iterator[Json]:
        """Return all items of a list."""
        after: Json = {}
        while True:
            page = self.call("GET", path, params={**PROVIDER, "limit": 100, **after}).json()
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["last_id"]}
