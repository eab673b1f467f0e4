"""Admins make, show, revoke and replace keys by HTTP; it is recorded, and no secret is kept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.cli import main
from gateway.keys import FRESH_S, well_formed
from gateway.settings import Settings
from tests.calls import Json, assert_not_found, catalog_of, ids, ok
from tests.conftest import Clock
from tests.world import World

KEYS = "/v1/admin/keys"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data_dir = tmp_path_factory.mktemp("admin") / "data"
    return Settings(data_dir=data_dir, validate_responses=True, threads=8)


@pytest.fixture(scope="module")
def world(settings: Settings) -> Iterator[World]:
    """One application for all tests here."""
    clock = Clock()
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as client:
        yield World(client, clock)


def ask(world: World, method: str, path: str = "", **request: Any) -> Response:
    """Ask as an admin."""
    return world.ask(method, KEYS + path, world.admin, **request)


def make(world: World, tenant: str, **fields: Any) -> Json:
    """Make a key and return it with its secret."""
    return ok(ask(world, "post", json={"tenant": tenant, **fields}))


def works(world: World, secret: str) -> bool:
    """Tell whether a key is let in."""
    return world.ask("get", "/v1/providers", secret).status_code == 200


def test_a_key_is_told_once_and_kept_nowhere(world: World, settings: Settings) -> None:
    made = make(world, "new")
    secret = made.pop("secret")

    assert well_formed(secret)
    assert works(world, secret)
    assert ok(ask(world, "get", f"/{made['id']}")) == made
    assert made in ok(ask(world, "get"))["data"]
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_a_key_is_what_was_asked_for(world: World) -> None:
    asked = {
        "role": "reader",
        "providers": ["openai", "groq", "openai"],
        "requests_per_minute": 5,
        "max_containers": 6,
        "max_bytes": 7,
        "max_file_bytes": 8,
    }
    made = make(world, "asked", **asked, expires_in_seconds=60)

    assert made["providers"] == ["groq", "openai"]
    assert {name: made[name] for name in asked if name != "providers"} == {
        name: value for name, value in asked.items() if name != "providers"
    }
    assert made["expires_at"] == made["created_at"] + 60
    assert (made["hint"], made["revoked_at"]) == (made["secret"][:7], None)


def test_what_is_left_out_is_not_limited(world: World) -> None:
    made = make(world, "least")
    limits = ("requests_per_minute", "max_containers", "max_bytes", "max_file_bytes")

    assert (made["role"], made["providers"], made["expires_at"]) == ("member", None, None)
    assert [made[name] for name in limits] == [None] * 4


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tenant": None}, "tenant"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenant": "a\n"}, "tenant"),
        ({"role": "owner"}, "role"),
        ({"providers": []}, "providers"),
        ({"providers": ["none"]}, "providers[0]"),
        ({"expires_in_seconds": 0}, "expires_in_seconds"),
        ({"expires_in_seconds": 1.5}, "expires_in_seconds"),
        ({"expires_in_seconds": 10**30}, "expires_in_seconds"),
        ({"max_bytes": 2**63}, "max_bytes"),
        ({"requests_per_minute": "9"}, "requests_per_minute"),
        ({"secret": "bk_mine"}, "secret"),
    ],
)
def test_a_wrong_field_is_refused_by_name(world: World, fields: Json, param: str) -> None:
    refused = ask(world, "post", json={"tenant": "t", **fields})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_no_key_is_made_to_be_answered_again(world: World) -> None:
    headers = {"Idempotency-Key": "twice"}
    refused = ask(world, "post", json={"tenant": "twice"}, headers=headers)

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "Idempotency-Key")
    assert ok(ask(world, "get", params={"tenant": "twice"}))["data"] == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_keys_are_listed_in_pages(world: World, order: str) -> None:
    tenant = f"pages-{order}"
    made = [make(world, tenant)["id"] for _ in range(5)]
    seen: list[str] = []
    query = {"tenant": tenant, "limit": 2, "order": order}
    while True:
        page = ok(ask(world, "get", params=query))
        seen += ids(page)
        query["after"] = page["last_id"]
        if not page["has_more"]:
            break

    assert seen == (made if order == "asc" else made[::-1])


def test_a_cursor_is_of_its_own_list(world: World) -> None:
    other = make(world, "cursor")["id"]
    refused = ask(world, "get", params={"tenant": "nobody", "after": other})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "after")


def test_a_revoked_key_is_gone(world: World) -> None:
    made = make(world, "gone")
    assert works(world, made["secret"])
    receipt = ok(ask(world, "delete", f"/{made['id']}"))
    world.clock.advance(FRESH_S)

    assert receipt == {"id": made["id"], "object": "key.deleted", "deleted": True}
    assert not works(world, made["secret"])
    assert ok(ask(world, "get", params={"tenant": "gone"}))["data"] == []
    for method, path in (("get", ""), ("delete", ""), ("post", "/rotate")):
        body: Json | None = {} if method == "post" else None
        assert_not_found(ask(world, method, f"/{made['id']}{path}", json=body))


def test_a_replaced_key_works_for_its_grace(world: World) -> None:
    old = make(world, "rotated", role="reader", providers=["groq"], max_bytes=9)
    body = {"grace_seconds": 3600}
    new = ok(ask(world, "post", f"/{old['id']}/rotate", json=body))
    shown = ok(ask(world, "get", f"/{old['id']}"))

    same = {"tenant", "role", "providers", "max_bytes", "expires_at"}
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    assert shown["revoked_at"] == int(world.clock.now) + 3600
    assert works(world, old["secret"])
    assert works(world, new["secret"])
    world.clock.advance(3600)
    assert (works(world, old["secret"]), works(world, new["secret"])) == (False, True)


def test_an_expired_key_is_shown_and_cannot_be_replaced(world: World) -> None:
    made = make(world, "expired", expires_in_seconds=60)
    world.clock.advance(60)
    refused = ask(world, "post", f"/{made['id']}/rotate", json={})

    assert not works(world, made["secret"])
    assert ids(ok(ask(world, "get", params={"tenant": "expired"}))) == [made["id"]]
    assert_not_found(refused, code="key_expired")


def test_admins_are_made_by_admins(world: World) -> None:
    second = make(world, "platform", role="admin")["secret"]

    assert world.ask("get", KEYS, second).status_code == 200


def test_what_is_done_to_keys_is_recorded(world: World, settings: Settings) -> None:
    made = make(world, "told")
    new = ok(ask(world, "post", f"/{made['id']}/rotate", json={}))
    ok(ask(world, "delete", f"/{new['id']}"))
    berth(settings, "keys", "create", "--tenant", "told")
    lines = [json.loads(line) for line in exported(settings)]

    admin = [e for e in lines if e["actor"] != "cli"]
    assert [(e["request_type"], e["key_id"]) for e in admin] == [
        ("key_create", made["id"]),
        ("key_rotate", made["id"]),
        ("key_create", new["id"]),
        ("key_revoke", new["id"]),
    ]
    assert {(e["object"], e["address"], e["request_id"]) for e in admin} == {
        ("key.event", "testclient", "same")
    }
    assert [e["request_type"] for e in lines if e["actor"] == "cli"] == ["key_create"]
    assert made["secret"] not in json.dumps(lines)


def test_a_key_that_is_not_recorded_is_not_made(world: World, settings: Settings) -> None:
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END"
    with catalog_of(settings.data_dir) as catalog:
        catalog.execute(refuse)
    failed = ask(world, "post", json={"tenant": "unrecorded"})
    with catalog_of(settings.data_dir) as catalog:
        catalog.execute("DROP TRIGGER refuse")

    assert failed.status_code == 500
    assert ok(ask(world, "get", params={"tenant": "unrecorded"}))["data"] == []


def exported(settings: Settings) -> list[str]:
    """Return what `berth audit export` writes of the tenant `told`."""
    return berth(settings, "audit", "export", "--tenant", "told").splitlines()


def berth(settings: Settings, *arguments: str) -> str:
    """Return what a `berth` command says on its standard output."""
    environ = {"BERTH_DATA_DIR": str(settings.data_dir)}
    done = CliRunner().invoke(main, arguments, env=environ, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
