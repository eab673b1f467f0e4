"""Settings from the environment, validated at start: all that is wrong in one message."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalog.limits import MAX_LIMIT, NAMES, Limits
from gateway.config import ConfigError, ProviderConfig, load_providers

PREFIX = "BERTH_"
LimitOrNone = Annotated[int | None, Field(ge=1, le=MAX_LIMIT)]
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+")


class SettingsError(Exception):
    """The environment does not describe a gateway that could run."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["Berth cannot start:", *(f"  - {p}" for p in problems)]))
        self.problems = problems


class Settings(BaseSettings):
    """What one gateway needs to know. Each field is read from `BERTH_<NAME>`, or from its alias."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True)

    allow_anonymous: bool = False
    host: Annotated[str, Field(validation_alias="HOST", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(validation_alias="PORT", ge=0, le=65535)] = 8080
    workers: Annotated[int, Field(validation_alias="WEB_CONCURRENCY", ge=1, le=256)] = 1
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] = 64
    allow_raw: bool = True
    config: Path | None = None
    data_dir: Path = Path("data")
    max_file_bytes: Annotated[int, Field(ge=1)] = 512 * 1024**2
    tenant_requests_per_minute: LimitOrNone = None
    tenant_max_containers: LimitOrNone = None
    tenant_max_bytes: LimitOrNone = None
    tenant_max_file_bytes: LimitOrNone = None
    max_json_bytes: Annotated[int, Field(ge=1024)] = 1024**2
    max_expires_minutes: Annotated[int, Field(ge=1, le=5_256_000)] = 43_200
    expired_retention_hours: Annotated[float, Field(ge=0, le=87_600)] = 168
    audit_retention_days: Annotated[float, Field(ge=0, le=36_500)] = 90
    orphan_grace_s: Annotated[float, Field(ge=0)] = 3600
    sweep_interval_s: Annotated[float, Field(gt=0, le=30)] = 10
    idle_timeout_s: Annotated[float, Field(gt=0)] = 60
    head_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 20
    cors_origins: str = ""
    shutdown_timeout_s: Annotated[int, Field(ge=1)] = 30
    validate_responses: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("data_dir", mode="before")
    @classmethod
    def _refuse_nowhere(cls, directory: object) -> object:
        if directory == "":
            raise ValueError("It is empty")
        return directory

    @field_validator("cors_origins")
    @classmethod
    def _refuse_vague_origins(cls, origins: str) -> str:
        if not all(_ORIGIN.fullmatch(o.strip()) for o in origins.split(",") if origins):
            raise ValueError("Give origins such as https://app.example.org, without a path")
        return origins

    @property
    def tenant_limits(self) -> Limits:
        """What every tenant may cost that has no limits of its own."""
        return Limits(**{name: getattr(self, f"tenant_{name}") for name in NAMES})

    @property
    def exposed(self) -> bool:
        """Tell whether others than this machine's processes may reach the gateway."""
        return not _is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where the gateway listens, as `host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def load() -> tuple[Settings, dict[str, ProviderConfig]]:
    """Return the settings and what serves each provider.

    Raises SettingsError with one line for each thing that is wrong.
    """
    problems = []
    try:
        settings = load_settings()
    except SettingsError as exc:
        problems += exc.problems
    path = os.environ.get(variable("config"))
    try:
        configs = load_providers(Path(path) if path else None)
    except ConfigError as exc:
        problems += exc.args
    if problems:
        raise SettingsError(problems)
    return settings, configs


def load_settings() -> Settings:
    """Return the settings, or raise SettingsError with one line for each thing that is wrong."""
    problems = [f"{name}: there is no such setting." for name in _unknown(os.environ)]
    try:
        settings = Settings()
    except ValidationError as exc:
        problems += [_sentence(error) for error in exc.errors()]
    else:
        problems += _unusable(settings.data_dir)
    if problems:
        raise SettingsError(problems)
    return settings


def variable(field: str) -> str:
    """Return the environment variable that sets the field."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{field.upper()}"


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {variable(field) for field in Settings.model_fields}
    return sorted(n for n in environ if n.upper().startswith(PREFIX) and n.upper() not in known)


def _sentence(error: ErrorDetails) -> str:
    field = str(error["loc"][0])
    name = variable(field) if field in Settings.model_fields else field
    return f"{name}: {error['msg'].removeprefix('Value error, ')}."


def _unusable(directory: Path) -> list[str]:
    """Create the directory if need be; say what keeps Berth from writing to it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        return [f"{variable('data_dir')}: {exc.strerror}: {exc.filename}."]
    writable = os.access(directory, os.R_OK | os.W_OK | os.X_OK)
    return [] if writable else [f"{variable('data_dir')}: {directory} cannot be written."]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
