"""A file on its way out: the body of a form, made while the client still sends the file."""

import secrets
from collections.abc import Iterator

from providers.base import Upload
from providers.errors import InvalidRequest
from providers.hosted.paths import container_path

HELD_BYTES = 1024 * 1024
# As browsers and the SDKs do it:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def form_of(upload: Upload) -> tuple[bytes | Iterator[bytes], str]:
    """Return a body whose one part is the file, and its content type.

    The client's name and type reach the provider unchanged; of a `file_path`, the last part is the
    name. A form that ends within `HELD_BYTES` is returned whole, so that its length is known; of a
    longer one nothing more than that is ever held. Raises InvalidRequest.
    """
    boundary = secrets.token_hex(16)
    chunks = upload.chunks()
    held, ended = _hold(chunks)
    head = _head(boundary, _name(upload), upload.content_type)
    tail = f"\r\n--{boundary}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={boundary}"
    if ended:
        return head + held + tail, content_type
    return _stream(head + held, chunks, tail, upload), content_type


def _hold(chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if len(held) >= HELD_BYTES:
            return bytes(held), False
    return bytes(held), True


def _name(upload: Upload) -> str:
    if upload.file_path is None:
        return upload.filename
    return container_path(upload.filename, upload.file_path).rsplit("/", 1)[-1]


def _head(boundary: str, name: str, content_type: str) -> bytes:
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name.translate(_ESCAPES)}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode()


def _stream(head: bytes, chunks: Iterator[bytes], tail: bytes, upload: Upload) -> Iterator[bytes]:
    """Yield the form; one that turns out to name another path is never finished."""
    known = upload.file_path
    yield head
    yield from chunks
    if upload.file_path != known:
        raise InvalidRequest(
            "Invalid 'file_path': of a large file for this provider, send it before the file.",
            param="file_path",
        )
    yield tail
