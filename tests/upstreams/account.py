"""What one account at OpenAI holds, in memory, and how it behaves."""

import secrets
import threading
from collections.abc import Callable, Iterable

from tests.upstreams.document import Json, Refusal
from tests.upstreams.stored import MAX_MINUTES, Manners, StoredContainer, StoredFile
from tests.upstreams.uploads import Uploads

LINGER_S = 300
DEFAULT_LIMIT = 20


class Account:
    """Containers and files of one account."""

    def __init__(self, clock: Callable[[], float], manners: Manners, not_found: str) -> None:
        self._clock = clock
        self._manners = manners
        self._not_found = not_found
        self._all: dict[str, StoredContainer] = {}
        self.uploads = Uploads(clock)
        self.lock = threading.RLock()

    @property
    def containers(self) -> dict[str, StoredContainer]:
        """The containers that are not deleted, oldest first."""
        with self.lock:
            return {c.id: c for c in self._all.values() if c.deleted_at is None}

    @property
    def files(self) -> dict[str, StoredFile]:
        """The files of these containers that are not deleted."""
        with self.lock:
            files = [f for c in self.containers.values() for f in c.files.values()]
            return {f.id: f for f in files if f.deleted_at is None}

    def create_container(self, body: Json) -> Json:
        minutes = body.get("expires_after", {}).get("minutes", MAX_MINUTES)
        if minutes > MAX_MINUTES:
            raise Refusal(
                400,
                "Invalid 'expires_after.minutes': integer above maximum value. "
                f"Expected a value <= {MAX_MINUTES}, but got {minutes} instead.",
                param="expires_after.minutes",
                code="integer_above_max_value",
            )
        copies = [self.uploads.find(file_id, "file_ids") for file_id in body.get("file_ids", [])]
        container = self.add_container(body)
        for copy in copies:
            self.add_file(container.id, copy.name, copy.content)
        return self._container(container)

    def list_containers(self, query: Json) -> Json:
        self._expire_idle()
        listed = [c for c in self._all.values() if self._is_listed(c.deleted_at)]
        if "name" in query:
            listed = [c for c in listed if c.name == query["name"]]
        return self._page([self._container(c) for c in listed], query)

    def retrieve_container(self, container_id: str) -> Json:
        container = self._known(container_id)
        if container.expired and self._manners.expired_as == "status":
            return self._container(container)
        return self._container(self._running(container_id))

    def delete_container(self, container_id: str) -> Json:
        container = self._known(container_id)
        if container.expired and self._manners.expired_as != "status":
            self._running(container_id)
        container.deleted_at = self._clock()
        return {"id": container_id, "object": "container.deleted", "deleted": True}

    def upload_file(self, container_id: str, name: str, content: bytes) -> StoredFile:
        self._running(container_id)
        if not content and self._manners.refuse_empty:
            raise Refusal(400, "Empty file.")
        return self.add_file(container_id, name, content)

    def copy_file(self, container_id: str, file_id: str) -> StoredFile:
        self._running(container_id)
        copy = self.uploads.find(file_id, "file_id")
        return self.add_file(container_id, copy.name, copy.content)

    def list_uploads(self, query: Json) -> Json:
        return self._page(self.uploads.all(query), query)

    def list_files(self, container_id: str, query: Json) -> Json:
        files = self._running(container_id).files.values()
        return self._page([self.file(f) for f in files if self._is_listed(f.deleted_at)], query)

    def find_file(self, container_id: str, file_id: str) -> StoredFile:
        file = self._running(container_id).files.get(file_id)
        if file is None or file.deleted_at is not None:
            raise Refusal(404, f"File {file_id} not found on container {container_id}.")
        return file

    def delete_file(self, container_id: str, file_id: str) -> Json:
        self.find_file(container_id, file_id).deleted_at = self._clock()
        return {"id": file_id, "object": "container.file.deleted", "deleted": True}

    def add_container(self, spec: Json) -> StoredContainer:
        """Make a container, as if somebody else's client had."""
        now = self._clock()
        container = StoredContainer(f"cntr_{int(now):08x}{_hex(40)}", spec, int(now), now)
        self._all[container.id] = container
        return container

    def add_file(
        self, container_id: str, name: str, content: bytes, source: str = "user"
    ) -> StoredFile:
        """Put a file into a container; the assistant's keep their names."""
        now = int(self._clock())
        basename = name.replace("\\", "/").rsplit("/", 1)[-1]
        path = f"/mnt/data/{basename if source == 'assistant' else f'{_hex(32)}-{basename}'}"
        file = StoredFile(f"cfile_{now:08x}{_hex(24)}", container_id, path, content, now, source)
        self._all[container_id].files[file.id] = file
        return file

    def expire(self, container_id: str) -> None:
        """End a container as if nobody had used it for too long."""
        self._all[container_id].expired = True

    def forget(self, container_id: str) -> None:
        """Lose a container without a trace."""
        del self._all[container_id]

    def file(self, file: StoredFile) -> Json:
        """Return a file as it is answered."""
        return {
            "id": file.id,
            "object": "container.file",
            "created_at": file.created_at,
            "bytes": None if self._manners.null_bytes else len(file.content),
            "container_id": file.container_id,
            "path": file.path,
            "source": file.source,
        }

    def _container(self, container: StoredContainer) -> Json:
        policy = container.spec.get("network_policy")
        answer: Json = {
            "id": container.id,
            "object": "container",
            "created_at": container.created_at,
            "status": "expired" if container.expired else "running",
            "expires_after": {"anchor": "last_active_at", "minutes": container.minutes},
            "last_active_at": int(container.last_active_at),
            "memory_limit": container.spec.get("memory_limit", "1g"),
            "name": container.name,
        }
        if policy is not None:
            answer["network_policy"] = {k: v for k, v in policy.items() if k != "domain_secrets"}
        return answer

    def _page(self, oldest_first: Iterable[Json], query: Json) -> Json:
        found = list(oldest_first)
        if query.get("order", "desc") == "desc":
            found.reverse()
        if "after" in query:
            ids = [item["id"] for item in found]
            if query["after"] not in ids:
                message = f"Invalid 'after': '{query['after']}' is not in the list."
                raise Refusal(400, message, param="after", code="invalid_value")
            found = found[ids.index(query["after"]) + 1 :]
        data = found[: query.get("limit", DEFAULT_LIMIT)]
        return {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else self._manners.empty_ids,
            "last_id": data[-1]["id"] if data else self._manners.empty_ids,
            "has_more": len(found) > len(data),
        }

    def _known(self, container_id: str) -> StoredContainer:
        self._expire_idle()
        container = self._all.get(container_id)
        if container is None or container.deleted_at is not None:
            raise Refusal(404, self._not_found.format(container_id))
        return container

    def _running(self, container_id: str) -> StoredContainer:
        """Return a container that is alive, and keep it so."""
        container = self._known(container_id)
        if container.expired and self._manners.expired_as == "404":
            raise Refusal(404, self._not_found.format(container_id))
        if container.expired:
            raise Refusal(400, "Container is expired.")
        container.last_active_at = self._clock()
        return container

    def _expire_idle(self) -> None:
        now = self._clock()
        for container in self._all.values():
            if now >= container.last_active_at + container.minutes * 60:
                container.expired = True

    def _is_listed(self, deleted_at: float | None) -> bool:
        if deleted_at is None:
            return True
        return self._manners.lingering and self._clock() < deleted_at + LINGER_S


def _hex(digits: int) -> str:
    return secrets.token_hex(digits // 2)
