"""Parts of files that live at a provider, where the provider gives parts."""

from itertools import product

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.calls import create, store, upload
from tests.native.configs import BOXES, deployment, native
from tests.native.conftest import NativeApp
from tests.upstreams import behaviours as b
from tests.upstreams.broken import Broken
from tests.upstreams.strict import Strict

CONTENT = bytes(range(256)) * 4


def made_in_a_container(client: TestClient) -> str:
    """Return where the content of a new file is that is in a container at the provider."""
    file = upload(client, create(client, provider="openai")["id"], CONTENT)
    return f"{BOXES}/{file['container_id']}/files/{file['id']}/content"


def uploaded(client: TestClient) -> str:
    """Return where the content of a new file of the provider's Files API is."""
    return f"/openai/v1/files/{store(client, CONTENT, provider='openai')['id']}/content"


@pytest.fixture(params=[made_in_a_container, uploaded])
def url(native_client: TestClient, request: pytest.FixtureRequest) -> str:
    where: str = request.param(native_client)
    return where


def get(client: TestClient, url: str, **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(url, headers=names)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_part_is_passed_on(
    native_client: TestClient, strict: Strict, url: str, *, chunked: bool
) -> None:
    strict.ranges, strict.chunked_downloads = True, chunked
    for wanted, start, stop in (("0-9", 0, 10), ("1000-", 1000, 1024), ("-5", 1019, 1024)):
        answer = get(native_client, url, Range=f"bytes={wanted}")

        assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"
        assert answer.headers["Content-Length"] == str(stop - start)
        assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_part_of_a_file_that_is_another_now_is_the_whole(
    native_client: TestClient, strict: Strict, url: str
) -> None:
    strict.ranges = True
    etag = get(native_client, url).headers["ETag"]
    same = get(native_client, url, Range="bytes=0-9", If_Range=etag)
    other = get(native_client, url, Range="bytes=0-9", If_Range='"other"')

    assert (same.status_code, same.content) == (206, CONTENT[:10])
    assert (other.status_code, other.content) == (200, CONTENT)


def test_a_part_outside_of_the_file_is_refused(
    native_client: TestClient, strict: Strict, url: str
) -> None:
    strict.ranges = True
    answer = get(native_client, url, Range="bytes=1024-")

    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */1024")
    assert answer.json()["error"]["code"] == "range_not_satisfiable"


def test_a_provider_without_parts_sends_the_whole(native_client: TestClient, url: str) -> None:
    answer = get(native_client, url, Range="bytes=0-9")

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert not {"Content-Range", "Accept-Ranges", "ETag"} & answer.headers.keys()


@pytest.mark.parametrize("wrong", ["bytes=9-0", "bytes=-", "bytes=0-1,3-4", "lines=1-2", "x"])
def test_what_is_not_one_range_is_not_asked_for(
    native_client: TestClient, strict: Strict, url: str, wrong: str
) -> None:
    strict.ranges = True
    answer = get(native_client, url, Range=wrong)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert "range" not in strict.requests[-1].headers


SENSELESS = {
    "no range": {},
    "of lines": {"Content-Range": "lines 0-9/1024"},
    "backwards": {"Content-Range": "bytes 9-0/1024"},
    "outside": {"Content-Range": "bytes 0-9/5"},
    "another length": {"Content-Range": "bytes 0-99/1024"},
    "not asked for": {"Content-Range": "bytes 0-9/1024"},
}


def test_a_part_that_makes_no_sense_is_a_failure(native_app: NativeApp, strict: Strict) -> None:
    with Broken(strict) as broken:
        client = native_app({"openai": native(deployment(broken.base_url))})
        places = [(made_in_a_container(client), [b.relay(strict)]), (uploaded(client), [])]
        for (url, before), (name, told) in product(places, SENSELESS.items()):
            part = b.answer(CONTENT[:10], status=206, headers=told)
            broken.script([*before, part])
            asked = {} if name == "not asked for" else {"Range": "bytes=0-9"}
            answer = get(client, url, **asked)

            assert (name, answer.status_code) == (name, 502)
