"""A form as it arrives, in pieces that each end where the form's parser may stop.

werkzeug's parser takes some of a delimiter's line for data when a piece ends within it.
"""

from typing import IO

READ_BYTES = 512 * 1024
MAX_PADDING_BYTES = 1024
"""White space after a delimiter, which RFC 2046, 5.1.1, allows."""


class FormPieces:
    """Reads a form. `unread` is how many bytes are left of one whose length is known."""

    def __init__(self, stream: IO[bytes], delimiter: bytes, length: int | None) -> None:
        self.unread = length
        self._stream = stream
        self._delimiter = delimiter
        self._kept = b""
        self._ended = False

    def read(self) -> bytes:
        """Return what came, but for a line at its end that may become a delimiter's.

        There is nothing at the form's end only.
        """
        end = 0
        while not end and not self._ended:
            new = self._stream.read(READ_BYTES)
            self._ended = not new
            self._kept += new
            end = self._begin_of_delimiter(self._kept)
        if self._ended:
            end = len(self._kept)
        piece, self._kept = self._kept[:end], self._kept[end:]
        if self.unread is not None:
            self.unread -= len(piece)
        return piece

    def _begin_of_delimiter(self, piece: bytes) -> int:
        """Return where a delimiter's line begins that the piece does not end, or its length."""
        end, matches = len(piece), self._begins_delimiter
        since = max(0, end - len(self._delimiter) - MAX_PADDING_BYTES)
        while True:
            last = max(piece.rfind(b"\n", since, end), piece.rfind(b"\r", since, end))
            if last < 0 or not matches(piece[last + 1 : end]):
                return end
            end = last - 1 if piece[last - 1 : last + 1] == b"\r\n" else last
            matches = self._is_delimiter  # whose line would lose its end

    def _begins_delimiter(self, line: bytes) -> bool:
        whole = self._delimiter
        return whole.startswith(line) or line == whole + b"-" or self._is_delimiter(line)

    def _is_delimiter(self, line: bytes) -> bool:
        padding = line.removeprefix(self._delimiter)
        return line.startswith(self._delimiter) and (not padding or padding.isspace())
