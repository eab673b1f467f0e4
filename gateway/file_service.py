"""The file operations: is the container the caller's and alive; then the provider."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from catalog.containers import Container
from catalog.files import File
from catalog.pages import PageRequest
from gateway.answers import Call, Caller, deleted_body, file_body, list_body
from gateway.idempotency import Claim, fingerprint
from gateway.operations import Operations
from gateway.uploads import MultipartUpload
from providers.base import Content, Json, Part, Provider

FileAnswer = tuple[Json, str | None]
"""A file's body, and the hash of its bytes in hexadecimal."""

Record = Callable[[Connection, File], None]


class FileService(Operations):
    """Creates, lists, retrieves, reads and deletes the files of any tenant's containers."""

    def create_file(
        self,
        caller: Caller,
        container_id: str,
        upload: MultipartUpload,
        provider: str | None = None,
    ) -> FileAnswer:
        """Store an upload in the container, replacing a file of the same path."""
        content = hashlib.sha256()
        if caller.idempotency_key is not None:
            upload.watch(content.update)

        def wanted() -> str:
            return fingerprint(container_id, upload.filename, upload.file_path, content.hexdigest())

        with self._creating(caller, container_id, provider) as (call, claim):
            if claim.answered:
                upload.exhaust()
                return replayed(call, claim, wanted())
            with self._serving(call, caller, container_id, provider) as (container, backend):
                upload.watch(self._keeping_alive(container, claim))
                upload.watch(self._quotas.bounding(caller, container))
                record = self._recording(call, caller, container, claim, wanted, "file")
                file = backend.create_file(container, upload, record)
                return self._file_answer(call, caller, container, file), file.sha256

    def copy_file(
        self, caller: Caller, container_id: str, spec: Json, provider: str | None = None
    ) -> FileAnswer:
        """Copy an existing file into the container, from a body that the document found valid."""
        wanted = fingerprint(container_id, spec)
        with self._creating(caller, container_id, provider) as (call, claim):
            if claim.answered:
                return replayed(call, claim, wanted)
            with self._serving(call, caller, container_id, provider) as (container, _backend):
                record = self._recording(call, caller, container, claim, lambda: wanted, "file_id")
                alive = self._keeping_alive(container, claim)
                watch = self._bounding(caller, container, "file_id", alive)
                file = self._copies.copy(caller, container, spec, record, watch)
                return self._file_answer(call, caller, container, file), file.sha256

    def list_files(
        self, caller: Caller, container_id: str, request: PageRequest, provider: str | None = None
    ) -> Json:
        """Return a page of the container's files. Raises UnknownCursor."""
        with (
            self._call("container_file_list", caller, provider, container_id) as call,
            self._serving(call, caller, container_id, provider) as (container, backend),
        ):
            page = backend.list_files(container, request)
            body = list_body([file_body(file) for file in page.items], has_more=page.has_more)
            return self._answer(call, caller, body, container.backend, container.deployment)

    def retrieve_file(
        self, caller: Caller, container_id: str, file_id: str, provider: str | None = None
    ) -> FileAnswer:
        """Return the file's record."""
        with (
            self._call("container_file_retrieve", caller, provider, container_id, file_id) as call,
            self._serving(call, caller, container_id, provider) as (container, backend),
        ):
            file = backend.retrieve_file(container, file_id)
            return self._file_answer(call, caller, container, file), file.sha256

    def read_file(
        self,
        caller: Caller,
        container_id: str,
        file_id: str,
        provider: str | None = None,
        *,
        part: Part | None = None,
    ) -> Content:
        """Return the file's path and a way to its bytes, or to a part where a provider cuts it."""
        with (
            self._call("container_file_content", caller, provider, container_id, file_id) as call,
            self._serving(call, caller, container_id, provider) as (container, backend),
        ):
            return backend.read_file(container, file_id, part)

    def delete_file(
        self, caller: Caller, container_id: str, file_id: str, provider: str | None = None
    ) -> Json:
        """Delete the file."""
        with (
            self._call("container_file_delete", caller, provider, container_id, file_id) as call,
            self._serving(call, caller, container_id, provider) as (container, backend),
        ):
            backend.delete_file(
                container, file_id, lambda tx: call.record(tx, container.id, file_id)
            )
            body = deleted_body("container.file", file_id)
            return self._answer(call, caller, body, container.backend, container.deployment)

    @contextmanager
    def _creating(
        self, caller: Caller, container_id: str, provider: str | None
    ) -> Iterator[tuple[Call, Claim]]:
        with (
            self._call("container_file_create", caller, provider, container_id) as call,
            self._keys.claim(caller.tenant, call.request_type, caller.idempotency_key) as claim,
        ):
            yield call, claim

    @contextmanager
    def _serving(
        self, call: Call, caller: Caller, container_id: str, provider: str | None
    ) -> Iterator[tuple[Container, Provider]]:
        """Yield a container that is alive and what serves it."""
        container = self._lookup.alive(call, caller.tenant, container_id, provider)
        with self._noticing_the_end(container):
            yield container, self._registry.of(container)

    def _file_answer(self, call: Call, caller: Caller, container: Container, file: File) -> Json:
        body = file_body(file)
        return self._answer(call, caller, body, container.backend, container.deployment)

    def _recording(
        self,
        call: Call,
        caller: Caller,
        container: Container,
        claim: Claim,
        wanted: Callable[[], str],
        param: str,
    ) -> Record:
        """Return what must hold, and be kept, in the transaction that makes a new file visible.

        The request names the file in `param`.
        """

        def record(tx: Connection, file: File) -> None:
            self._lookup.keep_alive(tx, container)
            self._quotas.take(tx, caller, container, [file], param)
            answer = self._file_answer(call, caller, container, file)
            call.record(tx, container.id, file.id)
            claim.record(tx, wanted(), {**answer, "sha256": file.sha256})

        return record

    def _keeping_alive(self, container: Container, claim: Claim) -> Callable[[bytes], None]:
        """Return a watcher that lets a long upload count as activity while it goes on."""
        return self._renewing(claim, lambda tx: self._lookup.keep_alive(tx, container))


def replayed(call: Call, claim: Claim, wanted: str) -> FileAnswer:
    """Return the first answer again. Raises IdempotencyKeyReused and ProviderNotAllowed."""
    answer = claim.replay(wanted)
    call.serve_by(answer["extra_fields"]["provider"])
    return answer, answer.pop("sha256")
