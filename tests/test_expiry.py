"""A container expires when its idle time is over, at once and for good."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.answers import Caller
from gateway.app import create_app
from gateway.settings import Settings
from gateway.uploads import MultipartUpload
from providers.errors import ContainerExpired
from tests.calls import Json, blobs_in, create, gateway_of, upload
from tests.conftest import Clock

Operation = Callable[[TestClient, str, str], Response]

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="slow.bin"\r\n\r\n'
    + b"1" * 1000,
    b"2" * 1000,
    b"3" * 1000,
    b"\r\n--b--\r\n",
)

ACTIVITIES: dict[str, Operation] = {
    "upload": lambda c, cid, _: c.post(f"{at(cid)}/files", files={"file": ("b.txt", b"b")}),
    "copy": lambda c, cid, _: c.post(f"{at(cid)}/files", json={"file_id": "file-1"}),
    "list files": lambda c, cid, _: c.get(f"{at(cid)}/files"),
    "retrieve file": lambda c, cid, fid: c.get(f"{at(cid)}/files/{fid}"),
    "content": lambda c, cid, fid: c.get(f"{at(cid)}/files/{fid}/content"),
    "delete file": lambda c, cid, fid: c.delete(f"{at(cid)}/files/{fid}"),
}

activities = pytest.mark.parametrize("operation", ACTIVITIES.values(), ids=ACTIVITIES)


def at(container_id: str) -> str:
    return f"/openai/v1/containers/{container_id}"


def listed(client: TestClient) -> list[Json]:
    data: list[Json] = client.get("/v1/containers?provider=ollama").json()["data"]
    return data


class SlowForm(io.RawIOBase):
    """A multipart body whose every read takes some seconds."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._chunks = iter(FORM)
        self._clock = clock
        self._seconds = seconds

    def read(self, _size: int = -1) -> bytes:
        """Return the next part of the form."""
        self._clock.advance(self._seconds)
        return next(self._chunks, b"")


def upload_slowly(client: TestClient, container: Json, form: SlowForm) -> Json:
    """Upload the form the way a handler does, but without a socket to wait for."""
    slow: Any = form
    body = MultipartUpload(slow, "multipart/form-data; boundary=b", max_bytes=5000)
    answer, _ = gateway_of(client).files.create_file(Caller("default"), container["id"], body)
    return answer


def test_a_container_runs_until_just_before_its_time(client: TestClient, clock: Clock) -> None:
    container = create(client, expires_after={"minutes": 1})
    clock.advance(59.999)

    assert listed(client)[0]["status"] == "running"
    assert client.get(at(container["id"])).json()["status"] == "running"


def test_a_container_is_expired_exactly_at_its_time(client: TestClient, clock: Clock) -> None:
    container = create(client, expires_after={"minutes": 1})
    clock.advance(60)

    assert listed(client)[0]["status"] == "expired"
    assert client.get(at(container["id"])).json()["status"] == "expired"


def test_expiry_is_in_minutes_from_the_last_activity(client: TestClient, clock: Clock) -> None:
    container = create(client, expires_after={"anchor": "last_active_at", "minutes": 2})
    clock.advance(119)
    client.get(at(container["id"]))
    clock.advance(119)

    assert client.get(at(container["id"])).json()["status"] == "running"


def test_retrieving_a_container_is_activity(client: TestClient, clock: Clock) -> None:
    container = create(client)
    clock.advance(100)

    assert client.get(at(container["id"])).json()["last_active_at"] == int(clock.now)
    assert listed(client)[0]["last_active_at"] == int(clock.now)


@activities
def test_every_operation_on_a_container_is_activity(
    client: TestClient, clock: Clock, operation: Operation
) -> None:
    container = create(client)
    file = upload(client, container["id"])
    clock.advance(100)
    operation(client, container["id"], file["id"])

    assert listed(client)[0]["last_active_at"] == int(clock.now)


def test_a_refused_upload_is_activity_too(client: TestClient, clock: Clock) -> None:
    container = create(client)
    clock.advance(100)
    answer = client.post(f"{at(container['id'])}/files", files={"file": ("../a", b"")})

    assert answer.status_code == 400
    assert listed(client)[0]["last_active_at"] == int(clock.now)


def test_listing_containers_is_no_activity(client: TestClient, clock: Clock) -> None:
    container = create(client, expires_after={"minutes": 1})
    clock.advance(59)
    listed(client)
    clock.advance(1)

    assert listed(client)[0]["status"] == "expired"
    assert listed(client)[0]["last_active_at"] == container["last_active_at"]


