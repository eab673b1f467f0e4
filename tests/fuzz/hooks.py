"""What schemathesis sends: requests aimed at what exists, and none that it would misjudge.

schemathesis.toml names this module, so that every run loads it.
"""

import json
import unicodedata
from itertools import count
from typing import Any

import schemathesis
from schemathesis import DeserializationContext, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import EnsureResourceAvailability

from tests.fuzz import checks
from tests.fuzz.memory import LivingContainer, LivingFile, Memory

__all__ = ["checks"]

MAX_KEY_LENGTH = 64
MAX_PATH_BYTES = 1024
TENANT = "fuzz"
NO_CONTAINER = LivingContainer("cntr_0", "ollama", "")

Case = schemathesis.Case[Any]

_memory = Memory()
_turns = count()
_used_keys: set[str] = set()


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """Drop requests whose validity the document cannot tell, or schemathesis cannot see."""
    body = case.body if isinstance(case.body, dict) else {}
    # In a form everything is text: a number is as good a path as any other text.
    if case.media_type == "multipart/form-data" and not isinstance(body.get("file_path", ""), str):
        return False
    # OpenAPI 3.0 has no keyword for a field that needs another.
    if "expires_after[anchor]" in body and "expires_after[seconds]" not in body:
        return False
    # OpenAPI 3.0 has no keyword for the length of a key, nor for a length in bytes.
    metadata, path = body.get("metadata"), body.get("file_path")
    long_key = isinstance(metadata, dict) and any(len(key) > MAX_KEY_LENGTH for key in metadata)
    stored = unicodedata.normalize("NFC", path) if isinstance(path, str) else ""
    long_path = len(stored.encode()) > MAX_PATH_BYTES >= len(stored)
    return not (long_key or long_path)


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Aim most requests at a container and a file that exist: few random ids do.

    What is meant to be wrong stays wrong. All deletions are aimed, so that something is left.
    Workflows know by their links what exists; but they are only repeated when they go the same way
    again, so none of their keys comes twice.
    """
    turn, meta = next(_turns), case.meta
    if meta is None:
        return
    _act_for_the_tenant_of_the_key(case)
    if meta.phase.name is TestPhase.STATEFUL:
        known = _fresh_key(case, turn)
    elif turn % 4 == 0 and case.method != "DELETE":
        return
    else:
        known = _fresh_key(case, turn) | _living(case, turn)
        _copy_what_exists(case, turn)
    _drop_what_is_for_native(case)
    if meta.phase.name is not TestPhase.STATEFUL and "after" not in known:
        case.query.pop("after", None)
    for location, values in (
        (ParameterLocation.PATH, case.path_parameters),
        (ParameterLocation.QUERY, case.query),
        (ParameterLocation.HEADER, case.headers),
    ):
        if values and not meta.is_negative_at(location):
            values.update({name: known[name] for name in known.keys() & values.keys()})


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    """Take note of what an answer says to live, or to be gone."""
    if response.status_code == 200 and case.method in {"POST", "DELETE"}:
        _memory.learn(json.loads(response.content), response.headers.get("etag", [""])[0])
    elif response.status_code == 404 and b'"container_expired"' in response.content:
        _memory.forget(str(case.path_parameters["container_id"]))


@schemathesis.hook
def filter_failure(
    context: HookContext,
    failure: Failure,
    case: Case,
    response: Response,
) -> bool:
    """Accept that a file to copy is not found, nor what was deleted, replaced or is expired.

    That may look as if it had just been created: a create repeated with its Idempotency-Key gets
    its first answer again, whatever happened since; a file goes when its path is uploaded anew.
    """
    if not isinstance(failure, EnsureResourceAvailability):
        return True
    error = json.loads(response.content)["error"]
    to_copy = error["param"] in {"file_id", "file_ids"}
    gone = _memory.gone & set(case.path_parameters.values())
    return not (to_copy or gone or error["code"] == "key_expired")


@schemathesis.deserializer("application/octet-stream")
def read_bytes(context: DeserializationContext, response: Response) -> str:
    """Return bytes as JSON Schema knows them: a string."""
    return response.content.decode("latin-1")


def _drop_what_is_for_native(case: Case) -> None:
    """Leave out of a create what hosted containers refuse, so that most of them succeed."""
    assert case.meta is not None
    if not case.meta.is_negative_at(ParameterLocation.HEADER):
        for name in checks.DEPLOYMENT & case.headers.keys():
            del case.headers[name]
    if isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY):
        for field in checks.not_for_hosted(case):
            case.body.pop(field.partition(".")[0], None)


def _act_for_the_tenant_of_the_key(case: Case) -> None:
    """Let no request succeed for another tenant than all others do."""
    assert case.meta is not None
    if "x-berth-tenant" in case.headers and not case.meta.is_negative_at(ParameterLocation.HEADER):
        case.headers["x-berth-tenant"] = TENANT


def _fresh_key(case: Case, turn: int) -> dict[str, str]:
    """Return an Idempotency-Key to send instead of one that was sent before."""
    key = case.headers.get("Idempotency-Key")
    if key in _used_keys:
        return {"Idempotency-Key": f"fresh-{turn}"}
    if key is not None:
        _used_keys.add(key)
    return {}


def _living(case: Case, turn: int) -> dict[str, str]:
    """Return values that exist, by the names of the parameters that take them."""
    if "/admin/" in case.path:
        return _living_key(turn)
    if "/containers" not in case.path:
        return _living_upload(case, turn)
    container, file = _target(case, turn)
    living: dict[str, str] = {}
    if container:
        living |= {"container_id": container.id, "provider": container.provider}
        living |= {"after": container.id, "name": container.name}
    if file:
        living |= {"file_id": file.id, "If-Range": file.etag}
        living |= {"If-None-Match": file.etag} if turn % 4 == 1 else {}
        living |= {"after": file.id} if "container_id" in case.path_parameters else {}
    return living


def _living_key(turn: int) -> dict[str, str]:
    key_id = _memory.key(turn)
    return {} if key_id is None else {"key_id": key_id, "after": key_id}


def _living_upload(case: Case, turn: int) -> dict[str, str]:
    upload = _memory.spare_upload() if case.method == "DELETE" else _memory.upload(turn)
    if upload is None:
        return {"file_id": "file-0"} if case.method == "DELETE" else {}
    living = {"file_id": upload.id, "provider": upload.provider, "after": upload.id}
    living |= {"If-Range": upload.etag}
    return living | ({"If-None-Match": upload.etag} if turn % 4 == 1 else {})


def _copy_what_exists(case: Case, turn: int) -> None:
    """Let a body that names files to copy name one that exists."""
    assert case.meta is not None
    upload = _memory.upload(turn)
    if upload is None or not isinstance(case.body, dict):
        return
    if case.meta.is_negative_at(ParameterLocation.BODY):
        return
    if case.body.get("file_ids"):
        case.body["file_ids"] = [upload.id]
    elif "file_id" in case.body:
        case.body["file_id"] = upload.id


def _target(case: Case, turn: int) -> tuple[LivingContainer | None, LivingFile | None]:
    """Return the container, and the file if there is one, that a request is for."""
    operation = (case.method, case.path.rsplit("/", 1)[-1])
    if operation == ("DELETE", "{container_id}"):
        return _memory.spare_container() or NO_CONTAINER, None
    if operation == ("POST", "files"):
        return _memory.container(turn), None
    file = _memory.spare_file() if operation == ("DELETE", "{file_id}") else _memory.file(turn)
    return (file.container, file) if file else (_memory.container(turn), None)
