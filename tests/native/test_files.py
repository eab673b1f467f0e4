"""Uploaded files at native providers: where they are, who may use them, and what goes across."""

import hashlib

import pytest
from starlette.testclient import TestClient

from tests.calls import Json, create, download, file_first, ids, ok, store
from tests.conftest import Clock
from tests.native.configs import BOXES, deployment, native
from tests.native.conftest import NativeApp
from tests.upstreams.strict import Strict

FILES = "/openai/v1/files"
COPY = {"x-berth-copy-files": "true"}
BIG = bytes(range(256)) * 8192


def at(client: TestClient, name: str, content: bytes = b"bytes", filename: str = "a.txt") -> str:
    """Upload a file to a deployment and return its id."""
    answer = client.post(
        FILES,
        data={"purpose": "user_data"},
        files={"file": (filename, content)},
        headers={"x-berth-deployment": name},
    )
    return str(ok(answer)["id"])


def post(client: TestClient, provider: str, *file_ids: str, **headers: str) -> Json:
    """Create a container with files and return the answer's body, with its status."""
    body = {"provider": provider, "name": "n", "file_ids": file_ids}
    answer = client.post("/v1/containers", json=body, headers=headers)
    found: Json = answer.json()
    return {"status_code": answer.status_code, **found}


def test_a_container_is_created_where_its_files_are(both: TestClient, eu: Strict) -> None:
    file_id = at(both, "eu")
    made = [post(both, "openai", file_id) for _ in range(5)]

    assert {body["extra_fields"]["model_deployment"] for body in made} == {"eu"}
    assert len(eu.containers) == 5


def test_files_of_two_deployments_are_refused_by_name(
    both: TestClient, strict: Strict, eu: Strict
) -> None:
    here, there = at(both, "main"), at(both, "eu", filename="b.txt")
    refused = post(both, "openai", here, there)

    assert (refused["status_code"], refused["error"]["param"]) == (400, "file_ids")
    assert there in refused["error"]["message"]
    assert refused["error"]["code"] == "file_elsewhere"
    assert (strict.containers, eu.containers) == ({}, {})


def test_files_of_two_deployments_are_streamed_when_asked_for(
    both: TestClient, strict: Strict
) -> None:
    here, there = at(both, "main"), at(both, "eu", BIG, "b.txt")
    made = post(both, "openai", here, there, **COPY)
    contents = [file.content for file in strict.files.values()]

    assert made["extra_fields"]["model_deployment"] == "main"
    assert contents == [b"bytes", BIG]


def test_a_file_that_vanished_upstream_is_gone(native_client: TestClient, strict: Strict) -> None:
    file_id = at(native_client, "main")
    strict.uploads.clear()
    answer = native_client.get(f"{FILES}/{file_id}")

    assert answer.status_code == 404
    assert ids(ok(native_client.get(FILES))) == []
    assert post(native_client, "openai", file_id)["error"]["param"] == "file_ids"


