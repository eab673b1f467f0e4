"""A local directory of blobs.

A blob is written under `incoming/`, synced, and renamed to `<first two of its key>/<key>`. Its
writer holds an exclusive `flock` on it until the catalog knows it, so that whoever cleans up can
tell an orphan from a blob that is about to be recorded. Symbolic links are never followed.
"""

import hashlib
import math
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK_BYTES = 256 * 1024
INCOMING = "incoming"
_SHARDS = [f"{n:02x}" for n in range(256)]
_NOT_A_BLOB = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class CorruptBlob(Exception):
    """A blob's bytes are missing or are not the ones that were written."""


class NewBlob:
    """A blob being written. `bytes` and `sha256` (hexadecimal) tell what was written so far."""

    def __init__(self, root: Path) -> None:
        self.key = secrets.token_hex(16)
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._root = root
        self._place = root / INCOMING
        with _directory(self._place) as incoming:
            self._fd = _create_locked(self.key, incoming)
        self._sealed = False

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append the chunk. Raises OSError when the disk is full."""
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._fd, view) :]
        self._hash.update(chunk)
        self.bytes += len(chunk)

    def seal(self) -> None:
        """Make the blob durable under its key."""
        os.fsync(self._fd)
        with _directory(self._place) as source, _shard(self._root, self.key) as target:
            os.rename(self.key, self.key, src_dir_fd=source, dst_dir_fd=target)
            os.fsync(target)
        self._place = self._root / self.key[:2]
        self._sealed = True

    def discard(self) -> None:
        """Remove the blob: nobody was told of it."""
        with suppress(FileNotFoundError), _directory(self._place) as place:
            os.unlink(self.key, dir_fd=place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        # A sealed blob stays when recording it failed: the commit may have happened all the same.
        if not self._sealed:
            self.discard()
        os.close(self._fd)


class BlobDirectory:
    """All blobs below one directory. Safe for many threads and processes at once."""

    def __init__(self, root: Path) -> None:
        # Where the data lies may be a link of the operator's; below it there are none.
        root = root.parent.resolve() / root.name
        self._root = root
        for name in (INCOMING, *_SHARDS):
            (root / name).mkdir(parents=True, exist_ok=True)
        for directory in (root, root.parent):
            with _directory(directory) as fd:
                os.fsync(fd)

    def create(self) -> NewBlob:
        """Start a blob; use it in a `with` block that ends after the catalog knows it."""
        return NewBlob(self._root)

    def read(self, key: str, start: int, stop: int, *, size: int, sha256: str) -> "BlobReader":
        """Return an iterator over the bytes from `start` up to, not including, `stop`.

        A read of the whole checks the hash before the last chunk is given out. Raises CorruptBlob
        at once when the blob is missing or does not have its size.
        """
        try:
            with _shard(self._root, key) as shard:
                fd = os.open(key, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=shard)
        except OSError as exc:
            raise CorruptBlob(f"Blob {key} cannot be opened.") from exc
        found = os.fstat(fd).st_size
        if found != size:
            os.close(fd)
            raise CorruptBlob(f"Blob {key} has {found} bytes, not {size}.")
        whole = (start, stop) == (0, size)
        return BlobReader(fd, start, stop, sha256=sha256 if whole else None)

    def delete(self, key: str) -> None:
        """Remove the blob, if it is there."""
        with suppress(*_NOT_A_BLOB), _shard(self._root, key) as shard:
            os.unlink(key, dir_fd=shard)

    def delete_orphans(
        self, known: Callable[[Collection[str]], set[str]], *, older_than_s: float
    ) -> int:
        """Remove what no writer holds, `known` does not return, and is old; return how many."""
        oldest = time.time() - older_than_s
        removed = 0
        for name in (INCOMING, *_SHARDS):
            with suppress(NotADirectoryError), _directory(self._root / name) as directory:
                old = _names_before(directory, oldest)
                live = known(old) if old else set()
                removed += sum(
                    _delete_orphan(directory, key, known) for key in old if key not in live
                )
        return removed

    def check(self) -> None:
        """Raise OSError when blobs cannot be written."""
        with self.create() as blob:
            blob.write(b"\0")


class BlobReader:
    """Iterates over a range of an open blob, and closes it at the end or when told to."""

    def __init__(self, fd: int, start: int, stop: int, *, sha256: str | None) -> None:
        self._fd: int | None = fd
        self._position = start
        self._stop = stop
        self._sha256 = sha256
        self._hash = hashlib.sha256()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        wanted = min(CHUNK_BYTES, self._stop - self._position)
        if self._fd is None or wanted <= 0:
            self.close()
            raise StopIteration
        chunk = os.pread(self._fd, wanted, self._position)
        self._position += len(chunk)
        self._check(chunk)
        return chunk

    def close(self) -> None:
        """Close the blob."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _check(self, chunk: bytes) -> None:
        if not chunk:
            raise CorruptBlob("A blob ended early.")
        if self._sha256 is None:
            return
        self._hash.update(chunk)
        if self._position == self._stop and self._hash.hexdigest() != self._sha256:
            raise CorruptBlob("A blob's bytes do not have the hash they were written with.")


def _create_locked(key: str, directory: int) -> int:
    """Create the file and take its lock before anybody can take it for an orphan."""
    while True:
        fd = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
        flock(fd, LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)  # somebody did, between the two


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield fd
    finally:
        os.close(fd)


def _shard(root: Path, key: str) -> AbstractContextManager[int]:
    return _directory(root / key[:2])


def _names_before(directory: int, oldest: float) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries if _modified_at(entry) < oldest]


def _modified_at(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # its writer has just renamed or removed it
        return math.inf


def _delete_orphan(directory: int, key: str, known: Callable[[Collection[str]], set[str]]) -> bool:
    """Remove the entry unless a writer holds it, or recorded it before letting go of it."""
    try:
        fd = os.open(key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError:  # a symbolic link: not ours, and nothing of ours can be reached through it
        return False
    try:
        flock(fd, LOCK_EX | LOCK_NB)
        if key in known([key]):
            return False
        os.unlink(key, dir_fd=directory)
    except OSError:  # a writer holds it, or it is a directory
        return False
    else:
        return True
    finally:
        os.close(fd)
