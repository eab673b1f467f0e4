"""What Berth and a provider do not agree on is found, and mended, by reconciling."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from starlette.testclient import TestClient

from catalog import intents
from catalog.intents import Intent
from gateway.reconciler import Findings
from gateway.settings import Settings
from gateway.state import open_database
from tests.calls import create, gateway_of, ids, ok, upload
from tests.conftest import Clock
from tests.native.configs import BOXES, deployment, native
from tests.native.conftest import NativeApp
from tests.upstreams.behaviours import Behaviour, lost_reply, relay
from tests.upstreams.broken import Broken
from tests.upstreams.call import Call
from tests.upstreams.strict import Strict

MARK = "0123456789abcdef"
SPEC = {"name": "lost", "metadata": {"team": "finance"}}


@pytest.fixture
def broken(strict: Strict) -> Iterator[Broken]:
    """What stands between Berth and `strict`."""
    with Broken(strict) as broken:
        yield broken


@pytest.fixture
def flaky(native_app: NativeApp, broken: Broken) -> TestClient:
    """A client of an application behind which `broken` stands."""
    network = {"total_timeout_s": 2, "idle_timeout_s": 1}
    return native_app({"openai": native(deployment(broken.base_url), network=network)})


def reconcile(client: TestClient) -> Findings:
    """Reconcile the one deployment there is."""
    [findings] = gateway_of(client).reconciler.reconcile()
    assert findings.error is None
    return findings


def intend(settings: Settings, created_at: float, *, failed: bool = False) -> None:
    """Leave behind what a process does that dies while it creates a container."""
    database = open_database(settings)
    with database.write() as tx:
        intents.insert(
            tx, Intent(MARK, "default", "openai", "main", SPEC, created_at, failed=failed)
        )
    database.close()


def intents_in(settings: Settings) -> int:
    database = open_database(settings)
    with database.read() as tx:
        left = len(intents.select_intents(tx, "openai", "main"))
    database.close()
    return left


@pytest.mark.parametrize("after", [0, 100])
def test_a_container_whose_client_was_told_of_a_failure_is_deleted(
    flaky: TestClient, broken: Broken, strict: Strict, after: int
) -> None:
    broken.script([lost_reply(strict, after=after, by_reset=after == 0)])
    answer = flaky.post(BOXES, json={"name": "lost"})
    made = list(strict.containers)
    findings = reconcile(flaky)

    assert answer.status_code == 502
    assert len(made) == 1
    assert (findings.deleted, strict.containers) == (made, {})


def test_a_reply_that_comes_too_late_leaves_nothing_behind(
    flaky: TestClient, broken: Broken, strict: Strict
) -> None:
    never = Event()
    broken.script([holding(strict, Event(), never)])
    answer = flaky.post(BOXES, json={"name": "late"})
    never.set()
    reconcile(flaky)

    assert answer.status_code == 504
    assert strict.containers == {}


def test_a_deletion_whose_reply_was_lost_is_a_deletion(
    flaky: TestClient, broken: Broken, strict: Strict
) -> None:
    made = upload(flaky, create(flaky, provider="openai")["id"])
    box = f"{BOXES}/{made['container_id']}"
    statuses = []
    for url in (f"{box}/files/{made['id']}", box):
        broken.script([lost_reply(strict)])
        statuses.append(flaky.delete(url).status_code)

    assert statuses == [200, 200]
    assert (strict.files, strict.containers) == ({}, {})
    assert flaky.get(box).status_code == 404


def test_200_lost_replies_leave_no_duplicate_and_no_leak(
    flaky: TestClient, broken: Broken, strict: Strict, settings: Settings, clock: Clock
) -> None:
    statuses = []
    for _ in range(50):
        broken.script([lost_reply(strict, by_reset=True) for _ in range(4)] + [relay(strict)])
        statuses += [flaky.post(BOXES, json={"name": "n"}).status_code for _ in range(5)]
    creates = [r for r in strict.requests if r.operation == "CreateContainer"]
    kept = [c["id"] for c in pages(flaky)]
    reconcile(flaky)
    clock.advance(601)
    reconcile(flaky)

    assert (statuses.count(502), statuses.count(200)) == (200, 50)
    assert len(creates) == 250
    assert sorted(strict.containers) == sorted(kept)
    assert intents_in(settings) == 0


def test_a_container_that_a_dead_process_asked_for_is_adopted(
    native_client: TestClient, strict: Strict, settings: Settings, clock: Clock
) -> None:
    intend(settings, clock.now - 601)
    lost = strict.add_container(f"lost [berth:{MARK}]")
    findings = reconcile(native_client)
    found = ok(native_client.get(f"{BOXES}/{lost}"))

    assert findings.adopted == [lost]
    assert (found["name"], found["metadata"]) == ("lost", {"team": "finance"})
    assert ids(ok(native_client.get(BOXES))) == [lost]
    assert intents_in(settings) == 0


def test_a_container_that_is_just_being_created_is_left_alone(
    native_client: TestClient, strict: Strict, settings: Settings, clock: Clock
) -> None:
    intend(settings, clock.now - 1)
    strict.add_container(f"lost [berth:{MARK}]")

    assert not reconcile(native_client).changed
    assert intents_in(settings) == 1


def test_reconciling_while_a_create_is_answered_does_not_disturb_it(
    flaky: TestClient, broken: Broken, strict: Strict
) -> None:
    done, go_on = Event(), Event()
    broken.script([holding(strict, done, go_on)])
    with ThreadPoolExecutor(1) as pool:
        creating = pool.submit(create, flaky, provider="openai")
        assert done.wait(10)
        findings = reconcile(flaky)
        go_on.set()
        made = creating.result()

    assert not findings.changed
    assert list(strict.containers) == [made["id"]]
    assert not reconcile(flaky).changed


def test_a_container_that_berth_did_not_make_goes_to_the_tenant_of_its_deployment(
    native_app: NativeApp, strict: Strict
) -> None:
    client = native_app({"openai": native(deployment(strict.base_url, tenant="default"))})
    theirs = strict.add_container("theirs", memory_limit="4g")

    assert reconcile(client).adopted == [theirs]
    found = ok(client.get(f"{BOXES}/{theirs}"))
    assert (found["name"], found["memory_limit"], found["metadata"]) == ("theirs", "4g", {})


def test_a_container_that_nobody_owns_is_reported_and_left_alone(
    native_client: TestClient, strict: Strict
) -> None:
    theirs = strict.add_container("theirs")
    findings = [reconcile(native_client) for _ in "12"]

    assert [f.unowned for f in findings] == [[theirs], [theirs]]
    assert list(strict.containers) == [theirs]
    assert native_client.get(f"{BOXES}/{theirs}").status_code == 404
    assert {r.operation for r in strict.requests} == {"ListContainers"}


def holding(strict: Strict, done: Event, go_on: Event) -> Behaviour:
    """Do the work, and answer when told to."""
    inner = relay(strict)

    def act(call: Call) -> None:
        answers: list[bytes] = []
        send, call.send = call.send, answers.append  # type: ignore[method-assign, assignment]
        inner.act(call)
        done.set()
        go_on.wait(10)
        send(b"".join(answers))

    return Behaviour("holding", act)


def pages(client: TestClient) -> Iterator[dict[str, str]]:
    """Return all containers of the catalog."""
    after: dict[str, str] = {}
    while True:
        page = ok(client.get(BOXES, params={"limit": "100", **after}))
        yield from page["data"]
        if not page["has_more"]:
            return
        after = {"after": page["last_id"]}
