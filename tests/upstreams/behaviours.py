"""Ways to misbehave, each for one request, and some for a whole connection."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Literal

from tests.upstreams.bodies import Dialect, error_body, html_body
from tests.upstreams.call import Call
from tests.upstreams.listener import HOST
from tests.upstreams.messages import PHRASES, Answer, encode_head
from tests.upstreams.strict import Strict

CONTAINER_ID = "cntr_682e0e7318108198aa783fd921ff305e08e78805b9fdbb04"
CONTAINER = (
    f'{{"id": "{CONTAINER_ID}", "object": "container", "created_at": 1747857508, '
    '"status": "running", "name": "My Container"}'
).encode()
JSON = {"Content-Type": "application/json"}

RETRY_AFTERS = {
    "seconds": "7",
    "zero": "0",
    "a fraction": "0.5",
    "a date to come": "Wed, 21 Oct 2065 07:28:00 GMT",
    "a date gone by": "Wed, 21 Oct 2015 07:28:00 GMT",
    "negative": "-1",
    "without end": "99999999999999999999",
    "no number": "soon",
    "other digits": "²",
    "two": "7, 8",
    "nothing": "",
}


@dataclass(frozen=True)
class Behaviour:
    """What is done, and when: on the connection, on a request's head, or on the whole request."""

    name: str
    act: Callable[[Call], None]
    at: Literal["connection", "head", "request"] = "request"


def answer(
    body: bytes = CONTAINER,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    chunked: bool = False,
) -> Behaviour:
    """Answer properly, with JSON if no header says otherwise."""
    reply = Answer(status, body, {**JSON, **(headers or {})}, chunked=chunked)
    return Behaviour(f"answer {status}", lambda call: call.answer(reply))


def error(
    status: int, dialect: Dialect = "openai", *, headers: Mapping[str, str] | None = None
) -> Behaviour:
    """Answer with an error, in the words of OpenAI or of Azure."""
    return answer(error_body(status, dialect), status=status, headers=headers)


def html(status: int, dialect: Dialect = "openai") -> Behaviour:
    """Answer with a page, as what stands in front of a provider does."""
    page = html_body(status, PHRASES.get(status, "Error"), dialect)
    return answer(page, status=status, headers={"Content-Type": "text/html"})


def empty(status: int) -> Behaviour:
    """Answer without a body."""
    return answer(b"", status=status)


def wrong_json(status: int = 200) -> Behaviour:
    """Answer with JSON that ends too early, though its length is right."""
    return answer(CONTAINER[:40], status=status)


def error_inside(status: int = 500) -> Behaviour:
    """Answer 200 with an error inside."""
    return answer(error_body(status))


def json_list() -> Behaviour:
    """Answer with a list where an object belongs."""
    return answer(b"[" + CONTAINER + b"]")


def redirect(location: str, status: int = 302) -> Behaviour:
    """Send the client elsewhere."""
    return answer(b"", status=status, headers={"Location": location})


def too_short(by: int = 10) -> Behaviour:
    """Tell a length that is too short; the rest is in the way of the next answer."""
    return _raw("too short", encode_head(200, _length(len(CONTAINER) - by)) + CONTAINER)


def too_long(by: int = 10) -> Behaviour:
    """Tell a length that is too long, then hang up."""
    sent = encode_head(200, _length(len(CONTAINER) + by)) + CONTAINER
    return _raw("too long", sent, Call.hang_up)


def broken_chunks() -> Behaviour:
    """Answer in chunks, of which the second has no size."""
    head = encode_head(200, JSON | {"Transfer-Encoding": "chunked"})
    chunks = b"%x\r\n%b\r\nsize\r\n" % (20, CONTAINER[:20])
    return _raw("broken chunks", head + chunks, Call.hang_up)


def chunks_without_end() -> Behaviour:
    """Answer in chunks, then hang up before the last."""
    head = encode_head(200, JSON | {"Transfer-Encoding": "chunked"})
    sent = head + b"%x\r\n%b\r\n" % (len(CONTAINER), CONTAINER)
    return _raw("chunks without end", sent, Call.hang_up)


