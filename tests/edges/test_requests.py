"""Methods, paths, queries and headers at the edge of what HTTP allows, and beyond."""

import pytest

from tests.edges.wire import Wire, exchange, head, message
from tests.envelope import refusal
from tests.server import Server

CONTAINERS = "/v1/containers"
LIST = "/v1/containers?provider=ollama"
JSON = "Content-Type: application/json"
CREATE = b'{"provider":"ollama","name":"edge"}'

ALLOWED = {
    "/v1/containers": "GET, HEAD, POST",
    "/openai/v1/containers": "GET, HEAD, POST",
    "/openai/containers": "GET, HEAD, POST",
    "/v1/containers/cntr_1": "DELETE, GET, HEAD",
    "/v1/containers/cntr_1/files": "GET, HEAD, POST",
    "/openai/containers/cntr_1/files": "GET, HEAD, POST",
    "/v1/containers/a%3F/files": "GET, HEAD, POST",
    "/v1/containers/cntr_1/files/cfile_1": "DELETE, GET, HEAD",
    "/v1/containers/cntr_1/files/cfile_1/content": "GET, HEAD",
    "/v1/providers": "GET, HEAD",
    "/health": "GET, HEAD",
    "/ready": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/ui/": "GET, HEAD",
}

NOWHERE = """
/ * /nope /v1 /V1/containers /v1/containers/ /openai/containers/ /openai/containersx
//v1/containers /v1//containers /v1/containers//files /v1/containers/../providers
/v1/containers/%2e%2e/providers /v1/containers/a%2Fb /v1/containers/%2F /v1/containers/a%0Ab
/v1/containers/a%0A /v1/containers/%0A /v1/containers/a%0D%0AX-Evil:%201 /v1/containers/a%00b
/v1/containers/a%7Fb /v1/containers/a/files/b%0Ac/content /v1/[/files
/ui/../openapi.yaml /ui/%2e%2e/%2e%2e/app.py /ui/%00 /ui// http://elsewhere/nope
"""


@pytest.mark.parametrize("path", ALLOWED)
def test_an_unknown_method_is_told_all_that_are_known(live: Server, path: str) -> None:
    answer = exchange(live.url, head("PUT", path))

    assert refusal(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == ALLOWED[path]


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "PROPFIND", "DELETE"])
def test_methods_that_a_path_does_not_take_are_405(live: Server, method: str) -> None:
    answer = exchange(live.url, head(method, CONTAINERS))

    assert refusal(answer, 405)["param"] is None


@pytest.mark.parametrize("path", [LIST, "/health", "/openapi.json", "/openapi.yaml", "/ui/"])
def test_head_answers_as_get_does_but_without_content(live: Server, path: str) -> None:
    with Wire(live.url) as wire:
        asked = wire.send(head("HEAD", path)).answer("HEAD")
        got = wire.send(head("GET", path)).answer()

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["Content-Type"] == got.headers["Content-Type"]
    assert got.content


@pytest.mark.parametrize("path", [*NOWHERE.split(), "/ui/" + "a/" * 2000])
def test_a_path_that_leads_nowhere_is_404(live: Server, path: str) -> None:
    answer = exchange(live.url, head("GET", f"{path}?provider=ollama"))

    assert refusal(answer, 404)["code"] == "unknown_url"
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    ("segment", "read"),
    [
        ("cntr_1", "cntr_1"),
        ("%2E%2E", ".."),
        ("%F0%9F%98%80", "😀"),
        ("a%zzb", "a%zzb"),
        ("a%", "a%"),
        ("%252F", "%2F"),
        ("%5C", "\\"),
        ("a%26b+c", "a&b+c"),
        ("%ff", "\ufffd"),
        ("%ed%a0%80", "\ufffd\ufffd\ufffd"),
        ("%E2%80%A8", "\u2028"),
        ("a" * 10_000, "a" * 10_000),
    ],
)
def test_any_text_can_be_the_id_of_no_container(live: Server, segment: str, read: str) -> None:
    answer = exchange(live.url, head("GET", f"{CONTAINERS}/{segment}?provider=ollama"))

    error = refusal(answer, 404)
    assert error["message"] == f"Container with id '{read}' not found."
    assert (error["provider"], error["request_type"]) == ("ollama", "container_retrieve")


