"""Containers are bound to the deployment that they were created at."""

import random
from collections import Counter

import pytest
from starlette.testclient import TestClient

from gateway.config import ProviderConfig
from providers.circuit import FAILURES
from tests.calls import Json, create, gateway_of, ids, ok, upload
from tests.native.configs import BOXES, EU_KEY, deployment, native
from tests.native.conftest import NativeApp
from tests.upstreams.strict import Strict

SEED = 20261122


def test_200_mixed_operations_never_ask_the_wrong_deployment(
    both: TestClient, strict: Strict, eu: Strict
) -> None:
    chance = random.Random(SEED)
    files = [new_file(both) for _ in range(10)]
    statuses = Counter(perform(both, chance, files) for _ in range(180))
    asked = {server: {r.container_id for r in server.requests} - {None} for server in (strict, eu)}

    assert statuses == {200: 180}
    assert len(strict.requests) + len(eu.requests) >= 200
    assert asked[strict]
    assert asked[eu]
    assert not asked[strict] & asked[eu]
    assert {r.status for server in (strict, eu) for r in server.requests} == {200}


def test_new_containers_go_to_deployments_by_weight(both: TestClient) -> None:
    random.seed(SEED)
    openai = gateway_of(both).registry.native["openai"]
    picked = Counter(openai.pick_deployment(None) for _ in range(4000))

    assert picked.keys() == {"main", "eu"}
    assert 2900 <= picked["main"] <= 3100


@pytest.mark.parametrize("header", ["x-berth-deployment", "x-bf-api-key"])
def test_a_header_names_the_deployment(
    both: TestClient, strict: Strict, eu: Strict, header: str
) -> None:
    made = [both.post(BOXES, json={"name": "n"}, headers={header: "eu"}).json() for _ in range(5)]

    assert [m["extra_fields"]["model_deployment"] for m in made] == ["eu"] * 5
    assert (len(strict.containers), len(eu.containers)) == (0, 5)


def test_a_deployment_that_does_not_exist_is_refused(
    both: TestClient, strict: Strict, eu: Strict
) -> None:
    answer = both.post(BOXES, json={"name": "n"}, headers={"x-berth-deployment": "moon"})
    error = answer.json()["error"]

    assert (answer.status_code, error["code"]) == (400, "unknown_deployment")
    assert error["param"] == "x-berth-deployment"
    assert (strict.requests, eu.requests) == ([], [])


def test_lists_have_the_containers_of_all_deployments_in_one_order(both: TestClient) -> None:
    headers = [{"x-berth-deployment": name} for name in ("main", "eu") * 3]
    made = [both.post(BOXES, json={"name": "n"}, headers=h).json()["id"] for h in headers]
    first = ok(both.get(BOXES, params={"limit": "4", "order": "asc"}))
    rest = ok(both.get(BOXES, params={"order": "asc", "after": first["last_id"]}))

    assert ids(first) + ids(rest) == made
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_a_container_whose_deployment_is_gone_from_the_configuration_cannot_be_reached(
    native_app: NativeApp, strict: Strict, eu: Strict
) -> None:
    main, other = deployment(strict.base_url), deployment(eu.base_url, "eu", EU_KEY)
    made = create(native_app({"openai": native(other)}), provider="openai")
    client = native_app({"openai": native(main)})
    answers = [client.get(f"{BOXES}/{made['id']}"), client.delete(f"{BOXES}/{made['id']}")]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert "not configured any more" in answers[0].json()["error"]["message"]
    assert ids(ok(client.get(BOXES))) == [made["id"]]
    assert strict.requests == []


def test_containers_stay_where_they_are_when_their_provider_becomes_hosted(
    native_app: NativeApp, strict: Strict
) -> None:
    main = deployment(strict.base_url)
    made = create(native_app({"openai": native(main)}), provider="openai")
    client = native_app({"openai": native(main, backend="hosted")})
    new = create(client, provider="openai")
    file = upload(client, made["id"])

    assert (new["extra_fields"]["backend"], file["extra_fields"]["backend"]) == ("hosted", "native")
    assert list(strict.containers) == [made["id"]]
    assert list(strict.files) == [file["id"]]


