"""Keys open their own tenant's containers, and nothing else, in every operation of the document."""

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.cli import main
from gateway.keys import new_secret, well_formed
from gateway.settings import Settings
from tests.calls import gateway_of
from tests.conftest import Clock
from tests.world import (
    CHANGES,
    FOR_ADMINS,
    FOR_TENANTS,
    OF_A_PROVIDER,
    ON_A_CONTAINER,
    ON_A_FILE,
    OPERATIONS,
    World,
    told,
)

every_operation = pytest.mark.parametrize(("path", "method"), OPERATIONS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One application for all tests here that break nothing."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("keys"), validate_responses=True)
    clock = Clock()
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as client:
        yield World(client, clock)


@pytest.mark.parametrize("kind", ["none", "malformed", "unknown", "revoked", "expired"])
@every_operation
def test_what_is_no_valid_key_opens_nothing(
    world: World, path: str, method: str, kind: str
) -> None:
    secret = {"none": None, "malformed": "bk_short", "unknown": new_secret()}.get(kind)
    if kind == "revoked":
        key, secret = world.ring.create("mine")
        world.ring.revoke(key.id)
    elif kind == "expired":
        _, secret = world.ring.create("mine", lifetime_s=-1)

    answer = world.call(path, method, secret)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert told(answer) == told(world.call(path, method, None))


@pytest.mark.parametrize(("path", "method"), ON_A_CONTAINER)
def test_another_tenants_container_is_as_if_it_did_not_exist(
    world: World, path: str, method: str
) -> None:
    theirs = world.call(path, method, world.other)
    missing = world.call(path, method, world.other, {"container_id": "cntr_none"})

    assert theirs.status_code == 404
    assert told(theirs) == told(missing)


@pytest.mark.parametrize(("path", "method"), ON_A_FILE)
def test_another_tenants_file_is_as_if_it_did_not_exist(
    world: World, path: str, method: str
) -> None:
    theirs = world.call(path, method, world.other)
    missing = world.call(path, method, world.other, {"stored_id": "file-none"})

    assert theirs.status_code == 404
    assert told(theirs) == told(missing)


def test_another_tenants_file_cannot_be_copied(world: World) -> None:
    body = {"provider": "ollama", "name": "n", "file_ids": [world.ids["stored_id"]]}
    refused = world.ask("post", "/v1/containers", world.other, json=body)

    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "file_ids")
    assert world.ask("post", "/v1/containers", world.member, json=body).status_code == 200


def test_a_file_of_a_provider_that_is_not_allowed_cannot_be_copied(world: World) -> None:
    body = {"provider": "groq", "name": "n", "file_ids": [world.ids["stored_id"]]}
    refused = world.ask("post", "/v1/containers", world.elsewhere, json=body)

    assert refused.json()["error"]["code"] == "provider_not_allowed"


def test_another_tenants_cursor_is_as_if_it_did_not_exist(world: World) -> None:
    def listed(after: str) -> Response:
        params = {"provider": "ollama", "after": after}
        return world.ask("get", "/v1/containers", world.other, params=params)

    assert listed(world.ids["container_id"]).status_code == 400
    assert told(listed(world.ids["container_id"])) == told(listed("cntr_none"))


def test_a_list_shows_a_tenant_its_own(world: World) -> None:
    params = {"provider": "ollama"}
    mine = world.ask("get", "/v1/containers", world.member, params=params).json()["data"]
    theirs = world.ask("get", "/v1/containers", world.other, params=params).json()["data"]

    assert world.ids["container_id"] in [container["id"] for container in mine]
    assert theirs == []


def test_another_tenants_idempotency_key_is_free(world: World) -> None:
    made = [
        world.call("/v1/containers", "post", key, headers={"Idempotency-Key": "k"}).json()["id"]
        for key in (world.member, world.key("third"))
    ]

    assert len(set(made)) == 2


@pytest.mark.parametrize(("path", "method"), CHANGES)
def test_a_reader_changes_nothing(world: World, path: str, method: str) -> None:
    answer = world.call(path, method, world.reader)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "read_only_key")


@pytest.mark.parametrize(("path", "method"), [p for p in FOR_TENANTS if p not in CHANGES], ids=str)
def test_a_reader_reads(world: World, path: str, method: str) -> None:
    assert world.call(path, method, world.reader).status_code == 200


@pytest.mark.parametrize(("path", "method"), OF_A_PROVIDER)
def test_a_key_for_some_providers_reaches_no_other(world: World, path: str, method: str) -> None:
    answer = world.call(path, method, world.elsewhere)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "provider_not_allowed")


