"""Bytes of hosted files: from a stream into a blob, and back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from blobs.directory import BlobDirectory, BlobReader, CorruptBlob, NewBlob
from catalog.files import File
from catalog.stored_files import StoredFile
from catalog.waiting import apart
from providers.base import Content
from providers.errors import BerthError


@contextmanager
def stored(blobs: BlobDirectory, chunks: Iterable[bytes]) -> Iterator[NewBlob]:
    """Yield a durable blob of the chunks, to be recorded; a block that refuses to discards it."""
    with blobs.create() as blob:
        for chunk in chunks:
            blob.write(chunk)
        blob.seal()
        try:
            yield blob
        except BerthError:
            blob.discard()
            raise


def content_of(
    blobs: BlobDirectory, file: File | StoredFile, name: str, find_again: Callable[[], object]
) -> Content:
    """Return a way to a file's bytes. `find_again` raises when the file is there no longer."""
    size, sha256 = file.bytes or 0, file.sha256 or ""

    def opened(start: int, stop: int) -> "_Reading":
        return _Reading(blobs.read(file.blob or "", start, stop, size=size, sha256=sha256))

    def read(start: int, stop: int) -> Iterator[bytes]:
        try:
            return apart(opened, start, stop)
        except CorruptBlob:
            find_again()  # deleted since: that is no corruption
            raise

    return Content(name, size, sha256, read)


class _Reading:
    """Iterates over a blob's bytes. The first are read when it is made, the others apart."""

    def __init__(self, blob: BlobReader) -> None:
        self._blob = blob
        self._first = next(blob, None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        chunk, self._first = self._first, None
        if chunk is None and not self._blob.at_end:
            chunk = apart(next, self._blob)
        if chunk is None:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Close the blob."""
        self._blob.close()
