"""How OpenAI and Azure differ: paths, keys, and the form of their errors."""

import secrets
from collections.abc import Collection, Mapping
from typing import Protocol

from tests.upstreams.document import Json, Refusal

ORGANIZATION = "acme-robotics-k2x9"  # the account, as OpenAI's headers tell it
REGION = "swedencentral"


class Dialect(Protocol):
    """One of the two."""

    base_path: str
    not_found: str
    takes_domain_secrets: bool
    other_parameters: frozenset[str]  # those that each operation takes

    def authorize(self, headers: Mapping[str, str], keys: Collection[str]) -> None:
        """Check the key. Raises Refusal."""

    def headers(self) -> dict[str, str]:
        """Return the headers that each answer has."""

    def error(self, refusal: Refusal) -> Json:
        """Return the body of an error."""


class OpenAIDialect:
    """OpenAI's."""

    base_path = "/v1"
    not_found = "Container with id '{}' not found."
    takes_domain_secrets = True
    other_parameters = frozenset[str]()

    def authorize(self, headers: Mapping[str, str], keys: Collection[str]) -> None:
        key = _bearer(headers)
        if key is None:
            raise Refusal(
                401,
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if key not in keys:
            masked = f"{key[:8]}{'*' * 24}{key[-4:]}"
            raise Refusal(
                401,
                f"Incorrect API key provided: {masked}. You can find your API key at "
                "https://platform.openai.com/account/api-keys.",
                code="invalid_api_key",
            )

    def headers(self) -> dict[str, str]:
        return {
            "x-request-id": f"req_{secrets.token_hex(16)}",
            "openai-organization": ORGANIZATION,
            "openai-version": "2020-10-01",
            "openai-processing-ms": "12",
        }

    def error(self, refusal: Refusal) -> Json:
        return {
            "error": {
                "message": refusal.message,
                "type": "invalid_request_error",
                "param": refusal.param,
                "code": refusal.code,
            }
        }


class AzureDialect:
    """Azure's: errors have no `type`, and a `param` only when there is one to name."""

    base_path = "/openai/v1"
    not_found = "Container not found"
    takes_domain_secrets = False
    other_parameters = frozenset({"api-version"})

    def authorize(self, headers: Mapping[str, str], keys: Collection[str]) -> None:
        if headers.get("api-key", _bearer(headers)) not in keys:
            raise Refusal(
                401,
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure "
                "to provide a valid key for an active subscription and use a correct regional API "
                "endpoint for your resource.",
                code="401",
            )

    def headers(self) -> dict[str, str]:
        return {"apim-request-id": secrets.token_hex(16), "x-ms-region": REGION}

    def error(self, refusal: Refusal) -> Json:
        error = {"code": refusal.code, "message": refusal.message}
        return {"error": error | ({"param": refusal.param} if refusal.param else {})}


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme == "Bearer" else None
