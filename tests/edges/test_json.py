"""JSON bodies and media types at the edge of what is allowed, and beyond."""

from collections.abc import Callable

import pytest

from tests.edges.wire import chunked, exchange, head, message
from tests.envelope import refusal
from tests.server import Server

CONTAINERS = "/v1/containers"
JSON = "Content-Type: application/json"
CREATE = b'{"provider":"ollama","name":"edge"}'
MAX_JSON_BYTES = 1024 * 1024


def with_minutes(minutes: bytes) -> bytes:
    """Return a create whose container expires after so many minutes."""
    return b'{"provider":"ollama","name":"edge","expires_after":{"minutes":%b}}' % minutes


def test_a_chunked_body_needs_no_length(live: Server) -> None:
    answer = exchange(live.url, chunked("POST", CONTAINERS, JSON, body=CREATE))

    assert answer.status_code == 200
    assert answer.json()["name"] == "edge"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b"{'provider':'ollama'}",
        CREATE.replace(b"edge", b"\xff"),
        CREATE.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + CREATE,
        b"\x1f\x8b\x08\x00",
        CREATE.replace(b"edge", b"\\ud800"),
        CREATE.replace(b"edge", b"\\udc00\\ud800"),
        CREATE.replace(b"edge", b"a\nb"),
        with_minutes(b"NaN"),
        with_minutes(b"Infinity"),
        with_minutes(b"1e999"),
        with_minutes(b"9" * 400),
        b"[" * 100_000,
        b"[" * 1000 + b"]" * 1000,
        b'{"provider":"ollama","name":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"provider":"ollama","name":"a","metadata":' + b'{"a":' * 900 + b"1" + b"}" * 901,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_not_json_is_refused(live: Server, body: bytes) -> None:
    answer = exchange(live.url, message("POST", CONTAINERS, JSON, body=body))

    error = refusal(answer, 400)
    assert error["code"] == "invalid_json"
    assert error["request_type"] == "container_create"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"null", None, "invalid_type"),
        (b"[]", None, "invalid_type"),
        (b'"text"', None, "invalid_type"),
        (b"{}", "provider", "missing_required_parameter"),
        (b'{"provider":"ollama"}', "name", "missing_required_parameter"),
        (b'{"provider":"nobody","name":"a"}', "provider", "invalid_value"),
        (b'{"provider":null,"name":"a"}', "provider", "invalid_type"),
        (b'{"provider":"ollama","name":7}', "name", "invalid_type"),
        (b'{"provider":"ollama","name":""}', "name", "string_below_min_length"),
        (b'{"provider":"ollama","name":"a\\u0000"}', "name", "invalid_value"),
        (CREATE[:-1] + b',"colour":"red"}', "colour", "unknown_parameter"),
        (CREATE[:-1] + b',"\\u0000\\n":1}', "\0\n", "unknown_parameter"),
        (CREATE[:-1] + b',"skills":[]}', "skills", "unsupported_parameter"),
        (CREATE[:-1] + b',"metadata":{"a":1}}', "metadata.a", "invalid_type"),
        (CREATE[:-1] + b',"file_ids":[7]}', "file_ids[0]", "invalid_type"),
        (with_minutes(b"true"), "expires_after.minutes", "invalid_type"),
        (with_minutes(b"5.5"), "expires_after.minutes", "invalid_type"),
        (with_minutes(b'"5"'), "expires_after.minutes", "invalid_type"),
        (with_minutes(b"0"), "expires_after.minutes", "integer_below_min_value"),
        (with_minutes(b"-0.0"), "expires_after.minutes", "integer_below_min_value"),
        (with_minutes(b"43201"), "expires_after.minutes", "integer_above_max_value"),
        (with_minutes(b"9" * 20), "expires_after.minutes", "integer_above_max_value"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    live: Server, body: bytes, param: str | None, code: str
) -> None:
    answer = exchange(live.url, message("POST", CONTAINERS, JSON, body=body))

    error = refusal(answer, 400)
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize("request_", [chunked, message])
def test_more_json_than_a_mebibyte_is_413(live: Server, request_: Callable[..., bytes]) -> None:
    body = CREATE.replace(b"edge", b"e" * MAX_JSON_BYTES)
    answer = exchange(live.url, request_("POST", CONTAINERS, JSON, body=body))

    assert refusal(answer, 413)["code"] == "request_too_large"


