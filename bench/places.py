"""Containers to measure, and the calls for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import orjson
import requests

from bench.load import UNIQUE, Call
from bench.servers import Server

_TIMEOUT_S = 60


@dataclass(frozen=True)
class Place:
    """A container of a provider at a server."""

    server: Server
    provider: str
    container_id: str

    @classmethod
    def create(cls, server: Server, provider: str) -> Self:
        """Create the container."""
        body = {"provider": provider, "name": "bench"}
        answer = requests.post(
            f"{server.url}/v1/containers",
            json=body,
            headers=dict(server.headers),
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()
        return cls(server, provider, answer.json()["id"])

    @property
    def files(self) -> str:
        """The path of its files."""
        return f"/v1/containers/{self.container_id}/files?provider={self.provider}"

    def content(self, file_id: str) -> str:
        """Return the path of a file's bytes."""
        files = f"/v1/containers/{self.container_id}/files"
        return f"{files}/{file_id}/content?provider={self.provider}"

    def retrieving(self) -> Call:
        """Return the call that retrieves it."""
        return retrieving([self.container_id], self.provider)


def creating(provider: str) -> Call:
    """Return the call that creates a container."""
    body = orjson.dumps({"provider": provider, "name": f"bench {UNIQUE}"}).decode()
    return Call(["/v1/containers"], "POST", body, {"Content-Type": "application/json"})


def retrieving(container_ids: Sequence[str], provider: str) -> Call:
    """Return the call that retrieves the containers, one after the other."""
    return Call([f"/v1/containers/{one}?provider={provider}" for one in container_ids])
