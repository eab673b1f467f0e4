"""OpenAI's uploaded files, over HTTP, at one or more deployments."""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import Connection

from catalog import stored_files
from catalog.database import Database
from catalog.stored_files import StoredFile
from providers.accounts import Account
from providers.base import Content, Part
from providers.downloading import content_of, unsatisfied
from providers.errors import StoredFileNotFound
from providers.file_store import FileUpload, Place
from providers.multipart import form_of
from providers.openai_json import stored_file_of
from providers.replies import Reply
from providers.upstream import Upstream
from providers.upstream_errors import UpstreamError, UpstreamRefused, UpstreamUnavailable


class OpenAIFiles:
    """Keeps the files of a provider that speaks OpenAI's Files API, at that provider."""

    backend: Literal["native"] = "native"

    def __init__(
        self,
        accounts: Mapping[str, Account],
        database: Database,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._database = database
        self._clock = clock

    def create_file(
        self,
        where: Callable[[], Place],
        upload: FileUpload,
        record: Callable[[Connection, StoredFile], None],
    ) -> StoredFile:
        place = where()

        def fields() -> dict[str, str]:
            where()
            return _fields(upload)

        form, body = form_of(upload, fields)
        headers = {"Content-Type": form.content_type}
        reply = self._upstream(place.deployment).send("POST", "/files", data=body, headers=headers)
        file = stored_file_of(reply.json(), place)
        try:
            with self._database.write() as tx:
                stored_files.insert(tx, file)
                record(tx, file)
        except Exception:
            self._forget_upstream(file)
            raise
        return file

    def retrieve_file(self, file: StoredFile) -> StoredFile:
        body = self._get(file, "").json()
        found = stored_file_of(body, Place(file.tenant, file.provider, file.deployment))
        self._database.note(lambda tx: stored_files.refresh(tx, found))
        return found

    def read_file(self, file: StoredFile, part: Part | None = None) -> Content:
        with unsatisfied(part, file.bytes):
            reply = self._get(file, "/content", headers=part.headers if part is not None else {})
        return content_of(file.filename, reply, part)

    def delete_file(self, file: StoredFile) -> None:
        try:
            self._upstream(file.deployment).send("DELETE", _path(file.id)).confirm()
        except UpstreamRefused as exc:
            if exc.status != 404:
                raise
            if not exc.retried:  # else the first try, whose answer was lost, deleted it
                raise self._gone(file) from exc
        self._gone(file)

    def look_up(self, file_id: str, place: Place) -> StoredFile | None:
        """Return a file that a deployment has, whoever made it; None when it has not."""
        try:
            reply = self._upstream(place.deployment).send("GET", _path(file_id))
        except UpstreamRefused as exc:
            if exc.status not in {400, 404}:
                raise
            return None
        found = stored_file_of(reply.json(), place)
        return found if found.id == file_id else None

    def _get(self, file: StoredFile, rest: str, **request: Any) -> Reply:
        try:
            return self._upstream(file.deployment).send("GET", _path(file.id) + rest, **request)
        except UpstreamRefused as exc:
            if exc.status == 404:
                raise self._gone(file) from exc
            raise

    def _gone(self, file: StoredFile) -> StoredFileNotFound:
        """Record that the provider does not have the file any more."""
        with self._database.write() as tx:
            stored_files.mark_deleted(tx, file.id, self._clock())
        return StoredFileNotFound(file.id)

    def _forget_upstream(self, file: StoredFile) -> None:
        """Delete a file that could not be recorded, so that nobody can ever ask for it."""
        try:
            self._upstream(file.deployment).send("DELETE", _path(file.id)).confirm()
        except UpstreamError:
            return

    def _upstream(self, deployment: str | None) -> Upstream:
        account = self._accounts.get(deployment or "")
        if account is None:
            raise UpstreamUnavailable("The file's deployment is not configured any more.")
        return account.upstream


def _path(file_id: str) -> str:
    return f"/files/{quote(file_id, safe='')}"


def _fields(upload: FileUpload) -> dict[str, str]:
    """Return the fields of the form, which OpenAI takes after the file as well."""
    fields = {"purpose": upload.purpose}
    if upload.expires_seconds is not None:
        fields["expires_after[anchor]"] = "created_at"
        fields["expires_after[seconds]"] = str(upload.expires_seconds)
    return fields
