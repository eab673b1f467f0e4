"""OpenAI's containers, over HTTP, at one or more deployments.

The wire format is the `containers` part of github.com/openai/openai-openapi; what the service
really answers when a container or a file is gone was collected from its users' reports.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import Connection

from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from catalog.pages import Page, PageRequest, UnknownCursor
from providers.accounts import Account, pick
from providers.base import Content, Json, Part, Snapshot, Upload
from providers.downloading import content_of, unsatisfied
from providers.errors import (
    ContainerGone,
    FileNotFound,
    InvalidRequest,
)
from providers.openai_json import creation, file_of, items, skew_s, snapshot
from providers.replies import Reply
from providers.uploading import send_file
from providers.upstream import Upstream
from providers.upstream_errors import UpstreamError, UpstreamRefused, UpstreamUnavailable

PAGE = 100
MAX_SKEW_S = 60
_GONE = re.compile(
    r"container is expired|container( with id)? .*not found|container not found",
    re.IGNORECASE,
)


class OpenAI:
    """Serves a provider that speaks OpenAI's containers API."""

    backend: Literal["native"] = "native"
    refuses: frozenset[str] = frozenset()

    def __init__(self, name: str, accounts: Mapping[str, Account], database: Database) -> None:
        self._name = name
        self._accounts = accounts
        self._database = database

    @property
    def deployments(self) -> tuple[str, ...]:
        return tuple(self._accounts)

    def pick_deployment(self, wanted: str | None) -> str:
        if wanted is not None:
            if wanted not in self._accounts:
                raise InvalidRequest(
                    f"Provider '{self._name}' has no deployment '{wanted}'.",
                    param="x-berth-deployment",
                    code="unknown_deployment",
                )
            return wanted
        return pick(self._accounts)

    def create_container(self, spec: Json, deployment: str | None, marker: str) -> Snapshot:
        body = creation(spec, marker)
        upstream = self._accounts[deployment or ""].upstream
        return snapshot(upstream.send("POST", "/containers", json=body).json())

    def retrieve_container(self, container: Container) -> Snapshot:
        try:
            found = snapshot(self._get(container, _path(container)).json())
        except UpstreamRefused as exc:
            if exc.status == 404 or _GONE.search(exc.message):
                raise ContainerGone from exc
            raise
        if found.ended:
            raise ContainerGone
        return found

    def list_containers(self, deployment: str) -> Iterator[Snapshot]:
        """Yield all of a deployment's containers, as its list shows them."""
        upstream, after = self._accounts[deployment].upstream, None
        while True:
            params = {"limit": PAGE, "order": "asc"} | ({"after": after} if after else {})
            page = upstream.send("GET", "/containers", params=params).json()
            found = [snapshot(item) for item in items(page)]
            yield from found
            if not found or not page.get("has_more", True):
                return
            after = found[-1].id

    def delete_container(self, container: Container, record: Callable[[Connection], None]) -> None:
        try:
            self._upstream(container).send("DELETE", _path(container)).confirm()
        except UpstreamRefused as exc:
            if exc.status != 404 and not _GONE.search(exc.message):
                raise
            if not exc.retried:  # else the first try, whose answer was lost, deleted it
                raise ContainerGone from exc
        with self._database.write() as tx:
            record(tx)

    def create_file(
        self, container: Container, upload: Upload, record: Callable[[Connection, File], None]
    ) -> File:
        def path_of(sent: Json) -> str:
            return _file_path(container, file_of(sent, container).id)

        with self._missing(container):
            upstream = self._upstream(container)
            sent = send_file(upstream, f"{_path(container)}/files", upload, path_of)
            file = file_of(sent, container)
        with self._database.write() as tx:
            record(tx, file)
        return file

    def copy_file(
        self, container: Container, spec: Json, record: Callable[[Connection, File], None]
    ) -> File:
        if "file_path" in spec:
            raise InvalidRequest(
                f"'file_path' is not supported by provider '{self._name}' with a file_id.",
                param="file_path",
                code="unsupported_parameter",
            )
        with self._missing(container):
            reply = self._upstream(container).send(
                "POST", f"{_path(container)}/files", json={"file_id": spec["file_id"]}
            )
            file = file_of(reply.json(), container)
        with self._database.write() as tx:
            record(tx, file)
        return file

    def list_files(self, container: Container, request: PageRequest) -> Page[File]:
        params: Json = {"limit": request.limit, "order": request.order}
        if request.after is not None:
            params["after"] = request.after
        with self._missing(container):
            try:
                page = self._get(container, f"{_path(container)}/files", params=params).json()
            except UpstreamRefused as exc:
                if exc.status == 400 and request.after is not None and exc.param == "after":
                    raise UnknownCursor(request.after) from exc
                raise
        files = [file_of(item, container) for item in items(page)]
        return Page(files, bool(page.get("has_more", False)))

    def retrieve_file(self, container: Container, file_id: str) -> File:
        return file_of(self._get_file(container, file_id, "").json(), container)

    def read_file(self, container: Container, file_id: str, part: Part | None = None) -> Content:
        file = self.retrieve_file(container, file_id)
        with unsatisfied(part, file.bytes):
            headers = part.headers if part is not None else {}
            reply = self._get_file(container, file_id, "/content", headers=headers)
        return content_of(file.path, reply, part)

    def delete_file(
        self, container: Container, file_id: str, record: Callable[[Connection], None]
    ) -> None:
        try:
            with self._missing(container, FileNotFound(file_id, container.id)):
                upstream = self._upstream(container)
                upstream.send("DELETE", _file_path(container, file_id)).confirm()
        except FileNotFound as exc:
            refusal = exc.__cause__
            if not (isinstance(refusal, UpstreamRefused) and refusal.retried):
                raise  # else the first try, whose answer was lost, deleted it
        with self._database.write() as tx:
            record(tx)

    def delete_marked(self, deployment: str, container_id: str) -> None:
        """Delete a container that nobody was told of."""
        path = f"/containers/{quote(container_id, safe='')}"
        try:
            self._accounts[deployment].upstream.send("DELETE", path).confirm()
        except UpstreamRefused as exc:
            if exc.status != 404 and not _GONE.search(exc.message):
                raise

    def check(self, deployment: str) -> str | None:
        """Return what keeps a deployment from working, in a sentence; None when it works."""
        try:
            reply = self._accounts[deployment].upstream.send(
                "GET", "/containers", params={"limit": 1}
            )
            ahead_s = skew_s(reply.response.headers.get("Date"))
            items(reply.json())
        except UpstreamError as exc:
            return exc.message
        if abs(ahead_s) > MAX_SKEW_S:
            return f"The clocks differ by {ahead_s:.0f} seconds."
        return None

    def close(self) -> None:
        """Close all connections."""
        for account in self._accounts.values():
            account.upstream.close()

    def _upstream(self, container: Container) -> Upstream:
        account = self._accounts.get(container.deployment or "")
        if account is None:
            raise UpstreamUnavailable("The container's deployment is not configured any more.")
        return account.upstream

    def _get(self, container: Container, path: str, **request: Any) -> Reply:
        return self._upstream(container).send("GET", path, **request)

    def _get_file(self, container: Container, file_id: str, rest: str, **request: Any) -> Reply:
        with self._missing(container, FileNotFound(file_id, container.id)):
            return self._get(container, _file_path(container, file_id) + rest, **request)

    @contextmanager
    def _missing(self, container: Container, file: FileNotFound | None = None) -> Iterator[None]:
        """Turn the provider's words for a container, or a file, that is not there into ours."""
        try:
            yield
        except UpstreamRefused as exc:
            if exc.status not in {400, 404}:
                raise
            if _GONE.search(exc.message) and not exc.message.startswith("File"):
                raise ContainerGone from exc
            if exc.status == 404 and file is not None:
                self.retrieve_container(container)
                raise file from exc
            raise


def _path(container: Container) -> str:
    return f"/containers/{quote(container.id, safe='')}"


def _file_path(container: Container, file_id: str) -> str:
    return f"{_path(container)}/files/{quote(file_id, safe='')}"
