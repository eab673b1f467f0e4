"""`berth.yaml`: which providers are native, and the deployments that serve them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from gateway.credentials import Proxy, Secret, has_host
from gateway.keys import TENANT
from providers import NATIVE, PROVIDERS

DEFAULT_PATH = Path("berth.yaml")
VARIABLES = {
    "openai": {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"},
    "azure": {"api_key": "AZURE_OPENAI_API_KEY", "endpoint": "AZURE_OPENAI_ENDPOINT"},
}
"""What makes one deployment of a provider when there is no file."""

Backend = Literal["native", "hosted", "off"]


class ConfigError(Exception):
    """The configuration is wrong; one argument for each thing that is."""


HeaderText = Annotated[str, Field(pattern=r"^[!-~]+$")]


def _url(value: str) -> str:
    if not has_host(value):
        raise ValueError("must be an http or https URL")
    parts = urlsplit(value)
    if parts.username or parts.query or parts.fragment:
        raise ValueError("must have no user, query or fragment")
    return value.rstrip("/")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Deployment(_Model):
    """One account of a native provider."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    api_key: Secret | None = None
    entra_token: Secret | None = None
    base_url: str | None = None
    endpoint: str | None = None
    weight: Annotated[float, Field(ge=0, le=1_000_000)] = 1
    organization: HeaderText | None = None
    project: HeaderText | None = None
    tenant: Annotated[str, Field(pattern=rf"^{TENANT}$")] | None = None

    @field_validator("base_url", "endpoint")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        return None if value is None else _url(value)


class Network(_Model):
    """How calls to a provider are made; times in seconds."""

    connect_timeout_s: Annotated[float, Field(gt=0, le=600)] = 5
    idle_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60
    total_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 600
    max_retries: Annotated[int, Field(ge=0, le=10)] = 2
    proxy: Proxy | None = None
    ca_bundle: FilePath | None = None


class ProviderConfig(_Model):
    """What serves one provider's containers."""

    backend: Annotated[Backend | None, BeforeValidator(lambda v: "off" if v is False else v)] = None
    deployments: tuple[Deployment, ...] = ()
    network: Network = Network()
    send_back_raw_request: bool = False
    send_back_raw_response: bool = False

    @property
    def serves(self) -> Backend:
        """The backend: native when a deployment is configured and nothing else is said."""
        return self.backend or ("native" if self.deployments else "hosted")


class _File(_Model):
    providers: dict[str, ProviderConfig] = {}

    @model_validator(mode="after")
    def _check(self) -> "_File":
        problems = [problem for name, p in self.providers.items() for problem in _wrong(name, p)]
        if problems:
            raise ValueError("\n".join(problems))
        return self


def load_providers(path: Path | None) -> dict[str, ProviderConfig]:
    """Return what serves each of the 21 providers, by the file or else by the environment.

    `path` of None means `berth.yaml` if there is one. Raises ConfigError.
    """
    if path is None and not DEFAULT_PATH.exists():
        return complete(_from_environment(os.environ))
    path = path or DEFAULT_PATH
    try:
        content = yaml.safe_load(path.read_text())
        given = _File.model_validate(content if content is not None else {}).providers
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}.") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: it is not YAML{_place(exc)}.") from exc
    except ValidationError as exc:
        raise ConfigError(*(line for e in exc.errors() for line in _lines(path, e))) from exc
    return complete(given)


def base_url(provider: str, deployment: Deployment) -> str:
    """Return where the deployment's API is."""
    if deployment.base_url is not None:
        return deployment.base_url
    if deployment.endpoint is not None:
        return f"{deployment.endpoint}/openai/v1"
    return NATIVE[provider]


def complete(given: Mapping[str, ProviderConfig]) -> dict[str, ProviderConfig]:
    """Return a configuration for each of the 21 providers."""
    return {name: given.get(name, ProviderConfig()) for name in PROVIDERS}


def _from_environment(environ: Mapping[str, str]) -> dict[str, ProviderConfig]:
    """Return one deployment for each provider whose usual variables are set. Raises ConfigError."""
    given: dict[str, ProviderConfig] = {}
    problems: list[str] = []
    for provider, variables in VARIABLES.items():
        fields = {field: environ[name] for field, name in variables.items() if environ.get(name)}
        if not {"api_key", "endpoint"} & variables.keys() <= fields.keys():
            continue
        try:
            deployment = Deployment.model_validate({"name": "default", **fields})
        except ValidationError as exc:
            problems += [f"{variables[str(e['loc'][0])]}: {_said(e)}." for e in exc.errors()]
        else:
            given[provider] = ProviderConfig(deployments=(deployment,))
    if problems:
        raise ConfigError(*problems)
    return given


def _wrong(name: str, provider: ProviderConfig) -> list[str]:
    where = f"providers.{name}"
    if name not in PROVIDERS:
        return [f"{where}: there is no such provider; there are {', '.join(PROVIDERS)}"]
    if provider.serves == "native" and name not in NATIVE:
        return [f"{where}: has no native containers here; only {', '.join(NATIVE)} have"]
    problems = []
    if provider.serves == "native" and not provider.deployments:
        problems.append(f"{where}: native needs at least one deployment")
    names = [deployment.name for deployment in provider.deployments]
    problems += [f"{where}: two deployments are named {n}" for n in {*names} if names.count(n) > 1]
    for deployment in provider.deployments:
        problems += _wrong_deployment(name, f"{where}.deployments.{deployment.name}", deployment)
    return problems


def _wrong_deployment(provider: str, where: str, deployment: Deployment) -> list[str]:
    problems = []
    if (deployment.api_key is None) == (deployment.entra_token is None):
        problems.append(f"{where}: give api_key or, for azure, entra_token")
    if provider != "azure" and (deployment.entra_token or deployment.endpoint):
        problems.append(f"{where}: endpoint and entra_token are for azure")
    if provider == "azure" and not (deployment.endpoint or deployment.base_url):
        problems.append(f"{where}: azure needs an endpoint")
    if deployment.endpoint and deployment.base_url:
        problems.append(f"{where}: give endpoint or base_url, not both")
    return problems


def _lines(path: Path, error: ErrorDetails) -> list[str]:
    """Return sentences for what pydantic found, without the value that was given."""
    place = ".".join(str(part) for part in error["loc"])
    return [f"{path}: {place + ': ' if place else ''}{line}." for line in _said(error).split("\n")]


def _said(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def _place(exc: Exception) -> str:
    mark = getattr(exc, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark is not None else ""
