"""Puts uploaded files into containers, from wherever they are to wherever those are."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from catalog import containers
from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from catalog.stored_files import StoredFile
from gateway.answers import Caller
from gateway.file_lookup import FileLookup
from gateway.registry import Registry
from gateway.uploads import DEFAULT_CONTENT_TYPE
from providers.base import Json, Provider
from providers.errors import (
    BerthError,
    FileToCopyNotFound,
    InvalidRequest,
    StoredFileNotFound,
)
from providers.hosted.paths import container_path
from providers.hosted.provider import Source
from providers.upstream_errors import UpstreamError, UpstreamFailed, UpstreamUnavailable

Watcher = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """Where a container is, or is about to be."""

    provider: str
    backend: str
    deployment: str | None

    def has(self, file: StoredFile) -> bool:
        """Tell whether the file is there, so that nothing has to be streamed."""
        if self.backend == "hosted" or file.backend == "hosted":
            return file.backend == self.backend
        return (file.provider, file.deployment) == (self.provider, self.deployment)


@dataclass(frozen=True)
class Plan:
    """A create: at which deployment, with which files, and what its backend is to be told."""

    deployment: str | None
    files: Sequence[StoredFile]
    spec: Json


@dataclass(frozen=True)
class Transfer:
    """An uploaded file on its way to where it is not, as what serves containers takes one."""

    filename: str
    file_path: str | None
    most_bytes: int
    chunks: Callable[[], Iterator[bytes]]
    content_type: str = DEFAULT_CONTENT_TYPE


class Copies:
    """Copies files that are where the container is, and streams the others if the caller asks."""

    def __init__(self, database: Database, registry: Registry, files: FileLookup) -> None:
        self._database = database
        self._registry = registry
        self._files = files

    def plan(self, caller: Caller, name: str, provider: Provider, spec: Json) -> Plan:
        """Return where to create a container: where its files are, unless the caller says where.

        Raises FileToCopyNotFound, and InvalidRequest for files of one name and for those that would
        have to be streamed there unasked.
        """
        files = [self._find(caller, id_, "file_ids") for id_ in spec.get("file_ids", [])]
        _check_names(files)
        wanted = caller.deployment
        homes = [f.deployment for f in files if (f.backend, f.provider) == ("native", name)]
        if provider.backend == "native" and wanted is None and homes:
            wanted = homes[0]
            if wanted not in provider.deployments:
                raise UpstreamUnavailable("The file's deployment is not configured any more.")
        target = Target(name, provider.backend, provider.pick_deployment(wanted))
        for file in files:
            _check_place(caller, file, target, "file_ids")
        if files:
            spec = {**spec, "file_ids": [file.id for file in files if target.has(file)]}
        return Plan(target.deployment, files, spec)

    def fill(
        self,
        container: Container,
        files: Sequence[StoredFile],
        record: Callable[[Connection, Sequence[File]], None],
        watch: Watcher,
    ) -> None:
        """Put files into a container that its backend has just made, and add it: all or nothing.

        Those that its provider had are in it already; `record` gets those that Berth keeps.
        """
        if container.backend == "hosted":
            sources = [self._source(container, file, watch) for file in files]
            self._registry.hosted.add_files(container, sources, record, new=True)
            return
        provider = self._registry.of(container)
        try:
            for file in files:
                if not _target(container).has(file):
                    transfer = self._transfer(file, "file_ids", watch)
                    provider.create_file(container, transfer, _record_nothing)
        except BerthError as exc:
            with suppress(BerthError):
                provider.delete_container(container, _record_nothing)
            if isinstance(exc, UpstreamError):
                exc.processed = True  # there was a container, and there may be one still
            raise
        with self._database.write() as tx:
            if containers.exists(tx, container.id):
                raise UpstreamFailed("The provider's answer makes no sense.", processed=True)
            containers.insert(tx, container)
            record(tx, [])

    def copy(
        self,
        caller: Caller,
        container: Container,
        spec: Json,
        record: Callable[[Connection, File], None],
        watch: Watcher,
    ) -> File:
        """Copy the file `spec["file_id"]` into the container."""
        file = self._find(caller, spec["file_id"], "file_id")
        _check_place(caller, file, _target(container), "file_id")
        provider = self._registry.of(container)
        if _target(container).has(file):
            return provider.copy_file(container, spec, record)
        file_path = spec.get("file_path")
        if file_path is None and container.backend == "hosted":
            file_path = _path(file, "file_id")
        transfer = self._transfer(file, "file_id", watch, file_path)
        return provider.create_file(container, transfer, record)

    def _find(self, caller: Caller, file_id: str, param: str) -> StoredFile:
        file = self._files.find(caller, file_id, None)
        if file is None:
            raise FileToCopyNotFound(file_id, param)
        return file

    def _source(self, container: Container, file: StoredFile, watch: Watcher) -> Source:
        here = _target(container).has(file)
        chunks = None if here else self._transfer(file, "file_ids", watch).chunks
        return Source(file, _path(file, "file_ids"), "file_ids", chunks)

    def _transfer(
        self, file: StoredFile, param: str, watch: Watcher, file_path: str | None = None
    ) -> Transfer:
        def chunks() -> Iterator[bytes]:
            sent = 0
            try:
                content = self._registry.files_of(file).read_file(file).read(0, file.bytes)
            except StoredFileNotFound as exc:
                raise FileToCopyNotFound(file.id, param) from exc
            for chunk in content:
                watch(chunk)
                sent += len(chunk)
                yield chunk
            if sent != file.bytes:
                raise UpstreamFailed("The file has not the size that it should have.")

        return Transfer(file.filename, file_path, file.bytes, chunks)


def _path(file: StoredFile, param: str) -> str:
    """Return where a file goes in a hosted container.

    Raises InvalidRequest for a name that a provider takes and a path cannot have.
    """
    try:
        return container_path(file.filename, None)
    except InvalidRequest as exc:
        message = f"Invalid '{param}': the name of file '{file.id}' cannot be a path."
        raise InvalidRequest(message, param=param) from exc


def _target(container: Container) -> Target:
    return Target(container.provider, container.backend, container.deployment)


def _check_names(files: Sequence[StoredFile]) -> None:
    """Raise InvalidRequest for two files that would have the same path."""
    names: set[str] = set()
    for file in files:
        name = unicodedata.normalize("NFC", file.filename)
        if name in names:
            raise InvalidRequest(
                f"Invalid 'file_ids': two of the files are named '{name}'.",
                param="file_ids",
                code="duplicate_filename",
            )
        names.add(name)


def _check_place(caller: Caller, file: StoredFile, target: Target, param: str) -> None:
    """Raise InvalidRequest for a file that is elsewhere, unless the caller wants it streamed."""
    if caller.copy_files or target.has(file):
        return
    raise InvalidRequest(
        f"File '{file.id}' is {_where(file)}, but the container is {_where(target)}. "
        "Send 'x-berth-copy-files: true' to have it copied there.",
        param=param,
        code="file_elsewhere",
    )


def _where(place: StoredFile | Target) -> str:
    if place.backend == "hosted":
        return "hosted"
    return f"at deployment '{place.deployment}' of '{place.provider}'"


def _record_nothing(_tx: Connection, _file: File | None = None) -> None:
    """Do nothing: what is made is recorded when all of it is."""
