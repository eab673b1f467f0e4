"""Calls to providers through a proxy and over TLS, and what keeps them from getting there."""

import logging
import socket
import ssl
import time
from collections.abc import Iterator
from threading import Event

import pytest
import trustme
from starlette.testclient import TestClient

from providers.upstream import Limits, Upstream
from providers.upstream_errors import UpstreamError
from tests.calls import create, download, gateway_of, upload
from tests.conftest import Clock
from tests.native.configs import BOXES, KEY, deployment, native
from tests.native.conftest import NativeApp
from tests.upstreams import behaviours as b
from tests.upstreams.broken import Broken
from tests.upstreams.call import Call
from tests.upstreams.listener import Listener
from tests.upstreams.messages import encode_head
from tests.upstreams.proxy import Proxy
from tests.upstreams.strict import Strict
from tests.upstreams.unreachable import refusing, unresponsive

USER, PASSWORD = "berth", "pa55-of-the-proxy"
LARGE = bytes(range(256)) * 8192
LIMITS = Limits(connect_timeout_s=0.4, idle_timeout_s=0.3, total_timeout_s=0.8, max_retries=0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a server of 127.0.0.1 needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file that vouches for it."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def secure(clock: Clock, tls: ssl.SSLContext) -> Iterator[Strict]:
    with Strict(KEY, clock=clock, tls=tls) as server:
        yield server
        assert server.violations == []


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(USER, PASSWORD) as server:
        yield server


def open_app(native_app: NativeApp, server: Strict, **network: object) -> TestClient:
    network = {"idle_timeout_s": 2, "max_retries": 0, **network}
    return native_app({"openai": native(deployment(server.base_url), network=network)})


def transfer(client: TestClient) -> None:
    """Create a container, upload a large file and download it again."""
    made = upload(client, create(client, provider="openai")["id"], LARGE)

    assert download(client, made) == LARGE


def test_calls_go_over_tls_to_whom_the_bundle_vouches_for(
    native_app: NativeApp, secure: Strict, bundle: str
) -> None:
    transfer(open_app(native_app, secure, ca_bundle=bundle))

    assert len(secure.files) == 1


def test_nothing_is_said_to_whom_nobody_vouches_for(native_app: NativeApp, secure: Strict) -> None:
    client = open_app(native_app, secure)
    answer = client.post(BOXES, json={"name": "n"})

    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "provider_certificate"
    assert answer.headers["x-should-retry"] == "false"
    assert secure.requests == []


def test_calls_over_tls_go_through_the_proxy(
    native_app: NativeApp, secure: Strict, proxy: Proxy, bundle: str
) -> None:
    transfer(open_app(native_app, secure, ca_bundle=bundle, proxy=proxy.url))

    assert set(proxy.asked) == {f"CONNECT {secure.origin.removeprefix('https://')}"}
    assert not [r for r in secure.requests if "proxy-authorization" in r.headers]


def test_plain_calls_go_through_the_proxy(
    native_app: NativeApp, strict: Strict, proxy: Proxy
) -> None:
    transfer(open_app(native_app, strict, proxy=proxy.url))

    assert proxy.asked[0] == f"POST {strict.base_url}/containers"
    assert len(proxy.asked) == len(strict.requests)


def test_a_certificate_is_checked_behind_a_proxy_too(
    native_app: NativeApp, secure: Strict, proxy: Proxy
) -> None:
    client = open_app(native_app, secure, proxy=proxy.url)
    answer = client.post(BOXES, json={"name": "n"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_certificate")
    assert secure.requests == []


@pytest.mark.parametrize("over_tls", [False, True])
def test_the_password_of_the_proxy_is_told_to_nobody_else(
    native_app: NativeApp,
    strict: Strict,
    secure: Strict,
    proxy: Proxy,
    caplog: pytest.LogCaptureFixture,
    *,
    over_tls: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = proxy.url.replace(USER, "nobody")
    client = open_app(native_app, secure if over_tls else strict, proxy=wrong)
    answers = [client.post(BOXES, json={"name": "n"}), client.get("/v1/providers")]
    told = [*(a.text for a in answers), caplog.text, repr(gateway_of(client).registry.configs)]

    assert answers[0].status_code == 502
    assert not [text for text in told if PASSWORD in text]
    assert proxy.asked == []
    assert strict.requests + secure.requests == []


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_proxy_that_is_down_is_a_failure(
    native_app: NativeApp, strict: Strict, secure: Strict, *, over_tls: bool
) -> None:
    with refusing() as origin:
        client = open_app(native_app, secure if over_tls else strict, proxy=origin)
        answer = client.post(BOXES, json={"name": "n"})

    assert answer.status_code == 502
    assert answer.json()["error"]["message"] == "The proxy does not connect to the provider."


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(
    native_client: TestClient, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with Broken() as elsewhere:
        monkeypatch.setenv(variable, elsewhere.origin)
        create(native_client, provider="openai")

        assert elsewhere.connections == 0


def dripping(call: Call) -> None:
    """Connect a tunnel, in a head that never ends."""
    call.send(encode_head(200, {})[:-2])
    while call.pause(0.05):
        call.send(b"x-padding: 0\r\n")


PROXIES = {
    "silence": (b.silence(), 504),
    "a head without end": (b.Behaviour("dripping", dripping), 504),
    "hang up": (b.hang_up(), 502),
    "refused": (b.error(403), 502),
    "unauthorized": (b.error(407), 502),
    "failing": (b.error(500), 502),
    "not HTTP": (b.not_http(), 502),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_that_misbehaves_is_a_failure_in_time(scheme: str, name: str) -> None:
    behaviour, status = PROXIES[name]
    with Broken() as bad:
        bad.script([behaviour])
        upstream = Upstream(f"{scheme}://provider.invalid", {}, limits=LIMITS, proxy=bad.origin)
        started = time.monotonic()
        with pytest.raises(UpstreamError) as failure:
            upstream.send("POST", "/containers", json={}).json()
        upstream.close()

    assert failure.value.status == status
    assert time.monotonic() - started < 1.2
    assert scheme == "http" or not failure.value.processed


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_takes_no_connection_is_a_failure_in_time(scheme: str) -> None:
    with unresponsive() as origin:
        upstream = Upstream(f"{scheme}://provider.invalid", {}, limits=LIMITS, proxy=origin)
        with pytest.raises(UpstreamError) as failure:
            upstream.send("POST", "/containers")

    assert (failure.value.status, failure.value.processed) == (504, False)


@pytest.mark.parametrize("proxied", [False, True])
def test_an_answer_over_tls_ends_with_the_total_time(
    tls: ssl.SSLContext, bundle: str, proxy: Proxy, *, proxied: bool
) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.05):
            connection.sendall(b"x-padding: 0\r\n")

    ended = Event()
    server = Listener(drip, tls=tls)
    upstream = Upstream(
        f"https://127.0.0.1:{server.port}",
        {},
        limits=LIMITS,
        ca_bundle=bundle,
        proxy=proxy.url if proxied else None,
    )
    started = time.monotonic()
    with pytest.raises(UpstreamError) as failure:
        upstream.send("GET", "/containers")
    upstream.close()
    ended.set()
    server.close()

    assert failure.value.status == 504
    assert time.monotonic() - started < 1.2


def test_a_certificate_is_not_waited_for_longer_than_for_a_connection(bundle: str) -> None:
    with Broken() as silent:
        silent.script([b.Behaviour("silence", Call.wait_for_end, at="connection")])
        url = silent.origin.replace("http:", "https:")
        upstream = Upstream(url, {}, limits=LIMITS, ca_bundle=bundle)
        with pytest.raises(UpstreamError) as failure:
            upstream.send("POST", "/containers")

    assert failure.value.status == 504
