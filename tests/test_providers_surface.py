"""Each of the 21 providers on both surfaces, and the rule for naming the provider."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from providers import PROVIDERS
from tests.calls import create, ids, upload
from tests.envelope import Json, refusal

OURS, OPENAIS, ALIAS = "/v1/containers", "/openai/v1/containers", "/openai/containers"
SURFACES = [OURS, OPENAIS, ALIAS]
DATA = bytes(range(256))
OPERATIONS = [
    ("GET", "", "container_retrieve"),
    ("DELETE", "", "container_delete"),
    ("GET", "/files", "container_file_list"),
    ("GET", "/files/{file_id}", "container_file_retrieve"),
    ("GET", "/files/{file_id}/content", "container_file_content"),
    ("DELETE", "/files/{file_id}", "container_file_delete"),
]
"""What takes the provider in the query and requires it on our surface."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of one application for the whole module."""
    data_dir = tmp_path_factory.mktemp("providers") / "data"
    app = create_app(Settings(data_dir=data_dir, validate_responses=True))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def box(shared: TestClient) -> Json:
    """A container of provider `ollama` with one file: their ids."""
    container = create(shared, provider="ollama")["id"]
    return {"container_id": container, "file_id": upload(shared, container)["id"]}


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_container_is_created_at_any_provider(
    shared: TestClient, provider: str, surface: str
) -> None:
    spec = {
        "provider": provider,
        "name": "Quarterly report",
        "expires_after": {"anchor": "last_active_at", "minutes": 123},
        "file_ids": [],
        "memory_limit": "4g",
        "metadata": {"team": "finance"},
    }
    answer = shared.post(surface, json=spec)

    assert answer.status_code == 200
    made = answer.json()
    assert {key: made[key] for key in spec if key in made} == {
        key: spec[key] for key in spec if key not in {"provider", "file_ids"}
    }
    assert (made["object"], made["status"]) == ("container", "running")
    assert made["extra_fields"]["provider"] == provider
    assert made["extra_fields"]["request_type"] == "container_create"
    assert made["extra_fields"]["backend"] == "hosted"


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_file_is_uploaded_and_downloaded_at_any_provider(
    shared: TestClient, provider: str, surface: str
) -> None:
    files = f"{surface}/{create(shared, provider=provider)['id']}/files"
    named = {"provider": provider}
    form = {"file_path": "reports/2026.csv"}
    answer = shared.post(files, params=named, files={"file": ("example", DATA)}, data=form)

    assert answer.status_code == 200
    made = answer.json()
    assert (made["path"], made["bytes"]) == ("/mnt/data/reports/2026.csv", len(DATA))
    assert made["extra_fields"]["provider"] == provider
    assert made["extra_fields"]["request_type"] == "container_file_create"
    assert shared.get(f"{files}/{made['id']}/content", params=named).content == DATA


def test_the_truth_table_says_that_all_are_hosted(shared: TestClient) -> None:
    table = shared.get("/v1/providers").json()["data"]

    assert [row["provider"] for row in table] == list(PROVIDERS)
    assert len(table) == 21
    assert {row["backend"] for row in table} == {"hosted"}


def test_a_create_on_our_surface_names_its_provider(shared: TestClient) -> None:
    error = refusal(shared.post(OURS, json={"name": "a"}), 400)

    assert (error["param"], error["code"]) == ("provider", "missing_required_parameter")


def test_a_list_on_our_surface_names_its_provider(shared: TestClient) -> None:
    error = refusal(shared.get(OURS), 400)

    assert (error["param"], error["code"]) == ("provider", "missing_required_parameter")


@pytest.mark.parametrize(("method", "path", "request_type"), OPERATIONS)
def test_our_surface_asks_for_the_provider(
    shared: TestClient, box: Json, method: str, path: str, request_type: str
) -> None:
    url = f"{OURS}/{box['container_id']}{path.format(**box)}"
    error = refusal(shared.request(method, url), 400)

    assert (error["param"], error["code"]) == ("provider", "missing_required_parameter")
    assert error["request_type"] == request_type


