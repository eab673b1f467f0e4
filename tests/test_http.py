"""What HTTP promises of a file: receipts, ranges, conditions, and names to save it under."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from httpx2 import Response
from starlette.testclient import TestClient
from werkzeug.http import parse_options_header

from gateway.app import create_app
from gateway.settings import Settings
from tests.calls import create, upload
from tests.envelope import Json, refusal

DIGITS = b"0123456789"
SHA256 = hashlib.sha256(DIGITS)
ETAG = f'"{SHA256.hexdigest()}"'
REPR_DIGEST = f"sha-256=:{base64.b64encode(SHA256.digest()).decode()}:"


@dataclass(frozen=True)
class Stored:
    """A client, and a container with a file of ten digits and an empty one."""

    client: TestClient
    container_id: str
    digits: Json
    empty: Json

    def get(self, file: Json, **headers: str) -> Response:
        """Download a file; an underscore in a header's name is a hyphen."""
        url = f"/v1/containers/{self.container_id}/files/{file['id']}/content?provider=ollama"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(url, headers=named)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """One container for all tests that only read."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("http") / "data", validate_responses=True)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        container = create(client)["id"]
        digits = upload(client, container, DIGITS, "digits.txt")
        yield Stored(client, container, digits, upload(client, container, b"", "empty"))


def test_a_new_file_carries_its_receipt(stored: Stored) -> None:
    url = f"/v1/containers/{stored.container_id}/files"
    answer = stored.client.post(url, files={"file": ("again.txt", DIGITS)})

    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Repr-Digest"] == REPR_DIGEST


@pytest.mark.parametrize("suffix", ["", "/content"])
def test_a_file_carries_its_receipt(stored: Stored, suffix: str) -> None:
    url = f"/v1/containers/{stored.container_id}/files/{stored.digits['id']}{suffix}"
    answer = stored.client.get(f"{url}?provider=ollama")

    assert answer.status_code == 200
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Repr-Digest"] == REPR_DIGEST


def test_a_download_is_the_file_and_says_how_long_it_is(stored: Stored) -> None:
    answer = stored.get(stored.digits)

    assert answer.content == DIGITS
    assert answer.headers["Content-Length"] == "10"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_an_empty_file_is_downloaded_empty(stored: Stored) -> None:
    answer = stored.get(stored.empty)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == "0"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(b"").hexdigest()}"'


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-4", 0, 4),
        ("bytes=3-3", 3, 3),
        ("bytes=5-", 5, 9),
        ("bytes=0-", 0, 9),
        ("bytes=9-9", 9, 9),
        ("bytes=8-1000", 8, 9),
        ("bytes=-1", 9, 9),
        ("bytes=-3", 7, 9),
        ("bytes=-10", 0, 9),
        ("bytes=-1000", 0, 9),
        (" bytes=2-4 ", 2, 4),
    ],
)
def test_a_range_is_answered_alone(stored: Stored, wanted: str, first: int, last: int) -> None:
    answer = stored.get(stored.digits, Range=wanted)

    assert (answer.status_code, answer.content) == (206, DIGITS[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/10"
    assert answer.headers["Content-Length"] == str(last + 1 - first)
    assert (answer.headers["ETag"], answer.headers["Repr-Digest"]) == (ETAG, REPR_DIGEST)


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-20", "bytes=999-", "bytes=-0"])
def test_a_range_outside_the_file_is_416(stored: Stored, wanted: str) -> None:
    answer = stored.get(stored.digits, Range=wanted)

    assert refusal(answer, 416)["param"] == "Range"
    assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=4-2",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=1 - 2",
        "bytes=0-1,3-4",
        "bytes=0-1, 999-",
        "items=0-4",
        "0-4",
        "bytes=0-" + "9" * 5000,
    ],
)
def test_what_is_not_one_range_is_ignored(stored: Stored, wanted: str) -> None:
    answer = stored.get(stored.digits, Range=wanted)

    assert (answer.status_code, answer.content) == (200, DIGITS)
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("wanted", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-"])
def test_an_empty_file_has_no_ranges(stored: Stored, wanted: str) -> None:
    answer = stored.get(stored.empty, Range=wanted)

    assert (answer.status_code, answer.content) == (200, b"")


def test_a_range_is_honoured_while_the_file_is_the_same(stored: Stored) -> None:
    answer = stored.get(stored.digits, Range="bytes=0-4", If_Range=ETAG)

    assert (answer.status_code, answer.content) == (206, b"01234")


@pytest.mark.parametrize(
    "condition", ['"other"', f"W/{ETAG}", ETAG.strip('"'), "Sun, 22 Nov 2026 05:06:39 GMT", ""]
)
def test_a_range_of_another_file_is_ignored(stored: Stored, condition: str) -> None:
    answer = stored.get(stored.digits, Range="bytes=0-4", If_Range=condition)

    assert (answer.status_code, answer.content) == (200, DIGITS)


@pytest.mark.parametrize(
    "condition", [ETAG, f"W/{ETAG}", f'"other", {ETAG}', f' "a","b" ,{ETAG}', "*"]
)
@pytest.mark.parametrize("wanted", ["", "bytes=0-4", "bytes=99-"])
def test_a_copy_that_is_still_good_is_304(stored: Stored, condition: str, wanted: str) -> None:
    answer = stored.get(stored.digits, If_None_Match=condition, Range=wanted)

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == ETAG
    assert answer.headers.get("Content-Length", "10") == "10"


@pytest.mark.parametrize("condition", ["", '"other"', ETAG.strip('"')[:-1], '"', ","])
def test_a_copy_of_something_else_is_answered_with_the_file(stored: Stored, condition: str) -> None:
    answer = stored.get(stored.digits, If_None_Match=condition)

    assert (answer.status_code, answer.content) == (200, DIGITS)


@pytest.mark.parametrize(
    "name",
    [
        "report.csv",
        "two words.txt",
        "报告 final.csv",
        "résumé.pdf",
        'say "hi".txt',
        "back\\slash.txt",
        "semi;colon, comma.txt",
        "100%.txt",
        "%41.txt",
        "it's.txt",
        "😀",
        ".hidden",
    ],
)
def test_a_download_names_the_file(stored: Stored, name: str) -> None:
    made = upload(stored.client, stored.container_id, b"", name)
    header = stored.get(made).headers["Content-Disposition"]

    kind, parameters = parse_options_header(header)
    assert (kind, parameters["filename"]) == ("attachment", name)
    assert re.fullmatch(r"[ -~]+", header)


def test_a_download_is_named_by_the_last_part_of_its_path(stored: Stored) -> None:
    url = f"/v1/containers/{stored.container_id}/files"
    form = {"file_path": "deep/down/here.txt"}
    made = stored.client.post(url, files={"file": ("a.txt", b"")}, data=form).json()

    header = stored.get(made).headers["Content-Disposition"]
    assert header == 'attachment; filename="here.txt"'


@pytest.mark.parametrize("given", ["a", "req_1", "A-Z.0:9_", "x" * 128])
@pytest.mark.parametrize("path", ["/health", "/nope", "/v1/containers", "/ui/"])
def test_a_request_keeps_the_id_it_came_with(stored: Stored, path: str, given: str) -> None:
    answer = stored.client.get(path, headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", " ", "a b", "a,b", "<script>", "\xe4", "x" * 129])
def test_a_bad_request_id_is_replaced(stored: Stored, given: str) -> None:
    answer = stored.client.get("/health", headers=[(b"X-Request-Id", given.encode("latin-1"))])

    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_requests_without_an_id_get_different_ones(stored: Stored) -> None:
    ids = {stored.client.get("/health").headers["X-Request-Id"] for _ in range(20)}

    assert len(ids) == 20
