"""What it means when a call does not get as far as an answer."""

from ssl import SSLCertVerificationError

import requests
from urllib3.exceptions import (
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
)
from urllib3.exceptions import (
    TimeoutError as WaitedInVain,
)

from providers.upstream_errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamTimeout,
    UpstreamUntrusted,
)


def failure_of(exc: requests.RequestException) -> UpstreamError:
    """Return the error for a call that failed: was it in time, and may it have been done?"""
    reason = exc.args[0] if exc.args else None
    reason = getattr(reason, "reason", reason)
    if isinstance(reason, ProxyError):
        return _proxy_failure(reason.original_error)
    if isinstance(exc, requests.ConnectTimeout):
        return UpstreamTimeout("The provider cannot be reached in time.")
    if isinstance(exc, requests.Timeout):
        return UpstreamTimeout("The provider did not answer in time.", processed=True)
    if isinstance(exc, requests.ConnectionError):
        return _connection_failure(reason)
    return UpstreamFailed("The provider's answer makes no sense.", processed=True)


def _proxy_failure(reason: Exception) -> UpstreamError:
    """Return the error for a proxy that made no connection: nothing was said to the provider."""
    in_vain = isinstance(reason, WaitedInVain | TimeoutError)
    if in_vain and not isinstance(reason, NewConnectionError):
        return UpstreamTimeout("The proxy did not connect to the provider in time.")
    return UpstreamFailed("The proxy does not connect to the provider.")


def _connection_failure(reason: object) -> UpstreamError:
    """Tell a connection that was never made from one that broke."""
    if isinstance(reason, NewConnectionError | NameResolutionError):
        return UpstreamFailed("The provider cannot be reached.")
    if isinstance(_root(reason), SSLCertVerificationError):
        return UpstreamUntrusted("The provider's certificate cannot be trusted.")
    if isinstance(reason, ProtocolError) and isinstance(reason.args[-1], TimeoutError):
        return UpstreamTimeout("The provider did not take the request in time.", processed=True)
    return UpstreamFailed("The connection to the provider broke.", processed=True)


def _root(reason: object) -> object:
    """Return what urllib3 has put into an exception of its own."""
    while isinstance(reason, Exception) and reason.args and isinstance(reason.args[0], Exception):
        reason = reason.args[0]
    return reason
