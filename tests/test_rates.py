"""Keys and tenants send no more requests a minute than they may, and are told where they stand."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest
import requests
from click.testing import CliRunner
from httpx2 import Response
from starlette.testclient import TestClient

from catalog.limits import Limits
from gateway.app import create_app
from gateway.cli import main
from gateway.settings import Settings
from tests.calls import catalog_of, gateway_of
from tests.conftest import Clock
from tests.limits import Party
from tests.server import Server
from tests.world import OPERATIONS, World

LISTING = "/v1/containers?provider=ollama"
LIMITED = (429, "rate_limit_exceeded", "rate_limit_error")


def ask(party: Party, times: int = 1) -> list[int]:
    return [party.ask("get", LISTING).status_code for _ in range(times)]


def standing(answer: Response) -> tuple[str | None, ...]:
    names = ("limit", "remaining", "reset")
    return tuple(answer.headers.get(f"x-ratelimit-{name}-requests") for name in names)


def limit(client: TestClient, tenant: str, rate: int | None) -> None:
    gateway_of(client).tenants.limit(tenant, {"requests_per_minute": rate}, frozenset())


def test_a_key_sends_no_more_requests_than_it_may(client: TestClient) -> None:
    party = Party(client, requests_per_minute=3)
    passed, answer = ask(party, 3), party.ask("get", LISTING)
    error = answer.json()["error"]

    assert passed == [200, 200, 200]
    assert (answer.status_code, error["code"], error["type"]) == LIMITED
    assert error["message"].startswith("Rate limit reached: this key may send 3 requests a minute.")
    assert answer.json()["extra_fields"] == {"provider": "ollama", "request_type": "container_list"}
    assert answer.headers["Retry-After"] == "60"
    assert "x-should-retry" not in answer.headers


def test_a_request_passes_when_retry_after_is_over_and_not_before(
    client: TestClient, clock: Clock
) -> None:
    party = Party(client, requests_per_minute=2)
    ask(party)
    clock.advance(20.5)
    ask(party)
    wait = int(party.ask("get", LISTING).headers["Retry-After"])
    clock.advance(wait - 1)
    early = ask(party)
    clock.advance(1)

    assert (wait, early, ask(party, 2)) == (40, [429], [200, 429])


def test_no_minute_has_more_requests_than_the_limit(client: TestClient, clock: Clock) -> None:
    party, passed = Party(client, requests_per_minute=5), []
    for _ in range(60):
        clock.advance(3.7)
        passed += [clock.now for status in ask(party, 2) if status == 200]

    counts = [sum(end - 60 < at <= end for at in passed) for end in passed]
    assert max(counts) == 5
    assert len(passed) >= 15


def test_every_answer_tells_where_the_rate_stands(client: TestClient, clock: Clock) -> None:
    party = Party(client, requests_per_minute=3)
    first = party.ask("get", LISTING)
    clock.advance(15)
    missing = party.ask("get", "/v1/containers/cntr_none?provider=ollama")
    wrong = party.ask("get", "/v1/containers")
    over = party.ask("get", LISTING)

    assert (first.status_code, standing(first)) == (200, ("3", "2", "1m0s"))
    assert (missing.status_code, standing(missing)) == (404, ("3", "1", "45s"))
    assert (wrong.status_code, standing(wrong)) == (400, ("3", "0", "45s"))
    assert (over.status_code, standing(over)) == (429, ("3", "0", "45s"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One application for all operations."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("world"), validate_responses=True)
    clock = Clock()
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as client:
        yield World(client, clock)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_counts(world: World, path: str, method: str) -> None:
    _, secret = world.ring.create("mine", "admin", limits=Limits(requests_per_minute=1))

    first, second = world.call(path, method, secret), world.call(path, method, secret)
    assert (first.status_code == 429, standing(first)) == (False, ("1", "0", "1m0s"))
    assert (second.status_code, second.json()["error"]["code"]) == LIMITED[:2]


def test_who_has_no_rate_is_told_of_none(client: TestClient) -> None:
    answer = Party(client).ask("get", LISTING)

    assert standing(answer) == (None, None, None)


def test_a_tenants_rate_holds_over_all_its_keys(client: TestClient) -> None:
    limit(client, "research", 3)
    one, other = Party(client), Party(client)

    assert ask(one, 2) + ask(other, 2) + ask(one) == [200, 200, 200, 429, 429]
    assert ask(Party(client, "sales")) == [200]


def test_the_stricter_rate_holds_and_a_refusal_counts_for_none(client: TestClient) -> None:
    limit(client, "research", 5)
    strict, other = Party(client, requests_per_minute=2), Party(client)
    told = standing(strict.ask("get", LISTING))

    assert told == ("2", "1", "1m0s")
    assert ask(strict, 5) == [200, 429, 429, 429, 429]
    assert ask(other, 4) == [200, 200, 200, 429]


def test_an_admins_requests_for_a_tenant_count_for_its_own(client: TestClient) -> None:
    limit(client, "research", 1)
    secret = gateway_of(client).keys.create("platform", "admin")[1]
    headers = {"Authorization": f"Bearer {secret}", "x-berth-tenant": "research"}

    assert [client.get(LISTING, headers=headers).status_code for _ in range(3)] == [200] * 3


def test_a_replaced_key_has_no_new_minute(client: TestClient) -> None:
    party = Party(client, requests_per_minute=2)
    before = ask(party, 2)
    rotated = gateway_of(client).keys.rotate(party.key.id, grace_s=60)
    assert rotated is not None
    party.secret = rotated[1]

    assert before + ask(party) == [200, 200, 429]


def test_a_changed_rate_goes_on_with_what_was_counted(client: TestClient) -> None:
    party, statuses = Party(client), []
    for rate in (2, 3, 1, None):
        limit(client, "research", rate)
        statuses.append(ask(party, 2))

    assert statuses == [[200, 200], [200, 429], [429, 429], [200, 200]]


def test_without_keys_the_default_tenant_has_a_rate(settings: Settings, clock: Clock) -> None:
    limited = settings.model_copy(update={"tenant_requests_per_minute": 1})
    with TestClient(create_app(limited, clock=clock)) as client:
        asked = [client.get(path).status_code for path in (LISTING, LISTING, "/health", "/ready")]

    assert asked == [200, 429, 200, 200]


def test_old_hits_are_forgotten(settings: Settings, clock: Clock) -> None:
    with TestClient(create_app(settings, clock=clock)) as client:
        ask(Party(client, requests_per_minute=2))
    CliRunner().invoke(main, ["sweep"], env={"BERTH_DATA_DIR": str(settings.data_dir)})

    with catalog_of(settings.data_dir) as catalog:
        assert catalog.execute("SELECT count(*) FROM hits").fetchone() == (0,)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two processes, whose tenants send 20 requests a minute."""
    data_dir = tmp_path_factory.mktemp("rates") / "data"
    settings = {"WEB_CONCURRENCY": "2", "BERTH_TENANT_REQUESTS_PER_MINUTE": "20"}
    key_of(data_dir, "none")
    with Server(data_dir, **settings) as server:
        yield server


