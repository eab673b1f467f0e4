"""`berth.yaml`, and the variables that do without it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigError, ProviderConfig, base_url, load_providers
from providers import PROVIDERS
from tests.native.configs import write_config

CANARY = "sk-canary-51d4"
GOOD = {"name": "main", "api_key": CANARY}
VARIABLES = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start in a directory without a file, and without variables."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def load(tmp_path: Path, **providers: Any) -> Mapping[str, ProviderConfig]:
    return load_providers(write_config(tmp_path / "berth.yaml", providers))


def mistakes(tmp_path: Path, content: str) -> tuple[str, ...]:
    """Return what is said of a file, less its name; never a secret."""
    path = tmp_path / "other.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        load_providers(path)
    assert CANARY not in repr(refusal.value)
    lines: tuple[str, ...] = refusal.value.args
    return tuple(line.removeprefix(f"{path}: ") for line in lines)


def openai(**fields: Any) -> str:
    """Return a file in which one deployment differs from a good one."""
    return json.dumps({"providers": {"openai": {"deployments": [GOOD | fields]}}})


WRONG = {
    openai(weight=-1): "providers.openai.deployments.0.weight",
    openai(weight="heavy"): "providers.openai.deployments.0.weight",
    openai(weight=float("1e9")): "providers.openai.deployments.0.weight",
    openai(name="a b"): "providers.openai.deployments.0.name",
    openai(name=""): "providers.openai.deployments.0.name",
    openai(base_url="ftp://x"): "providers.openai.deployments.0.base_url",
    openai(base_url=f"https://user:{CANARY}@x"): "providers.openai.deployments.0.base_url",
    openai(base_url="https://x/?a=b"): "providers.openai.deployments.0.base_url",
    openai(endpoint="https://x"): "providers.openai.deployments.main",
    openai(api_key="env:NOBODY_SETS_THIS"): "providers.openai.deployments.0.api_key",
    openai(api_key=None): "providers.openai.deployments.main",
    openai(api_key=""): "providers.openai.deployments.0.api_key",
    openai(api_key="k"): "providers.openai.deployments.0.api_key",
    openai(api_key=f"{CANARY}\n"): "providers.openai.deployments.0.api_key",
    openai(api_key=None, entra_token=CANARY): "providers.openai.deployments.main",
    openai(apikey=CANARY): "providers.openai.deployments.0.apikey",
    openai(api_key={"value": CANARY}): "providers.openai.deployments.0.api_key",
    "providers: {openai: {deployments: []}, cohere: {backend: native}}": "providers.cohere",
    "providers: {openai: {backend: native}}": "providers.openai",
    "providers: {openai: {backend: cloud}}": "providers.openai.backend",
    "providers: {openai: {network: {max_retries: -1}}}": "providers.openai.network.max_retries",
    openai(api_key="“quoted”"): "providers.openai.deployments.0.api_key",
    openai(base_url="http://["): "providers.openai.deployments.0.base_url",
    openai(base_url="http://x:99999"): "providers.openai.deployments.0.base_url",
    openai(organization="a b"): "providers.openai.deployments.0.organization",
    openai(tenant="a b"): "providers.openai.deployments.0.tenant",
    "providers: {openai: {network: {proxy: nonsense}}}": "providers.openai.network.proxy",
    "providers: {openai: {network: {proxy: 'http://a:%0D@b'}}}": "providers.openai.network.proxy",
    "providers: {openai: {network: {proxy: 'http://a/b'}}}": "providers.openai.network.proxy",
    "providers: {openai: {network: {proxy: 'env:NOWHERE'}}}": "providers.openai.network.proxy",
    "providers: {openai: {network: {ca_bundle: /nowhere}}}": "providers.openai.network.ca_bundle",
    "providers: {moon: {backend: hosted}}": "providers.moon",
    openai().replace("openai", "azure"): "providers.azure.deployments.main",
    "providers: []": "providers",
    "provider: {}": "provider",
    "- a": "",
    f"a: [{CANARY}": "",
    f"api_key: {CANARY}: {CANARY}": "",
    "\0": "",
}


@pytest.mark.parametrize(("content", "place"), WRONG.items(), ids=range(len(WRONG)))
def test_a_mistake_is_said_in_a_line_that_names_its_place(
    tmp_path: Path, content: str, place: str
) -> None:
    lines = mistakes(tmp_path, content)

    assert len(lines) == 1
    assert lines[0].startswith(place), lines
    assert lines[0].endswith(".")


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    one = openai(weight=-1, base_url="x", surplus=CANARY, name="?")

    assert len(mistakes(tmp_path, one)) == 4


def test_a_file_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_providers(tmp_path / "nowhere.yaml")


def test_names_of_deployments_are_unique(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two deployments are named main"):
        load(tmp_path, openai={"deployments": [GOOD, GOOD]})


def test_a_secret_may_come_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    [made] = load(tmp_path, openai={"deployments": [GOOD | {"api_key": "env:MY_KEY"}]})[
        "openai"
    ].deployments

    assert made.api_key is not None
    assert made.api_key.get_secret_value() == CANARY
    assert CANARY not in repr(made) + str(made) + made.model_dump_json()


def test_what_is_not_said_has_defaults(tmp_path: Path) -> None:
    configs = load(tmp_path, openai={"deployments": [GOOD]}, cohere={"backend": "off"})
    made = configs["openai"].deployments[0]

    assert [configs[n].serves for n in ("openai", "azure", "cohere")] == ["native", "hosted", "off"]
    assert list(configs) == list(PROVIDERS)
    assert (made.weight, made.tenant, base_url("openai", made)) == (
        1,
        None,
        "https://api.openai.com/v1",
    )
    assert configs["openai"].network.model_dump() == {
        "connect_timeout_s": 5,
        "idle_timeout_s": 60,
        "total_timeout_s": 600,
        "max_retries": 2,
        "proxy": None,
        "ca_bundle": None,
    }


def test_off_need_not_be_quoted(tmp_path: Path) -> None:
    (tmp_path / "berth.yaml").write_text("providers: {cohere: {backend: off}}")

    assert load_providers(None)["cohere"].serves == "off"


@pytest.mark.parametrize("content", ["", "providers: {}", "# nothing", "{}"])
def test_an_empty_file_makes_all_providers_hosted(tmp_path: Path, content: str) -> None:
    (tmp_path / "berth.yaml").write_text(content)

    assert {config.serves for config in load_providers(None).values()} == {"hosted"}


def test_the_endpoint_of_azure_has_no_path(tmp_path: Path) -> None:
    eastus = {"name": "eastus", "endpoint": "https://my.example/", "entra_token": CANARY}
    [made] = load(tmp_path, azure={"deployments": [eastus]})["azure"].deployments

    assert base_url("azure", made) == "https://my.example/openai/v1"


def test_without_a_file_the_variables_make_a_deployment_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in zip(VARIABLES, [CANARY, "http://a/v1", CANARY, "http://b"], strict=True):
        monkeypatch.setenv(name, value)
    configs = load_providers(None)
    urls = [base_url(n, configs[n].deployments[0]) for n in ("openai", "azure")]

    assert urls == ["http://a/v1", "http://b/openai/v1"]
    assert [configs[n].deployments[0].name for n in ("openai", "azure")] == ["default"] * 2


def test_with_a_file_the_variables_count_only_where_it_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)

    assert load(tmp_path)["openai"].serves == "hosted"


def test_all_mistakes_of_the_variables_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [f"{CANARY} ", "nonsense", "k", f"https://user:{CANARY}@x"]
    for name, value in zip(VARIABLES, wrong, strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refusal:
        load_providers(None)

    assert [line.split(":")[0] for line in refusal.value.args] == VARIABLES
    assert CANARY not in repr(refusal.value)
