"""What is asked again and what is not, when a deployment is left alone, and what is pooled."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import pytest
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.config import Deployment, Network, ProviderConfig
from gateway.settings import Settings
from providers.circuit import FAILURES, OPEN_S, Circuit
from providers.upstream import Limits, Upstream
from providers.upstream_errors import UpstreamError, UpstreamTimeout
from tests.calls import create, ok
from tests.conftest import Clock
from tests.upstreams import behaviours as b
from tests.upstreams.broken import Broken
from tests.upstreams.strict import Strict
from tests.upstreams.unreachable import refusing, unresponsive
from tests.waiting import wait_until

KEY = "sk-canary-0123456789"
LIMITS = Limits(connect_timeout_s=0.3, idle_timeout_s=0.3, total_timeout_s=3, max_retries=2)


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.upstream.BACKOFF_S", 0.001)


@pytest.fixture
def broken() -> Iterator[Broken]:
    with Broken() as server:
        yield server


@pytest.fixture
def upstream(broken: Broken) -> Iterator[Upstream]:
    upstream = Upstream(broken.base_url, {"Authorization": f"Bearer {KEY}"}, limits=LIMITS)
    yield upstream
    upstream.close()
    wait_until(lambda: broken.open_connections == 0, timeout_s=3)


def status(upstream: Upstream, method: str = "GET") -> int:
    """Return the status that the client is told."""
    try:
        upstream.send(method, "/containers").confirm()
    except UpstreamError as error:
        return error.status
    return 200


FAILURES_ONCE = [b.error(500), b.error(502), b.hang_up(), b.reset_silently(), b.silence()]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("behaviour", FAILURES_ONCE, ids=lambda x: x.name)
def test_what_can_be_repeated_is_tried_again(
    upstream: Upstream, broken: Broken, method: str, behaviour: b.Behaviour
) -> None:
    broken.script([behaviour, behaviour, b.answer()])

    assert status(upstream, method) == 200
    assert len(broken.requests) == 3


@pytest.mark.parametrize("behaviour", [*FAILURES_ONCE, b.error(429)], ids=lambda x: x.name)
def test_a_post_that_may_have_been_done_is_not_tried_again(
    upstream: Upstream, broken: Broken, behaviour: b.Behaviour
) -> None:
    broken.script([behaviour], otherwise=b.answer())

    assert status(upstream, "POST") in {429, 502, 504}
    assert len(broken.requests) == 1


def test_tries_are_counted(upstream: Upstream, broken: Broken) -> None:
    assert status(upstream) == 502
    assert len(broken.requests) == 1 + LIMITS.max_retries


@pytest.mark.parametrize("code", [400, 401, 404, 409, 422])
def test_a_refusal_is_not_tried_again(upstream: Upstream, broken: Broken, code: int) -> None:
    broken.script([b.error(code)])
    status(upstream)

    assert len(broken.requests) == 1


def test_no_try_begins_after_the_total_time(upstream: Upstream, broken: Broken) -> None:
    broken.script([b.error(503, headers={"Retry-After": "7"})])

    assert status(upstream) == 503
    assert len(broken.requests) == 1


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_refused_connection_is_tried_again(method: str) -> None:
    with refusing() as origin:
        upstream = Upstream(origin, {}, limits=LIMITS)
        with pytest.raises(UpstreamError) as failure:
            upstream.send(method, "/containers", data=b"whole")

    assert (failure.value.status, failure.value.processed) == (502, False)
    assert failure.value.retried


def test_a_connection_that_takes_for_ever_ends() -> None:
    with unresponsive() as origin, pytest.raises(UpstreamError) as failure:
        Upstream(origin, {}, limits=LIMITS).send("POST", "/containers")

    assert (failure.value.status, failure.value.processed) == (504, False)


def test_a_name_that_does_not_exist_is_a_failure() -> None:
    with pytest.raises(UpstreamError) as failure:
        Upstream("http://nowhere.invalid", {}, limits=LIMITS).send("POST", "/containers")

    assert (failure.value.status, failure.value.processed) == (502, False)
    assert "nowhere" not in failure.value.message


def test_calls_one_after_the_other_share_a_connection(upstream: Upstream, broken: Broken) -> None:
    broken.script([b.answer(), b.error(400), b.error(404), b.empty(204)] * 5)
    for _ in range(20):
        status(upstream)

    assert (len(broken.requests), broken.connections) == (20, 1)


@pytest.mark.parametrize("by_reset", [False, True])
def test_a_connection_that_closed_while_idle_is_no_failure(
    upstream: Upstream, broken: Broken, *, by_reset: bool
) -> None:
    broken.script([b.then_close(by_reset=by_reset)], otherwise=b.answer())
    status(upstream)
    wait_until(lambda: broken.open_connections == 0)

    assert status(upstream, "POST") == 200
    assert (len(broken.requests), broken.connections) == (2, 2)


def test_what_follows_an_answer_that_was_too_long_is_not_taken_for_the_next(
    upstream: Upstream, broken: Broken
) -> None:
    broken.script([b.too_short(), b.answer(b'{"a": 1}')])
    status(upstream)

    assert upstream.send("GET", "/containers").json() == {"a": 1}


def test_the_circuit_opens_and_closes_again(
    upstream: Upstream, broken: Broken, clock: Clock
) -> None:
    upstream.circuit = Circuit(clock=clock)
    told = [status(upstream, "POST") for _ in range(FAILURES + 3)]
    clock.advance(OPEN_S)
    broken.script([], otherwise=b.answer())

    assert told == [502] * FAILURES + [503] * 3
    assert len(broken.requests) == FAILURES
    assert [status(upstream, "POST") for _ in range(3)] == [200] * 3


def test_an_open_circuit_tells_when_to_come_back(upstream: Upstream, clock: Clock) -> None:
    upstream.circuit = Circuit(clock=clock)
    for _ in range(FAILURES):
        status(upstream, "POST")
    with pytest.raises(UpstreamError) as failure:
        upstream.send("GET", "/containers")

    assert (failure.value.status, failure.value.headers) == (503, {"Retry-After": str(OPEN_S)})


def test_a_probe_that_fails_opens_the_circuit_again(
    upstream: Upstream, broken: Broken, clock: Clock
) -> None:
    upstream.circuit = Circuit(clock=clock)
    for _ in range(FAILURES):
        status(upstream, "POST")
    clock.advance(OPEN_S)

    assert [status(upstream, "POST") for _ in range(3)] == [502, 503, 503]
    assert len(broken.requests) == FAILURES + 1


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422, 429])
def test_refusals_do_not_open_the_circuit(upstream: Upstream, broken: Broken, code: int) -> None:
    broken.script([], otherwise=b.error(code))
    for _ in range(FAILURES + 1):
        status(upstream, "POST")

    assert len(broken.requests) == FAILURES + 1


def test_bodies_that_stall_open_the_circuit(broken: Broken) -> None:
    upstream = Upstream(broken.base_url, {}, limits=replace(LIMITS, idle_timeout_s=0.1))
    broken.script([], otherwise=b.stall(after=1))
    told = [status(upstream) for _ in range(FAILURES + 1)]
    upstream.close()

    assert told == [504] * FAILURES + [503]
    assert len(broken.requests) == FAILURES


def test_clients_that_are_slow_do_not_open_the_circuit(broken: Broken) -> None:
    def slowly() -> Iterator[bytes]:
        yield b"begun"
        Event().wait(0.15)
        yield b"late"

    upstream = Upstream(broken.base_url, {}, limits=replace(LIMITS, total_timeout_s=0.1))
    for _ in range(FAILURES):
        with pytest.raises(UpstreamTimeout):
            upstream.send("POST", "/containers", data=slowly())
    broken.script([b.answer()])

    assert status(upstream) == 200
    upstream.close()


def test_readers_that_are_slow_do_not_open_the_circuit(broken: Broken) -> None:
    upstream = Upstream(broken.base_url, {}, limits=replace(LIMITS, total_timeout_s=0.1))
    broken.script([], otherwise=b.answer(bytes(300_000)))
    for _ in range(FAILURES):
        chunks = upstream.send("GET", "/content").chunks()
        assert next(chunks)
        Event().wait(0.12)
        with pytest.raises(UpstreamTimeout):
            next(chunks)

    assert upstream.circuit.wait_s == 0
    upstream.close()


def test_new_containers_go_elsewhere_while_a_deployment_is_left_alone(settings: Settings) -> None:
    with Strict(KEY) as strict, Broken() as broken:
        deployments = tuple(
            Deployment.model_validate({"name": name, "api_key": KEY, "base_url": url})
            for name, url in (("broken", broken.base_url), ("good", strict.base_url))
        )
        config = ProviderConfig(deployments=deployments, network=Network(max_retries=0))
        with TestClient(create_app(settings, {"openai": config})) as client:
            body = {"provider": "openai", "name": "n"}
            headers = {"x-berth-deployment": "broken"}
            for _ in range(FAILURES):
                client.post("/v1/containers", json=body, headers=headers)
            asked = len(broken.requests)
            refused = client.post("/v1/containers", json=body, headers=headers)
            made = [create(client, provider="openai") for _ in range(10)]

            assert {m["extra_fields"]["model_deployment"] for m in made} == {"good"}
            assert (refused.status_code, len(broken.requests)) == (503, asked)
            assert 0 < int(refused.headers["Retry-After"]) <= OPEN_S
            assert ok(client.get(f"/v1/containers/{made[0]['id']}?provider=openai"))


def test_a_delete_whose_reply_was_lost_has_succeeded(settings: Settings) -> None:
    with Strict(KEY) as strict, Broken(strict) as broken:
        deployment = {"name": "main", "api_key": KEY, "base_url": broken.base_url}
        config = ProviderConfig(deployments=(Deployment.model_validate(deployment),))
        with TestClient(create_app(settings, {"openai": config})) as client:
            wait_until(lambda: bool(broken.requests))  # the first look of the reconciler
            made = create(client, provider="openai")
            broken.script([b.lost_reply(strict)])
            answer = client.delete(f"/v1/containers/{made['id']}?provider=openai")

    assert (answer.status_code, strict.containers) == (200, {})


def test_a_create_whose_reply_was_lost_is_not_done_twice(settings: Settings) -> None:
    with Strict(KEY) as strict, Broken(strict) as broken:
        deployment = {"name": "main", "api_key": KEY, "base_url": broken.base_url}
        config = ProviderConfig(deployments=(Deployment.model_validate(deployment),))
        with TestClient(create_app(settings, {"openai": config})) as client:
            wait_until(lambda: bool(broken.requests))
            broken.script([b.lost_reply(strict, after=30, by_reset=True)])
            answer = client.post("/v1/containers", json={"provider": "openai", "name": "n"})

    assert (answer.status_code, len(strict.containers)) == (502, 1)
