"""Everything that can go wrong, as the client is told it.

BerthError
├── InvalidRequest            400  something the client sent is wrong; `param` names it
│   └── Unsupported           400  the provider cannot honour a field
├── ProviderNotAllowed        403  the key is for other providers
├── NotFound                  404
│   ├── ContainerNotFound
│   ├── ContainerExpired
│   ├── ContainerGone
│   ├── FileNotFound
│   ├── StoredFileNotFound
│   ├── FileToCopyNotFound
│   ├── KeyNotFound
│   └── KeyExpired
├── ClientStalled             408  the client stopped sending
├── IdempotencyKeyInUse       409  the first request with this key still runs
├── TooLarge                  413
├── UnsupportedMediaType      415
├── RangeNotSatisfiable       416
├── IdempotencyKeyReused      422  the same key came with another body
├── Unavailable               503  try again soon
├── StorageFull               507
└── UpstreamError                  a native provider failed: see providers/upstream_errors.py
"""

from typing import Any, ClassVar


class BerthError(Exception):
    """A failure with a status, a sentence for the client and the field it is about, if any."""

    status: int = 500
    type: ClassVar[str] = "invalid_request_error"
    code: str | None = None
    retriable: ClassVar[bool] = False
    headers: dict[str, str]

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.code
        self.headers = headers or {}
        self.provider: str | None = None

    def body(self, request_type: str | None) -> dict[str, Any]:
        """Return the one error envelope."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            },
            "extra_fields": {"provider": self.provider, "request_type": request_type},
        }


class InvalidRequest(BerthError):
    """Something the client sent is wrong."""

    status = 400


class Unsupported(InvalidRequest):
    """The provider cannot honour a field."""

    code = "unsupported_parameter"

    def __init__(self, param: str, provider: str) -> None:
        super().__init__(f"'{param}' is not supported by provider '{provider}'.", param=param)


class NotFound(BerthError):
    """What the request names does not exist for this caller."""

    status = 404


class ContainerNotFound(NotFound):
    """The container never existed, was deleted, or belongs to another provider or tenant."""

    def __init__(self, container_id: str) -> None:
        super().__init__(f"Container with id '{container_id}' not found.")


class ContainerExpired(NotFound):
    """The container's idle time is over; its files are gone."""

    code = "container_expired"

    def __init__(self) -> None:
        super().__init__("Container is expired.")


class ContainerGone(ContainerExpired):
    """A native provider does not know the container any more."""


class FileNotFound(NotFound):
    """The file is not in this container."""

    def __init__(self, file_id: str, container_id: str) -> None:
        super().__init__(f"File {file_id} not found on container {container_id}.")


class ProviderNotAllowed(BerthError):
    """The caller's key is for other providers."""

    status = 403
    code = "provider_not_allowed"

    def __init__(self, provider: str) -> None:
        super().__init__(f"This key may not use provider '{provider}'.", param="provider")


class StoredFileNotFound(NotFound):
    """There is no such uploaded file, or it is another provider's or tenant's, or expired."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"No such File object: {file_id}", param="id")


class FileToCopyNotFound(NotFound):
    """There is no such uploaded file to copy; `param` is the field that names it."""

    def __init__(self, file_id: str, param: str) -> None:
        super().__init__(f"File '{file_id}' not found.", param=param)


class KeyNotFound(NotFound):
    """There is no such API key, or it is revoked."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"Key with id '{key_id}' not found.")


class KeyExpired(NotFound):
    """The API key's time is over: nothing can replace it."""

    code = "key_expired"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"Key with id '{key_id}' is expired.")


class ClientStalled(BerthError):
    """The client stopped sending in the middle of its body."""

    status = 408
    code = "request_timeout"
    retriable = True


class IdempotencyKeyInUse(BerthError):
    """The first request with this key still runs."""

    status = 409
    code = "idempotency_key_in_use"
    retriable = True

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "A request with this Idempotency-Key is still running.",
            param="Idempotency-Key",
            headers={"Retry-After": str(retry_after_s)},
        )


class TooLarge(BerthError):
    """The body, or a part of it, is larger than this server takes."""

    status = 413
    code = "request_too_large"


class UnsupportedMediaType(BerthError):
    """The body's content type is not one the operation takes."""

    status = 415
    code = "unsupported_media_type"


class RangeNotSatisfiable(BerthError):
    """The requested range lies outside the file."""

    status = 416
    code = "range_not_satisfiable"


class IdempotencyKeyReused(BerthError):
    """The same key came with another request."""

    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was already used with a different request.",
            param="Idempotency-Key",
        )


class Unavailable(BerthError):
    """The server cannot answer now but will soon."""

    status = 503
    type = "server_error"
    code = "unavailable"
    retriable = True

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"Retry-After": "1"})


class StorageFull(BerthError):
    """There is no room left for what the client sent."""

    status = 507
    type = "server_error"
    code = "storage_full"
