"""OpenAI's surface: the same operations. The document differs: `provider` is optional."""

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

__all__ = [
    "create_container",
    "create_container_file",
    "delete_container",
    "delete_container_file",
    "list_container_files",
    "list_containers",
    "retrieve_container",
    "retrieve_container_file",
    "retrieve_container_file_content",
]
