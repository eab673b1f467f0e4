"""Requests that change something, and what a client knows once they are answered."""

import hashlib
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

import requests

from tests.crash.http import PROVIDER, Broken, Http


@dataclass(frozen=True)
class Stored:
    """A file as it was acknowledged; a copy has the bytes of the upload that `copy_of` names."""

    id: str
    sha256: str
    copy_of: str | None = None

    @property
    def blob(self) -> tuple[str, str]:
        """What is on disk for it: once for an upload and all its copies."""
        return self.copy_of or self.id, self.sha256


@dataclass
class Box:
    """A container and the files it must hold, by their paths."""

    id: str
    name: str
    files: dict[str, Stored] = field(default_factory=dict)


@dataclass
class Known:
    """What one client was told: its containers, its uploads, and the paths of what is deleted."""

    boxes: list[Box] = field(default_factory=list)
    kept: dict[str, Stored] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


@dataclass
class Attempt:
    """An upload to a path that others upload to at the same time; its id once it is answered."""

    sha256: str
    started: float
    ended: float = math.inf
    id: str | None = None


@dataclass
class Arena(Box):
    """A container in which all clients replace the same few files."""

    attempts: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Shown:
    """A container as the lists show it: its name, and the ids of its files by their paths."""

    name: str
    files: dict[str, str] = field(default_factory=dict)


State = dict[str, Shown]


@dataclass(frozen=True)
class Reply:
    """What a request was answered: an id, and whether it is an earlier answer given again."""

    id: str
    again: bool = False
    files: dict[str, str] = field(default_factory=dict, compare=False)


class Operation(Protocol):
    """A request that changes something."""

    key: str | None

    def send(self, http: Http) -> Reply:
        """Send it."""

    def done(self, known: Known, reply: Reply) -> None:
        """Remember that it was done."""

    def seen(self, state: State) -> Reply | None:
        """Return what it would have been answered, if the lists show that it was done."""


@dataclass
class Create:
    name: str
    key: str | None

    def send(self, http: Http) -> Reply:
        body = {**PROVIDER, "name": self.name}
        return reply_of(http.call("POST", "", json=body, headers=headers(self.key)))

    def done(self, known: Known, reply: Reply) -> None:
        known.boxes.append(Box(reply.id, self.name))

    def seen(self, state: State) -> Reply | None:
        return next((Reply(id_) for id_, shown in state.items() if shown.name == self.name), None)


@dataclass
class Upload:
    box: Box
    path: str
    content: bytes
    key: str | None

    def send(self, http: Http) -> Reply:
        files = {"file": ("x", self.content), "file_path": (None, self.path)}
        answer = http.call("POST", f"/{self.box.id}/files", files=files, headers=headers(self.key))
        told = (answer.json()["path"], answer.json()["bytes"], answer.headers["ETag"])
        if told != (f"/mnt/data/{self.path}", len(self.content), f'"{sha256(self.content)}"'):
            raise Broken(f"An upload of {self.path} was answered with {told}.")
        return reply_of(answer)

    def done(self, known: Known, reply: Reply) -> None:
        if (old := self.box.files.get(self.path)) is not None:
            known.gone.append(f"/{self.box.id}/files/{old.id}")
        self.box.files[self.path] = Stored(reply.id, sha256(self.content))

    def seen(self, state: State) -> Reply | None:
        before, now = self.box.files.get(self.path), shown(state, self.box).files.get(self.path)
        return None if now is None or (before and before.id == now) else Reply(now)


@dataclass
class Race:
    arena: Arena
    path: str
    content: bytes
    key: str | None = None

    def send(self, http: Http) -> Reply:
        attempt = Attempt(sha256(self.content), time.monotonic())
        self.arena.attempts[self.path].append(attempt)
        reply = Upload(self.arena, self.path, self.content, self.key).send(http)
        attempt.id, attempt.ended = reply.id, time.monotonic()
        return reply

    def done(self, known: Known, reply: Reply) -> None:
        """Do nothing: only the server knows who came last."""

    def seen(self, state: State) -> Reply | None:
        del state  # a file that lists show may be another client's
        return None


@dataclass
class DeleteFile:
    box: Box
    path: str
    key: str | None = None

    def send(self, http: Http) -> Reply:
        path = f"/{self.box.id}/files/{self.box.files[self.path].id}"
        return reply_of(http.call("DELETE", path, params=PROVIDER))

    def done(self, known: Known, reply: Reply) -> None:
        del self.box.files[self.path]
        known.gone.append(f"/{self.box.id}/files/{reply.id}")

    def seen(self, state: State) -> Reply | None:
        gone = self.path not in shown(state, self.box).files
        return Reply(self.box.files[self.path].id) if gone else None


@dataclass
class DeleteBox:
    box: Box
    key: str | None = None

    def send(self, http: Http) -> Reply:
        return reply_of(http.call("DELETE", f"/{self.box.id}", params=PROVIDER))

    def done(self, known: Known, reply: Reply) -> None:
        known.boxes.remove(self.box)
        known.gone.append(f"/{reply.id}")

    def seen(self, state: State) -> Reply | None:
        return Reply(self.box.id) if self.box.id not in state else None


def shown(state: State, box: Box) -> Shown:
    """Return what the lists show of a container; nothing when it is not in them."""
    return state.get(box.id, Shown("", {}))


def sha256(content: bytes) -> str:
    """Return the hash in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def headers(key: str | None) -> dict[str, str]:
    """Return the headers of a request with a key."""
    return {} if key is None else {"Idempotency-Key": key}


def reply_of(answer: requests.Response) -> Reply:
    """Return what an answer says."""
    body = answer.json()
    return Reply(body["id"], "cache_debug" in body["extra_fields"])
