"""What must hold of every answer, beyond what the document can say.

Each check is one that schemathesis runs on every answer; an AssertionError is a failure.
"""

import hashlib
import json
import re
import unicodedata
from base64 import b64encode
from typing import Any, cast

import schemathesis
from schemathesis import CheckContext, Response
from schemathesis.generation.meta import REQUEST_SHAPE_PROBES, TestPhase, coverage_scenario
from schemathesis.transport.serialization import Binary

Case = schemathesis.Case[Any]
Json = dict[str, Any]

RETRIABLE = {408, 409, 429, 500, 502, 503, 504}
DEFAULT_LIMIT = 20
CONTENT = {"container_file_content", "file_content"}
DEPLOYMENT = {"x-berth-deployment", "x-bf-api-key"}


@schemathesis.check
def errors_have_one_envelope(ctx: CheckContext, response: Response, case: Case) -> None:
    if response.status_code < 400:
        return
    body = json.loads(response.content)
    error, extra = body.pop("error"), body.pop("extra_fields")
    server_error = response.status_code >= 500

    assert body == {}
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"] == ("server_error" if server_error else "invalid_request_error")
    assert set(extra) == {"provider", "request_type"}
    assert extra["request_type"] in {request_type(case), None}
    assert header(response, "content-type") == "application/json"


@schemathesis.check
def errors_say_whether_to_try_again(ctx: CheckContext, response: Response, case: Case) -> None:
    useless = response.status_code >= 400 and response.status_code not in RETRIABLE

    assert header(response, "x-should-retry") == ("false" if useless else None)


@schemathesis.check
def answers_carry_a_request_id(ctx: CheckContext, response: Response, case: Case) -> None:
    assert re.fullmatch(r"req_[0-9a-f]{32}", header(response, "x-request-id") or "")


@schemathesis.check
def answers_say_how_they_were_served(ctx: CheckContext, response: Response, case: Case) -> None:
    answer = answer_of(response)
    if "extra_fields" not in answer:
        return
    asked = case.body if isinstance(case.body, dict) else case.query
    served = answer["extra_fields"].get("provider")

    assert answer["extra_fields"]["request_type"] == request_type(case)
    assert served == asked.get("provider", served)


