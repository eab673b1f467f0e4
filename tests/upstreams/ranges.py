"""Parts of files, for those who ask by `Range` and `If-Range`."""

import hashlib
import re
from collections.abc import Mapping

from tests.upstreams.messages import Answer


def cut(whole: Answer, asked: Mapping[str, str]) -> Answer:
    """Return the part of an answer that the headers ask for; 416 when there is none."""
    size = len(whole.body)
    etag = f'"{hashlib.sha256(whole.body).hexdigest()[:16]}"'
    headers = {**whole.headers, "ETag": etag, "Accept-Ranges": "bytes"}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.get("range", ""))
    if wanted is None or asked.get("if-range", etag) != etag:
        return Answer(200, whole.body, headers, chunked=whole.chunked)
    first, last = wanted.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= size:
        return Answer(416, b"", {"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Answer(206, whole.body[start:stop], headers, chunked=whole.chunked)
