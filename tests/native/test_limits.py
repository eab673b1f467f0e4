"""Limits at native providers: a place for a container is taken before the provider is asked."""

import pytest
from starlette.testclient import TestClient

from gateway.settings import Settings
from tests.calls import blobs_in, gateway_of
from tests.limits import Party, refused
from tests.upstreams.strict import Strict

FULL = (403, "container_limit_reached", None)


@pytest.fixture
def party(native_client: TestClient) -> Party:
    """Someone who may have one container, and hardly any bytes."""
    return Party(native_client, max_containers=1, max_bytes=1, max_file_bytes=100)


def test_a_container_too_many_is_not_asked_for(party: Party, strict: Strict) -> None:
    party.container(provider="openai")
    asked = len(strict.requests)

    assert refused(party.create("openai")) == FULL
    assert refused(party.create("ollama")) == FULL
    assert len(strict.requests) == asked


def test_a_create_that_the_provider_refuses_takes_no_place(party: Party) -> None:
    too_long = {"anchor": "last_active_at", "minutes": 43_000}

    assert party.create("openai", expires_after=too_long).status_code == 400
    assert party.create("openai").status_code == 200


def test_a_container_that_ended_at_its_provider_frees_its_place(
    party: Party, strict: Strict
) -> None:
    container_id = party.container(provider="openai")
    strict.forget(container_id)
    gateway_of(party.client).reconciler.reconcile()

    assert party.create("openai").status_code == 200


@pytest.mark.parametrize("param", ["file_id", "file_ids"])
def test_a_file_that_is_streamed_here_must_fit(
    party: Party, settings: Settings, param: str
) -> None:
    file_id = party.store(90, provider="openai").json()["id"]
    path, body = "/v1/containers", {"provider": "ollama", "name": "n", "file_ids": [file_id]}
    if param == "file_id":
        path, body = f"{path}/{party.container()}/files", {"file_id": file_id}

    answer = party.ask("post", path, {"x-berth-copy-files": "true"}, json=body)
    assert refused(answer) == (413, "storage_limit_reached", param)
    assert blobs_in(settings.data_dir) == []


def test_bytes_at_a_provider_are_not_counted(party: Party) -> None:
    container_id = party.container(provider="openai")
    path = f"/v1/containers/{container_id}/files"

    statuses = [
        party.ask("post", path, files={"file": ("a", bytes(size))}).status_code
        for size in (100, 101)
    ]
    assert statuses == [200, 413]