def test_the_alias_reads_an_escaped_slash_as_the_other_surfaces_do(live: Server) -> None:
    answer = exchange(live.url, head("GET", "/openai/containers/a%2Fb"))

    assert refusal(answer, 404)["code"] == "unknown_url"


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("", "provider", "missing_required_parameter"),
        ("limit=5", "provider", "missing_required_parameter"),
        ("provider", "provider", "invalid_value"),
        ("provider=", "provider", "invalid_value"),
        ("provider=OLLAMA", "provider", "invalid_value"),
        ("provider=ollama%00", "provider", "invalid_value"),
        ("provider=ollama;limit=1", "provider", "invalid_value"),
        ("provider=ollama&provider=ollama", "provider", None),
        ("provider=ollama&limit=1&limit=2", "limit", None),
        ("provider=ollama&colour=red", "colour", "unknown_parameter"),
        ("provider=ollama&colour", "colour", "unknown_parameter"),
        ("provider=ollama&limit[]=1", "limit[]", "unknown_parameter"),
        ("provider=ollama&%00=1", "\0", "unknown_parameter"),
        ("provider%3Dollama", "provider=ollama", "unknown_parameter"),
        ("provider=ollama&limit=0", "limit", "integer_below_min_value"),
        ("provider=ollama&limit=-1", "limit", "integer_below_min_value"),
        ("provider=ollama&limit=101", "limit", "integer_above_max_value"),
        ("provider=ollama&limit=", "limit", "invalid_type"),
        ("provider=ollama&limit=%201", "limit", "invalid_type"),
        ("provider=ollama&limit=1%0A", "limit", "invalid_type"),
        ("provider=ollama&limit=+1", "limit", "invalid_type"),
        ("provider=ollama&limit=1_0", "limit", "invalid_type"),
        ("provider=ollama&limit=1.0", "limit", "invalid_type"),
        ("provider=ollama&limit=1e1", "limit", "invalid_type"),
        ("provider=ollama&limit=0x1", "limit", "invalid_type"),
        ("provider=ollama&limit=true", "limit", "invalid_type"),
        ("provider=ollama&limit=%EF%BC%91", "limit", "invalid_type"),
        ("provider=ollama&limit=" + "9" * 5000, "limit", "invalid_type"),
        ("provider=ollama&order=ASC", "order", "invalid_value"),
        ("provider=ollama&after=", "after", "string_below_min_length"),
        ("provider=ollama&after=%00", "after", "invalid_value"),
        ("provider=ollama&after=%F0%9F%98%80", "after", "invalid_value"),
        ("provider=ollama&name=", "name", "string_below_min_length"),
        ("provider=%ff", None, None),
        ("provider=ollama&%ff=1", None, None),
        ("provider=ollama&name=%ed%a0%80", None, None),
        ("provider=ollama" + "&a=1" * 3000, None, None),
    ],
)
def test_a_query_that_is_wrong_names_its_parameter(
    live: Server, query: str, param: str | None, code: str | None
) -> None:
    answer = exchange(live.url, head("GET", f"{CONTAINERS}?{query}"))

    error = refusal(answer, 400)
    assert (error["param"], error["code"]) == (param, code)
    assert error["request_type"] == "container_list"


@pytest.mark.parametrize(
    "query", ["&&provider=ollama&", "provider=ol%6Cama", "provider=ollama&name=" + "a" * 15_000]
)
def test_a_query_that_is_only_unusual_is_served(live: Server, query: str) -> None:
    assert exchange(live.url, head("GET", f"{CONTAINERS}?{query}")).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "X-Anything: \xe6\xff",
        "Authorization: Bearer \xff",
        "Accept: \xff",
        "Cookie: \xff",
        "Host: [::1",
        "Host: \xff",
        "X-Long: " + "a" * 50_000,
        "X-Many: a\r\n" * 100 + "X-Last: a",
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
        "Expect: something-else",
        "Content-Type: text/plain",
        "Content-Type: \xff",
        "Range: bytes=0-",
    ],
)
def test_headers_that_mean_nothing_here_are_ignored(live: Server, header: str) -> None:
    assert exchange(live.url, head("GET", LIST, header)).status_code == 200


@pytest.mark.parametrize("target", ["/nope", "/v1/containers", "/ui/nope"])
def test_an_error_is_told_whatever_the_host_header_says(live: Server, target: str) -> None:
    with Wire(live.url) as wire:
        wire.send(f"GET {target} HTTP/1.1\r\nHost: [::1\r\n\r\n".encode())
        answer = wire.answer()

    refusal(answer, 400 if target == CONTAINERS else 404)


@pytest.mark.parametrize(
    "keys", [["\xff"], [""], ["a\tb"], ["a" * 256], ["good", "\xff"], ["a" * 200, "b" * 200]]
)
def test_a_bad_idempotency_key_is_refused(live: Server, keys: list[str]) -> None:
    headers = [f"Idempotency-Key: {key}" for key in keys]
    answer = exchange(live.url, message("POST", CONTAINERS, JSON, *headers, body=CREATE))

    assert refusal(answer, 400)["param"] == "Idempotency-Key"


@pytest.mark.parametrize(
    "request_",
    [
        head("FOO", LIST),
        head("get", LIST),
        head("G\0T", LIST),
        head("GET", ""),
        head("GET", "/v1/containers/a b"),
        head("GET", "/v1/報".encode()),
        head("GET", f"{CONTAINERS}?provider=\xff"),
        head("GET", LIST, "Bad Name: a"),
        head("GET", LIST, "X-Nul: a\0b"),
        head("GET", LIST, "X-Folded: a\r\n b"),
        head("GET", LIST, "Content-Length: abc"),
        head("GET", LIST, "Content-Length: -1"),
        head("POST", CONTAINERS, JSON, "Content-Length: 1", "Content-Length: 2"),
        head("POST", CONTAINERS, JSON, "Content-Length: 1", "Transfer-Encoding: chunked"),
        head("POST", CONTAINERS, JSON, "Transfer-Encoding: gzip"),
        head("POST", CONTAINERS, JSON, "Transfer-Encoding: chunked") + b"zz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=repr,
)
def test_what_is_not_http_is_refused_in_the_envelope_too(live: Server, request_: bytes) -> None:
    with Wire(live.url) as wire:
        answer = wire.send(request_).answer()

        assert refusal(answer, 400)["code"] == "invalid_http"
        assert wire.closed()