def test_a_provider_that_is_not_named_is_not_allowed_either(world: World) -> None:
    path = f"/openai/v1/containers/{world.ids['container_id']}"

    answer = world.ask("get", path, world.elsewhere)

    assert answer.json()["error"]["code"] == "provider_not_allowed"


def test_providers_are_shown_as_far_as_they_may_be_used(world: World) -> None:
    def shown(key: str) -> list[str]:
        data = world.ask("get", "/v1/providers", key).json()["data"]
        return [provider["provider"] for provider in data]

    assert shown(world.elsewhere) == ["groq"]
    assert len(shown(world.member)) == 21


@pytest.mark.parametrize(("path", "method"), [p for p in FOR_ADMINS if p not in CHANGES], ids=str)
def test_a_reader_is_no_admin(world: World, path: str, method: str) -> None:
    answer = world.call(path, method, world.reader)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_an_admin")


@pytest.mark.parametrize(("path", "method"), FOR_ADMINS)
def test_what_is_for_admins_tells_others_nothing(world: World, path: str, method: str) -> None:
    answer = world.call(path, method, world.member)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_an_admin")
    for ids in ({}, {"key_id": "key_none"}):
        for key in (world.member, world.other, world.elsewhere):
            assert told(world.call(path, method, key, ids)) == told(answer)
    spare, _ = world.ring.create("mine")
    assert world.call(path, method, world.admin, {"key_id": spare.id}).status_code == 200


@pytest.mark.parametrize(
    ("path", "method"), [p for p in FOR_ADMINS if p.values[0] != "/metrics"], ids=str
)
def test_nobody_is_an_admin_before_the_first_key(
    client: TestClient, path: str, method: str
) -> None:
    answer = client.request(method, path.format(key_id="key_none"), json={})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_an_admin")
    assert "berth keys create --tenant NAME --role admin" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("path", "method"), ON_A_CONTAINER)
def test_only_an_admin_acts_for_another_tenant(world: World, path: str, method: str) -> None:
    acting: dict[str, Any] = {"headers": {"x-berth-tenant": "mine"}}

    refused = world.call(path, method, world.other, **acting)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_an_admin")
    assert world.call(path, method, world.admin).status_code == 404
    if method == "get":
        assert world.call(path, method, world.admin, **acting).status_code == 200


@pytest.mark.parametrize(
    "header", ["Authorization: Bearer {}", "Authorization: bearer {}", "x-bf-vk: {}", "api-key: {}"]
)
def test_a_key_is_found_wherever_clients_put_it(world: World, header: str) -> None:
    name, value = header.format(world.member).split(": ")

    answer = world.ask(
        "get", "/v1/containers", None, params={"provider": "ollama"}, headers={name: value}
    )

    assert answer.status_code == 200


OURS_AND_ANOTHERS = [
    {"Authorization": "Bearer sk-unused", "x-bf-vk": "{}"},
    {"Authorization": "Bearer {}", "x-bf-vk": "sk-bf-unused"},
    {"Authorization": "Basic dXNlcjpwYXNz", "api-key": "{}"},
    {"Authorization": "Bearer {}", "x-bf-vk": "{}", "api-key": "{}"},
]


@pytest.mark.parametrize("headers", OURS_AND_ANOTHERS)
def test_a_key_of_a_provider_beside_ours_does_not_matter(
    world: World, headers: dict[str, str]
) -> None:
    sent = {name: value.format(world.member) for name, value in headers.items()}

    answer = world.ask("get", "/v1/providers", None, headers=sent)

    assert answer.status_code == 200


def test_two_of_our_keys_are_refused(world: World) -> None:
    both = {"Authorization": f"Bearer {world.member}", "x-bf-vk": world.other}

    answer = world.ask("get", "/v1/providers", None, headers=both)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ambiguous_api_key")


@pytest.mark.parametrize("tenant", ["", "a b", "a/b", "é", "a" * 65])
@pytest.mark.parametrize("path", ["/v1/containers", "/openai/v1/files", "/v1/providers"])
def test_what_is_no_name_of_a_tenant_is_refused(world: World, path: str, tenant: str) -> None:
    params = {} if path == "/v1/providers" else {"provider": "ollama"}
    headers = {"x-berth-tenant": tenant.encode()}

    answer = world.ask("get", path, world.admin, params=params, headers=headers)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "x-berth-tenant")


