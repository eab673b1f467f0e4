"""What the application promises, in dicts and lists: small, and obviously right."""

import math
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.conftest import Clock

Json = dict[str, Any]
Order = Literal["asc", "desc"]

RETENTION_S = 1800


@dataclass
class ModelFile:
    """A file as it must be answered, and its content."""

    body: Json
    content: bytes
    blob: str | None = None  # the upload that it shares its bytes with


@dataclass
class ModelContainer:
    """A container as it was created, when it was last used, and its files by id."""

    body: Json
    provider: str
    active_at: float
    deleted: bool = False
    files: dict[str, ModelFile] = field(default_factory=dict)
    file_history: list[str] = field(default_factory=list)

    @property
    def expires_at(self) -> float:
        """When its idle time is over."""
        minutes: int = self.body["expires_after"]["minutes"]
        return self.active_at + minutes * 60


class Model:
    """All containers, and all uploaded files, by id, in the order of their creation."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.containers: dict[str, ModelContainer] = {}
        self.uploads: dict[str, ModelFile] = {}

    def add_container(
        self, id_: str, provider: str, name: str, metadata: Json, minutes: int
    ) -> Json:
        """Create the container and return it as it must be answered."""
        body = {
            "id": id_,
            "object": "container",
            "name": name,
            "created_at": int(self.clock.now),
            "expires_after": {"anchor": "last_active_at", "minutes": minutes},
            "memory_limit": "1g",
            "metadata": metadata,
        }
        assert id_ not in self.containers
        self.containers[id_] = ModelContainer(body, provider, self.clock.now)
        return self.shown(id_)

    def add_file(
        self, container_id: str, id_: str, name: str, content: bytes, blob: str | None = None
    ) -> Json:
        """Create the file in the place of one with the same path; return it as it is answered."""
        container = self.containers[container_id]
        body = {
            "id": id_,
            "object": "container.file",
            "container_id": container_id,
            "path": "/mnt/data/" + unicodedata.normalize("NFC", name),
            "bytes": len(content),
            "created_at": int(self.clock.now),
            "source": "user",
        }
        assert id_ not in container.file_history
        container.files = {
            i: file for i, file in container.files.items() if file.body["path"] != body["path"]
        }
        container.files[id_] = ModelFile(body, content, blob)
        container.file_history.append(id_)
        return body

    def add_upload(self, id_: str, name: str, content: bytes, seconds: int | None) -> Json:
        """Keep an uploaded file, for so long, and return it as it must be answered."""
        body = {
            "id": id_,
            "object": "file",
            "bytes": len(content),
            "created_at": int(self.clock.now),
            "filename": unicodedata.normalize("NFC", name),
            "purpose": "user_data",
            "status": "processed",
        }
        if seconds is not None:
            body["expires_at"] = int(self.clock.now) + seconds
        assert id_ not in self.uploads
        self.uploads[id_] = ModelFile(body, content, blob=id_)
        return body

    def kept_uploads(self) -> dict[str, ModelFile]:
        """Return the uploaded files that are neither deleted nor expired."""
        now = self.clock.now
        return {i: u for i, u in self.uploads.items() if now < u.body.get("expires_at", math.inf)}

    def blobs(self) -> list[bytes]:
        """Return what must be on disk: an upload and its copies are there once."""
        files = [*self.running_files(), *self.kept_uploads().values()]
        return list({f.blob or f.body["id"]: f.content for f in files}.values())

    def state(self, container_id: str) -> Literal["running", "expired", "gone"]:
        """Return what is left of the container."""
        container = self.containers[container_id]
        if container.deleted or self.clock.now - container.expires_at >= RETENTION_S:
            return "gone"
        return "expired" if self.clock.now >= container.expires_at else "running"

    def use(self, container_id: str) -> None:
        """Count an operation on the container as activity, if it still runs."""
        if self.state(container_id) == "running":
            self.containers[container_id].active_at = self.clock.now

    def shown(self, container_id: str) -> Json:
        """Return the container as it must be answered now."""
        container = self.containers[container_id]
        return container.body | {
            "status": self.state(container_id),
            "last_active_at": int(container.active_at),
        }

    def container_pages(
        self, provider: str, limit: int, order: Order, after: str | None = None
    ) -> list[list[Json]]:
        """Return all pages of the list of a provider's containers."""
        history = [i for i, c in self.containers.items() if c.provider == provider]
        visible = {i: self.shown(i) for i in history if self.state(i) != "gone"}
        return pages(history, visible, limit, order, after)

    def file_pages(
        self, container_id: str, limit: int, order: Order, after: str | None = None
    ) -> list[list[Json]]:
        """Return all pages of the list of a container's files."""
        container = self.containers[container_id]
        visible = {i: file.body for i, file in container.files.items()}
        return pages(container.file_history, visible, limit, order, after)

    def running_files(self) -> list[ModelFile]:
        """Return every file that can still be read."""
        running = [c for i, c in self.containers.items() if self.state(i) == "running"]
        return [file for container in running for file in container.files.values()]


def pages(
    history: list[str], visible: dict[str, Json], limit: int, order: Order, after: str | None
) -> list[list[Json]]:
    """Return what follows `after` in the order, cut into pages; one empty page for nothing."""
    ordered = history if order == "asc" else history[::-1]
    rest = ordered if after is None else ordered[ordered.index(after) + 1 :]
    items = [visible[id_] for id_ in rest if id_ in visible]
    return [items[start : start + limit] for start in range(0, len(items), limit)] or [[]]