def test_asking_with_the_wrong_provider_is_no_activity(client: TestClient, clock: Clock) -> None:
    container = create(client)
    clock.advance(100)
    answer = client.get(f"{at(container['id'])}?provider=groq")

    assert answer.status_code == 404
    assert listed(client)[0]["last_active_at"] == container["last_active_at"]


def test_an_expired_container_stays_as_it_was(client: TestClient, clock: Clock) -> None:
    container = create(client, name="kept", metadata={"k": "v"}, memory_limit="4g")
    clock.advance(20 * 60 + 5)
    snapshot = client.get(at(container["id"])).json()

    del container["extra_fields"], snapshot["extra_fields"]
    assert snapshot == container | {"status": "expired"}
    assert listed(client) == [snapshot]


@activities
def test_nothing_else_works_on_an_expired_container(
    client: TestClient, clock: Clock, operation: Operation
) -> None:
    container = create(client)
    file = upload(client, container["id"])
    clock.advance(20 * 60)
    answer = operation(client, container["id"], file["id"])

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "container_expired"
    assert answer.json()["error"]["message"] == "Container is expired."
    assert answer.headers["x-should-retry"] == "false"


def test_an_expired_container_cannot_be_deleted(client: TestClient, clock: Clock) -> None:
    container = create(client)
    clock.advance(20 * 60)
    answer = client.delete(at(container["id"]))

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "container_expired"


def test_an_expired_container_is_gone_after_its_retention(settings: Settings, clock: Clock) -> None:
    settings = settings.model_copy(update={"expired_retention_hours": 1})
    with TestClient(create_app(settings, clock=clock)) as client:
        container = create(client, expires_after={"minutes": 1})
        clock.advance(60 + 3599)
        still = client.get(at(container["id"]))
        clock.advance(1)
        gone = client.get(at(container["id"]))

        assert (still.status_code, gone.status_code) == (200, 404)
        assert gone.json()["error"]["code"] is None
        assert listed(client) == []


def test_a_clock_that_steps_back_does_not_revive_an_ended_container(
    client: TestClient, clock: Clock
) -> None:
    container = create(client)
    clock.advance(20 * 60)
    gateway_of(client).sweeper.sweep()
    clock.advance(-3600)

    snapshot = client.get(at(container["id"])).json()
    assert snapshot["status"] == "expired"
    assert snapshot["last_active_at"] == container["last_active_at"]
    assert client.get(f"{at(container['id'])}/files").status_code == 404


def test_a_clock_that_steps_back_does_not_revive_a_deleted_container(
    client: TestClient, clock: Clock
) -> None:
    container = create(client)
    client.delete(at(container["id"]))
    clock.advance(-3600)

    assert client.get(at(container["id"])).status_code == 404
    assert listed(client) == []


def test_a_long_upload_keeps_its_container_alive(client: TestClient, clock: Clock) -> None:
    container = create(client, expires_after={"minutes": 1})
    file = upload_slowly(client, container, SlowForm(clock, 25))

    assert file["bytes"] == 3000
    assert listed(client)[0]["last_active_at"] == int(clock.now)


def test_an_upload_that_stalls_past_the_expiry_stores_nothing(
    client: TestClient, clock: Clock, settings: Settings
) -> None:
    container = create(client, expires_after={"minutes": 1})

    with pytest.raises(ContainerExpired):
        upload_slowly(client, container, SlowForm(clock, 61))
    assert blobs_in(settings.data_dir) == []


def test_a_container_expires_after_20_minutes_by_default(client: TestClient) -> None:
    assert create(client)["expires_after"] == {"anchor": "last_active_at", "minutes": 20}


def test_the_configured_maximum_holds_and_is_served(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_expires_minutes": 7})
    with TestClient(create_app(settings)) as client:
        document = client.get("/openapi.json").json()
        body = {"provider": "ollama", "name": "n", "expires_after": {"minutes": 8}}
        refused = client.post("/v1/containers", json=body)

        expiry = document["components"]["schemas"]["ExpiresAfter"]
        assert expiry["properties"]["minutes"]["maximum"] == 7
        assert refused.status_code == 400
        assert "Expected a value <= 7" in refused.json()["error"]["message"]
        assert create(client, expires_after={"minutes": 7})["status"] == "running"