@schemathesis.check
def refusals_have_their_reason(ctx: CheckContext, response: Response, case: Case) -> None:
    """Narrow what schemathesis.toml lets a good request be refused with to the reason it gives."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if coverage_scenario(case) in REQUEST_SHAPE_PROBES:
        return
    error = json.loads(response.content)["error"] if response.status_code >= 400 else {}
    code = error.get("code")
    if response.status_code == 400 and code == "unsupported_parameter":
        assert error["param"] in not_for_hosted(case)
    elif response.status_code == 400 and code == "unknown_deployment":
        assert DEPLOYMENT & case.headers.keys()
    elif response.status_code == 400 and code == "duplicate_filename":
        assert len(cast(Json, case.body)["file_ids"]) > 1
    elif response.status_code == 400:
        assert "after" in case.query
        assert code == "invalid_value"
    if response.status_code == 416:
        size = int((header(response, "content-range") or "").removeprefix("bytes */"))
        wanted = re.fullmatch(r"bytes=(?:(\d+)-\d*|-0+)", case.headers["Range"].strip())
        assert wanted
        assert int(wanted[1] or size) >= size
    if response.status_code == 422:
        assert "Idempotency-Key" in case.headers
        assert code == "idempotency_key_reused"


@schemathesis.check
def containers_are_what_was_asked_for(ctx: CheckContext, response: Response, case: Case) -> None:
    if request_type(case) != "container_create" or response.status_code != 200:
        return
    asked, answer = cast(Json, case.body), answer_of(response)

    assert not_for_hosted(case) == set()
    assert answer["name"] == asked["name"]
    assert answer["metadata"] == asked.get("metadata", {})
    assert answer["memory_limit"] == asked.get("memory_limit", "1g")
    assert answer["expires_after"]["minutes"] == asked.get("expires_after", {}).get("minutes", 20)
    assert answer.get("network_policy") == asked.get("network_policy")


@schemathesis.check
def files_are_what_was_sent(ctx: CheckContext, response: Response, case: Case) -> None:
    if request_type(case) != "container_file_create" or response.status_code != 200:
        return
    asked, answer = cast(Json, case.body), answer_of(response)
    if "file" in asked:
        sent = asked["file"]
        content = sent.data if isinstance(sent, Binary) else str(sent).encode()
        assert answer["bytes"] == len(content)
        assert_receipt(response, content)
    if "file_path" in asked:
        path = unicodedata.normalize("NFC", asked["file_path"])
        assert answer["path"] == "/mnt/data/" + path.removeprefix("/mnt/data/")


@schemathesis.check
def uploads_are_what_was_sent(ctx: CheckContext, response: Response, case: Case) -> None:
    if request_type(case) != "file_create" or response.status_code != 200:
        return
    asked, answer = cast(Json, case.body), answer_of(response)
    sent, seconds = asked["file"], asked.get("expires_after[seconds]")
    content = sent.data if isinstance(sent, Binary) else str(sent).encode()
    expires_at = answer["created_at"] + int(seconds) if seconds is not None else None

    assert (answer["bytes"], answer["purpose"]) == (len(content), asked["purpose"])
    assert answer["purpose"] == "batch" or answer.get("expires_at") == expires_at
    assert_receipt(response, content)


@schemathesis.check
def downloads_are_what_the_receipt_says(ctx: CheckContext, response: Response, case: Case) -> None:
    if request_type(case) not in CONTENT or response.status_code >= 400:
        return
    if response.status_code == 200:
        assert_receipt(response, response.content)
    elif response.status_code == 206:
        start, stop, size = content_range(response)
        assert 0 <= start <= stop < size
        assert len(response.content) == stop - start + 1
    else:
        assert response.content == b""
    assert header(response, "content-length") in {str(len(response.content)), None}


@schemathesis.check
def pages_agree_with_themselves(ctx: CheckContext, response: Response, case: Case) -> None:
    answer = answer_of(response)
    if not str(request_type(case)).endswith("_list") or "has_more" not in answer:
        return
    ids = [item["id"] for item in answer["data"]]
    times = [item["created_at"] for item in answer["data"]]

    assert answer["first_id"] == (ids[0] if ids else "")
    assert answer["last_id"] == (ids[-1] if ids else "")
    default = 10_000 if request_type(case) == "file_list" else DEFAULT_LIMIT
    assert len(set(ids)) == len(ids) <= int(case.query.get("limit", default))
    assert times == sorted(times, reverse=case.query.get("order", "desc") == "desc")
    assert case.query.get("after") not in ids
    assert ids or not answer["has_more"]
    assert {item.get("name") for item in answer["data"]} <= {case.query.get("name")} or (
        "name" not in case.query
    )


@schemathesis.check
class EveryOperationSucceeds:
    """Fails a run in which an operation never did: then little of it was tested."""

    def __init__(self) -> None:
        self._tried: set[str] = set()
        self._succeeded: set[str] = set()

    def after_response(self, ctx: CheckContext, response: Response, case: Case) -> None:
        """Take note of how the operation went. A short workflow may miss one, or an example."""
        del ctx
        if case.meta and case.meta.phase.name in {TestPhase.COVERAGE, TestPhase.FUZZING}:
            self._tried.add(case.operation.label)
        if response.status_code < 300:
            self._succeeded.add(case.operation.label)

    def after_run(self, ctx: CheckContext) -> None:
        """Compare, at the end of the run."""
        del ctx
        assert sorted(self._tried - self._succeeded) == []


def not_for_hosted(case: Case) -> set[str]:
    """Return the fields of a create that hosted containers cannot honour."""
    if request_type(case) != "container_create" or not isinstance(case.body, dict):
        return set()
    asked = cast(Json, case.body)
    policy = asked.get("network_policy", {})
    fields = {"skills"} & asked.keys()
    fields |= {"network_policy"} if policy.get("type") == "allowlist" else set()
    return fields | ({"network_policy.domain_secrets"} if "domain_secrets" in policy else set())


def request_type(case: Case) -> str | None:
    """Return what the document calls the operation."""
    found: str | None = case.operation.definition.raw.get("x-request-type")
    return found


def header(response: Response, name: str) -> str | None:
    """Return the value of a header that is sent once; None when it is absent."""
    values = response.headers.get(name, [])

    assert len(values) <= 1, f"{name} was sent {len(values)} times"
    return values[0] if values else None


def answer_of(response: Response) -> Json:
    """Return the JSON object of a successful answer; empty when it has none."""
    is_json = header(response, "content-type") == "application/json"
    answer: Json = json.loads(response.content) if is_json and response.status_code < 300 else {}
    return answer


def assert_receipt(response: Response, content: bytes) -> None:
    """See that the headers are the content's."""
    digest = hashlib.sha256(content)

    assert header(response, "etag") == f'"{digest.hexdigest()}"'
    assert header(response, "repr-digest") == f"sha-256=:{b64encode(digest.digest()).decode()}:"


def content_range(response: Response) -> tuple[int, int, int]:
    """Return the first byte, the last one and the size from `Content-Range`."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", header(response, "content-range") or "")

    assert match
    start, stop, size = (int(number) for number in match.groups())
    return start, stop, size