def test_containers_stay_where_they_are_when_their_provider_becomes_native(
    native_app: NativeApp, strict: Strict
) -> None:
    made = create(native_app({}), provider="openai")
    client = native_app({"openai": native(deployment(strict.base_url))})
    file = upload(client, made["id"])

    assert file["extra_fields"]["backend"] == "hosted"
    assert gateway_of(client).reconciler.reconcile()[0].changed is False
    assert {r.operation for r in strict.requests} == {"ListContainers"}


def test_a_provider_that_is_off_refuses_everything(native_app: NativeApp, strict: Strict) -> None:
    main = deployment(strict.base_url)
    made = create(native_app({"openai": native(main)}), provider="openai")
    client = native_app({"openai": native(main, backend="off")})
    strict.requests.clear()
    answers = [
        client.post(BOXES, json={"name": "n"}),
        client.get(BOXES),
        client.get(f"{BOXES}/{made['id']}"),
        client.delete(f"{BOXES}/{made['id']}"),
        client.get(f"{BOXES}/{made['id']}/files"),
    ]

    assert [a.json()["error"]["code"] for a in answers] == ["provider_off"] * 5
    assert strict.requests == []


def test_the_deployment_with_weight_0_is_only_used_when_asked_for(
    native_app: NativeApp, strict: Strict, eu: Strict
) -> None:
    spare = deployment(eu.base_url, "eu", EU_KEY, weight=0)
    client = native_app({"openai": native(deployment(strict.base_url), spare)})
    for _ in range(20):
        create(client, provider="openai")

    assert (len(strict.containers), len(eu.containers)) == (20, 0)


def test_the_deployment_with_weight_0_does_not_stand_in_for_one_that_fails(
    native_app: NativeApp, strict: Strict, eu: Strict
) -> None:
    spare = deployment(eu.base_url, "eu", EU_KEY, weight=0)
    client = native_app({"openai": native(deployment(strict.base_url), spare)})
    main = gateway_of(client).registry.native["openai"]._accounts["main"]  # noqa: SLF001
    for _ in range(FAILURES):
        main.upstream.circuit.fail()
    answer = client.post(BOXES, json={"name": "n"})

    assert (answer.status_code, len(eu.containers)) == (503, 0)


def test_without_a_weight_a_deployment_must_be_named(native_app: NativeApp, strict: Strict) -> None:
    client = native_app({"openai": native(deployment(strict.base_url, weight=0))})
    refused = client.post(BOXES, json={"name": "n"})
    named = client.post(BOXES, json={"name": "n"}, headers={"x-berth-deployment": "main"})

    assert (refused.status_code, named.status_code) == (400, 200)
    assert refused.json()["error"]["param"] == "x-berth-deployment"


def test_the_providers_show_what_serves_them(native_app: NativeApp, strict: Strict) -> None:
    azure = native(deployment(strict.base_url, "eastus"))
    off = ProviderConfig(backend="off")
    client = native_app(
        {"openai": native(deployment(strict.base_url)), "azure": azure, "cohere": off}
    )
    shown = {p["provider"]: p for p in client.get("/v1/providers").json()["data"]}

    assert [shown[n]["backend"] for n in ("openai", "azure", "cohere", "ollama")] == [
        "native",
        "native",
        "off",
        "hosted",
    ]
    assert [shown[n]["deployments"] for n in ("openai", "azure", "cohere", "ollama")] == [
        ["main"],
        ["eastus"],
        [],
        [],
    ]
    assert shown["azure"]["refuses"] == ["network_policy.domain_secrets"]
    assert shown["openai"]["refuses"] == []


def new_file(client: TestClient) -> Json:
    """Return a file in a new container."""
    return upload(client, create(client, provider="openai")["id"])


def perform(client: TestClient, chance: random.Random, files: list[Json]) -> int:
    """Perform any operation on the container of any file, and return its status."""
    file = chance.choice(files)
    box = f"{BOXES}/{file['container_id']}"
    match chance.randrange(7):
        case 0:
            answer = client.post(f"{box}/files", files={"file": ("b.txt", b"more")})
        case 1:
            answer = client.get(box)
        case 2:
            answer = client.get(f"{box}/files")
        case 3:
            answer = client.get(f"{box}/files/{file['id']}")
        case 4:
            answer = client.get(f"{box}/files/{file['id']}/content")
        case 5:
            answer = client.delete(f"{box}/files/{file['id']}")
            files[files.index(file)] = upload(client, file["container_id"])
        case _:
            answer = client.delete(box)
            files[files.index(file)] = new_file(client)
    return answer.status_code
