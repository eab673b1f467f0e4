"""The strict fake provider keeps to OpenAI's document, and holds its clients to it."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from openai import OpenAI

from tests.conftest import Clock
from tests.upstreams.dialect import ORGANIZATION
from tests.upstreams.strict import Mode, Strict

KEY = "sk-proj-of-this-test-4242"
ALLOWLIST = {"type": "allowlist", "allowed_domains": ["example.com"]}
SECRET = {"domain": "example.com", "name": "TOKEN", "value": "hush"}


@pytest.fixture
def strict(clock: Clock) -> Iterator[Strict]:
    with Strict(KEY, clock=clock) as server:
        yield server


@pytest.fixture
def sdk(strict: Strict) -> Iterator[OpenAI]:
    with OpenAI(api_key=KEY, base_url=strict.base_url, max_retries=0) as client:
        yield client


def call(server: Strict, method: str, path: str, **request: Any) -> requests.Response:
    request.setdefault("headers", {"Authorization": f"Bearer {KEY}"})
    return requests.request(method, server.base_url + path, timeout=5, **request)


@pytest.mark.parametrize("mode", ["openai", "azure"])
def test_what_the_sdk_does_violates_nothing(mode: Mode) -> None:
    with Strict(KEY, mode=mode) as server, OpenAI(api_key=KEY, base_url=server.base_url) as sdk:
        server.add_file("file-1", "given.txt", b"given")
        box = sdk.containers.create(name="box", memory_limit="4g", file_ids=["file-1"])
        file = sdk.containers.files.create(box.id, file=("a b.txt", b"hello", "text/plain"))
        sdk.containers.files.create(box.id, file_id="file-1")
        names = [f.path.rsplit("-", 1)[1] for f in sdk.containers.files.list(box.id, order="asc")]
        content = sdk.containers.files.content.retrieve(file.id, container_id=box.id).content
        sdk.containers.files.delete(file.id, container_id=box.id)
        listed = [c.id for c in sdk.containers.list(name="box")]
        sdk.containers.delete(box.id)

        assert (names, content, listed) == (
            ["given.txt", "a b.txt", "given.txt"],
            b"hello",
            [box.id],
        )
        assert (server.violations, server.containers, server.files) == ([], {}, {})
        assert len({r.operation for r in server.requests}) == 7


def test_a_file_keeps_its_name_and_type_as_raw_bytes(strict: Strict, sdk: OpenAI) -> None:
    box = strict.add_container("box")
    file = sdk.containers.files.create(box, file=('报告 "1".csv', b"1,2", "text/x-odd"))

    assert strict.requests[-1].filename == "报告 %221%22.csv".encode()
    assert strict.files[file.id].sent_type == b"text/x-odd"
    assert file.path.endswith('-报告 "1".csv')
    assert strict.violations == []


def test_a_chunked_upload_arrives(strict: Strict) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\0\1\r\n--b--\r\n'
    )
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "multipart/form-data; boundary=b"}
    path = f"/containers/{strict.add_container('box')}/files"
    call(strict, "POST", path, data=iter([form[:50], form[50:]]), headers=headers)

    assert [file.content for file in strict.files.values()] == [b"\0\1"]
    assert strict.requests[-1].chunked
    assert strict.violations == []


@pytest.mark.parametrize(
    ("method", "path", "request_"),
    [
        ("POST", "/containers", {"json": {"name": "x", "metadata": {}}}),
        ("POST", "/containers", {"json": {"name": "x", "expires_after": {"minutes": 5}}}),
        ("POST", "/containers", {"json": {"name": "x", "memory_limit": "2g"}}),
        ("POST", "/containers", {"json": {"name": "x", "network_policy": ALLOWLIST | {"a": 1}}}),
        ("POST", "/containers", {"json": {}}),
        ("POST", "/containers", {"json": [1]}),
        ("POST", "/containers", {"data": b'{"name": NaN}'}),
        ("POST", "/containers", {}),
        ("GET", "/containers?limit=0", {}),
        ("GET", "/containers?limit=101", {}),
        ("GET", "/containers?limit=ten", {}),
        ("GET", "/containers?order=up", {}),
        ("GET", "/containers?before=cntr_1", {}),
        ("GET", "/containers", {"json": {}}),
        ("PATCH", "/containers/cntr_1", {}),
        ("GET", "/container", {}),
        ("POST", "/containers/{box}/files", {"files": {"document": ("a.txt", b"1")}}),
        ("POST", "/containers/{box}/files", {"files": {"file": (None, b"1")}}),
        ("POST", "/containers/{box}/files", {"json": {"file": "1"}}),
        ("POST", "/containers/{box}/files", {"json": {"file_id": 1}}),
        ("POST", "/containers/{box}/files", {"json": {"file_id": "x", "file_path": "/a"}}),
        ("GET", "/containers/{box}/files?name=x", {}),
    ],
)
def test_a_request_that_violates_the_document_is_recorded(
    strict: Strict, method: str, path: str, request_: dict[str, Any]
) -> None:
    answer = call(strict, method, path.format(box=strict.add_container("box")), **request_)

    assert answer.status_code in {400, 404, 405}
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len(strict.violations) == 1
    assert list(strict.files) == []


def test_an_unknown_field_is_named(strict: Strict) -> None:
    body = {"name": "x", "network_policy": ALLOWLIST | {"secrets": []}}
    error = call(strict, "POST", "/containers", json=body).json()["error"]

    assert (error["param"], error["code"]) == ("network_policy.secrets", "unknown_parameter")


def test_secrets_of_domains_are_kept_and_not_told(strict: Strict) -> None:
    policy = ALLOWLIST | {"domain_secrets": [SECRET]}
    body = call(strict, "POST", "/containers", json={"name": "x", "network_policy": policy}).json()

    assert body["network_policy"] == ALLOWLIST
    assert strict.containers[body["id"]].spec["network_policy"] == policy
    assert strict.violations == []


def test_azure_has_no_secrets_of_domains() -> None:
    policy = ALLOWLIST | {"domain_secrets": [SECRET]}
    with Strict(KEY, mode="azure") as azure:
        answer = call(azure, "POST", "/containers", json={"name": "x", "network_policy": policy})

        assert answer.json()["error"]["code"] == "unknown_parameter"
        assert len(azure.violations) == 1


def test_azure_takes_its_own_header_and_leaves_out_the_type_of_errors() -> None:
    with Strict(KEY, mode="azure") as azure:
        answer = call(azure, "GET", "/containers/cntr_1?api-version=v1", headers={"api-key": KEY})

        assert answer.json() == {"error": {"code": None, "message": "Container not found"}}
        assert azure.violations == []


@pytest.mark.parametrize("mode", ["openai", "azure"])
def test_a_wrong_key_is_refused_and_not_repeated(mode: Mode) -> None:
    with Strict("sk-proj-another-one", mode=mode) as server:
        answer = call(server, "GET", "/containers")

        assert answer.status_code == 401
        assert KEY not in answer.text
        assert (ORGANIZATION in str(answer.headers)) == (mode == "openai")
        assert server.violations == []


def test_the_nulls_of_reality_are_no_violation(strict: Strict, sdk: OpenAI) -> None:
    strict.null_bytes, strict.empty_ids = True, None
    empty = call(strict, "GET", "/containers").json()
    file = sdk.containers.files.create(strict.add_container("box"), file=b"1")

    assert (empty["first_id"], empty["last_id"], empty["data"]) == (None, None, [])
    assert file.bytes is None
    assert strict.violations == []


def test_an_answer_that_the_document_does_not_allow_is_recorded(strict: Strict) -> None:
    strict.add_container("box", memory_limit="3g")
    call(strict, "GET", "/containers")

    assert "3g" in strict.violations[0]


def test_an_upload_that_breaks_off_does_nothing(strict: Strict) -> None:
    head = (
        f"POST /v1/containers HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 9\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", strict.port)) as client:
        client.sendall(head.encode() + b"{}")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""

    assert (strict.broken_off, strict.requests, strict.violations) == (1, [], [])
