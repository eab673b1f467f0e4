"""An upload to the Files API: a file, its purpose, when it expires, and the provider."""

import re
from collections.abc import Iterator
from typing import IO, ClassVar

from gateway.uploads import MultipartUpload
from providers import PROVIDERS
from providers.errors import InvalidRequest

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
MIN_EXPIRES_S = 3600
MAX_EXPIRES_S = 30 * 24 * 3600
HELD_BYTES = 1024 * 1024
ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"


class FileForm(MultipartUpload):
    """The parts of the form, in any order."""

    takes: ClassVar[frozenset[str]] = frozenset({"provider", "purpose", ANCHOR, SECONDS})

    def __init__(
        self,
        stream: IO[bytes],
        content_type: str,
        *,
        max_bytes: int,
        default_provider: str | None,
    ) -> None:
        super().__init__(stream, content_type, max_bytes=max_bytes)
        self._default_provider = default_provider
        self._held: list[bytes] = []
        self._rest = super().chunks()

    def look_ahead(self) -> None:
        """Read the form, but of the file at most `HELD_BYTES`, which are kept for `chunks`.

        Raises as `chunks` does.
        """
        for chunk in self._rest:
            self._held.append(chunk)
            if self.bytes >= HELD_BYTES:
                break

    def chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes as they arrive, those that were held first."""
        while self._held:
            yield self._held.pop(0)
        yield from self._rest

    @property
    def provider(self) -> str | None:
        """Who is to keep the file, as far as that was said by now. Raises InvalidRequest."""
        if "provider" not in self.fields:
            return self._default_provider
        return _one_of(PROVIDERS, "provider", self.fields["provider"])

    @property
    def purpose(self) -> str:
        """What the file is for. Raises InvalidRequest."""
        if "purpose" not in self.fields:
            raise missing("purpose")
        return _one_of(PURPOSES, "purpose", self.fields["purpose"])

    @property
    def expires_seconds(self) -> int | None:
        """How long after its creation the file expires. Raises InvalidRequest."""
        if ANCHOR in self.fields:
            _one_of(("created_at",), "expires_after.anchor", self.fields[ANCHOR])
        text = self.fields.get(SECONDS)
        if text is None:
            if ANCHOR in self.fields:
                raise missing("expires_after.seconds")
            return None
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise InvalidRequest(
                "Invalid 'expires_after.seconds': expected integer.",
                param="expires_after.seconds",
                code="invalid_type",
            )
        return _in_bounds(int(text))


def missing(name: str) -> InvalidRequest:
    """Return the error for a field that is not there."""
    message = f"Missing required parameter: '{name}'."
    return InvalidRequest(message, param=name, code="missing_required_parameter")


def _one_of(allowed: tuple[str, ...], name: str, value: str) -> str:
    if value not in allowed:
        supported = ", ".join(f"'{option}'" for option in allowed)
        message = f"Invalid value for '{name}'. Supported values are: {supported}."
        raise InvalidRequest(message, param=name, code="invalid_value")
    return value


def _in_bounds(seconds: int) -> int:
    name = "expires_after.seconds"
    if seconds < MIN_EXPIRES_S:
        message = f"integer below minimum value. Expected a value >= {MIN_EXPIRES_S}"
        code = "integer_below_min_value"
    elif seconds > MAX_EXPIRES_S:
        message = f"integer above maximum value. Expected a value <= {MAX_EXPIRES_S}"
        code = "integer_above_max_value"
    else:
        return seconds
    raise InvalidRequest(f"Invalid '{name}': {message}.", param=name, code=code)
