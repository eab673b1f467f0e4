"""Flask's request, without its habit of reading forms."""

from flask import Request
from werkzeug.datastructures import FileStorage, ImmutableMultiDict


class StreamingRequest(Request):
    """A request whose form nobody parses but the one who takes the upload.

    connexion asks every request for its form and files to bind arguments; werkzeug would answer by
    storing all of the body before the handler has said whether it wants it.
    """

    @property
    def content_type(self) -> str:  # type: ignore[override]
        """The media type alone: connexion fails on a slash in a parameter, like a boundary."""
        return self.mimetype

    @property
    def form(self) -> ImmutableMultiDict[str, str]:
        return ImmutableMultiDict()

    @property
    def files(self) -> ImmutableMultiDict[str, FileStorage]:
        return ImmutableMultiDict()
