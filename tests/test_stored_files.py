"""Uploaded files: what they are answered as, whose they are, and how their copies share bytes."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gateway.answers import Caller
from gateway.app import create_app
from gateway.settings import Settings
from tests.calls import (
    Json,
    assert_not_found,
    blobs_in,
    create,
    download,
    file_first,
    gateway_of,
    ids,
    ok,
    store,
    upload,
)
from tests.conftest import Clock

FILES = "/openai/v1/files"
BOXES = "/openai/v1/containers"
DAY_S = 24 * 3600
RECORD_BYTES = 8192  # a container's, its file's and its event's rows, with their indexes
LOG_BYTES = 16 * 1024 * 1024  # what the catalog keeps for its log, however much is written


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data_dir = tmp_path_factory.mktemp("stored") / "data"
    return Settings(data_dir=data_dir, validate_responses=True, threads=8)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def shared(settings: Settings, clock: Clock) -> Iterator[TestClient]:
    """One application for all tests here."""
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(shared: TestClient, settings: Settings, clock: Clock) -> Iterator[TestClient]:
    """A client of it; afterwards its files are deleted, its containers expired, all bytes gone."""
    yield shared
    for file in ok(shared.get("/v1/files?provider=ollama"))["data"]:
        ok(shared.delete(f"{FILES}/{file['id']}"))
    clock.advance(20 * 60)
    sweep(shared, clock)
    assert blobs_in(settings.data_dir) == []


def copy(client: TestClient, container_id: str, file_id: str, **fields: str) -> Json:
    """Copy an uploaded file into a container and return the copy."""
    answer = client.post(f"{BOXES}/{container_id}/files", json={"file_id": file_id, **fields})
    return ok(answer)


def content(client: TestClient, file: Json) -> bytes:
    return client.get(f"{FILES}/{file['id']}/content").content


def sweep(client: TestClient, clock: Clock) -> None:
    """Sweep, once the last sweep's lease has run out."""
    while not gateway_of(client).sweeper.sweep():
        clock.advance(60)


def refusal(client: TestClient, **body: object) -> tuple[int, str | None, str | None]:
    """Return how the create of a container is refused."""
    answer = client.post("/v1/containers", json={"provider": "ollama", "name": "n", **body})
    error = answer.json()["error"]
    return answer.status_code, error["param"], error["code"]


def test_a_file_is_answered_as_openai_does(client: TestClient, clock: Clock) -> None:
    seconds = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = store(client, "é\0".encode(), "報告 final.csv", **seconds)
    extra = made.pop("extra_fields")

    assert made.pop("id").startswith("file-")
    assert made == {
        "object": "file",
        "bytes": 3,
        "created_at": int(clock.now),
        "expires_at": int(clock.now) + 3600,
        "filename": "報告 final.csv",
        "purpose": "user_data",
        "status": "processed",
    }
    assert (extra["request_type"], extra["provider"]) == ("file_create", "ollama")


def test_a_file_is_downloaded_as_it_was_sent(client: TestClient) -> None:
    data = bytes(range(256)) * 9000
    made = store(client, data, "a b.bin")
    url = f"{FILES}/{made['id']}/content"
    answer, part = client.get(url), client.get(url, headers={"Range": "bytes=5-9"})

    assert answer.content == data
    assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert "repr-digest" in answer.headers
    assert 'filename="a b.bin"' in answer.headers["content-disposition"]
    assert (part.status_code, part.content) == (206, data[5:10])


@pytest.mark.parametrize("prefix", ["/openai/files", FILES])
def test_a_file_is_reached_by_every_path(client: TestClient, prefix: str) -> None:
    form = {"data": {"purpose": "vision", "provider": "ollama"}, "files": {"file": ("a", b"a")}}
    made = ok(client.post(prefix, **form))  # type: ignore[arg-type]

    assert ok(client.get(f"{prefix}/{made['id']}")) == made
    assert ok(client.get(f"{prefix}?provider=ollama"))["data"] == [made]
    assert_not_found(client.get(f"/v1/files/{made['id']}?provider=groq"))


