"""Sends a client's file to a provider, under the name that the client wants in the end.

A form tells a file's name before its bytes, and a large file is sent on while it comes in. A
`file_path` that the client sends after it may thus come too late: the file is then copied upstream
under the right name, through this process but never held by it, and the first one removed.
"""

import logging
from collections.abc import Callable

from providers.base import Json, Upload
from providers.exchange import exchange
from providers.multipart import Body, Form, form_of, name_of
from providers.upstream import Upstream
from providers.upstream_errors import UpstreamError

logger = logging.getLogger("berth.uploading")

FilePath = Callable[[Json], str]
"""Returns the path upstream of a file that the provider has answered with."""


def send_file(upstream: Upstream, files: str, upload: Upload, path_of: FilePath) -> Json:
    """Return the provider's answer to an upload below the path `files`.

    Raises what `Upload.chunks` and `Upstream.send` raise; then no file is left.
    """
    form, body = form_of(upload)
    sent = _post(upstream, files, form, body)
    name = name_of(upload)
    if name == form.name:
        return sent
    first = path_of(sent)
    try:
        content = upstream.send("GET", f"{first}/content")
        form = Form(name, upload.content_type)
        try:
            return _post(upstream, files, form, form.around(content.chunks(), content.length))
        finally:
            content.close()
    finally:
        _remove(upstream, first)


def _post(upstream: Upstream, files: str, form: Form, body: bytes | Body) -> Json:
    headers = {"Content-Type": form.content_type}
    return upstream.send("POST", files, data=body, headers=headers).json()


def _remove(upstream: Upstream, path: str) -> None:
    """Delete what nobody was told of, in a call that nobody is told of either."""
    token = exchange.set(None)
    try:
        upstream.send("DELETE", path).confirm()
    except UpstreamError as exc:
        logger.warning("A file with a wrong name is left: %s", exc.message, extra={"file": path})
    finally:
        exchange.reset(token)
