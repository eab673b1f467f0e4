"""The uploaded files of one account at OpenAI."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from tests.upstreams.document import Json, Refusal

PURPOSE = "user_data"


@dataclass
class UploadedFile:
    """A file of the Files API; `sent_name` is what the client wrote, as bytes."""

    id: str
    name: str
    content: bytes
    purpose: str
    created_at: int
    expires_at: int | None = None
    sent_name: bytes | None = None


class Uploads:
    """All of them by id, oldest first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.files: dict[str, UploadedFile] = {}

    def create(self, name: str, content: bytes, body: Json) -> UploadedFile:
        """Keep an upload, whose form had the other fields of the body."""
        now = int(self._clock())
        expires_after = body.get("expires_after")
        expires_at = now + expires_after["seconds"] if expires_after else None
        file_id = f"file-{secrets.token_urlsafe(16)}"
        file = UploadedFile(file_id, name, content, body["purpose"], now, expires_at)
        self.files[file.id] = file
        return file

    def add(self, file_id: str, name: str, content: bytes) -> None:
        """Make a file that somebody else's client uploaded."""
        self.files[file_id] = UploadedFile(file_id, name, content, PURPOSE, int(self._clock()))

    def find(self, file_id: str, param: str = "id") -> UploadedFile:
        """Return a file that is not expired. Raises Refusal."""
        file = self.files.get(file_id)
        if file is None or (file.expires_at is not None and file.expires_at <= self._clock()):
            raise Refusal(404, f"No such File object: {file_id}", param=param)
        return file

    def delete(self, file_id: str) -> Json:
        """Delete a file."""
        del self.files[self.find(file_id).id]
        return {"id": file_id, "object": "file", "deleted": True}

    def all(self, query: Json) -> list[Json]:
        """Return the files that a list has, oldest first."""
        wanted = query.get("purpose")
        return [body(f) for f in self.files.values() if wanted in {None, f.purpose}]


def body(file: UploadedFile) -> Json:
    """Return a file as it is answered."""
    answer: Json = {
        "id": file.id,
        "object": "file",
        "bytes": len(file.content),
        "created_at": file.created_at,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }
    return answer if file.expires_at is None else {**answer, "expires_at": file.expires_at}
