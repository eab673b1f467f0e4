"""Validates requests against the document, with errors that name the field.

These classes stand in for connexion's own (its `validator_map`): those build a validator for each
request, answer some malformed bodies with 500, and read a multipart body into memory.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson
from connexion.datastructures import MediaTypeDict
from connexion.validators import AbstractRequestBodyValidator
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope

from gateway.schemas import check
from providers import PROVIDERS
from providers.errors import BerthError, InvalidRequest, TooLarge, UnsupportedMediaType

MAX_QUERY_FIELDS = 32
ARGUMENTS = "berth_arguments"
"""Where a scope's `extensions` have the values that were found valid, by name."""

Json = dict[str, Any]


class JSONBody(AbstractRequestBodyValidator):  # type: ignore[misc]
    """Validates a JSON body: strict JSON in UTF-8, of at most `max_bytes`."""

    max_bytes: int

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Read the body, validate it, and hand it on as it came."""
        _refuse_encoded(scope)
        raw = await _read(receive, self.max_bytes)
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as exc:
            message = "The body is empty; send JSON." if not raw else f"Invalid JSON: {exc}."
            raise InvalidRequest(message, code="invalid_json") from exc
        try:
            check(body, self._schema)
        except BerthError as exc:
            exc.provider = _known_provider(body)
            raise
        scope["extensions"].setdefault(ARGUMENTS, {})["body"] = body
        headers = MutableHeaders(scope=(scope := {**scope, "headers": list(scope["headers"])}))
        headers.setdefault("content-type", "application/json")
        return _replay(raw, receive), scope


class MultipartBody(AbstractRequestBodyValidator):  # type: ignore[misc]
    """Leaves a multipart body alone: it is validated while it streams to its destination."""

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Hand the body on unread."""
        _refuse_encoded(scope)
        return receive, scope


class Parameters:
    """Validates query and header parameters; path parameters are any text."""

    def __init__(self, parameters: list[Json], **_: Any) -> None:
        self._query = [p for p in parameters if p["in"] == "query"]
        self._headers = [p for p in parameters if p["in"] == "header"]
        self._names = {p["name"] for p in self._query}

    def validate(self, scope: Scope) -> None:
        """Keep the query's values, and defaults, as the scope's `ARGUMENTS`.

        Raises InvalidRequest for the first parameter that is wrong.
        """
        query = _query(scope["query_string"])
        for name in query:
            if name not in self._names:
                raise InvalidRequest(
                    f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter"
                )
        values = {p["name"]: _checked(p, query.get(p["name"])) for p in self._query}
        arguments = {name: value for name, value in values.items() if value is not None}
        scope["extensions"].setdefault(ARGUMENTS, {}).update(arguments)
        if self._headers:
            headers = Headers(scope=scope)
            for parameter in self._headers:
                _checked(parameter, headers.get(parameter["name"]))


def validators(max_json_bytes: int) -> Json:
    """Return what connexion takes as `validator_map`."""
    json_body = type("LimitedJSONBody", (JSONBody,), {"max_bytes": max_json_bytes})
    return {
        "parameter": Parameters,
        "body": MediaTypeDict(
            {"application/json": json_body, "multipart/form-data": MultipartBody}
        ),
    }


def _refuse_encoded(scope: Scope) -> None:
    encoding = Headers(scope=scope).get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(
            "Invalid 'Content-Encoding': send the body as it is.", param="Content-Encoding"
        )


def _query(raw: bytes) -> dict[str, str]:
    if not raw:
        return {}
    try:
        fields = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except ValueError as exc:
        raise InvalidRequest("The query string is not valid UTF-8, or too long.") from exc
    query: dict[str, str] = {}
    for name, value in fields:
        if name in query:
            raise InvalidRequest(f"Invalid '{name}': it was sent twice.", param=name)
        query[name] = value
    return query


def _checked(parameter: Json, text: str | None) -> Any:
    """Return the parameter's value, its default if it was not sent."""
    name, schema = parameter["name"], parameter["schema"]
    if text is None:
        if parameter.get("required"):
            raise InvalidRequest(
                f"Missing required parameter: '{name}'.",
                param=name,
                code="missing_required_parameter",
            )
        return schema.get("default")
    is_integer = schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text)
    value = int(text) if is_integer else text
    check(value, schema, prefix=name)
    return value


async def _read(receive: Receive, max_bytes: int) -> bytes:
    raw = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The client went away before the end of its body.")
        raw += message.get("body", b"")
        if len(raw) > max_bytes:
            raise TooLarge(f"The body is larger than {max_bytes} bytes of JSON.")
        more = message.get("more_body", False)
    return bytes(raw)


def _replay(raw: bytes, receive: Receive) -> Receive:
    replayed = False

    async def receive_again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive_again


def _known_provider(body: Any) -> str | None:
    provider = body.get("provider") if isinstance(body, dict) else None
    return provider if isinstance(provider, str) and provider in PROVIDERS else None
