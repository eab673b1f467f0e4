"""Who calls: a key opens its tenant's containers; without any key made, everyone is `default`."""

from dataclasses import dataclass, replace

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from catalog.keys import Key
from gateway.keys import KeyRing, well_formed
from providers.errors import BerthError, InvalidRequest

PUBLIC = {"/health", "/ready"}
FOR_ADMINS = "/v1/admin/"
METRICS = "/metrics"
ONLY_ADMINS = (
    "Only an admin's key may do this. `berth keys create --tenant NAME --role admin` makes one."
)
READING = {"GET", "HEAD", "OPTIONS"}
SCOPE = "berth.principal"
"""Where a request's scope says who calls."""


class Unauthenticated(BerthError):
    """No key, or one that does not open anything."""

    status = 401
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "Incorrect API key provided, or none. Send one as `Authorization: Bearer bk_…`.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class Forbidden(BerthError):
    """The key may not do this."""

    status = 403


@dataclass(frozen=True)
class Principal:
    """Who calls: for which tenant, with which key, and what it may use."""

    tenant: str = "default"
    actor: str = "anonymous"
    role: str = "member"
    providers: frozenset[str] | None = None
    key: Key | None = None


class Authentication:
    """ASGI middleware in front of every operation; it asks the catalog now and then."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request for who calls.

        Raises InvalidRequest, Unauthenticated and Forbidden.
        """
        if scope["type"] == "http" and scope["path"] not in PUBLIC:
            ring: KeyRing = scope["state"]["keys"]
            headers = Headers(scope=scope)
            secret = _secret(headers)
            if not ring.fresh(secret):
                ring.refresh(secret)
            principal = _principal(ring, secret, headers.get("x-berth-tenant"))
            if principal.role == "reader" and scope["method"] not in READING:
                raise Forbidden("This key may only read.", code="read_only_key")
            if principal.role != "admin" and _is_for_admins(scope, ring):
                raise Forbidden(ONLY_ADMINS, code="not_an_admin")
            scope = {**scope, SCOPE: principal}
        await self._app(scope, receive, send)


def _is_for_admins(scope: Scope, ring: KeyRing) -> bool:
    """Tell whether an operation is for admins; metrics are for all while all are on loopback."""
    path: str = scope["path"]
    if path == METRICS:
        return ring.in_use or scope["state"]["exposed"]
    return path.startswith(FOR_ADMINS)


def _principal(ring: KeyRing, secret: str, tenant: str | None) -> Principal:
    if not ring.in_use:
        return Principal()
    key = ring.find(secret)
    if key is None:
        raise Unauthenticated
    return _acting(_principal_of(key), tenant)


def _secret(headers: Headers) -> str:
    """Return the key that was sent, wherever a client of this field puts it.

    Clients send a provider's key beside ours, so of several only those count that could be ours.
    Raises InvalidRequest when two of them could be.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    sent = {bearer, headers.get("x-bf-vk", ""), headers.get("api-key", "")} - {""}
    if len(sent) > 1:
        sent = {secret for secret in sent if well_formed(secret)}
    if len(sent) > 1:
        message = "Two different keys were sent. Send one, in one of the headers."
        raise InvalidRequest(message, code="ambiguous_api_key")
    return next(iter(sent), "")


def _principal_of(key: Key) -> Principal:
    providers = None if key.providers is None else frozenset(key.providers)
    return Principal(key.tenant, key.id, key.role, providers, key)


def _acting(principal: Principal, tenant: str | None) -> Principal:
    """Return the principal for the tenant that it asks to act for."""
    if tenant is None or tenant == principal.tenant:
        return principal
    if principal.role != "admin":
        message = "Only an admin's key may act for another tenant."
        raise Forbidden(message, param="x-berth-tenant", code="not_an_admin")
    return replace(principal, tenant=tenant)
