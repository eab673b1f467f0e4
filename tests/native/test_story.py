"""The whole story, told by the SDK of OpenAI, to a provider that takes nothing else."""

import hashlib
from collections.abc import Iterator

import pytest
import requests
from openai import NotFoundError, OpenAI

from tests.native.configs import KEY, write_config
from tests.server import Server
from tests.upstreams.strict import Strict

AZURE_KEY = "azure-key-4444"
ENTRA = "entra-token-4545"
DATA = bytes(range(256)) * 8192
NAMES = ["报告 final.csv", 'say "hi" twice.txt', "two  spaces.txt", "100% sure.txt", "é%0A.txt"]
SECRET = {"domain": "example.com", "name": "TOKEN", "value": "sk-confided-7777"}
ALLOWLIST = {
    "type": "allowlist",
    "allowed_domains": ["example.com"],
    "domain_secrets": [SECRET],
}


@pytest.fixture(scope="module")
def strict_openai() -> Iterator[Strict]:
    with Strict(KEY) as server:
        yield server


@pytest.fixture(scope="module")
def strict_azure() -> Iterator[Strict]:
    with Strict(AZURE_KEY, ENTRA, mode="azure") as server:
        yield server


@pytest.fixture(scope="module")
def berth(
    tmp_path_factory: pytest.TempPathFactory, strict_openai: Strict, strict_azure: Strict
) -> Iterator[Server]:
    """A server whose providers `openai` and `azure` are native."""
    home = tmp_path_factory.mktemp("native")
    main = {"name": "main", "api_key": "env:OPENAI_KEY", "base_url": strict_openai.base_url}
    key = {"name": "key", "api_key": "env:AZURE_KEY", "endpoint": strict_azure.origin}
    entra = {"name": "entra", "entra_token": "env:ENTRA", "endpoint": strict_azure.origin}
    config = write_config(
        home / "berth.yaml",
        {"openai": {"deployments": [main]}, "azure": {"deployments": [key, entra]}},
    )
    keys = {"OPENAI_KEY": KEY, "AZURE_KEY": AZURE_KEY, "ENTRA": ENTRA}
    with Server(home / "data", BERTH_CONFIG=str(config), **keys) as server:
        yield server


@pytest.fixture
def strict(strict_openai: Strict) -> Iterator[Strict]:
    strict_openai.requests.clear()
    yield strict_openai
    assert strict_openai.violations == []


@pytest.fixture
def azure(strict_azure: Strict) -> Iterator[Strict]:
    strict_azure.requests.clear()
    yield strict_azure
    assert strict_azure.violations == []


@pytest.fixture
def sdk(berth: Server, strict: Strict) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{berth.url}/openai/v1", api_key="sk-any", max_retries=0) as client:
        yield client


@pytest.fixture
def given(sdk: OpenAI) -> str:
    """The id of an uploaded file."""
    return sdk.files.create(file=("given.txt", b"given"), purpose="user_data").id


def test_a_container_is_created_with_every_field(sdk: OpenAI, strict: Strict, given: str) -> None:
    made = sdk.containers.create(
        name="Quarterly 报告",
        expires_after={"anchor": "last_active_at", "minutes": 5},
        file_ids=[given],
        memory_limit="4g",
        network_policy=ALLOWLIST,  # type: ignore[arg-type]
        skills=[{"type": "skill_reference", "skill_id": "skill_1"}],
        extra_body={"metadata": {"team": "finance"}},
    )
    sent = dict(strict.requests[-1].json or {})

    assert sent.pop("name").startswith("Quarterly 报告 [berth:")
    assert sent == {
        "expires_after": {"anchor": "last_active_at", "minutes": 5},
        "file_ids": [given],
        "memory_limit": "4g",
        "network_policy": ALLOWLIST,
        "skills": [{"type": "skill_reference", "skill_id": "skill_1"}],
    }
    assert (made.name, made.memory_limit, made.status) == ("Quarterly 报告", "4g", "running")
    assert made.to_dict()["metadata"] == {"team": "finance"}
    assert "sk-confided" not in made.to_json()
    assert sdk.containers.retrieve(made.id).to_dict()["network_policy"] == {
        "type": "allowlist",
        "allowed_domains": ["example.com"],
    }
    assert [f.path.rsplit("-")[-1] for f in sdk.containers.files.list(made.id)] == ["given.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_reaches_the_provider_byte_for_byte(
    berth: Server, sdk: OpenAI, strict: Strict, name: str
) -> None:
    box = sdk.containers.create(name="box")
    made = sdk.containers.files.create(box.id, file=(name, DATA, "text/x-quarterly"))
    direct = direct_upload(strict, name)
    stored = strict.files[made.id]

    assert (stored.sent_name, stored.sent_type) == (direct, b"text/x-quarterly")
    assert (made.path, made.bytes) == (stored.path, len(DATA))


