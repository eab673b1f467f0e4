"""A file on its way out: the body of a form, made while the client still sends the file."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from providers.base import Upload
from providers.errors import InvalidRequest
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
        return f"{fields}\r\n--{self._boundary}--".encode()

    def around(self, chunks: Iterator[bytes], most_bytes: int | None = None) -> "Body":
        """Return the form around a file's bytes; when these break off, so does the form.

        Its length is known if the most that the file can have is; what the file does not have of
        that is made up for by empty lines after the form, where nobody reads (RFC 2046, 5.1.1).
        """
        if most_bytes is None or self.fields is not dict:
            return Body(self._pieces(chunks), None)
        length = len(self.head) + most_bytes + len(self.tail)
        return Body(_filled_up(self._pieces(chunks), length), length)

    def _pieces(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        yield self.head
        yield from chunks
        yield self.tail


class Body(Iterator[bytes]):
    """A form as it is sent. `len`, where `requests` looks for it, is there if it is known."""

    def __init__(self, pieces: Iterator[bytes], length: int | None) -> None:
        self._pieces = pieces
        if length is not None:
            self.len = length

    def __next__(self) -> bytes:
        return next(self._pieces)


def form_of(upload: Upload, fields: Fields = dict) -> tuple[Form, bytes | Body]:
    """Return a form for an upload, and its body.

    A body that ends within `HELD_BYTES` is returned whole; of a longer one nothing more than that
    is ever held. Its name is then what is known by then: `name_of` tells at its end whether that
    was right. Raises InvalidRequest, as iterating over the body does.
    """
    chunks = upload.chunks()
    held, ended = _hold(chunks)
    form = Form(name_of(upload), upload.content_type, fields)
    if ended:
        return form, form.head + held + form.tail
    return form, form.around(_rest(held, chunks, upload), upload.most_bytes)


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


def _filled_up(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """Yield the pieces, and empty lines up to the length. Raises InvalidRequest for more."""
    for piece in pieces:
        length -= len(piece)
        if length < 0:
            raise InvalidRequest(
                "The body is longer than its 'Content-Length'.", code="invalid_multipart"
            )
        yield piece
    if length:
        yield (b"\r\n" * length)[:length]
