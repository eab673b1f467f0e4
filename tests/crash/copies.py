"""Requests that upload files to the Files API, copy them into containers, and delete them."""

from dataclasses import dataclass

from tests.crash.http import PROVIDER, Broken, Http
from tests.crash.operations import (
    Box,
    Known,
    Reply,
    State,
    Stored,
    headers,
    reply_of,
    sha256,
    shown,
)

FILES = "/v1/files"


@dataclass
class Keep:
    """Upload a file under a name that no other has."""

    name: str
    content: bytes
    key: str | None

    def send(self, http: Http) -> Reply:
        fields, file = {**PROVIDER, "purpose": "user_data"}, {"file": (self.name, self.content)}
        sent = http.call("POST", FILES, data=fields, files=file, headers=headers(self.key))
        return reply_of(sent)

    def done(self, known: Known, reply: Reply) -> None:
        known.kept[self.name] = Stored(reply.id, sha256(self.content))

    def seen(self, state: State) -> Reply | None:
        return next((Reply(id_) for id_, shown in state.items() if shown.name == self.name), None)


@dataclass
class Copy:
    """Copy an upload into a container."""

    box: Box
    path: str
    kept: Stored
    key: str | None

    def send(self, http: Http) -> Reply:
        body = {"file_id": self.kept.id, "file_path": self.path}
        path = f"/{self.box.id}/files"
        answer = http.call("POST", path, json=body, headers=headers(self.key))
        if answer.headers["ETag"] != f'"{self.kept.sha256}"':
            raise Broken(f"A copy of {self.kept} has other bytes.")
        return reply_of(answer)

    def done(self, known: Known, reply: Reply) -> None:
        if (old := self.box.files.get(self.path)) is not None:
            known.gone.append(f"/{self.box.id}/files/{old.id}")
        self.box.files[self.path] = Stored(reply.id, self.kept.sha256, self.kept.id)

    def seen(self, state: State) -> Reply | None:
        before, now = self.box.files.get(self.path), shown(state, self.box).files.get(self.path)
        return None if now is None or (before and before.id == now) else Reply(now)


@dataclass
class CreateWith:
    """Create a container with copies of all uploads, or not at all."""

    name: str
    kept: dict[str, Stored]
    key: str | None

    def send(self, http: Http) -> Reply:
        body = {**PROVIDER, "name": self.name, "file_ids": [k.id for k in self.kept.values()]}
        reply = reply_of(http.call("POST", "", json=body, headers=headers(self.key)))
        if reply.again:
            return reply
        files = http.pages(f"/{reply.id}/files")
        return Reply(reply.id, files={f["path"].removeprefix("/mnt/data/"): f["id"] for f in files})

    def done(self, known: Known, reply: Reply) -> None:
        if reply.files.keys() != self.kept.keys():
            raise Broken(f"{reply} was created without some of {self.kept}.")
        files = {
            name: Stored(id_, self.kept[name].sha256, self.kept[name].id)
            for name, id_ in reply.files.items()
        }
        known.boxes.append(Box(reply.id, self.name, files))

    def seen(self, state: State) -> Reply | None:
        found = ((id_, shown) for id_, shown in state.items() if shown.name == self.name)
        return next((Reply(id_, files=shown.files) for id_, shown in found), None)


@dataclass
class DeleteKept:
    """Delete an upload; its copies stay."""

    name: str
    file_id: str
    key: str | None = None

    def send(self, http: Http) -> Reply:
        return reply_of(http.call("DELETE", f"{FILES}/{self.file_id}", params=PROVIDER))

    def done(self, known: Known, reply: Reply) -> None:
        del known.kept[self.name]
        known.gone.append(f"{FILES}/{reply.id}")

    def seen(self, state: State) -> Reply | None:
        return Reply(self.file_id) if self.file_id not in state else None
