"""What a run of schemathesis learned from the answers so far: what lives, and what is gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONG_LIVED_MINUTES = 20
KEPT = 3
"""How many containers, and how many files, are never given away to be deleted."""


@dataclass(frozen=True)
class LivingContainer:
    """A container as its answer told it."""

    id: str
    provider: str
    name: str


@dataclass(frozen=True)
class LivingFile:
    """A file as its answer told it."""

    id: str
    container: LivingContainer
    path: str
    etag: str


@dataclass(frozen=True)
class LivingUpload:
    """A file of the Files API as its answer told it."""

    id: str
    provider: str
    etag: str


class Memory:
    """The containers and files that requests can be aimed at."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self._containers: dict[str, LivingContainer] = {}
        self._files: dict[str, LivingFile] = {}
        self._uploads: dict[str, LivingUpload] = {}
        self._keys: list[str] = []

    def learn(self, answer: Mapping[str, Any], etag: str) -> None:
        """Take note of an answer with status 200."""
        extra = answer.get("extra_fields", {})
        kind = extra.get("request_type", "")
        if kind.endswith(("_delete", "_revoke")):
            self.forget(answer["id"])
        elif "cache_debug" in extra:
            return
        elif kind == "container_create":
            if answer["expires_after"]["minutes"] >= LONG_LIVED_MINUTES:
                container = LivingContainer(answer["id"], extra["provider"], answer["name"])
                self._containers[container.id] = container
        elif kind in {"key_create", "key_rotate"}:
            if answer["expires_at"] is None:
                self._keys.append(answer["id"])
        elif kind == "file_create":
            upload = LivingUpload(answer["id"], extra["provider"], etag)
            self._uploads[upload.id] = upload
        elif kind == "container_file_create":
            self._replace(answer, etag)

    def forget(self, id_: str) -> None:
        """Take note that there is no such container or file any more."""
        self.gone.add(id_)
        self._containers.pop(id_, None)
        self._files.pop(id_, None)
        self._uploads.pop(id_, None)
        self._keys = [key for key in self._keys if key != id_]
        for file in [f for f in self._files.values() if f.container.id == id_]:
            self.forget(file.id)

    def key(self, turn: int) -> str | None:
        """Return the ids of keys in turn."""
        return self._keys[turn % len(self._keys)] if self._keys else None

    def container(self, turn: int) -> LivingContainer | None:
        """Return the containers in turn."""
        living = list(self._containers.values())
        return living[turn % len(living)] if living else None

    def file(self, turn: int) -> LivingFile | None:
        """Return the files in turn."""
        living = list(self._files.values())
        return living[turn % len(living)] if living else None

    def upload(self, turn: int) -> LivingUpload | None:
        """Return the uploaded files in turn."""
        living = list(self._uploads.values())
        return living[turn % len(living)] if living else None

    def spare_upload(self) -> LivingUpload | None:
        """Return one to be deleted."""
        living = list(self._uploads.values())
        return living[0] if len(living) > KEPT else None

    def spare_container(self) -> LivingContainer | None:
        """Return one without files, to be deleted."""
        used = {file.container.id for file in self._files.values()}
        spare = [c for c in self._containers.values() if c.id not in used]
        return spare[0] if len(spare) > KEPT else None

    def spare_file(self) -> LivingFile | None:
        """Return one to be deleted."""
        living = list(self._files.values())
        return living[0] if len(living) > KEPT else None

    def _replace(self, answer: Mapping[str, Any], etag: str) -> None:
        place = (answer["container_id"], answer["path"])
        for other in [f for f in self._files.values() if (f.container.id, f.path) == place]:
            self.forget(other.id)
        if container := self._containers.get(answer["container_id"]):
            file = LivingFile(answer["id"], container, answer["path"], etag)
            self._files[file.id] = file
