"""OpenAI's surface: the same operations. The document differs: `provider` is optional.

It is so in the form of an upload too, which the document does not check.
"""

from flask import request

from gateway.answers import DEFAULT_PROVIDER
from gateway.downloads import receipt
from handlers.container_files import (
    create_container_file,
    delete_container_file,
    list_container_files,
    retrieve_container_file,
    retrieve_container_file_content,
)
from handlers.containers import (
    create_container,
    delete_container,
    list_containers,
    retrieve_container,
)
from handlers.context import caller, gateway
from handlers.files import delete_file, list_files, retrieve_file, retrieve_file_content
from providers.base import Json

__all__ = [
    "create_container",
    "create_container_file",
    "create_file",
    "delete_container",
    "delete_container_file",
    "delete_file",
    "list_container_files",
    "list_containers",
    "list_files",
    "retrieve_container",
    "retrieve_container_file",
    "retrieve_container_file_content",
    "retrieve_file",
    "retrieve_file_content",
]


def create_file(body: Json | None = None) -> tuple[Json, dict[str, str]]:
    content_type = request.headers.get("Content-Type", "")
    form = gateway().receive_file(caller(), request.stream, content_type, DEFAULT_PROVIDER)
    answer, sha256 = gateway().stored_files.create_file(caller(), form)
    return answer, receipt(sha256)