@pytest.mark.parametrize("path", ["/health", "/ready", "/ui/", "/openapi.json"])
def test_what_is_for_everyone_needs_no_key(world: World, path: str) -> None:
    assert world.ask("get", path, None).status_code == 200


def test_an_unknown_path_is_not_told_to_strangers(world: World) -> None:
    assert world.ask("get", "/v1/nothing", None).status_code == 401
    assert world.ask("get", "/v1/nothing", world.member).status_code == 404


def test_rotating_gives_a_key_that_may_do_the_same(world: World) -> None:
    key, old = world.ring.create("mine", "reader", ["ollama"])
    made = world.ring.rotate(key.id, grace_s=60)
    assert made is not None
    rotated, new = made
    params = {"provider": "ollama"}

    def status(secret: str) -> int:
        return world.ask("get", "/v1/containers", secret, params=params).status_code

    assert (rotated.tenant, rotated.role, rotated.providers) == ("mine", "reader", ["ollama"])
    assert (status(old), status(new)) == (200, 200)
    world.clock.advance(60)
    assert (status(old), status(new)) == (401, 200)
    assert world.ring.rotate(key.id) is None


def test_limits_are_shown_and_stay_when_a_key_is_replaced(tmp_path: Path) -> None:
    def keys(*arguments: str) -> str:
        environ = {"BERTH_DATA_DIR": str(tmp_path)}
        return CliRunner().invoke(main, ["keys", *arguments], env=environ).stdout

    keys("create", "--tenant", "a", "--requests-per-minute", "60", "--max-bytes", "1000")
    key_id = keys("list").split()[0]
    keys("rotate", key_id)

    lines = keys("list").splitlines()
    assert [line.count("requests-per-minute 60  max-bytes 1000") for line in lines] == [1, 1]


def test_an_event_names_the_key(world: World) -> None:
    key, secret = world.ring.create("fourth")
    created = world.call("/v1/containers", "post", secret).json()
    path = f"/v1/containers/{created['id']}/events"

    (event,) = world.ask("get", path, secret, params={"provider": "ollama"}).json()["data"]

    assert (event["tenant"], event["actor"]) == ("fourth", key.id)


def test_a_key_can_be_told_by_its_form() -> None:
    secret = new_secret()

    assert re.fullmatch(r"bk_[0-9A-Za-z]{46}", secret)
    assert well_formed(secret)
    assert not well_formed(secret[:-1] + ("A" if secret[-1] != "A" else "B"))


def test_the_first_key_opens_its_own_tenant_at_once(client: TestClient) -> None:
    body = {"provider": "ollama", "name": "n"}
    client.post("/v1/containers", json=body)
    _, secret = gateway_of(client).keys.create("first")
    headers = {"Authorization": f"Bearer {secret}"}

    assert client.get("/v1/containers?provider=ollama", headers=headers).json()["data"] == []


def test_without_any_key_everyone_is_the_default_tenant(client: TestClient) -> None:
    answer = client.post(
        "/v1/containers",
        json={"provider": "ollama", "name": "n"},
        headers={"Authorization": "Bearer whatever"},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["containers/cntr_{}", "files/file-{}", "containers/cntr_{}/files"]
)
def test_no_time_tells_what_is_there(world: World, path: str) -> None:
    """Neither of two ids is the slower one more often than chance has it, by four deviations."""
    spec = {"provider": "ollama", "name": "n", "metadata": {f"k{i}": "v" * 512 for i in range(16)}}
    made = world.ask("post", "/v1/containers", world.member, json=spec).json()["id"]
    theirs = re.sub(r"cntr_|file-", "", world.ids["stored_id"] if "file-" in path else made)
    pairs, slower = 400, 0
    for turn in range(pairs):
        order = [theirs, "0" * len(theirs)]
        took = {}
        for id_ in order if turn % 2 else reversed(order):
            began = time.perf_counter()
            world.ask("get", f"/openai/v1/{path.format(id_)}", world.other)
            took[id_] = time.perf_counter() - began
        slower += took[order[0]] > took[order[1]]

    assert abs(slower - pairs / 2) <= 4 * math.sqrt(pairs) / 2


def test_a_repeated_upload_is_not_answered_to_a_key_for_other_providers(world: World) -> None:
    path = f"/openai/v1/containers/{world.ids['container_id']}/files"

    def repeated(key: str) -> Response:
        again = {"files": {"file": ("r", b"same")}, "headers": {"Idempotency-Key": "again"}}
        return world.ask("post", path, key, **again)

    assert repeated(world.member).status_code == 200
    assert repeated(world.elsewhere).json()["error"]["code"] == "provider_not_allowed"
