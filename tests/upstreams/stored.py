"""What an account consists of, and the ways of a provider that no document tells."""

from dataclasses import dataclass, field
from typing import Literal

from tests.upstreams.document import Json

MAX_MINUTES = 20


@dataclass
class StoredFile:
    """A file of a container; `sent_name` and `sent_type` are what the client wrote, as bytes."""

    id: str
    container_id: str
    path: str
    content: bytes
    created_at: int
    source: str = "user"
    sent_name: bytes | None = None
    sent_type: bytes | None = None
    deleted_at: float | None = None


@dataclass
class StoredContainer:
    """A container; `spec` is the body it was created with."""

    id: str
    spec: Json
    created_at: int
    last_active_at: float
    files: dict[str, StoredFile] = field(default_factory=dict)
    expired: bool = False
    deleted_at: float | None = None

    @property
    def name(self) -> str:
        """Its name upstream."""
        return str(self.spec["name"])

    @property
    def minutes(self) -> int:
        """How long it may idle."""
        return int(self.spec.get("expires_after", {}).get("minutes", MAX_MINUTES))


@dataclass(eq=False)
class Manners:
    """What OpenAI does sometimes, or does in a way that nobody documents."""

    expired_as: Literal["404", "status", "400"] = "404"  # how an expired container is answered
    null_bytes: bool = False  # files have `bytes: null`
    empty_ids: str | None = ""  # first_id and last_id of an empty page
    lingering: bool = False  # what was deleted stays in lists for LINGER_S
    refuse_empty: bool = False  # "Empty file."
    chunked_downloads: bool = False  # a file's content comes without its length
    ranges: bool = False  # parts of a file's content can be had