def test_a_file_that_berth_did_not_upload_is_not_found(
    native_client: TestClient, strict: Strict
) -> None:
    strict.add_file("file-theirs", "a.txt", b"theirs")
    asked = len(strict.requests)
    answers = [
        native_client.get(f"{FILES}/file-theirs"),
        native_client.get(f"{FILES}/file-theirs/content"),
        native_client.delete(f"{FILES}/file-theirs"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert post(native_client, "openai", "file-theirs")["status_code"] == 404
    assert len(strict.requests) == asked


def test_an_accounts_files_are_its_tenants(native_app: NativeApp, strict: Strict) -> None:
    client = native_app({"openai": native(deployment(strict.base_url, tenant="default"))})
    strict.add_file("file-mine", "a.txt", b"mine")
    found = ok(client.get(f"{FILES}/file-mine"))

    assert (found["filename"], found["bytes"]) == ("a.txt", 4)
    assert client.get(f"{FILES}/file-mine/content").content == b"mine"
    assert post(client, "openai", "file-mine")["status_code"] == 200
    assert ids(ok(client.get(FILES))) == ["file-mine"]


def test_an_accounts_files_are_not_anothers(native_app: NativeApp, strict: Strict) -> None:
    client = native_app({"openai": native(deployment(strict.base_url, tenant="another"))})
    strict.add_file("file-mine", "a.txt", b"mine")

    assert client.get(f"{FILES}/file-mine").status_code == 404


def test_a_hosted_container_takes_a_native_file_when_told_to(native_client: TestClient) -> None:
    file_id = at(native_client, "main", BIG)
    refused = post(native_client, "ollama", file_id)
    made = post(native_client, "ollama", file_id, **COPY)
    (file,) = ok(native_client.get(f"{BOXES}/{made['id']}/files"))["data"]

    assert (refused["status_code"], refused["error"]["code"]) == (400, "file_elsewhere")
    assert (file["path"], file["source"]) == ("/mnt/data/a.txt", "user")
    assert download(native_client, file) == BIG


def test_a_name_is_the_same_in_both_spellings(native_client: TestClient) -> None:
    there = at(native_client, "main", filename="cafe\u0301")
    here = store(native_client, name="caf\u00e9")["id"]
    refused = post(native_client, "ollama", there, here, **COPY)

    assert (refused["status_code"], refused["error"]["code"]) == (400, "duplicate_filename")


def test_a_name_that_is_no_path_is_refused_by_the_field(native_client: TestClient) -> None:
    there = at(native_client, "main", filename="../a.txt")
    url = f"{BOXES}/{create(native_client)['id']}/files"
    at_once = post(native_client, "ollama", there, **COPY)["error"]
    later = native_client.post(url, json={"file_id": there}, headers=COPY).json()["error"]

    assert (at_once["param"], later["param"]) == ("file_ids", "file_id")
    assert all(there in error["message"] for error in (at_once, later))


def test_a_native_container_takes_a_hosted_file_when_told_to(
    native_client: TestClient, strict: Strict
) -> None:
    file = store(native_client, BIG, "報告.csv")
    refused = post(native_client, "openai", file["id"])
    made = post(native_client, "openai", file["id"], **COPY)
    (copied,) = strict.files.values()

    assert (refused["status_code"], refused["error"]["code"]) == (400, "file_elsewhere")
    assert (copied.container_id, copied.content) == (made["id"], BIG)
    assert copied.path.endswith("-報告.csv")


@pytest.mark.parametrize(("provider", "elsewhere"), [("ollama", "openai"), ("openai", "ollama")])
def test_one_file_is_streamed_into_a_container(
    native_client: TestClient, provider: str, elsewhere: str
) -> None:
    box = create(native_client, provider=provider)
    file = store(native_client, BIG, provider=elsewhere)
    url, body = f"{BOXES}/{box['id']}/files", {"file_id": file["id"]}
    refused = native_client.post(url, json=body)
    made = native_client.post(url, json=body, headers=COPY)

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "file_id")
    assert download(native_client, ok(made)) == BIG


def test_a_stream_that_fails_leaves_no_container(native_client: TestClient, strict: Strict) -> None:
    file = store(native_client, b"", "empty.txt")
    strict.refuse_empty = True
    failed = post(native_client, "openai", file["id"], **COPY)

    assert failed["status_code"] == 400
    assert strict.containers == {}
    assert ok(native_client.get(BOXES))["data"] == []


def test_a_native_file_that_vanished_leaves_no_hosted_container(
    native_client: TestClient, strict: Strict
) -> None:
    file_id = at(native_client, "main")
    strict.uploads.clear()
    failed = post(native_client, "ollama", file_id, **COPY)

    assert (failed["status_code"], failed["error"]["param"]) == (404, "file_ids")
    assert file_id in failed["error"]["message"]
    assert ok(native_client.get("/v1/containers?provider=ollama"))["data"] == []


def test_a_file_that_expired_upstream_is_gone(
    native_client: TestClient, strict: Strict, clock: Clock
) -> None:
    made = store(native_client, b"a", "a", "openai", **{"expires_after[seconds]": "3600"})
    clock.advance(3600)

    assert native_client.get(f"{FILES}/{made['id']}").status_code == 404
    assert ok(native_client.get(FILES))["data"] == []


def test_a_native_files_name_and_fields_reach_the_provider(
    native_client: TestClient, strict: Strict
) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a %22b%22.txt"\r\n\r\n'
    purpose = b'\r\n--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    sent = head + BIG + purpose + b"\r\n--b--\r\n"
    made = ok(native_client.post(FILES, content=sent, headers=headers))
    (kept,) = strict.uploads.values()

    assert (kept.name, kept.purpose) == ('a "b".txt', "vision")
    assert hashlib.sha256(kept.content).digest() == hashlib.sha256(BIG).digest()
    assert (made["filename"], made["bytes"]) == (kept.name, len(BIG))


def test_a_form_without_purpose_uploads_nothing(native_client: TestClient, strict: Strict) -> None:
    answer = native_client.post(FILES, files={"file": ("a", BIG)})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "purpose")
    assert strict.uploads == {}


@pytest.mark.parametrize(("provider", "status"), [("openai", 200), ("ollama", 400)])
def test_another_provider_may_not_follow_a_large_file(
    native_client: TestClient, strict: Strict, provider: str, status: int
) -> None:
    answer = native_client.post(FILES, **file_first(BIG, provider=provider))

    assert answer.status_code == status
    assert len(strict.uploads) == (status == 200)
    assert status == 200 or answer.json()["error"]["param"] == "provider"


def test_a_native_provider_may_not_follow_a_large_file(
    native_client: TestClient, strict: Strict
) -> None:
    answer = native_client.post("/v1/files", **file_first(BIG, provider="openai"))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "provider")
    assert strict.uploads == {}
