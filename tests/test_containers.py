"""A container is created with what was asked for, within its limits, and is gone when deleted."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from tests.calls import create, ids, ok, upload
from tests.conftest import Clock
from tests.server import Server

FULL = {
    "expires_after": {"anchor": "last_active_at", "minutes": 43_200},
    "memory_limit": "64g",
    "metadata": {"team": "finance", "Ünïcode": "報告 🗂", "": ""},
    "network_policy": {"type": "disabled"},
}
ALLOWLIST = {"network_policy": {"type": "allowlist", "allowed_domains": ["a.example"]}}
SECRET = {"domain": "a.example", "name": "TOKEN", "value": "secret"}
SECRETS = {"network_policy": {"type": "disabled", "domain_secrets": [SECRET]}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of one application for all tests here that can share it."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("containers"), validate_responses=True, threads=8
    )
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def post(client: TestClient, **fields: Any) -> Response:
    body = {"provider": "ollama", "name": "n", **fields}
    return client.post("/v1/containers", json=body)


def assert_refused(answer: Response, param: str, code: str | None = None) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param), answer.text
    assert code in {None, error["code"]}
    assert param in error["message"]


def test_what_was_asked_for_is_answered(shared: TestClient) -> None:
    container = ok(post(shared, name="Q3 für 報告", file_ids=[], **FULL))

    assert container == {
        "id": container["id"],
        "object": "container",
        "name": "Q3 für 報告",
        "created_at": container["created_at"],
        "status": "running",
        "last_active_at": container["created_at"],
        **FULL,
    }


def test_what_was_answered_was_stored(shared: TestClient) -> None:
    container = ok(post(shared, name="stored", **FULL))
    listed = shared.get("/v1/containers?provider=ollama&name=stored").json()["data"]
    retrieved = ok(shared.get(f"/v1/containers/{container['id']}?provider=ollama"))

    retrieved["last_active_at"] = container["last_active_at"]
    assert retrieved == container
    assert listed == [container]


def test_what_was_not_asked_for_has_its_default(shared: TestClient) -> None:
    container = create(shared)

    assert container["expires_after"] == {"anchor": "last_active_at", "minutes": 20}
    assert container["memory_limit"] == "1g"
    assert container["metadata"] == {}
    assert "network_policy" not in container


def test_an_answer_says_who_served_it(shared: TestClient) -> None:
    extra_fields = create(shared)["extra_fields"]

    assert isinstance(extra_fields.pop("latency"), int)
    assert extra_fields == {
        "request_type": "container_create",
        "provider": "ollama",
        "backend": "hosted",
        "chunk_index": 0,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x"},
        {"name": "x" * 256},
        {"name": "🗂" * 256},
        {"memory_limit": "1g"},
        {"memory_limit": "4g"},
        {"memory_limit": "16g"},
        {"expires_after": {"anchor": "last_active_at", "minutes": 1}},
        {"metadata": {f"k{n}": "v" for n in range(16)}},
        {"metadata": {"k" * 64: "v"}},
        {"metadata": {"ü" * 64: "v"}},
        {"metadata": {"k": "v" * 512}},
        {"metadata": {"k": ""}},
    ],
    ids=lambda fields: str(fields)[:30],
)
def test_up_to_its_limit_a_field_is_kept(shared: TestClient, fields: dict[str, Any]) -> None:
    assert ok(post(shared, **fields)).items() >= fields.items()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"memory_limit": "2g"}, "memory_limit"),
        ({"memory_limit": None}, "memory_limit"),
        ({"metadata": {f"k{n}": "v" for n in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 5}}, "metadata.k"),
        ({"metadata": {"k": None}}, "metadata.k"),
        ({"metadata": {"k": {"nested": "v"}}}, "metadata.k"),
        ({"metadata": ["v"]}, "metadata"),
        ({"expires_after": {}}, "expires_after.minutes"),
        ({"expires_after": {"minutes": 0}}, "expires_after.minutes"),
        ({"expires_after": {"minutes": -1}}, "expires_after.minutes"),
        ({"expires_after": {"minutes": 43_201}}, "expires_after.minutes"),
        ({"expires_after": {"minutes": 1.5}}, "expires_after.minutes"),
        ({"expires_after": {"minutes": "20"}}, "expires_after.minutes"),
        ({"expires_after": {"minutes": True}}, "expires_after.minutes"),
        ({"expires_after": {"minutes": 20, "anchor": "created_at"}}, "expires_after.anchor"),
        ({"file_ids": "file-1"}, "file_ids"),
        ({"file_ids": [""]}, "file_ids[0]"),
        ({"network_policy": {}}, "network_policy.type"),
        ({"network_policy": {"type": "open"}}, "network_policy.type"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_beyond_its_limit_a_field_is_refused_by_name(
    shared: TestClient, fields: dict[str, Any], param: str
) -> None:
    assert_refused(post(shared, **fields), param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"skills": []}, "skills"),
        ({"skills": [{"type": "skill_reference", "skill_id": "s"}]}, "skills"),
        (ALLOWLIST, "network_policy"),
        (SECRETS, "network_policy.domain_secrets"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    shared: TestClient, fields: dict[str, Any], param: str
) -> None:
    assert_refused(post(shared, **fields), param, "unsupported_parameter")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"colour": "red"}, "colour"),
        ({"id": "cntr_1"}, "id"),
        ({"expires_after": {"minutes": 5, "hours": 1}}, "expires_after.hours"),
        ({"network_policy": {"type": "disabled", "x": 1}}, "network_policy.x"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_a_field_that_nobody_knows_is_refused_by_name(
    shared: TestClient, fields: dict[str, Any], param: str
) -> None:
    assert_refused(post(shared, **fields), param, "unknown_parameter")


def test_a_file_that_does_not_exist_is_named_and_nothing_created(client: TestClient) -> None:
    answer = post(client, file_ids=["file-missing"])

    assert answer.status_code == 404
    assert answer.json()["error"]["param"] == "file_ids"
    assert "file-missing" in answer.json()["error"]["message"]
    assert ids(client.get("/v1/containers?provider=ollama").json()) == []


def test_a_file_to_copy_that_does_not_exist_is_named(shared: TestClient) -> None:
    url = f"/openai/v1/containers/{create(shared)['id']}/files"
    answer = shared.post(url, json={"file_id": "file-missing", "file_path": "a.txt"})

    assert answer.status_code == 404
    assert answer.json()["error"]["param"] == "file_id"
    assert "file-missing" in answer.json()["error"]["message"]
    assert ids(shared.get(url).json()) == []


def test_neither_a_file_nor_its_id_is_refused(shared: TestClient) -> None:
    answer = shared.post(f"/openai/v1/containers/{create(shared)['id']}/files", json={})

    assert_refused(answer, "file_id", "missing_required_parameter")


def test_ids_have_their_form_and_begin_with_the_time(client: TestClient, clock: Clock) -> None:
    container = create(client)
    file = upload(client, container["id"])
    time = f"{int(clock.now):08x}"

    assert re.fullmatch(rf"cntr_{time}[0-9a-f]{{40}}", container["id"])
    assert re.fullmatch(rf"cfile_{time}[0-9a-f]{{24}}", file["id"])
    assert container["created_at"] == file["created_at"] == int(clock.now)


def test_creates_at_once_make_different_containers(live: Server) -> None:
    def create_one(_number: int) -> str:
        url = f"{live.url}/openai/v1/containers"
        return str(requests.post(url, json={"name": "twin"}, timeout=30).json()["id"])

    with ThreadPoolExecutor(8) as pool:
        created = set(pool.map(create_one, range(16)))

    url = f"{live.url}/v1/containers?provider=openai&name=twin"
    assert len(created) == 16
    assert set(ids(requests.get(url, timeout=30).json())) == created


def test_a_deleted_container_is_gone_at_once(shared: TestClient) -> None:
    container = create(shared, name="deleted")
    file = upload(shared, container["id"])
    url = f"/openai/v1/containers/{container['id']}"
    deleted = ok(shared.delete(url))

    assert deleted == {"id": container["id"], "object": "container.deleted", "deleted": True}
    gone = [url, f"{url}/files", f"{url}/files/{file['id']}", f"{url}/files/{file['id']}/content"]
    assert {shared.get(path).status_code for path in gone} == {404}
    assert shared.delete(url).status_code == 404
    assert ids(shared.get("/v1/containers?provider=ollama&name=deleted").json()) == []
