"""Secrets of the configuration: where they come from, and what can be sent as one."""

import os
import re
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

ENV = "env:"
MIN_SECRET = 8


def has_host(value: str) -> bool:
    """Tell whether it is an http or https URL."""
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _resolve(value: Any) -> Any:
    """Return the secret, or the value of the variable that `env:NAME` names."""
    if not isinstance(value, str) or not value.startswith(ENV):
        return value
    name = value.removeprefix(ENV)
    if not os.environ.get(name):
        raise ValueError(f"the variable {name} is not set")
    return os.environ[name]


def _sendable(secret: SecretStr) -> SecretStr:
    """Refuse what cannot be sent in a header: libraries that find out would tell it to the log."""
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError("must be visible ASCII characters without spaces")
    if len(secret.get_secret_value()) < MIN_SECRET:
        raise ValueError(
            f"must have {MIN_SECRET} characters, to be told from other text in answers"
        )
    return secret


Secret = Annotated[SecretStr, BeforeValidator(_resolve), AfterValidator(_sendable)]


def _proxy(secret: SecretStr) -> SecretStr:
    """Check a URL that may have a user and a password."""
    value = secret.get_secret_value()
    if not has_host(value) or urlsplit(value).path not in {"", "/"}:
        raise ValueError("must be an http or https URL of a host alone")
    if not re.fullmatch(r"[!-~]+", unquote(value)):
        raise ValueError("must have visible ASCII characters only")
    return secret


Proxy = Annotated[SecretStr, BeforeValidator(_resolve), AfterValidator(_proxy)]
