"""What it means when a call does not get as far as an answer."""

from http.client import HTTPException
from ssl import SSLCertVerificationError

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from providers.upstream_errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamTimeout,
    UpstreamUntrusted,
)


def not_connected(exc: Exception, *, by_proxy: bool) -> UpstreamError:
    """Return the error for a connection that was not made: nothing was sent."""
    in_vain = isinstance(exc, ConnectTimeoutError | TimeoutError)
    refused = isinstance(exc, NewConnectionError)  # to urllib3 one that was waited for in vain
    if isinstance(_root(exc), SSLCertVerificationError):
        return UpstreamUntrusted("The provider's certificate cannot be trusted.")
    if in_vain and not refused:
        whom = (
            "The proxy did not connect to the provider"
            if by_proxy
            else "The provider cannot be reached"
        )
        return UpstreamTimeout(f"{whom} in time.")
    if by_proxy:
        return UpstreamFailed("The proxy does not connect to the provider.")
    return UpstreamFailed("The provider cannot be reached.")


def not_taken(exc: OSError) -> UpstreamError:
    """Return the error for a request that was not wholly sent: it may be done all the same."""
    if isinstance(exc, TimeoutError):
        return UpstreamTimeout("The provider did not take the request in time.", processed=True)
    return UpstreamFailed("The connection to the provider broke.", processed=True)


def broken(exc: OSError | HTTPException) -> UpstreamError:
    """Return the error for an answer that did not begin."""
    if isinstance(exc, TimeoutError):
        return UpstreamTimeout("The provider did not answer in time.", processed=True)
    if isinstance(exc, OSError):
        return UpstreamFailed("The connection to the provider broke.", processed=True)
    return UpstreamFailed("The provider's answer makes no sense.", processed=True)


def _root(reason: object) -> object:
    """Return what urllib3 has put into an exception of its own."""
    while isinstance(reason, Exception) and reason.args and isinstance(reason.args[0], Exception):
        reason = reason.args[0]
    return reason
