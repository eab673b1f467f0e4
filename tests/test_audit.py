"""Who did what to which container: recorded once, told to its tenant, exported, and kept."""

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from gateway.cli import main
from gateway.settings import Settings
from tests.calls import Json, assert_not_found, catalog_of, create, gateway_of, ids, upload
from tests.conftest import Clock

DAY_S = 24 * 3600


def events_of(client: TestClient, container: Json, **query: str | int) -> Json:
    """Return a page of a container's events, the oldest first."""
    params = {"provider": "ollama", "order": "asc", **query}
    answer = client.get(f"/v1/containers/{container['id']}/events", params=params)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def told(page: Json) -> list[tuple[str, int, str | None]]:
    """Return what the events of a page say was done and answered."""
    return [(e["request_type"], e["status"], e["code"]) for e in page["data"]]


def test_every_operation_leaves_one_event(client: TestClient) -> None:
    container = create(client)
    path = f"/v1/containers/{container['id']}"
    file = upload(client, container["id"])
    query = {"provider": "ollama"}
    client.get(path, params=query)
    client.get(f"{path}/files", params=query)
    client.get(f"{path}/files/{file['id']}", params=query)
    client.get(f"{path}/files/{file['id']}/content", params=query)
    client.get(f"{path}/files/cfile_none", params=query)
    client.delete(f"{path}/files/{file['id']}", params=query)
    client.delete(path, params=query)
    client.get(path, params=query)

    page = events_of(client, container)

    assert sorted(told(page)) == sorted(
        [
            ("container_create", 200, None),
            ("container_file_create", 200, None),
            ("container_retrieve", 200, None),
            ("container_file_list", 200, None),
            ("container_file_retrieve", 200, None),
            ("container_file_content", 200, None),
            ("container_file_retrieve", 404, None),
            ("container_file_delete", 200, None),
            ("container_delete", 200, None),
            ("container_retrieve", 404, None),
        ]
    )
    about_file = [e for e in page["data"] if e["file_id"] == file["id"]]
    assert len(about_file) == 4


def test_an_event_tells_who_when_and_from_where(client: TestClient, clock: Clock) -> None:
    answer = client.post(
        "/v1/containers",
        json={"provider": "ollama", "name": "n"},
        headers={"X-Request-Id": "mine", "Authorization": "Bearer canary"},
    )

    (event,) = events_of(client, answer.json())["data"]

    assert event["created_at"] == int(clock.now)
    assert (event["tenant"], event["actor"]) == ("default", "anonymous")
    assert (event["address"], event["request_id"]) == ("testclient", "mine")
    assert "canary" not in json.dumps(event)


def test_events_are_paged(client: TestClient) -> None:
    container = create(client)
    for _ in range(4):
        client.get(f"/v1/containers/{container['id']}", params={"provider": "ollama"})
    every = ids(events_of(client, container))

    first = events_of(client, container, limit=3)
    second = events_of(client, container, limit=3, after=first["last_id"])

    assert ids(first) + ids(second) == every
    assert (first["has_more"], second["has_more"], len(every)) == (True, False, 5)


def test_a_cursor_of_another_container_is_refused(client: TestClient) -> None:
    ours, others = create(client), create(client)
    cursor = events_of(client, others)["last_id"]

    answer = client.get(
        f"/v1/containers/{ours['id']}/events", params={"provider": "ollama", "after": cursor}
    )

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


def test_having_asked_for_a_container_is_not_having_it(client: TestClient) -> None:
    client.get("/v1/containers/cntr_guess", params={"provider": "ollama"})

    answer = client.get("/v1/containers/cntr_guess/events", params={"provider": "ollama"})

    assert_not_found(answer)


def test_a_container_of_another_provider_has_no_events(client: TestClient) -> None:
    container = create(client)

    answer = client.get(f"/v1/containers/{container['id']}/events", params={"provider": "groq"})

    assert_not_found(answer)


def test_a_change_that_is_not_recorded_leaves_no_event_of_success(
    client: TestClient, settings: Settings
) -> None:
    container = create(client)
    with catalog_of(settings.data_dir) as catalog:
        catalog.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON files BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    answer = client.post(f"/v1/containers/{container['id']}/files", files={"file": ("a", b"")})

    assert answer.status_code == 500
    assert told(events_of(client, container))[1:] == [
        ("container_file_create", 500, "internal_error")
    ]


def test_events_outlive_their_container_for_the_configured_time(
    client: TestClient, clock: Clock, settings: Settings
) -> None:
    container = create(client)
    client.delete(f"/v1/containers/{container['id']}", params={"provider": "ollama"})
    for days, kept in ((settings.audit_retention_days - 1, True), (2, False)):
        clock.advance(days * DAY_S)
        sweeper = gateway_of(client).sweeper
        sweeper._scan_at = 0  # noqa: SLF001
        sweeper.sweep()
        answer = client.get(
            f"/v1/containers/{container['id']}/events", params={"provider": "ollama"}
        )
        assert (answer.status_code == 200) is kept


def test_events_are_exported_as_json_lines(client: TestClient, settings: Settings) -> None:
    container = create(client)
    upload(client, container["id"])

    lines = exported(settings.data_dir)
    later = exported(settings.data_dir, "--since", "2030-01-01")
    foreign = exported(settings.data_dir, "--tenant", "nobody")

    assert [line["request_type"] for line in lines] == ["container_create", "container_file_create"]
    assert {line["container_id"] for line in lines} == {container["id"]}
    assert (later, foreign) == ([], [])


def exported(data_dir: Path, *arguments: str) -> list[Json]:
    """Return what `berth audit export` writes."""
    done = CliRunner().invoke(
        main,
        ["audit", "export", *arguments],
        env={"BERTH_DATA_DIR": str(data_dir)},
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_events_cannot_be_changed(client: TestClient, settings: Settings) -> None:
    create(client)

    with catalog_of(settings.data_dir) as catalog, pytest.raises(sqlite3.IntegrityError):
        catalog.execute("UPDATE events SET tenant = 'other'")