@pytest.mark.parametrize("surface", [OPENAIS, ALIAS])
@pytest.mark.parametrize(("method", "path", "request_type"), OPERATIONS)
def test_openais_surface_finds_the_provider_itself(
    shared: TestClient, box: Json, method: str, path: str, request_type: str, surface: str
) -> None:
    url = f"{surface}/{box['container_id']}{path.format(**box)}"
    answer = shared.request(method, url)

    assert answer.status_code == 200
    if request_type != "container_file_content":
        assert answer.json()["extra_fields"]["provider"] == "ollama"


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(("method", "path", "request_type"), OPERATIONS)
def test_another_provider_does_not_have_the_container(
    shared: TestClient, box: Json, method: str, path: str, request_type: str, surface: str
) -> None:
    url = f"{surface}/{box['container_id']}{path.format(**box)}"
    error = refusal(shared.request(method, url, params={"provider": "groq"}), 404)

    assert error["message"] == f"Container with id '{box['container_id']}' not found."
    assert (error["provider"], error["request_type"]) == ("groq", request_type)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(("method", "path", "request_type"), OPERATIONS)
def test_a_provider_that_nobody_knows_is_named(
    shared: TestClient, box: Json, method: str, path: str, request_type: str, surface: str
) -> None:
    url = f"{surface}/{box['container_id']}{path.format(**box)}"
    error = refusal(shared.request(method, url, params={"provider": "skynet"}), 400)

    assert (error["param"], error["code"]) == ("provider", "invalid_value")
    assert "'ollama'" in error["message"]
    assert error["provider"] is None


@pytest.mark.parametrize("surface", SURFACES)
def test_nothing_is_created_at_a_provider_that_nobody_knows(
    shared: TestClient, surface: str
) -> None:
    error = refusal(shared.post(surface, json={"name": "a", "provider": "skynet"}), 400)

    assert (error["param"], error["code"]) == ("provider", "invalid_value")


@pytest.mark.parametrize("surface", SURFACES)
def test_a_create_takes_the_provider_in_its_body_only(shared: TestClient, surface: str) -> None:
    body = {"name": "a", "provider": "ollama"}
    error = refusal(shared.post(surface, params={"provider": "ollama"}, json=body), 400)

    assert (error["param"], error["code"]) == ("provider", "unknown_parameter")


@pytest.mark.parametrize("surface", SURFACES)
def test_an_upload_goes_to_the_containers_own_provider(
    shared: TestClient, box: Json, surface: str
) -> None:
    url = f"{surface}/{box['container_id']}/files"
    made = shared.post(url, files={"file": ("b.txt", DATA)}).json()

    assert made["extra_fields"]["provider"] == "ollama"


@pytest.mark.parametrize("surface", SURFACES)
def test_an_upload_to_another_provider_finds_no_container(
    shared: TestClient, box: Json, surface: str
) -> None:
    url = f"{surface}/{box['container_id']}/files"
    files = {"file": ("b.txt", DATA)}
    error = refusal(shared.post(url, params={"provider": "groq"}, files=files), 404)

    assert (error["provider"], error["request_type"]) == ("groq", "container_file_create")


@pytest.mark.parametrize("surface", [OPENAIS, ALIAS])
def test_a_create_on_openais_surface_is_at_openai(shared: TestClient, surface: str) -> None:
    made = shared.post(surface, json={"name": "a"}).json()

    assert made["extra_fields"]["provider"] == "openai"


@pytest.mark.parametrize("surface", [OPENAIS, ALIAS])
def test_a_list_on_openais_surface_is_openais(shared: TestClient, surface: str) -> None:
    own, other = create(shared, provider="openai", name=surface), create(shared, name=surface)
    page = shared.get(surface, params={"name": surface}).json()

    assert ids(page) == [own["id"]]
    assert other["id"] not in ids(page)
    assert page["extra_fields"]["provider"] == "openai"


@pytest.mark.parametrize("surface", SURFACES)
def test_a_list_shows_one_providers_containers(shared: TestClient, surface: str) -> None:
    made = create(shared, provider="xai", name=surface)
    create(shared, provider="ollama", name=surface)
    page = shared.get(surface, params={"provider": "xai", "name": surface}).json()

    assert ids(page) == [made["id"]]


@pytest.mark.parametrize(("there", "here"), [(OURS, OPENAIS), (OPENAIS, OURS), (OURS, ALIAS)])
def test_what_one_surface_creates_the_other_finds(
    shared: TestClient, there: str, here: str
) -> None:
    made = shared.post(there, json={"name": "a", "provider": "vllm"}).json()
    found = shared.get(f"{here}/{made['id']}", params={"provider": "vllm"}).json()

    assert found["id"] == made["id"]
