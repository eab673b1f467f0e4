"""Answers that make no sense, never come or never end: told as such, in time, and asked once."""

import time

import pytest

from tests.native.broken.gate import Gate, told
from tests.upstreams import behaviours as b
from tests.upstreams.broken import Broken
from tests.upstreams.call import Call
from tests.upstreams.messages import encode_head

JSON_OPERATIONS = ["create", "upload", "delete"]
TOTAL_S, GRACE_S = 1, 0.8


def container(field: str, value: str) -> b.Behaviour:
    """Answer with a container of which one field is not what it should be."""
    good = f'"id": "{b.CONTAINER_ID}", "created_at": 1747857508, "name": "n"'
    return b.answer(f'{{{good}, "{field}": {value}}}'.encode())


SENSELESS = {
    "wrong JSON": b.wrong_json(),
    "an error inside": b.error_inside(),
    "a list": b.json_list(),
    "a page": b.html(200),
    "an empty object with an error": b.answer(b'{"error": {}}'),
    "nesting": b.answer(b"[" * 200_000),
    "no text": b.answer(b"\xff\xfe\xff"),
    "too much": b.answer(b" " * (8 * 1024 * 1024 + 1)),
    "too short": b.too_short(),
    "too long": b.too_long(),
    "broken chunks": b.broken_chunks(),
    "chunks without end": b.chunks_without_end(),
    "not HTTP": b.not_http(),
    "hang up": b.hang_up(),
    "reset without an answer": b.reset_silently(),
    "refuse": b.refuse(),
    "reset at the first byte": b.reset(0),
    "reset at a byte": b.reset(40),
    "a redirect": b.redirect("http://127.0.0.1:9/", 307),
    "a processing status": b.empty(102),
    "two lengths": b.answer(headers={"Content-Length": "5, 6"}),
    "gzip": b.answer(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
}
NONSENSE = {
    "id": ["null", '""', '"\\ud800"', '"\\u0000"', '"a b"', f'"{"x" * 2000}"'],
    "created_at": ["null", '"x"', "1e999", "NaN", "[]", "1e30"],
    "name": ["null", "5", '"\\ud800"', "[]"],
    "last_active_at": ['"x"', "Infinity", "NaN", "1e300"],
    "expires_after": ["[1]", '{"minutes": "x"}', '{"minutes": 1e999}', '{"minutes": 1e30}'],
    "memory_limit": ["[1]", "5"],
    "network_policy": ['"type"', "[5]", "5"],
    "status": ["[]"],
}


@pytest.mark.parametrize("operation", JSON_OPERATIONS)
@pytest.mark.parametrize("name", SENSELESS)
def test_an_answer_that_makes_no_sense_is_a_failure(
    openai: Gate, operation: str, name: str
) -> None:
    answer = openai.meet(operation, SENSELESS[name])

    told(answer, 502)
    assert len(openai.asked(operation)) == 1


@pytest.mark.parametrize("field", NONSENSE)
def test_a_container_that_makes_no_sense_is_a_failure(openai: Gate, field: str) -> None:
    for value in NONSENSE[field]:
        told(openai.meet("create", container(field, value)), 502)
        openai.heal()


@pytest.mark.parametrize("operation", ["create", "retrieve", "upload", "delete", "download"])
@pytest.mark.parametrize("behaviour", [b.silence(), b.stall(after=1)], ids=["silence", "stall"])
def test_a_stall_ends_with_the_idle_time(
    openai: Gate, operation: str, behaviour: b.Behaviour
) -> None:
    started = time.monotonic()
    answer = openai.meet(operation, behaviour)

    told(answer, 504)
    assert time.monotonic() - started < TOTAL_S
    assert len(openai.asked(operation)) == 1


def endless(head: bytes, piece: bytes, every_s: float = 0.1) -> b.Behaviour:
    """Answer with a head, then with the same piece again and again."""

    def act(call: Call) -> None:
        call.send(head)
        while call.pause(every_s):
            call.send(piece)

    return b.Behaviour("endless", act)


CHUNKED = encode_head(200, b.JSON | {"Transfer-Encoding": "chunked"})
ENDLESS = {
    "a drip": b.drip(0.1),
    "a head": b.endless_head(0.1),
    "continues": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a trailer": endless(CHUNKED + b"0\r\n", b"x: 0\r\n"),
    "a chunk's size": endless(CHUNKED, b"0"),
}
ENDLESS_ERRORS = {
    500: endless(encode_head(500, {"Content-Length": "100000"}), b" "),
    302: endless(encode_head(302, {"Content-Length": "100000", "Location": "/x"}), b" "),
}


@pytest.mark.parametrize(
    ("operation", "name"), [*(("create", name) for name in ENDLESS), ("retrieve", "a head")]
)
def test_an_answer_without_end_ends_with_the_total_time(
    openai: Gate, operation: str, name: str
) -> None:
    started = time.monotonic()
    answer = openai.meet(operation, ENDLESS[name])

    told(answer, 504)
    assert time.monotonic() - started < TOTAL_S + GRACE_S
    assert len(openai.asked(operation)) == 1


@pytest.mark.parametrize("status", ENDLESS_ERRORS)
def test_an_error_without_end_ends_with_the_total_time(openai: Gate, status: int) -> None:
    started = time.monotonic()
    answer = openai.meet("create", ENDLESS_ERRORS[status])

    told(answer, 502)
    assert time.monotonic() - started < TOTAL_S + GRACE_S


@pytest.mark.parametrize("operation", ["create", "download", "delete"])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(openai: Gate, operation: str, status: int) -> None:
    with Broken() as elsewhere:
        answer = openai.meet(operation, b.redirect(elsewhere.base_url, status))

    told(answer, 502)
    assert (len(openai.asked(operation)), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://[::1", "//", "\\", "http://:x/"]
)
def test_a_redirect_to_anything_is_a_failure(openai: Gate, location: str) -> None:
    answer = openai.meet("download", b.redirect(location))

    told(answer, 502)
    assert "root:" not in answer.text


def test_a_cookie_of_the_provider_is_not_sent_back(openai: Gate) -> None:
    openai.meet("create", b.error(400, headers={"Set-Cookie": "a=b"}))
    openai.heal()

    assert "cookie" not in openai.broken.requests[-1].headers