def test_the_openai_surface_has_a_default_provider(client: TestClient) -> None:
    made = client.post(FILES, data={"purpose": "evals"}, files={"file": ("a", b"a")}).json()
    ok(client.delete(f"{FILES}/{made['id']}"))

    assert made["extra_fields"]["provider"] == "openai"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"purpose": "user_data"}, "provider", "missing_required_parameter"),
        ({"provider": "ollama"}, "purpose", "missing_required_parameter"),
        ({"provider": "nobody", "purpose": "user_data"}, "provider", "invalid_value"),
        ({"provider": "ollama", "purpose": "fun"}, "purpose", "invalid_value"),
        ({"expires_after[seconds]": "3599"}, "expires_after.seconds", "integer_below_min_value"),
        ({"expires_after[seconds]": "2592001"}, "expires_after.seconds", "integer_above_max_value"),
        ({"expires_after[seconds]": "1e4"}, "expires_after.seconds", "invalid_type"),
        ({"expires_after[anchor]": "now"}, "expires_after.anchor", "invalid_value"),
        ({"expires_after[anchor]": "created_at"}, "expires_after.seconds", None),
        ({"file_path": "x"}, "file_path", "unknown_parameter"),
        ({"file_id": "x"}, "file_id", "unknown_parameter"),
    ],
)
def test_a_wrong_form_is_refused_by_name(
    client: TestClient, settings: Settings, fields: dict[str, str], param: str, code: str | None
) -> None:
    if not {"provider", "purpose"} & fields.keys():
        fields = {"provider": "ollama", "purpose": "user_data", **fields}
    answer = client.post("/v1/files", data=fields, files={"file": ("a.txt", b"a")})
    error = answer.json()["error"]

    assert (answer.status_code, error["param"]) == (400, param)
    assert error["code"] == (code or "missing_required_parameter")
    assert blobs_in(settings.data_dir) == []


@pytest.mark.parametrize("prefix", ["/v1/files", FILES])
@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_the_fields_may_follow_the_file(client: TestClient, prefix: str, size: int) -> None:
    answer = client.post(prefix, **file_first(bytes(size), provider="ollama"))
    made = ok(answer)

    assert (made["bytes"], answer.json()["extra_fields"]["provider"]) == (size, "ollama")
    assert ok(client.get("/v1/files?provider=ollama"))["data"] == [made]


@pytest.mark.parametrize("provider", [None, "nobody"])
def test_a_large_file_without_a_provider_is_refused(
    client: TestClient, settings: Settings, provider: str | None
) -> None:
    fields = {} if provider is None else {"provider": provider}
    answer = client.post("/v1/files", **file_first(bytes(3_000_000), **fields))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "provider")
    assert blobs_in(settings.data_dir) == []


def test_lists_are_by_purpose_and_in_order(client: TestClient) -> None:
    made = [store(client, purpose=p)["id"] for p in ("vision", "evals", "vision", "vision")]
    pages = [ok(client.get("/v1/files?provider=ollama&purpose=vision&limit=2"))]
    pages.append(ok(client.get(f"{FILES}?provider=ollama&purpose=vision&after={made[2]}")))

    assert [ids(page) for page in pages] == [[made[3], made[2]], [made[0]]]
    assert [page["has_more"] for page in pages] == [True, False]
    assert ids(ok(client.get(f"{FILES}?provider=ollama&order=asc"))) == made
    assert client.get(f"{FILES}?provider=ollama&after=file-none").status_code == 400
    assert client.get(f"{FILES}?limit=10001").status_code == 400


def test_a_deleted_file_is_gone(client: TestClient, settings: Settings) -> None:
    made = store(client)
    deleted = ok(client.delete(f"/v1/files/{made['id']}?provider=ollama"))
    again = client.get(f"{FILES}/{made['id']}")

    assert deleted == {"id": made["id"], "object": "file", "deleted": True}
    assert again.json()["error"]["message"] == f"No such File object: {made['id']}"
    assert ok(client.get(f"{FILES}?provider=ollama"))["data"] == []
    assert blobs_in(settings.data_dir) == []


@pytest.mark.parametrize(
    ("fields", "lasts_s"),
    [({"expires_after[seconds]": "7200"}, 7200), ({"purpose": "batch"}, 30 * DAY_S)],
)
def test_an_expired_file_is_gone_and_swept(
    client: TestClient, settings: Settings, clock: Clock, fields: dict[str, str], lasts_s: int
) -> None:
    made = store(client, b"bytes", "a.txt", "ollama", **fields)
    clock.advance(lasts_s - 1)
    before = client.get(f"{FILES}/{made['id']}").status_code
    clock.advance(1)

    assert before == 200
    assert_not_found(client.get(f"{FILES}/{made['id']}"))
    assert refusal(client, file_ids=[made["id"]]) == (404, "file_ids", None)
    sweep(client, clock)
    assert blobs_in(settings.data_dir) == []


def test_a_repeated_upload_is_answered_again(client: TestClient, settings: Settings) -> None:
    def send(content: bytes = b"a", purpose: str = "user_data") -> Json:
        fields, key = {"purpose": purpose, "provider": "ollama"}, {"Idempotency-Key": "stored"}
        sent = client.post(FILES, data=fields, files={"file": ("a", content)}, headers=key)
        body: Json = sent.json()
        return body

    first, again = send(), send()

    assert again["id"] == first["id"]
    assert again["extra_fields"]["cache_debug"]["cache_hit"] is True
    assert send(b"b")["error"]["code"] == "idempotency_key_reused"
    assert send(purpose="vision")["error"]["code"] == "idempotency_key_reused"
    assert len(blobs_in(settings.data_dir)) == 1


