"""Multipart forms, byte by byte."""

FORM = "Content-Type: multipart/form-data; boundary=b"
END = b"--b--\r\n"


def part(disposition: str | bytes, data: bytes = b"data", *headers: str | bytes) -> bytes:
    """Return a part of a form; its disposition is what follows `form-data; `."""
    lines = [b"Content-Disposition: form-data; " + _bytes(disposition), *map(_bytes, headers)]
    return raw_part(b"\r\n".join(lines), data)


def raw_part(headers: bytes, data: bytes = b"data") -> bytes:
    """Return a part of a form with these header lines."""
    return b"--b\r\n" + headers + b"\r\n\r\n" + data + b"\r\n"


def file(name: str = "a.txt", data: bytes = b"data") -> bytes:
    """Return the part `file`, its name in UTF-8 as it is."""
    return part(f'name="file"; filename="{name}"', data)


def path(value: bytes) -> bytes:
    """Return the part `file_path`."""
    return part('name="file_path"', value)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