def test_the_last_part_of_a_path_is_the_name(sdk: OpenAI, strict: Strict) -> None:
    box = sdk.containers.create(name="box")
    made = sdk.containers.files.create(
        box.id, file=("a.csv", b"a"), extra_body={"file_path": "reports/2026/b.csv"}
    )

    assert strict.files[made.id].sent_name == b"b.csv"


@pytest.mark.parametrize("content", [b"", b"a", DATA], ids=["empty", "small", "large"])
def test_a_download_is_what_was_uploaded(sdk: OpenAI, content: bytes) -> None:
    box = sdk.containers.create(name="box")
    made = sdk.containers.files.create(box.id, file=content)
    found = sdk.containers.files.content.retrieve(made.id, container_id=box.id).content

    assert (made.bytes, made.source) == (len(content), "user")
    assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()


def test_an_upload_of_unknown_length_works(berth: Server, sdk: OpenAI, strict: Strict) -> None:
    box = sdk.containers.create(name="box")
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    parts = iter([head, DATA, DATA, b"\r\n--b--\r\n"])
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    url = f"{berth.url}/openai/v1/containers/{box.id}/files"
    made = requests.post(url, data=parts, headers=headers, timeout=20).json()

    assert strict.files[made["id"]].content == DATA + DATA


def test_a_file_of_the_files_api_is_copied(sdk: OpenAI, strict: Strict, given: str) -> None:
    box = sdk.containers.create(name="box")
    made = sdk.containers.files.create(box.id, file_id=given)

    assert strict.files[made.id].content == b"given"
    assert strict.requests[-1].json == {"file_id": given}


def test_lists_have_all_pages_in_order(sdk: OpenAI) -> None:
    boxes = [sdk.containers.create(name="paged").id for _ in range(5)]
    files = [sdk.containers.files.create(boxes[0], file=b"a").id for _ in range(5)]

    assert [b.id for b in sdk.containers.list(name="paged", limit=2)] == boxes[::-1]
    assert [f.id for f in sdk.containers.files.list(boxes[0], limit=2)] == files[::-1]
    assert [f.id for f in sdk.containers.files.list(boxes[0], limit=2, order="asc")] == files


def test_what_is_deleted_is_gone(sdk: OpenAI, strict: Strict) -> None:
    box = sdk.containers.create(name="gone")
    file = sdk.containers.files.create(box.id, file=b"a")
    sdk.containers.files.delete(file.id, container_id=box.id)
    with pytest.raises(NotFoundError):
        sdk.containers.files.retrieve(file.id, container_id=box.id)
    sdk.containers.delete(box.id)
    for lost in (sdk.containers.retrieve, sdk.containers.files.list, sdk.containers.delete):
        with pytest.raises(NotFoundError):
            lost(box.id)

    assert box.id not in strict.containers
    assert list(sdk.containers.list(name="gone")) == []


@pytest.mark.parametrize("deployment", ["key", "entra"])
def test_azure_is_served_with_a_key_or_a_token(sdk: OpenAI, azure: Strict, deployment: str) -> None:
    box = sdk.containers.create(
        name="azure",
        extra_body={"provider": "azure"},
        extra_headers={"x-berth-deployment": deployment},
    )
    made = sdk.containers.files.create(box.id, file=("报告.csv", DATA))
    found = sdk.containers.files.content.retrieve(made.id, container_id=box.id).content
    headers = [r.headers for r in azure.requests if r.operation != "ListContainers"]

    assert found == DATA
    assert {h.get("api-key") for h in headers} == {AZURE_KEY if deployment == "key" else None}
    bearer = f"Bearer {ENTRA}" if deployment == "entra" else None
    assert {h.get("authorization") for h in headers} == {bearer}


def test_azure_refuses_secrets_for_domains(berth: Server, azure: Strict) -> None:
    body = {"provider": "azure", "name": "n", "network_policy": ALLOWLIST}
    answer = requests.post(f"{berth.url}/v1/containers", json=body, timeout=20)
    error = answer.json()["error"]

    assert (answer.status_code, error["code"]) == (400, "unsupported_parameter")
    assert error["param"] == "network_policy.domain_secrets"
    assert "sk-confided" not in answer.text


def test_the_fields_that_errors_of_azure_lack_are_filled(berth: Server, azure: Strict) -> None:
    body = {
        "provider": "azure",
        "name": "n",
        "expires_after": {"anchor": "last_active_at", "minutes": 500},
    }
    answer = requests.post(f"{berth.url}/v1/containers", json=body, timeout=20)
    error = answer.json()["error"]

    assert answer.status_code == 400
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == "expires_after.minutes"


def direct_upload(strict: Strict, name: str) -> bytes | None:
    """Return a file's name as the SDK sends it to the provider itself."""
    with OpenAI(base_url=strict.base_url, api_key=KEY) as sdk:
        box = sdk.containers.create(name="direct")
        made = sdk.containers.files.create(box.id, file=(name, b"a"))
        sdk.containers.delete(box.id)
    return next(r.filename for r in reversed(strict.requests) if r.filename) if made else None