def test_a_container_is_created_with_copies(client: TestClient) -> None:
    made = [store(client, name.encode(), name) for name in ("a.txt", "報告 b.csv")]
    box = create(client, file_ids=[file["id"] for file in made])
    files = ok(client.get(f"{BOXES}/{box['id']}/files?order=asc"))["data"]

    assert [f["path"] for f in files] == ["/mnt/data/a.txt", "/mnt/data/報告 b.csv"]
    assert {f["source"] for f in files} == {"user"}
    assert [download(client, file) for file in files] == [b"a.txt", "報告 b.csv".encode()]


def test_a_file_is_copied_into_a_container(client: TestClient, settings: Settings) -> None:
    made, box = store(client, b"new"), create(client)
    old = upload(client, box["id"], b"old")
    named, other = (
        copy(client, box["id"], made["id"]),
        copy(client, box["id"], made["id"], file_path="sub/b.txt"),
    )

    assert (named["path"], other["path"]) == ("/mnt/data/a.txt", "/mnt/data/sub/b.txt")
    assert [download(client, file) for file in (named, other)] == [b"new", b"new"]
    assert_not_found(client.get(f"{BOXES}/{box['id']}/files/{old['id']}"))
    assert len(blobs_in(settings.data_dir)) == 1


def test_one_missing_file_and_nothing_is_made(client: TestClient, settings: Settings) -> None:
    made = store(client)
    before = ids(ok(client.get("/v1/containers?provider=ollama")))

    assert refusal(client, file_ids=[made["id"], "file-none"]) == (404, "file_ids", None)
    assert ids(ok(client.get("/v1/containers?provider=ollama"))) == before


def test_two_files_of_one_name_are_refused(client: TestClient) -> None:
    names = [store(client, name="caf\u00e9")["id"], store(client, name="cafe\u0301")["id"]]

    assert refusal(client, file_ids=names) == (400, "file_ids", "duplicate_filename")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)], ids=str)
def test_the_bytes_stay_until_the_last_of_them_is_deleted(
    client: TestClient, settings: Settings, order: tuple[int, ...]
) -> None:
    made = store(client, b"shared")
    box, other = create(client, file_ids=[made["id"]]), create(client, file_ids=[made["id"]])
    (file,) = ok(client.get(f"{BOXES}/{other['id']}/files"))["data"]
    urls = [f"{FILES}/{made['id']}", f"{BOXES}/{box['id']}", f"{BOXES}/{other['id']}"]
    for number, which in enumerate(order, 1):
        ok(client.delete(urls[which]))
        left = set(range(3)) - set(order[:number])

        assert len(blobs_in(settings.data_dir)) == (1 if left else 0)
        if 0 in left:
            assert content(client, made) == b"shared"
        if 2 in left:
            assert download(client, file) == b"shared"


def test_a_thousand_copies_cost_their_records_only(client: TestClient, settings: Settings) -> None:
    data = bytes(50_000_000)
    made = store(client, data)
    service, before = gateway_of(client).containers, disk_bytes(settings.data_dir)
    spec = {"provider": "ollama", "name": "n", "file_ids": [made["id"]]}
    boxes = [service.create_container(Caller("default"), spec)["id"] for _ in range(1000)]
    grown = disk_bytes(settings.data_dir) - before

    assert len(blobs_in(settings.data_dir)) == 1
    assert grown < 1000 * RECORD_BYTES + LOG_BYTES
    (file,) = ok(client.get(f"{BOXES}/{boxes[-1]}/files"))["data"]
    ok(client.delete(f"{FILES}/{made['id']}"))
    assert download(client, file) == data


def test_a_copy_that_races_a_delete_is_whole_or_not_made(
    client: TestClient, settings: Settings
) -> None:
    box = create(client)
    with ThreadPoolExecutor(4) as pool:
        for number in range(30):
            made = store(client, b"raced")
            body = {"file_id": made["id"], "file_path": f"{number}.txt"}
            deleting = pool.submit(client.delete, f"{FILES}/{made['id']}")
            copying = pool.submit(client.post, f"{BOXES}/{box['id']}/files", json=body)
            assert deleting.result().status_code == 200
            answer = copying.result()

            assert answer.status_code in {200, 404}
            if answer.status_code == 200:
                assert download(client, answer.json()) == b"raced"
    files = ok(client.get(f"{BOXES}/{box['id']}/files?limit=100"))["data"]

    assert len(blobs_in(settings.data_dir)) == len(files)


def disk_bytes(data_dir: Path) -> int:
    """Return what the data directory takes on disk."""
    return sum(path.stat().st_blocks * 512 for path in data_dir.rglob("*") if path.is_file())
