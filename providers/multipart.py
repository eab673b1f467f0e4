"""A file on its way out: the body of a form, made while the client still sends the file."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from providers.base import Upload
from providers.hosted.paths import container_path

HELD_BYTES = 1024 * 1024
# As browsers and the SDKs do it:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


Fields = Callable[[], Mapping[str, str]]
"""Returns a form's other fields; it is asked when the file's bytes have passed."""


@dataclass(frozen=True)
class Form:
    """A form with a file, whose content type arrives unchanged, and `fields` after it."""

    name: str
    file_type: str
    fields: Fields = dict
    _boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def content_type(self) -> str:
        """The type of the form itself."""
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def head(self) -> bytes:
        """What comes before the file's bytes."""
        return (
            f"--{self._boundary}\r\nContent-Disposition: form-data; "
            f'name="file"; filename="{self.name.translate(_ESCAPES)}"\r\n'
            f"Content-Type: {self.file_type}\r\n\r\n"
        ).encode()

    @property
    def tail(self) -> bytes:
        """What comes after them; a form without it is no form, and creates nothing."""
        fields = "".join(
            f"\r\n--{self._boundary}\r\nContent-Disposition: form-data; "
            f'name="{name}"\r\n\r\n{value}'
            for name, value in self.fields().items()
        )
        return f"{fields}\r\n--{self._boundary}--\r\n".encode()

    def around(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the form around a file's bytes; when these break off, so does the form."""
        yield self.head
        yield from chunks
        yield self.tail


def form_of(upload: Upload, fields: Fields = dict) -> tuple[Form, bytes | Iterator[bytes]]:
    """Return a form for an upload, and its body.

    A body that ends within `HELD_BYTES` is returned whole, so that its length is known; of a longer
    one nothing more than that is ever held. Its name is then what is known by then: `name_of` tells
    at its end whether that was right. Raises InvalidRequest, as iterating over the body does.
    """
    chunks = upload.chunks()
    held, ended = _hold(chunks)
    form = Form(name_of(upload), upload.content_type, fields)
    if ended:
        return form, form.head + held + form.tail
    return form, form.around(_rest(held, chunks, upload))


def name_of(upload: Upload) -> str:
    """Return the last part of `file_path`, or the client's name. Raises InvalidRequest."""
    if upload.file_path is None:
        return upload.filename
    return container_path(upload.filename, upload.file_path).rsplit("/", 1)[-1]


def _hold(chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if len(held) >= HELD_BYTES:
            return bytes(held), False
    return bytes(held), True


def _rest(held: bytes, chunks: Iterator[bytes], upload: Upload) -> Iterator[bytes]:
    """Yield a file's bytes; what is wrong with a path that follows them is found out in time."""
    yield held
    yield from chunks
    name_of(upload)