def not_http() -> Behaviour:
    """Answer with something that is not HTTP."""
    return _raw("not HTTP", b"220 mail.example ESMTP\r\n", Call.hang_up)


def silence() -> Behaviour:
    """Never answer."""
    return Behaviour("silence", Call.wait_for_end)


def stall(after: int = 10, body: bytes = CONTAINER) -> Behaviour:
    """Answer with a body that stops after so many bytes, for ever."""
    return _raw("stall", encode_head(200, _length(len(body))) + body[:after], Call.wait_for_end)


def reset(after: int = 0, body: bytes = CONTAINER) -> Behaviour:
    """Answer with a body that breaks off at a byte (RST)."""
    return _raw("reset", encode_head(200, _length(len(body))) + body[:after], Call.reset)


def drip(every_s: float = 1, body: bytes = CONTAINER) -> Behaviour:
    """Answer with a body of which a byte comes now and then."""

    def act(call: Call) -> None:
        call.send(encode_head(200, _length(len(body))))
        for byte in body:
            if not call.pause(every_s):
                return
            call.send(bytes([byte]))

    return Behaviour("drip", act)


def endless_head(every_s: float = 0.01) -> Behaviour:
    """Answer with headers that never end."""

    def act(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\n")
        while call.pause(every_s):
            call.send(b"x-padding: 0\r\n")

    return Behaviour("endless head", act)


def hang_up() -> Behaviour:
    """Close the connection when the request has come, without an answer (FIN)."""
    return Behaviour("hang up", Call.hang_up)


def reset_silently() -> Behaviour:
    """Break the connection when the request has come, without an answer (RST)."""
    return Behaviour("reset silently", Call.reset)


def refuse() -> Behaviour:
    """Break a new connection before any request is read, or one that is kept on its request.

    A client may notice while it connects, while it sends, or when it waits for the answer.
    """
    return Behaviour("refuse", Call.reset, at="connection")


def early(status: int = 413, *, reads_on: bool = False) -> Behaviour:
    """Answer when only the head of the request has come; then hang up, or hear the rest out."""
    reply = Answer(status, error_body(status), JSON | {"Connection": "close"})

    def act(call: Call) -> None:
        call.answer(reply)
        (call.wait_for_end if reads_on else call.hang_up)()

    return Behaviour(f"early {status}", act, at="head")


def then_close(first: Behaviour | None = None, *, by_reset: bool = False) -> Behaviour:
    """Answer as one that keeps the connection, then close it while it is idle."""
    inner = first or answer()

    def act(call: Call) -> None:
        inner.act(call)
        (call.reset if by_reset else call.hang_up)()

    return Behaviour(f"{inner.name}, then close", act)


def relay(upstream: Strict) -> Behaviour:
    """Answer what another server answers."""
    return Behaviour("relay", lambda call: call.answer(_ask(upstream, call)))


def lost_reply(upstream: Strict, *, after: int = 0, by_reset: bool = False) -> Behaviour:
    """Have another server do the work, then lose its reply after so many bytes."""

    def act(call: Call) -> None:
        reply = _ask(upstream, call).encode()
        call.send(reply[:after])
        (call.reset if by_reset else call.hang_up)()

    return Behaviour("lost reply", act)


def _ask(upstream: Strict, call: Call) -> Answer:
    """Repeat a request, byte for byte, to another server."""
    connection = HTTPConnection(HOST, upstream.port)
    try:
        connection.putrequest(
            call.head.method, call.head.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in call.head.headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(call.raw_body)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    framing = {"content-length", "transfer-encoding", "connection"}
    headers = {k: v for k, v in response.getheaders() if k.lower() not in framing}
    return Answer(response.status, body, headers)


def _raw(name: str, data: bytes, then: Callable[[Call], None] | None = None) -> Behaviour:
    def act(call: Call) -> None:
        call.send(data)
        if then is not None:
            then(call)

    return Behaviour(name, act)


def _length(length: int) -> dict[str, str]:
    return JSON | {"Content-Length": str(length)}
