"""The operations on uploaded files: whose is it, and where; then what keeps it."""

import hashlib

from sqlalchemy import Connection

from catalog import stored_files
from catalog.pages import PageRequest
from catalog.stored_files import StoredFile
from gateway.answers import Call, Caller, list_body, stored_file_body
from gateway.file_forms import FileForm, missing
from gateway.file_service import FileAnswer, replayed
from gateway.idempotency import fingerprint
from gateway.operations import Operations
from providers.base import Content, Json, Part
from providers.errors import InvalidRequest, StoredFileNotFound
from providers.file_store import FileStore, Place


class StoredFileService(Operations):
    """Creates, lists, retrieves, reads and deletes uploaded files, for any tenant."""

    def create_file(self, caller: Caller, form: FileForm) -> FileAnswer:
        """Store an upload."""
        content = hashlib.sha256()
        if caller.idempotency_key is not None:
            form.watch(content.update)

        def wanted() -> str:
            said = (form.filename, form.purpose, form.expires_seconds)
            return fingerprint(call.provider, *said, content.hexdigest())

        def record(tx: Connection, file: StoredFile) -> None:
            self._quotas.take_stored(tx, caller, file)
            answer = self._file_answer(call, caller, file)
            claim.record(tx, wanted(), {**answer, "sha256": file.sha256})

        with (
            self._call("file_create", caller, form.provider) as call,
            self._keys.claim(caller.tenant, call.request_type, caller.idempotency_key) as claim,
        ):
            if claim.answered:
                form.exhaust()
                _serve(call, form)
                return replayed(call, claim, wanted())
            form.look_ahead()
            store = self._store_for(call, form)
            form.watch(self._renewing(claim))
            if store.backend == "hosted":
                form.watch(self._quotas.bounding(caller, sent=form.bytes))
            file = store.create_file(lambda: self._place(call, caller, form, store), form, record)
            return self._file_answer(call, caller, file), file.sha256

    def list_files(
        self, caller: Caller, provider: str, request: PageRequest, *, purpose: str | None = None
    ) -> Json:
        """Return a page of the tenant's files at a provider. Raises UnknownCursor."""
        with self._call("file_list", caller, provider) as call:
            call.serve_by(provider)
            with self._database.read() as tx:
                page = stored_files.select_files(
                    tx, caller.tenant, provider, request, purpose=purpose, now=self._clock()
                )
            bodies = [stored_file_body(file) for file in page.items]
            body = list_body(bodies, has_more=page.has_more)
            backend = self._registry.files_for_new(provider).backend
            return self._answer(call, caller, body, backend)

    def retrieve_file(
        self, caller: Caller, file_id: str, provider: str | None = None
    ) -> FileAnswer:
        """Return what is known about the file."""
        with self._call("file_retrieve", caller, provider) as call:
            file = self._find(call, caller, file_id, provider)
            file = self._registry.files_of(file).retrieve_file(file)
            return self._file_answer(call, caller, file), file.sha256

    def read_file(
        self,
        caller: Caller,
        file_id: str,
        provider: str | None = None,
        *,
        part: Part | None = None,
    ) -> Content:
        """Return the file's name and a way to its bytes, or to a part where a provider cuts it."""
        with self._call("file_content", caller, provider) as call:
            file = self._find(call, caller, file_id, provider)
            return self._registry.files_of(file).read_file(file, part)

    def delete_file(self, caller: Caller, file_id: str, provider: str | None = None) -> Json:
        """Delete the file; its copies stay."""
        with self._call("file_delete", caller, provider) as call:
            file = self._find(call, caller, file_id, provider)
            self._registry.files_of(file).delete_file(file)
            body: Json = {"id": file.id, "object": "file", "deleted": True}
            return self._answer(call, caller, body, file.backend, file.deployment)

    def _store_for(self, call: Call, form: FileForm) -> FileStore:
        """Return what takes the file; hosted as long as its form names no provider."""
        if form.provider is None:
            return self._registry.hosted_files
        return self._registry.files_for_new(_serve(call, form))

    def _place(self, call: Call, caller: Caller, form: FileForm, store: FileStore) -> Place:
        """Return where the file goes, by what its form says up to now.

        Raises InvalidRequest when it says too late that another than `store` had to take it.
        """
        provider = _serve(call, form)
        if self._store_for(call, form) is not store:
            raise InvalidRequest(
                "Invalid 'provider': with a large file, send it before the file.", param="provider"
            )
        deployment = self._registry.pick_file_deployment(provider, caller.deployment)
        return Place(caller.tenant, provider, deployment)

    def _find(self, call: Call, caller: Caller, file_id: str, provider: str | None) -> StoredFile:
        if provider is not None:
            call.serve_by(provider)
        file = self._files.find(caller, file_id, provider)
        if file is None:
            raise StoredFileNotFound(file_id)
        call.serve_by(file.provider)
        return file

    def _file_answer(self, call: Call, caller: Caller, file: StoredFile) -> Json:
        body = stored_file_body(file)
        return self._answer(call, caller, body, file.backend, file.deployment)


def _serve(call: Call, form: FileForm) -> str:
    """Let the call be served by the provider that the form names; return it."""
    if form.provider is None:
        raise missing("provider")
    call.serve_by(form.provider)
    return form.provider
