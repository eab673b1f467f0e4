"""Reconciling with providers whose lists lag behind, and in several processes at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from catalog import leases
from gateway.settings import Settings
from gateway.state import Gateway, open_database
from tests.calls import catalog_of, create, gateway_of, ok
from tests.conftest import Clock
from tests.native.configs import BOXES, deployment, native
from tests.native.conftest import NativeApp
from tests.native.test_reconcile import MARK, intend, intents_in, reconcile
from tests.upstreams.behaviours import answer, lost_reply
from tests.upstreams.broken import Broken
from tests.upstreams.strict import Strict


@pytest.fixture
def owning(native_app: NativeApp, strict: Strict) -> TestClient:
    """A client of an application that takes in every container of its account."""
    return native_app({"openai": native(deployment(strict.base_url, tenant="default"))})


def test_a_deleted_container_that_lists_still_show_is_not_adopted_again(
    owning: TestClient, strict: Strict
) -> None:
    strict.lingering = True
    made = create(owning, provider="openai")
    ok(owning.delete(f"{BOXES}/{made['id']}"))

    assert not reconcile(owning).changed
    assert owning.get(f"{BOXES}/{made['id']}").status_code == 404


def test_what_was_deleted_behind_a_list_is_not_adopted(owning: TestClient, strict: Strict) -> None:
    strict.lingering = True
    theirs = strict.add_container("theirs")
    strict._account.delete_container(theirs)  # noqa: SLF001

    assert reconcile(owning).adopted == []
    assert owning.get(f"{BOXES}/{theirs}").status_code == 404


def test_a_lost_container_that_was_deleted_is_not_adopted_when_its_intent_is_gone(
    owning: TestClient, strict: Strict, settings: Settings, clock: Clock
) -> None:
    strict.lingering = True
    intend(settings, clock.now - 601, failed=True)
    lost = strict.add_container(f"lost [berth:{MARK}]")
    findings = [reconcile(owning) for _ in "12"]

    assert findings[0].deleted == [lost]
    assert not findings[1].adopted
    assert owning.get(f"{BOXES}/{lost}").status_code == 404


@pytest.mark.parametrize("ending", ["404", "status", "400"])
def test_a_lost_container_that_ended_by_itself_does_not_stop_reconciling(
    native_client: TestClient, strict: Strict, settings: Settings, clock: Clock, ending: str
) -> None:
    strict.expired_as = ending  # type: ignore[assignment]
    intend(settings, clock.now - 601, failed=True)
    strict.expire(strict.add_container(f"lost [berth:{MARK}]"))
    reconcile(native_client)

    assert intents_in(settings) == 0


def test_a_container_that_a_list_does_not_show_yet_is_not_ended(
    native_app: NativeApp, strict: Strict
) -> None:
    with Broken(strict) as broken:
        client = native_app({"openai": native(deployment(broken.base_url))})
        made = create(client, provider="openai")
        empty = {"object": "list", "data": [], "has_more": False, "first_id": "", "last_id": ""}
        broken.script([answer(json.dumps(empty).encode())])
        findings = reconcile(client)

    assert not findings.changed
    assert list(strict.containers) == [made["id"]]


def test_reconciling_reads_all_pages(owning: TestClient, strict: Strict) -> None:
    made = [strict.add_container(f"n{i}") for i in range(250)]

    assert sorted(reconcile(owning).adopted) == sorted(made)


def test_a_deployment_that_another_process_reconciles_is_left_to_it(
    native_client: TestClient, strict: Strict, settings: Settings, clock: Clock
) -> None:
    database = open_database(settings)
    with database.write() as tx:
        leases.acquire(tx, "reconcile:openai:main", "other", until=clock.now + 9, now=clock.now)
    database.close()

    assert gateway_of(native_client).reconciler.reconcile() == []
    assert strict.requests == []
    clock.advance(10)
    assert len(gateway_of(native_client).reconciler.reconcile()) == 1


def test_two_processes_adopt_a_container_once(
    owning: TestClient, strict: Strict, settings: Settings, clock: Clock
) -> None:
    made = [strict.add_container(f"n{i}") for i in range(20)]
    one = gateway_of(owning)
    other = Gateway(settings, one.registry.configs, clock=clock)
    with ThreadPoolExecutor(2) as pool:
        rounds = list(pool.map(lambda g: g.reconciler.reconcile(), [one, other]))
    other.registry.close()
    other.close()

    found = [findings for findings_of_one in rounds for findings in findings_of_one]
    assert sorted(id_ for f in found for id_ in f.adopted) == sorted(made)
    assert {f.error for f in found} == {None}


def test_one_broken_deployment_does_not_keep_the_others_from_being_reconciled(
    native_app: NativeApp, strict: Strict
) -> None:
    with Broken() as broken:
        main = deployment(strict.base_url, tenant="default")
        worse = deployment(broken.base_url, "worse")
        client = native_app({"openai": native(worse, main, network={"max_retries": 0})})
        theirs = strict.add_container("theirs")
        first, second = gateway_of(client).reconciler.reconcile()

    assert (first.error, second.adopted) == ("The provider failed.", [theirs])


def test_what_a_client_confides_does_not_reach_the_catalog(
    native_app: NativeApp, strict: Strict, settings: Settings
) -> None:
    secret = {"domain": "example.com", "name": "TOKEN", "value": "sk-confided-7777"}
    policy = {"type": "allowlist", "allowed_domains": ["example.com"], "domain_secrets": [secret]}
    with Broken(strict) as broken:
        client = native_app({"openai": native(deployment(broken.base_url))})
        broken.script([lost_reply(strict)])
        answers = [client.post(BOXES, json={"name": "n", "network_policy": policy}) for _ in "12"]
    with catalog_of(settings.data_dir) as catalog:
        dump = "\n".join(catalog.iterdump())

    assert [a.status_code for a in answers] == [502, 200]
    assert [c.spec["network_policy"] for c in strict.containers.values()] == [policy, policy]
    assert "sk-confided" not in dump + "".join(a.text for a in answers)


def test_what_another_berth_is_just_creating_is_not_adopted(
    owning: TestClient, strict: Strict, clock: Clock
) -> None:
    theirs = strict.add_container("theirs [berth:fedcba9876543210]")
    early = reconcile(owning)
    clock.advance(601)

    assert not early.changed
    assert reconcile(owning).adopted == [theirs]
