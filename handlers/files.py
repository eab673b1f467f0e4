"""Uploaded files: create, list, retrieve, read, delete."""

from typing import Literal

from flask import Response, request

from catalog.pages import PageRequest
from gateway.downloads import content_response, part_of, receipt
from handlers.context import caller, gateway
from providers.base import Json


def create_file(body: Json | None = None) -> tuple[Json, dict[str, str]]:
    content_type = request.headers.get("Content-Type", "")
    form = gateway().receive_file(caller(), request.stream, content_type, None)
    answer, sha256 = gateway().stored_files.create_file(caller(), form)
    return answer, receipt(sha256)


def list_files(
    provider: str,
    *,
    limit: int,
    order: Literal["asc", "desc"],
    after: str | None = None,
    purpose: str | None = None,
) -> Json:
    page = PageRequest(limit, order, after)
    return gateway().stored_files.list_files(caller(), provider, page, purpose=purpose)


def retrieve_file(file_id: str, provider: str | None = None) -> tuple[Json, dict[str, str]]:
    answer, sha256 = gateway().stored_files.retrieve_file(caller(), file_id, provider)
    return answer, receipt(sha256)


def retrieve_file_content(file_id: str, provider: str | None = None) -> Response:
    part = part_of(request)
    content = gateway().stored_files.read_file(caller(), file_id, provider, part=part)
    return content_response(content, request)


def delete_file(file_id: str, provider: str | None = None) -> Json:
    return gateway().stored_files.delete_file(caller(), file_id, provider)
