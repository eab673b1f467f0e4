"""Multipart forms, read to the letter: what a client wrote is kept as bytes."""

import re
from dataclasses import dataclass

from tests.upstreams.document import Violation

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;"]+))')
_DISPOSITION = re.compile(
    rb'form-data; name="(?P<name>[^"\r\n]*)"(?:; filename="(?P<filename>[^"\r\n]*)")?'
)
_ESCAPES = {b"%22": b'"', b"%0D": b"\r", b"%0A": b"\n"}


@dataclass(frozen=True)
class Part:
    """One part of a form; `filename` and `content_type` are as they came over the wire."""

    name: str
    filename: bytes | None
    content_type: bytes | None
    content: bytes

    @property
    def text(self) -> str:
        """The content of a field. Raises Violation."""
        return _utf8(self.content, f"The part '{self.name}'")

    @property
    def decoded_filename(self) -> str:
        """The file's name, without the escapes of browsers. Raises Violation."""
        name = re.sub(rb"%(?:22|0D|0A)", lambda m: _ESCAPES[m[0]], self.filename or b"")
        return _utf8(name, "A file's name")


def parts_of(content_type: str, body: bytes) -> dict[str, Part]:
    """Return the parts of a form by name. Raises Violation."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise _wrong("it has no boundary")
    delimiter = b"--" + (match[1] or match[2]).encode()
    position, parts = _start(body, delimiter), dict[str, Part]()
    while not body.startswith(b"--", position):
        end = body.find(b"\r\n" + delimiter, position)
        if not body.startswith(b"\r\n", position) or end < 0:
            raise _wrong("a part does not end")
        part = _part(body, position + 2, end)
        if part.name in parts:
            raise _wrong(f"it has two parts '{part.name}'")
        parts[part.name] = part
        position = end + 2 + len(delimiter)
    if body[position + 2 :].strip(b"\r\n"):  # lines after it are nobody's (RFC 2046, 5.1.1)
        raise _wrong("something follows its end")
    return parts


def _start(body: bytes, delimiter: bytes) -> int:
    if not body.startswith(delimiter):
        raise _wrong("it does not start with its boundary")
    return len(delimiter)


def _part(body: bytes, start: int, end: int) -> Part:
    head, content_start = _head(body, start, end)
    match = _DISPOSITION.fullmatch(head.pop(b"content-disposition", b""))
    if match is None:
        raise _wrong("a part has no name, or not as browsers write it")
    content_type = head.pop(b"content-type", None)
    if head:
        raise _wrong(f"a part has the header {min(head)!r}")
    name = _utf8(match["name"], "A part's name")
    return Part(name, match["filename"], content_type, body[content_start:end])


def _head(body: bytes, start: int, end: int) -> tuple[dict[bytes, bytes], int]:
    """Return a part's headers, and where its content starts."""
    if body.startswith(b"\r\n", start):
        return {}, start + 2
    blank = body.find(b"\r\n\r\n", start, end)
    if blank < 0:
        raise _wrong("a part has no content")
    lines = (line.partition(b":") for line in body[start:blank].split(b"\r\n"))
    return {name.lower(): value.strip() for name, _, value in lines}, blank + 4


def _utf8(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as exc:
        raise Violation(400, f"{what} is not UTF-8.") from exc


def _wrong(reason: str) -> Violation:
    return Violation(400, f"The form cannot be read: {reason}.")
