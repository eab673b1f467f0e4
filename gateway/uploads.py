"""A file that a client sends as multipart/form-data, parsed while it arrives.

Nothing is read before `chunks` is iterated, and never more than one chunk is held in memory.
"""

import re
from collections.abc import Callable, Iterator
from typing import IO, ClassVar

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    State,
)

from gateway.form_pieces import READ_BYTES, FormPieces
from providers.errors import InvalidRequest, TooLarge

MAX_FIELD_BYTES = 8 * 1024
MAX_PARTS = 16
DEFAULT_CONTENT_TYPE = "application/octet-stream"
# Browsers and the SDKs escape these three, and only these, in a part's file name:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
# Some clients escape a quote or a backslash by a backslash; others send a backslash as it is.
_QUOTED_NAME = re.compile(r';\s*filename="((?:\\[\\"]|[^"])*+)"', re.IGNORECASE)


class MultipartUpload:
    """The parts of a form, in any order: `file`, and the fields that `takes` names."""

    takes: ClassVar[frozenset[str]] = frozenset({"file_path"})

    def __init__(
        self, stream: IO[bytes], content_type: str, *, max_bytes: int, length: int | None = None
    ) -> None:
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        if not boundary:
            raise InvalidRequest(
                "Invalid 'Content-Type': multipart/form-data needs a boundary.",
                param="Content-Type",
            )
        self.fields: dict[str, str] = {}
        self.bytes = 0
        self.content_type = DEFAULT_CONTENT_TYPE
        self.most_bytes: int | None = None
        self._filename: str | None = None
        self._max_bytes = max_bytes
        self._delimiter = b"--" + boundary.encode()
        self._pieces = FormPieces(stream, self._delimiter, length)
        self._decoder = MultipartDecoder(boundary.encode(), max_parts=MAX_PARTS)
        self._watchers: list[Callable[[bytes], None]] = []

    @property
    def filename(self) -> str:
        """The client's name for the file."""
        if self._filename is None:
            raise InvalidRequest(
                "Missing required parameter: 'file'.",
                param="file",
                code="missing_required_parameter",
            )
        return self._filename

    @property
    def file_path(self) -> str | None:
        """Where the client wants the file, if it said so."""
        return self.fields.get("file_path")

    def watch(self, watcher: Callable[[bytes], None]) -> None:
        """Have `watcher` called with each chunk of the file as it passes."""
        self._watchers.append(watcher)

    def chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes as they arrive.

        Raises InvalidRequest for a malformed form and TooLarge as soon as the file is.
        """
        events = self._events()
        for event in events:
            if isinstance(event, File):
                self._begin_file(event)
                yield from self._file_chunks(events)
            elif isinstance(event, Field):
                self._set_field(event.name, _read_field(event.name, events))

    def exhaust(self) -> None:
        """Read the form to its end, for what the watchers see of it."""
        for _ in self.chunks():
            pass

    def _begin_file(self, part: File) -> None:
        if part.name != "file":
            raise _unknown_part(part.name)
        if self._filename is not None:
            raise InvalidRequest("Invalid 'file': send one file at a time.", param="file")
        name = _client_name(part)
        if not name:
            raise InvalidRequest("Invalid 'file': the file has no name.", param="file")
        self._filename = name
        self.most_bytes = self._rest_of_form()
        self.content_type = part.headers.get("Content-Type", DEFAULT_CONTENT_TYPE)

    def _rest_of_form(self) -> int | None:
        """Return how long a file that begins here can be, if the form's length is known."""
        if self._pieces.unread is None:
            return None
        buffer = self._decoder.buffer  # it begins with the end of the last header's line
        line_end = 2 if buffer.startswith(b"\r\n") else 1
        rest = self._pieces.unread + len(buffer) - 2 * line_end - len(self._delimiter) - len("--")
        return rest if rest >= 0 else None

    def _file_chunks(self, events: Iterator[Event]) -> Iterator[bytes]:
        for data in _part(events):
            self.bytes += len(data)
            if self.bytes > self._max_bytes:
                raise TooLarge(
                    f"Invalid 'file': the file is larger than {self._max_bytes} bytes.",
                    param="file",
                )
            for watcher in self._watchers:
                watcher(data)
            yield data

    def _set_field(self, name: str, value: str) -> None:
        if name == "file":
            raise InvalidRequest("Invalid 'file': send it with a file name.", param="file")
        if name == "file_id" and "file_path" in self.takes:
            raise InvalidRequest(
                "Invalid 'file_id': send either a file, or a file_id as JSON.", param="file_id"
            )
        if name not in self.takes:
            raise _unknown_part(name)
        if name in self.fields:
            raise InvalidRequest(f"Invalid '{name}': it was sent twice.", param=name)
        self.fields[name] = value

    def _events(self) -> Iterator[Event]:
        """Yield the form's parts and their data. Raises InvalidRequest when it is malformed."""
        try:
            while True:
                event = self._decoder.next_event()
                if isinstance(event, NeedData):
                    yield from self._feed()
                elif isinstance(event, Epilogue):
                    return
                else:
                    yield event
        except RequestEntityTooLarge as exc:
            raise TooLarge(f"The form has more than {MAX_PARTS} parts.") from exc
        except UnicodeDecodeError as exc:
            raise _not_utf8(exc.object) from exc
        except ValueError as exc:
            raise InvalidRequest(
                "The body is not valid multipart/form-data.", code="invalid_multipart"
            ) from exc

    def _feed(self) -> Iterator[Data]:
        """Read on. The decoder gets no chunk that is all data: it would search it slowly."""
        chunk, decoder = self._pieces.read(), self._decoder
        if chunk and decoder.state is State.DATA and self._delimiter not in chunk:
            data = bytes(decoder.buffer) + chunk
            decoder.buffer.clear()
            yield Data(data, more_data=True)
            return
        if len(decoder.buffer) > READ_BYTES + MAX_FIELD_BYTES:
            raise TooLarge("The form has a part with headers that are too long.")
        decoder.receive_data(chunk or None)


def _client_name(part: File) -> str:
    """Return the file's name without escapes; werkzeug's drops every lone backslash."""
    disposition = part.headers["Content-Disposition"]
    quoted = None if "filename*" in disposition else _QUOTED_NAME.search(disposition)
    name = part.filename if quoted is None else re.sub(r'\\([\\"])', r"\1", quoted[1])
    for escape, character in _ESCAPES.items():
        name = name.replace(escape, character)
    return name


def _part(events: Iterator[Event]) -> Iterator[bytes]:
    for event in events:
        if isinstance(event, Data):
            if event.data:
                yield event.data
            if not event.more_data:
                return


def _read_field(name: str, events: Iterator[Event]) -> str:
    value = bytearray()
    for data in _part(events):
        value += data
        if len(value) > MAX_FIELD_BYTES:
            raise InvalidRequest(
                f"Invalid '{name}': it is longer than {MAX_FIELD_BYTES} bytes.", param=name
            )
    try:
        return value.decode()
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"Invalid '{name}': it is not UTF-8.", param=name) from exc


def _not_utf8(header: bytes) -> InvalidRequest:
    if b"filename" in header.lower():
        return InvalidRequest("Invalid 'file': its name is not UTF-8.", param="file")
    return InvalidRequest(
        "The form has a part with a header that is not UTF-8.", code="invalid_multipart"
    )


def _unknown_part(name: str | None) -> InvalidRequest:
    if name is None:
        return InvalidRequest("The form has a part without a name.", code="invalid_multipart")
    return InvalidRequest(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