@pytest.mark.parametrize(
    "media_type",
    [
        "APPLICATION/JSON",
        " application/json ",
        "application/json;charset=UTF-8",
        "application/json ; charset=utf-8",
        "application/json;",
        'application/json; profile="https://example.org/a"',
    ],
)
def test_json_may_be_called_so_in_many_ways(live: Server, media_type: str) -> None:
    header = f"Content-Type: {media_type}"
    answer = exchange(live.url, message("POST", CONTAINERS, header, body=CREATE))

    assert answer.status_code == 200


def test_a_body_without_a_media_type_is_read_as_json(live: Server) -> None:
    assert exchange(live.url, message("POST", CONTAINERS, body=CREATE)).status_code == 200


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "json",
        "*/*",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/vnd.api+json",
        "multipart/form-data; boundary=b",
        "application/json, text/plain",
        "application/json\r\nContent-Type: text/plain",
        "text/plain\r\nContent-Type: application/json",
        "application/json\xff",
        "\xe9/\xe9",
    ],
)
def test_any_other_media_type_is_415(live: Server, media_type: str) -> None:
    header = f"Content-Type: {media_type}"
    answer = exchange(live.url, message("POST", CONTAINERS, header, body=CREATE))

    error = refusal(answer, 415)
    assert (error["param"], error["code"]) == ("Content-Type", "unsupported_media_type")


def test_a_delete_may_announce_json_and_send_none(live: Server, container: str) -> None:
    answer = exchange(live.url, head("DELETE", f"{container}?provider=ollama", JSON))

    assert answer.status_code == 200
    assert answer.json()["deleted"] is True


@pytest.mark.parametrize("body", [b"{}", b"not json"])
def test_a_body_that_an_operation_does_not_take_is_ignored(
    live: Server, container: str, body: bytes
) -> None:
    request = message("GET", f"{container}?provider=ollama", JSON, body=body)

    assert exchange(live.url, request).status_code == 200


def test_a_file_to_copy_is_asked_for_by_its_id(live: Server, files: str) -> None:
    body = b'{"file_id":"file-1"}'
    answer = exchange(live.url, message("POST", files, JSON, body=body))

    error = refusal(answer, 404)
    assert (error["param"], error["message"]) == ("file_id", "File 'file-1' not found.")
    assert error["provider"] == "ollama"


def test_neither_a_file_nor_its_id_is_400(live: Server, files: str) -> None:
    answer = exchange(live.url, message("POST", files, JSON, body=b"{}"))

    assert refusal(answer, 400)["param"] == "file_id"


@pytest.mark.parametrize("encoding", ["gzip", "br, gzip", "Unknown"])
@pytest.mark.parametrize("kind", [JSON, "Content-Type: multipart/form-data; boundary=b"])
def test_a_body_in_another_encoding_is_415(live: Server, kind: str, encoding: str) -> None:
    target = CONTAINERS if kind == JSON else f"{CONTAINERS}/cntr_1/files"
    request = message("POST", target, kind, f"Content-Encoding: {encoding}", body=CREATE)
    answer = exchange(live.url, request)

    assert refusal(answer, 415)["param"] == "Content-Encoding"


def test_a_body_that_says_it_is_not_encoded_is_taken(live: Server) -> None:
    request = message("POST", CONTAINERS, JSON, "Content-Encoding: identity", body=CREATE)

    assert exchange(live.url, request).status_code == 200
