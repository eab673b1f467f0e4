"""Bytes of hosted files: from a stream into a blob, and back."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from blobs.directory import BlobDirectory, CorruptBlob, NewBlob
from catalog.files import File
from catalog.stored_files import StoredFile
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

    def read(start: int, stop: int) -> Iterator[bytes]:
        try:
            return blobs.read(file.blob or "", start, stop, size=size, sha256=sha256)
        except CorruptBlob:
            find_again()  # deleted since: that is no corruption
            raise

    return Content(name, size, sha256, read)
