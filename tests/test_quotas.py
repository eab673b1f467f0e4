"""Keys and tenants keep no more than they may: containers alive, bytes stored, bytes of a file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.cli import main
from gateway.settings import Settings
from tests.calls import Json, blobs_in, create, gateway_of, upload
from tests.conftest import Clock
from tests.limits import Party, refused

FULL = (403, "container_limit_reached", None)
NO_ROOM = (413, "storage_limit_reached", "file")
TOO_LARGE = (413, "request_too_large", "file")


def limit(client: TestClient, tenant: str, **limits: int | None) -> None:
    gateway_of(client).tenants.limit(tenant, limits, frozenset())


@pytest.fixture
def pair(client: TestClient) -> tuple[Party, Party]:
    """Two keys of one tenant, without limits of their own."""
    return Party(client), Party(client)


def test_a_key_has_no_more_containers_than_it_may(client: TestClient) -> None:
    party = Party(client, max_containers=2)
    first, _ = party.container(), party.container()
    full = party.create()

    assert refused(full) == FULL
    assert "key has 2 containers alive, and may have 2" in full.json()["error"]["message"]
    party.delete(f"/v1/containers/{first}")
    assert [party.create().status_code for _ in range(2)] == [200, 403]


def test_a_tenants_containers_are_counted_over_its_keys(
    client: TestClient, pair: tuple[Party, Party]
) -> None:
    limit(client, "research", max_containers=2)
    one, other = pair

    assert [party.create().status_code for party in (one, other)] == [200, 200]
    assert [refused(party.create()) for party in pair] == [FULL, FULL]
    assert Party(client, "sales").create().status_code == 200


def test_an_expired_container_does_not_count(client: TestClient, clock: Clock) -> None:
    party = Party(client, max_containers=1)
    party.container(expires_after={"anchor": "last_active_at", "minutes": 1})
    before = party.create()
    clock.advance(61)

    assert refused(before) == FULL
    assert party.create().status_code == 200


def test_a_repeated_create_counts_once(client: TestClient) -> None:
    party = Party(client, max_containers=1)
    again: Json = {
        "headers": {"Idempotency-Key": "k"},
        "json": {"provider": "ollama", "name": "n"},
    }

    made = {party.ask("post", "/v1/containers", **again).json()["id"] for _ in range(3)}
    assert len(made) == 1


def test_a_replaced_key_goes_on_with_what_the_old_one_has(client: TestClient) -> None:
    party = Party(client, max_containers=1)
    party.container()
    rotated = gateway_of(client).keys.rotate(party.key.id, grace_s=60)
    assert rotated is not None
    party.secret = rotated[1]

    assert refused(party.create()) == FULL


def test_without_keys_the_default_tenant_has_limits(settings: Settings, clock: Clock) -> None:
    limited = settings.model_copy(update={"tenant_max_containers": 1, "tenant_max_bytes": 5})
    with TestClient(create_app(limited, clock=clock)) as client:
        container_id = create(client)["id"]
        upload(client, container_id, b"12345")
        path = f"/v1/containers/{container_id}/files"
        full = client.post(path, files={"file": ("b", b"6")})
        many = client.post("/v1/containers", json={"provider": "groq", "name": "n"})

    assert (refused(full), refused(many)) == (NO_ROOM, FULL)


def test_a_key_stores_no_more_than_it_may(client: TestClient, settings: Settings) -> None:
    party = Party(client, max_bytes=100)
    container_id = party.container()

    assert party.upload(container_id, 60).status_code == 200
    assert refused(party.upload(container_id, 41, "b")) == NO_ROOM
    assert refused(party.store(41)) == NO_ROOM
    assert party.store(40).status_code == 200
    assert sorted(path.stat().st_size for path in blobs_in(settings.data_dir)) == [40, 60]


def test_a_tenants_bytes_are_counted_over_its_keys(
    client: TestClient, pair: tuple[Party, Party]
) -> None:
    limit(client, "research", max_bytes=100)
    one, other = pair
    container_id = one.container()

    assert one.upload(container_id, 60).status_code == 200
    assert refused(other.upload(container_id, 41, "b")) == NO_ROOM
    assert other.store(40).status_code == 200


def test_a_replaced_file_counts_by_its_difference(client: TestClient) -> None:
    party = Party(client, max_bytes=100)
    container_id = party.container()
    sizes = [90, 100, 101, 10]

    statuses = [party.upload(container_id, size).status_code for size in sizes]
    assert statuses == [200, 200, 413, 200]
    assert party.upload(container_id, 90, "b").status_code == 200


def test_what_replaces_anothers_file_frees_the_others_bytes(
    client: TestClient, pair: tuple[Party, Party]
) -> None:
    small = Party(client, max_bytes=50)
    container_id = small.container()
    small.upload(container_id, 50)
    pair[0].upload(container_id, 500)

    assert small.upload(container_id, 50, "b").status_code == 200


def delete_file(party: Party, container_id: str, stored_id: str) -> None:
    files = f"/v1/containers/{container_id}/files"
    (file,) = party.ask("get", files, params={"provider": "ollama"}).json()["data"]
    party.delete(f"{files}/{file['id']}")


def delete_container(party: Party, container_id: str, stored_id: str) -> None:
    party.delete(f"/v1/containers/{container_id}")


def delete_stored_file(party: Party, container_id: str, stored_id: str) -> None:
    party.delete(f"/v1/files/{stored_id}")


@pytest.mark.parametrize("delete", [delete_file, delete_container, delete_stored_file])
def test_deleted_bytes_are_free_at_once(
    client: TestClient, delete: Callable[[Party, str, str], None]
) -> None:
    party = Party(client, max_bytes=50)
    box, dies = party.container(), party.container()
    party.upload(dies, 25)
    stored_id = party.store(25).json()["id"]
    full = party.upload(box, 1)
    delete(party, dies, stored_id)

    assert refused(full) == NO_ROOM
    assert [party.upload(box, size).status_code for size in (26, 25)] == [413, 200]


@pytest.mark.parametrize("swept", [False, True])
def test_expired_bytes_are_free_at_once(client: TestClient, clock: Clock, *, swept: bool) -> None:
    party = Party(client, max_bytes=50)
    party.upload(party.container(), 25)
    party.store(25, **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"})
    full = party.store(1)
    clock.advance(3601)
    if swept:
        gateway_of(client).sweeper.sweep()

    assert refused(full) == NO_ROOM
    assert [party.store(size).status_code for size in (51, 50)] == [413, 200]


def test_an_upload_that_failed_took_nothing(client: TestClient) -> None:
    party = Party(client, max_bytes=50)
    container_id = party.container()
    failed = [party.upload(container_id, size, name) for size, name in ((50, "a/../b"), (60, "c"))]

    assert [answer.status_code for answer in failed] == [400, 413]
    assert party.upload(container_id, 50).status_code == 200


def test_a_copy_counts_as_a_file_of_its_size(client: TestClient) -> None:
    party = Party(client, max_bytes=100)
    file_id = party.store(40).json()["id"]
    container_id = party.container(file_ids=[file_id])
    copy = {"file_id": file_id, "file_path": "again"}

    full = party.ask("post", f"/v1/containers/{container_id}/files", json=copy)
    assert refused(full) == (413, "storage_limit_reached", "file_id")
    assert refused(party.create(file_ids=[file_id])) == (413, "storage_limit_reached", "file_ids")
    party.delete(f"/v1/files/{file_id}")
    assert party.upload(container_id, 60, "rest").status_code == 200


def test_a_repeated_upload_counts_once(client: TestClient) -> None:
    party = Party(client, max_bytes=50)
    container_id = party.container()
    again = {"Idempotency-Key": "k"}

    made = {party.upload(container_id, 50, **again).json()["id"] for _ in range(3)}
    assert len(made) == 1


@pytest.mark.parametrize("whose", ["key", "tenant"])
def test_a_file_is_no_larger_than_it_may_be(client: TestClient, whose: str) -> None:
    party = Party(client, max_file_bytes=10 if whose == "key" else 20)
    limit(client, "research", max_file_bytes=10 if whose == "tenant" else None)
    container_id = party.container()
    shown = party.ask("get", "/v1/providers").json()["data"][0]["limits"]["max_file_bytes"]

    assert [refused(party.upload(container_id, 11)), refused(party.store(11))] == [TOO_LARGE] * 2
    assert [party.upload(container_id, 10).status_code, party.store(10).status_code] == [200, 200]
    assert shown == 10


def test_an_upload_ends_when_it_passes_what_was_free(
    client: TestClient, settings: Settings
) -> None:
    party = Party(client, max_bytes=1_000_000)
    container_id = party.container()

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield from [b"x" * 100_000] * 20

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = party.ask("post", f"/v1/containers/{container_id}/files", headers, content=body())

    assert refused(answer) == NO_ROOM
    assert blobs_in(settings.data_dir) == []


def test_a_limit_can_be_lifted_and_be_that_of_every_tenant_again(
    settings: Settings, clock: Clock
) -> None:
    limited = settings.model_copy(update={"tenant_max_containers": 1})
    with TestClient(create_app(limited, clock=clock)) as client:
        party, tenants = Party(client), gateway_of(client).tenants
        party.container()
        statuses = [party.create().status_code]
        tenants.limit("research", {"max_containers": None}, frozenset())
        statuses.append(party.create().status_code)
        tenants.limit("research", {}, frozenset({"max_containers"}))
        statuses.append(party.create().status_code)

    assert statuses == [403, 200, 403]


def test_the_command_limits_a_tenant_and_shows_what_it_uses(settings: Settings) -> None:
    def tenants(*arguments: str) -> str:
        environ = {"BERTH_DATA_DIR": str(settings.data_dir), "BERTH_TENANT_MAX_BYTES": "100"}
        return CliRunner().invoke(main, ["tenants", *arguments], env=environ).output.strip()

    with TestClient(create_app(settings)) as client:
        party = Party(client)
        party.upload(party.container(), 25)
    tenants("limit", "research", "--max-containers", "7", "--max-bytes", "none")
    limited = tenants("list")
    tenants("limit", "research", "--max-bytes", "default")

    assert limited == "research  containers 1  bytes 25  max-containers 7"
    assert tenants("list") == f"{limited}  max-bytes 100"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a"], "Say which limit."),
        (["a", "--max-bytes", "0"], "'0' is neither a limit of 1 or more, 'none' nor 'default'."),
        (["a/b", "--max-bytes", "1"], "use 1 to 64 of"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    environ = {"BERTH_DATA_DIR": str(tmp_path)}
    done = CliRunner().invoke(main, ["tenants", "limit", *arguments], env=environ)

    assert done.exit_code == 2
    assert sentence in done.output
