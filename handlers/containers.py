"""Containers: create, list, retrieve, delete; and what was done to them."""

from typing import Literal

from catalog.pages import PageRequest
from handlers.context import caller, gateway
from providers.base import Json


def create_container(body: Json) -> Json:
    return gateway().containers.create_container(caller(), body)


def list_containers(
    provider: str,
    *,
    limit: int,
    order: Literal["asc", "desc"],
    after: str | None = None,
    name: str | None = None,
) -> Json:
    page = PageRequest(limit, order, after)
    return gateway().containers.list_containers(caller(), provider, page, name=name)


def retrieve_container(container_id: str, provider: str | None = None) -> Json:
    return gateway().containers.retrieve_container(caller(), container_id, provider)


def list_container_events(
    container_id: str,
    provider: str | None = None,
    *,
    limit: int,
    order: Literal["asc", "desc"],
    after: str | None = None,
) -> Json:
    page = PageRequest(limit, order, after)
    return gateway().containers.list_events(caller(), container_id, page, provider)


def delete_container(container_id: str, provider: str | None = None) -> Json:
    return gateway().containers.delete_container(caller(), container_id, provider)
