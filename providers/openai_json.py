"""OpenAI's JSON of containers and files, from and to ours."""

import re
import time
from email.utils import parsedate_to_datetime

from catalog.containers import Container
from catalog.files import File
from catalog.stored_files import StoredFile
from providers.base import Json, Snapshot
from providers.file_store import Place
from providers.upstream_errors import UpstreamFailed

DEFAULT_MINUTES = 20
DEFAULT_MEMORY_LIMIT = "1g"
MAX_NUMBER = 2**53
_ID = re.compile(r"[!-~]{1,256}")
_OURS = {"provider", "metadata"}

# A container's name upstream ends with this, so that a create whose answer was lost is found again.
_MARK = re.compile(r" \[berth:([0-9a-f]{16})\]\Z")


def creation(spec: Json, marker: str) -> Json:
    """Return the body of a create, with our marker and without what stays with us."""
    body = {field: value for field, value in spec.items() if field not in _OURS}
    body["name"] = f"{spec['name']} [berth:{marker}]"
    if "expires_after" in body:
        body["expires_after"] = {"anchor": "last_active_at", **body["expires_after"]}
    return body


def snapshot(body: Json) -> Snapshot:
    """Return a container from the provider's JSON, without our marker. Raises UpstreamFailed."""
    try:
        created_at = _number(body["created_at"])
        expires_after = body.get("expires_after") or {}
        return Snapshot(
            id=_id(body),
            name=_MARK.sub("", _string(body["name"])),
            created_at=created_at,
            last_active_at=float(_number(body.get("last_active_at") or created_at)),
            expires_minutes=_number(expires_after.get("minutes") or DEFAULT_MINUTES),
            memory_limit=_string(body.get("memory_limit") or DEFAULT_MEMORY_LIMIT),
            network_policy=_network_policy(body.get("network_policy")),
            ended=body.get("status") in {"expired", "deleted"},
            marker=_marker(str(body["name"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        raise UpstreamFailed("The provider's answer makes no sense.", processed=True) from exc


def _marker(name: str) -> str | None:
    match = _MARK.search(name)
    return match.group(1) if match else None


def _id(body: Json) -> str:
    if not _ID.fullmatch(body["id"]):
        raise ValueError("This is no id.")
    return str(body["id"])


def _string(value: object) -> str:
    """Return text that can be stored and sent: JSON may have what Unicode has not."""
    if not isinstance(value, str):
        raise TypeError("This is no text.")
    return value.encode().decode()


def _number(value: object) -> int:
    number = int(value)  # type: ignore[call-overload]
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError("This is no time, and no size.")
    return int(number)


def _network_policy(policy: Json | None) -> Json | None:
    """Return the parts that are no secret."""
    if not policy:
        return None
    if not isinstance(policy, dict):
        raise TypeError("This is no policy.")
    return {field: policy[field] for field in ("type", "allowed_domains") if field in policy}


def file_of(body: Json, container: Container) -> File:
    """Return a container's file from the provider's JSON. Raises UpstreamFailed."""
    try:
        return File(
            id=_id(body),
            container_id=container.id,
            path=_string(body["path"]),
            bytes=None if body.get("bytes") is None else _number(body["bytes"]),
            sha256=None,
            source=_string(body.get("source") or "user"),
            created_at=_number(body["created_at"]),
            blob=None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise UpstreamFailed("The provider's answer makes no sense.", processed=True) from exc


def stored_file_of(body: Json, place: Place) -> StoredFile:
    """Return an uploaded file from the provider's JSON. Raises UpstreamFailed."""
    try:
        status, details, expires_at = (
            body.get(field) for field in ("status", "status_details", "expires_at")
        )
        return StoredFile(
            id=_id(body),
            tenant=place.tenant,
            provider=place.provider,
            backend="native",
            deployment=place.deployment,
            filename=_string(body["filename"]),
            purpose=_string(body["purpose"]),
            bytes=_number(body["bytes"]),
            sha256=None,
            status=status if status in {"uploaded", "error"} else "processed",
            status_details=None if details is None else _string(details),
            created_at=_number(body["created_at"]),
            expires_at=None if expires_at is None else _number(expires_at),
            blob=None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise UpstreamFailed("The provider's answer makes no sense.", processed=True) from exc


def skew_s(date: str | None) -> float:
    """Return by how many seconds this machine's clock is ahead of an HTTP date."""
    if date is None:
        return 0.0
    try:
        return time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return 0.0


def items(page: Json) -> list[Json]:
    """Return what a page lists. Raises UpstreamFailed."""
    found = page.get("data")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UpstreamFailed("The provider's answer makes no sense.", processed=True)
    return found
