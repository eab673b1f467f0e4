"""An Idempotency-Key is in use while its first request runs, and free when that one failed."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from catalog.database import Database
from gateway.answers import Caller
from gateway.app import create_app
from gateway.idempotency import IdempotencyKeys
from gateway.settings import Settings
from gateway.uploads import MultipartUpload
from providers.errors import IdempotencyKeyInUse, InvalidRequest
from tests.calls import Json, blobs_in, create, gateway_of
from tests.conftest import Clock
from tests.repeats import KEY, count, files, post, put

HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


class Form(io.RawIOBase):
    """A multipart body of three parts, and what happens between them."""

    def __init__(self, between: Callable[[], object]) -> None:
        self._parts = [HEAD + b"x" * 1000, b"y" * 1000, b"\r\n--b--\r\n"]
        self._between = between

    def read(self, _size: int = -1) -> bytes:
        """Return the next part."""
        if 0 < len(self._parts) < 3:
            self._between()
        return self._parts.pop(0) if self._parts else b""


def run(client: TestClient, container: Json, between: Callable[[], object] = bool) -> Json:
    """Upload a form under the key as a handler does."""
    form: Any = Form(between)
    upload = MultipartUpload(form, "multipart/form-data; boundary=b", max_bytes=5000)
    caller = Caller("default", idempotency_key=KEY)
    answer, _ = gateway_of(client).files.create_file(caller, container["id"], upload)
    return answer


def test_while_the_first_create_runs_the_key_is_in_use(
    client: TestClient, settings: Settings, clock: Clock
) -> None:
    database = Database(settings.data_dir / "catalog.db")  # as another process has it
    with IdempotencyKeys(database, clock=clock).claim("default", "container_create", KEY):
        answer = post(client)
    database.close()

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotency_key_in_use"
    assert int(answer.headers["retry-after"]) >= 1
    assert "x-should-retry" not in answer.headers
    assert count(client) == 0


def test_a_request_that_died_lets_go_of_its_key(
    client: TestClient, settings: Settings, clock: Clock
) -> None:
    database = Database(settings.data_dir / "catalog.db")
    dead = IdempotencyKeys(database, clock=clock).claim("default", "container_create", KEY)
    dead.__enter__()
    retry_after = int(post(client).headers["retry-after"])
    clock.advance(retry_after)

    assert post(client).status_code == 200
    database.close()


def test_an_upload_that_goes_on_keeps_its_key(client: TestClient, clock: Clock) -> None:
    container, refused = create(client), []

    def repeat() -> None:
        clock.advance(8)
        with pytest.raises(IdempotencyKeyInUse) as in_use:
            run(client, container)
        refused.append(in_use.value)

    run(client, container, repeat)

    assert len(refused) == 2
    assert len(files(client, container["id"])) == 1


def test_of_two_uploads_one_is_done_when_the_first_lost_its_key(
    client: TestClient, clock: Clock, settings: Settings
) -> None:
    container, done = create(client), []

    def repeat() -> None:
        clock.advance(60)
        done.append(run(client, container))

    with pytest.raises(IdempotencyKeyInUse):
        run(client, container, repeat)

    assert {file["id"] for file in done} == {file["id"] for file in files(client, container["id"])}
    assert len(blobs_in(settings.data_dir)) == 1


def test_an_upload_that_broke_off_frees_its_key(client: TestClient) -> None:
    def break_off() -> None:
        raise InvalidRequest("The client went away before the end of its body.")

    container = create(client)
    with pytest.raises(InvalidRequest):
        run(client, container, break_off)

    assert run(client, container)["bytes"] == 2000


def test_a_create_that_was_refused_frees_its_key(client: TestClient) -> None:
    refused = post(client, file_ids=["file-missing"])
    done = post(client)

    assert (refused.status_code, done.status_code) == (404, 200)
    assert "cache_debug" not in done.json()["extra_fields"]


def test_an_upload_to_no_container_frees_its_key(client: TestClient) -> None:
    refused = put(client, f"cntr_{0:048x}")
    done = put(client, create(client)["id"])

    assert (refused.status_code, done.status_code) == (404, 200)


def test_a_copy_of_no_file_frees_its_key(client: TestClient) -> None:
    container = create(client)
    url = f"/openai/v1/containers/{container['id']}/files"
    refused = client.post(url, json={"file_id": "file-1"}, headers={"Idempotency-Key": KEY})
    done = put(client, container["id"])

    assert (refused.status_code, done.status_code) == (404, 200)


def test_an_upload_to_a_bad_path_frees_its_key(client: TestClient) -> None:
    container = create(client)
    refused = put(client, container["id"], name="../a.txt")
    done = put(client, container["id"])

    assert (refused.status_code, done.status_code) == (400, 200)


def test_an_upload_that_is_too_large_frees_its_key(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_file_bytes": 10})
    with TestClient(create_app(settings)) as client:
        container = create(client)
        refused = put(client, container["id"], b"x" * 11)
        done = put(client, container["id"])

    assert (refused.status_code, done.status_code) == (413, 200)


def test_a_refused_repetition_leaves_the_first_answer(client: TestClient) -> None:
    first = post(client).json()
    refused = post(client, name="other")

    assert refused.status_code == 422
    assert post(client).json()["id"] == first["id"]
