"""What can go wrong at a native provider, as the client is told it.

UpstreamError                  a native provider did not do what it was asked
├── UpstreamRefused       4xx  what the request says is wrong, in the provider's words
├── UpstreamRateLimited   429
├── UpstreamFailed        502  an error of the provider, or an answer that makes no sense
│   ├── UpstreamUnauthorized   the provider refuses Berth's own credentials
│   └── UpstreamUntrusted      the provider's certificate cannot be trusted
├── UpstreamUnavailable   503
└── UpstreamTimeout       504
"""

from providers.errors import BerthError


class UpstreamError(BerthError):
    """A native provider did not do what it was asked.

    `processed` tells whether it may have done it all the same, so that asking again could do it
    twice; `retried` whether this was not the first time it was asked.
    """

    type = "server_error"
    processed: bool = False
    retried: bool = False

    def __init__(
        self, message: str, *, retry_after: str | None = None, processed: bool = False
    ) -> None:
        super().__init__(message, headers={"Retry-After": retry_after} if retry_after else None)
        self.processed = processed


class UpstreamRefused(UpstreamError):
    """The provider refuses what the request says; status and words are the provider's."""

    type = "invalid_request_error"

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


class UpstreamRateLimited(UpstreamError):
    """The provider has had enough requests for now."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retriable = True


class UpstreamFailed(UpstreamError):
    """The provider failed, or its answer makes no sense."""

    status = 502
    code = "upstream_error"
    retriable = True


class UpstreamUnauthorized(UpstreamFailed):
    """The provider refuses Berth's own credentials; nothing the client does can mend that."""

    code = "provider_authentication"
    retriable = False


class UpstreamUntrusted(UpstreamFailed):
    """Nobody whom Berth trusts vouches for the provider's certificate; nothing was said to it."""

    code = "provider_certificate"
    retriable = False


class UpstreamUnavailable(UpstreamError):
    """The provider cannot be used now, by its own word or because it failed too often."""

    status = 503
    code = "upstream_unavailable"
    retriable = True


class UpstreamTimeout(UpstreamError):
    """The provider did not answer in time."""

    status = 504
    code = "upstream_timeout"
    retriable = True
