"""Files of containers: create, list, retrieve, read, delete."""

from typing import Literal

from flask import Response, request

from catalog.pages import PageRequest
from gateway.downloads import content_response, part_of, receipt
from handlers.context import caller, gateway
from providers.base import Json


def create_container_file(
    container_id: str, provider: str | None = None, body: Json | None = None
) -> tuple[Json, dict[str, str]]:
    files = gateway().files
    if request.is_json and body is not None:
        answer, sha256 = files.copy_file(caller(), container_id, body, provider)
    else:
        content_type = request.headers.get("Content-Type", "")
        upload = gateway().receive_upload(
            caller(), request.stream, content_type, request.content_length
        )
        answer, sha256 = files.create_file(caller(), container_id, upload, provider)
    return answer, receipt(sha256)


def list_container_files(
    container_id: str,
    provider: str | None = None,
    *,
    limit: int,
    order: Literal["asc", "desc"],
    after: str | None = None,
) -> Json:
    page = PageRequest(limit, order, after)
    return gateway().files.list_files(caller(), container_id, page, provider)


def retrieve_container_file(
    container_id: str, file_id: str, provider: str | None = None
) -> tuple[Json, dict[str, str]]:
    answer, sha256 = gateway().files.retrieve_file(caller(), container_id, file_id, provider)
    return answer, receipt(sha256)


def retrieve_container_file_content(
    container_id: str, file_id: str, provider: str | None = None
) -> Response:
    part = part_of(request)
    content = gateway().files.read_file(caller(), container_id, file_id, provider, part=part)
    return content_response(content, request)


def delete_container_file(container_id: str, file_id: str, provider: str | None = None) -> Json:
    return gateway().files.delete_file(caller(), container_id, file_id, provider)
