"""What can run containers: the interface every backend implements."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from catalog.containers import Container
from catalog.files import File
from catalog.pages import Page, PageRequest

Json = dict[str, Any]


class Upload(Protocol):
    """A file on its way in. The fields that may follow it are known once `chunks` has ended."""

    @property
    def filename(self) -> str:
        """The client's name for the file. Raises InvalidRequest when no file was sent."""

    @property
    def content_type(self) -> str:
        """The client's type for the file."""

    @property
    def file_path(self) -> str | None:
        """Where the client wants the file, if it said so."""

    @property
    def most_bytes(self) -> int | None:
        """How many bytes the file can have, once the first have come; None if nothing tells it.

        It has as many, or a few less where more follows it.
        """

    def chunks(self) -> Iterator[bytes]:
        """Return the bytes as they arrive. Raises BerthError for too many, or an early end."""


@dataclass(frozen=True)
class Snapshot:
    """A container as its backend knows it. Times are unix seconds."""

    id: str
    name: str
    created_at: int
    last_active_at: float
    expires_minutes: int
    memory_limit: str
    network_policy: Json | None
    ended: bool = False
    marker: str | None = None


@dataclass(frozen=True)
class Content:
    """A file's path, and `read(start, stop)` for its bytes up to, not including, `stop`.

    `read` fails at once when the bytes cannot be had, not after the answer has begun. Where the
    hash is not known, `read` returns the whole, or the part that `headers` tell of: what a native
    provider says of its bytes, as `ETag`, `Accept-Ranges` and `Content-Range`. `size` is then the
    part's.
    """

    path: str
    size: int | None
    sha256: str | None
    read: Callable[[int, int], Iterator[bytes]]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """The part of a file that a client asks for: `Range`, one of bytes, and `If-Range`, an ETag."""

    range: str
    if_range: str | None

    @property
    def headers(self) -> dict[str, str]:
        """Ask for it in a request's headers."""
        condition = {} if self.if_range is None else {"If-Range": self.if_range}
        return {"Range": self.range, **condition}


class Provider(Protocol):
    """One method per operation; listing containers is the catalog's.

    A method that changes something calls `record` exactly once, in the transaction that makes the
    change visible, so that what the caller records there stands or falls with the change. A native
    provider's change is visible before that, which is what an intent in the catalog is for.
    """

    @property
    def backend(self) -> Literal["hosted", "native"]:
        """Who serves the containers: Berth, or the provider's own API."""

    @property
    def deployments(self) -> tuple[str, ...]:
        """The names of the configured accounts; none when hosted."""

    @property
    def refuses(self) -> frozenset[str]:
        """What of a create it cannot honour: `field`, `field.part` or `field.type`."""

    def pick_deployment(self, wanted: str | None) -> str | None:
        """Return the deployment for a new container: `wanted`, or else one that has a weight.

        Raises InvalidRequest for an unknown one, and when none has a weight.
        """

    def create_container(self, spec: Json, deployment: str | None, marker: str) -> Snapshot:
        """Create a container that `list_containers` can tell by its marker.

        `spec["file_ids"]` are files that it has itself. Into a hosted container they are copied
        when it is recorded; a native provider copies them, and raises UpstreamRefused, with its
        status and words, for one that it has no more.
        """

    def retrieve_container(self, container: Container) -> Snapshot:
        """Return the container as the backend knows it now. Raises ContainerGone."""

    def delete_container(self, container: Container, record: Callable[[Connection], None]) -> None:
        """Delete the container and its files. Raises ContainerGone."""

    def create_file(
        self, container: Container, upload: Upload, record: Callable[[Connection, File], None]
    ) -> File:
        """Store the upload, replacing a file of the same path. Returns once it is durable."""

    def copy_file(
        self, container: Container, spec: Json, record: Callable[[Connection, File], None]
    ) -> File:
        """Copy the existing file `spec["file_id"]` into the container.

        One that does not exist raises as in `create_container`.
        """

    def list_files(self, container: Container, request: PageRequest) -> Page[File]:
        """Return one page. Raises UnknownCursor."""

    def retrieve_file(self, container: Container, file_id: str) -> File:
        """Return the file's record. Raises FileNotFound."""

    def read_file(self, container: Container, file_id: str, part: Part | None = None) -> Content:
        """Return the file's record and a way to its bytes, or to a part if a provider cuts files.

        Raises FileNotFound, and RangeNotSatisfiable in the provider's name.
        """

    def delete_file(
        self, container: Container, file_id: str, record: Callable[[Connection], None]
    ) -> None:
        """Delete the file, calling `record` in the transaction. Raises FileNotFound."""
