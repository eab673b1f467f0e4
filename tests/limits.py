"""An application whose callers have keys with limits."""

from collections.abc import Mapping
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from catalog.limits import Limits
from tests.calls import Json, gateway_of


class Party:
    """Someone who calls with a key of its own."""

    def __init__(self, client: TestClient, tenant: str = "research", **limits: int) -> None:
        self.client = client
        ring = gateway_of(client).keys
        self.key, self.secret = ring.create(tenant, limits=Limits(**limits))

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Response:
        """Send a request with the key."""
        sent = {"Authorization": f"Bearer {self.secret}", **(headers or {})}
        answer: Response = self.client.request(method, path, headers=sent, **request)
        return answer

    def create(self, provider: str = "ollama", **fields: Any) -> Response:
        """Create a container."""
        body = {"provider": provider, "name": "n", **fields}
        return self.ask("post", "/v1/containers", json=body)

    def container(self, **fields: Any) -> str:
        """Create a container and return its id."""
        answer = self.create(**fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def upload(self, container_id: str, size: int, name: str = "a", **headers: str) -> Response:
        """Upload a file of a size into a container."""
        path = f"/v1/containers/{container_id}/files"
        return self.ask("post", path, headers, files={"file": (name, b"x" * size)})

    def store(self, size: int, name: str = "s", **fields: str) -> Response:
        """Upload a file of a size to the Files API."""
        data = {"provider": "ollama", "purpose": "user_data", **fields}
        return self.ask("post", "/v1/files", data=data, files={"file": (name, b"x" * size)})

    def delete(self, path: str) -> Response:
        """Delete what is at a path."""
        return self.ask("delete", path, params={"provider": "ollama"})


def refused(answer: Response) -> tuple[int, str, str | None]:
    """Return an error's status and code, and the field that it names."""
    error: Json = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]
