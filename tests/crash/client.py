"""A client that sends load and remembers every promise."""

import random
import threading
from collections import Counter

from tests.crash.copies import Copy, CreateWith, DeleteKept, Keep
from tests.crash.http import Http, Unanswered
from tests.crash.operations import (
    Arena,
    Box,
    Create,
    DeleteBox,
    DeleteFile,
    Known,
    Operation,
    Race,
    Reply,
    Upload,
)

MAX_BOXES = 3
MAX_KEPT = 3
PATHS = [*(f"{n}.bin" for n in range(6)), "folder/a.bin", "報告 final.csv"]
SIZES = (0, 1, 4_000, 4_000, 4_000, 4_000, 40_000, 40_000, 400_000, 3_000_000)


class Client:
    """Sends one request after the other, and knows what the server must have after each."""

    def __init__(self, name: str, arena: Arena, *, seed: str) -> None:
        self.known = Known()
        self.pending: Operation | None = None
        self.held: list[Operation] = []
        self.repeatable: tuple[Operation, Reply] | None = None
        self.counts: Counter[str] = Counter()
        self.answers = 0
        self._name = name
        self._arena = arena
        self._random = random.Random(seed)

    def work(self, url: str, stop: threading.Event) -> None:
        """Change things until told to stop, or until a request is not answered."""
        http = Http(url)
        while not stop.is_set():
            operation = self._choose()
            try:
                self.remember(operation, operation.send(http))
            except Unanswered:
                self.pending = operation
                return

    def remember(self, operation: Operation, reply: Reply) -> None:
        """Take what was answered for a promise."""
        operation.done(self.known, reply)
        self.counts[type(operation).__name__] += 1
        self.answers += 1
        if operation.key is not None:
            self.repeatable = operation, reply

    def _choose(self) -> Operation:
        roll, key = self._random.random(), self._key()
        if not self.known.boxes or (roll < 0.1 and len(self.known.boxes) < MAX_BOXES):
            return Create(f"{self._name} {self._random.getrandbits(64):x}", key)
        box = self._random.choice(self.known.boxes)
        if roll < 0.25:
            return self._use_files(box, key)
        if roll > 0.97:
            return DeleteBox(box)
        if roll > 0.85 and box.files:
            return DeleteFile(box, self._random.choice(sorted(box.files)))
        content = self._random.randbytes(self._random.choice(SIZES))
        if roll > 0.75:
            return Race(self._arena, self._random.choice(PATHS[:3]), content, None)
        return Upload(box, self._random.choice(PATHS), content, key)

    def _use_files(self, box: Box, key: str | None) -> Operation:
        """Upload a file to be copied, copy one, or delete one."""
        kept, roll = self.known.kept, self._random.random()
        if not kept or (roll < 0.3 and len(kept) < MAX_KEPT):
            content = self._random.randbytes(self._random.choice(SIZES))
            return Keep(f"{self._random.getrandbits(64):x}.bin", content, key)
        name = self._random.choice(sorted(kept))
        if roll > 0.75:
            return DeleteKept(name, kept[name].id)
        if roll > 0.6 and len(self.known.boxes) < MAX_BOXES:
            return CreateWith(f"{self._name} {self._random.getrandbits(64):x}", dict(kept), key)
        return Copy(box, self._random.choice(PATHS), kept[name], key)

    def _key(self) -> str | None:
        return self._random.randbytes(16).hex() if self._random.random() < 0.4 else None
