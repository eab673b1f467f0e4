"""A request that is repeated with its Idempotency-Key is answered again, not done again."""

import pytest
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from tests.calls import Json, blobs_in, create
from tests.conftest import Clock
from tests.repeats import KEY, count, files, post, put

DAY_S = 24 * 3600


def test_a_repeated_create_gets_the_first_answer_again(client: TestClient) -> None:
    first, again = post(client).json(), post(client).json()

    assert again["extra_fields"].pop("cache_debug") == {
        "cache_hit": True,
        "cache_id": KEY,
        "hit_type": "direct",
        "provider_used": "ollama",
    }
    assert again == first
    assert count(client) == 1


def test_a_first_answer_says_nothing_of_a_cache(client: TestClient) -> None:
    assert "cache_debug" not in post(client).json()["extra_fields"]


def test_a_repeated_upload_gets_the_first_answer_again(
    client: TestClient, settings: Settings
) -> None:
    container = create(client)
    first, again = put(client, container["id"]), put(client, container["id"])

    assert again.json()["extra_fields"]["cache_debug"]["cache_hit"] is True
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["etag"] == first.headers["etag"]
    assert [file["id"] for file in files(client, container["id"])] == [first.json()["id"]]
    assert len(blobs_in(settings.data_dir)) == 1


def test_the_boundary_of_a_form_is_no_difference(client: TestClient) -> None:
    container = create(client)
    first, again = put(client, container["id"]), put(client, container["id"])

    assert again.request.headers["content-type"] != first.request.headers["content-type"]
    assert again.status_code == 200


def test_the_order_of_fields_is_no_difference(client: TestClient) -> None:
    headers = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    bodies = ['{"provider":"ollama", "name":"n"}', '{"name": "n", "provider": "ollama"}']
    answers = [client.post("/v1/containers", content=b, headers=headers).json() for b in bodies]

    assert answers[0]["id"] == answers[1]["id"]


def test_without_a_key_every_create_is_another(client: TestClient) -> None:
    assert create(client)["id"] != create(client)["id"]


@pytest.mark.parametrize(
    "other", [{"name": "m"}, {"provider": "groq"}, {"metadata": {"k": "v"}}], ids=str
)
def test_another_create_with_the_key_is_refused(client: TestClient, other: Json) -> None:
    post(client)
    answer = post(client, **other)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert answer.headers["x-should-retry"] == "false"
    assert count(client) == 1


@pytest.mark.parametrize(
    "other", [{"content": b"other"}, {"name": "b.txt"}, {"file_path": "b.txt"}], ids=str
)
def test_another_upload_with_the_key_is_refused(client: TestClient, other: Json) -> None:
    container = create(client)
    first = put(client, container["id"]).json()
    answer = put(client, container["id"], **other)

    assert answer.status_code == 422
    assert [file["id"] for file in files(client, container["id"])] == [first["id"]]


def test_the_upload_to_another_container_with_the_key_is_refused(client: TestClient) -> None:
    put(client, create(client)["id"])
    other = create(client)

    assert put(client, other["id"]).status_code == 422
    assert files(client, other["id"]) == []


def test_a_key_can_be_used_once_for_each_kind_of_request(client: TestClient) -> None:
    container = post(client).json()

    assert "cache_debug" not in put(client, container["id"]).json()["extra_fields"]


def test_what_was_deleted_is_not_done_again(client: TestClient) -> None:
    first = post(client).json()
    client.delete(f"/v1/containers/{first['id']}?provider=ollama")

    assert post(client).json()["id"] == first["id"]
    assert count(client) == 0


def test_a_key_is_kept_for_24_hours(client: TestClient, clock: Clock) -> None:
    first = post(client).json()
    clock.advance(DAY_S - 1)
    kept = post(client).json()
    clock.advance(1)
    free = post(client, name="other")

    assert kept["id"] == first["id"]
    assert free.status_code == 200
    assert "cache_debug" not in free.json()["extra_fields"]


def test_an_answer_outlives_a_restart(settings: Settings, clock: Clock) -> None:
    with TestClient(create_app(settings, clock=clock)) as client:
        first = post(client).json()
    with TestClient(create_app(settings, clock=clock)) as client:
        again = post(client).json()

    assert again["id"] == first["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "two\tparts", "käse"])
def test_a_key_that_cannot_be_one_is_refused(client: TestClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode())]
    answer = client.post(
        "/v1/containers", json={"provider": "ollama", "name": "n"}, headers=headers
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert count(client) == 0


def test_a_key_may_have_255_characters(client: TestClient) -> None:
    assert post(client, key="x" * 255).status_code == 200
