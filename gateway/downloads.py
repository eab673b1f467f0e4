"""A file's bytes as an HTTP answer: receipts, ranges and conditions."""

import base64
import re
import unicodedata
from urllib.parse import quote

from flask import Request, Response
from werkzeug.http import parse_etags

from providers.base import Content, Part
from providers.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_ETAG = re.compile(r'(?:W/)?"[!#-~]{0,256}"')


def receipt(sha256: str | None) -> dict[str, str]:
    """Return the headers that say which bytes a file has (RFC 9110 ETag, RFC 9530 Repr-Digest)."""
    if sha256 is None:
        return {}
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    return {"ETag": f'"{sha256}"', "Repr-Digest": f"sha-256=:{digest}:"}


def part_of(request: Request) -> Part | None:
    """Return the part that a request asks for; None for the whole file, and for nonsense.

    A header that is malformed or asks for several ranges is ignored (RFC 9110, 14.2).
    """
    wanted = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    condition = request.headers.get("If-Range")
    if wanted is None or (condition is not None and not _ETAG.fullmatch(condition.strip())):
        return None
    first, last = wanted.groups()
    if first and last and int(last) < int(first):
        return None
    return Part(wanted.group(), condition and condition.strip()) if first or last else None


def content_response(content: Content, request: Request) -> Response:
    """Return the answer to a download: the file, the range asked for, or 304.

    Raises RangeNotSatisfiable.
    """
    headers = receipt(content.sha256) | {
        "Content-Disposition": _disposition(content.path),
        "Cache-Control": "private, no-cache",
    }
    headers.update(content.headers)
    start, stop, status = 0, content.size or 0, 206 if "Content-Range" in headers else 200
    if content.sha256 is not None and content.size is not None:
        headers["Accept-Ranges"] = "bytes"
        if parse_etags(request.headers.get("If-None-Match")).contains_weak(content.sha256):
            return Response(status=304, headers=headers)
        if wanted := _wanted_range(request, headers["ETag"], content.size):
            (start, stop), status = wanted, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    if content.size is not None:
        headers["Content-Length"] = str(stop - start)
    return Response(
        content.read(start, stop),
        status=status,
        headers=headers,
        content_type="application/octet-stream",
        direct_passthrough=True,
    )


def _wanted_range(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """Return where the one range asked for starts and stops; None to send the whole file.

    A header that is malformed or asks for several ranges is ignored (RFC 9110, 14.2).
    """
    if request.headers.get("If-Range", etag).strip() != etag:
        return None
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or size == 0:
        return None
    first, last = match.groups()
    if not first:
        start, stop = (size - min(int(last), size), size) if last else (0, 0)
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiable(
            "The range lies outside the file.",
            param="Range",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return (start, stop) if start < stop else None


def _disposition(path: str) -> str:
    """Return a header that names the file for any client (RFC 6266)."""
    name = path.rsplit("/", 1)[-1]
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\%\x00-\x1f\x7f]', "_", plain) or "file"
    if plain == name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
