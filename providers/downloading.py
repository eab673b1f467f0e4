"""A file on its way from a provider to a client: the whole, or the part that the provider cuts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from providers.base import Content, Part
from providers.errors import RangeNotSatisfiable
from providers.replies import Reply
from providers.upstream_errors import UpstreamFailed, UpstreamRefused

_ETAG = re.compile(r'(?:W/)?"[!#-~]{0,256}"')
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


def content_of(path: str, reply: Reply, part: Part | None) -> Content:
    """Return the content of the file at a path from the provider's answer. Raises UpstreamFailed.

    The provider may answer with the whole file, whatever `part` asked for.
    """
    told, headers = reply.response.headers, {}
    size = reply.length
    if _ETAG.fullmatch(told.get("ETag", "")):
        headers["ETag"] = told["ETag"]
    if told.get("Accept-Ranges") == "bytes":
        headers["Accept-Ranges"] = "bytes"
    if reply.response.status == 206:
        cut = _CONTENT_RANGE.fullmatch(told.get("Content-Range", ""))
        cut_size = _size(cut)
        if part is None or cut is None or cut_size < 1 or size not in {None, cut_size}:
            reply.close()
            raise UpstreamFailed("The provider's answer makes no sense.", processed=True)
        headers["Content-Range"], size = cut.group(), cut_size
    return Content(path, size, None, lambda _start, _stop: reply.chunks(), headers)


@contextmanager
def unsatisfied(part: Part | None, size: int | None) -> Iterator[None]:
    """Turn the provider's words for a part that is not inside a file of a size into ours."""
    try:
        yield
    except UpstreamRefused as exc:
        if exc.status != 416 or part is None:
            raise
        told = {} if size is None else {"Content-Range": f"bytes */{size}"}
        message = "The range lies outside the file."
        raise RangeNotSatisfiable(message, param="Range", headers=exc.headers or told) from exc


def _size(cut: re.Match[str] | None) -> int:
    """Return how many bytes a `Content-Range` tells of; 0 for one that contradicts itself."""
    if cut is None:
        return 0
    first, last, total = cut.groups()
    inside = total == "*" or int(last) < int(total)
    return max(0, int(last) - int(first) + 1) if inside else 0