def key_of(data_dir: Path, tenant: str, *options: str) -> str:
    arguments = ["keys", "create", "--tenant", tenant, "--quiet", *options]
    environ = {"BERTH_DATA_DIR": str(data_dir)}
    return CliRunner().invoke(main, arguments, env=environ).stdout.strip()


def test_processes_count_together(served: Server) -> None:
    secrets = [key_of(served.data_dir, "many") for _ in range(2)]

    def status(number: int) -> int:
        headers = {"Authorization": f"Bearer {secrets[number % 2]}", "Connection": "close"}
        return requests.get(served.url + LISTING, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(status, range(60)))
    assert statuses == [200] * 20 + [429] * 40


def test_openais_sdk_waits_and_tries_again(served: Server) -> None:
    secret = key_of(served.data_dir, "sdk", "--requests-per-minute", "1")
    client = openai.OpenAI(api_key=secret, base_url=f"{served.url}/openai/v1")
    client.containers.list()
    with pytest.raises(openai.RateLimitError) as limited:
        client.with_options(max_retries=0).containers.list()
    with catalog_of(served.data_dir) as catalog:  # the first request was 59 seconds ago
        catalog.execute("UPDATE hits SET at = at - 59 WHERE key LIKE 'key:%'")

    assert limited.value.code == "rate_limit_exceeded"
    assert client.containers.list().data == []
