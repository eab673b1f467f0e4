"""Requests with an Idempotency-Key, and what they did."""

from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from tests.calls import Json

KEY = "7f6c8b8e-2a51-4a53-9a41-0d1f0f5b6a3e"


def post(client: TestClient, key: str = KEY, **fields: Any) -> Response:
    """Create a container under the key."""
    body = {"provider": "ollama", "name": "n", **fields}
    return client.post("/v1/containers", json=body, headers={"Idempotency-Key": key})


def put(
    client: TestClient,
    container_id: str,
    content: bytes = b"bytes",
    name: str = "a.txt",
    *,
    key: str = KEY,
    **fields: str,
) -> Response:
    """Upload a file under the key."""
    return client.post(
        f"/openai/v1/containers/{container_id}/files",
        data=fields,
        files={"file": (name, content)},
        headers={"Idempotency-Key": key},
    )


def count(client: TestClient) -> int:
    """Return how many containers there are."""
    return len(client.get("/v1/containers?provider=ollama").json()["data"])


def files(client: TestClient, container_id: str) -> list[Json]:
    data: list[Json] = client.get(f"/openai/v1/containers/{container_id}/files").json()["data"]
    return data
