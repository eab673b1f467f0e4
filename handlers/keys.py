"""API keys, as admins handle them: create, list, retrieve, revoke, rotate."""

from typing import Literal

from catalog.pages import PageRequest
from handlers.context import caller, gateway
from providers.base import Json


def create_key(body: Json) -> Json:
    return gateway().key_service.create_key(caller(), body)


def list_keys(
    *,
    limit: int,
    order: Literal["asc", "desc"],
    after: str | None = None,
    tenant: str | None = None,
) -> Json:
    return gateway().key_service.list_keys(PageRequest(limit, order, after), tenant=tenant)


def retrieve_key(key_id: str) -> Json:
    return gateway().key_service.retrieve_key(key_id)


def revoke_key(key_id: str) -> Json:
    return gateway().key_service.revoke_key(caller(), key_id)


def rotate_key(key_id: str, body: Json) -> Json:
    grace_s = body.get("grace_seconds", 0)
    return gateway().key_service.rotate_key(caller(), key_id, grace_s=grace_s)
