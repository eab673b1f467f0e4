"""OpenAI's document as a judge: what a request may look like, and what an answer must."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

Json = dict[str, Any]

_DOCUMENT = Path(__file__).parent / "openai_containers.json"
_NULLABLE = {"bytes", "first_id", "last_id"}  # null in reality, whatever the document says


class Refusal(Exception):
    """An error answer."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


class Violation(Refusal):
    """A request that the document does not allow."""


@dataclass(frozen=True)
class Operation:
    """One operation: its name, the names in its path, and the judges of what is said."""

    name: str
    method: str
    path: re.Pattern[str]
    query: dict[str, Draft202012Validator]
    bodies: dict[str, Draft202012Validator]
    answer: Draft202012Validator | None
    lenient_answer: Draft202012Validator | None


class Document:
    """The operations on containers and files. A field that an object does not name is wrong."""

    def __init__(self, *, domain_secrets: bool = True) -> None:
        whole: Json = json.loads(_DOCUMENT.read_text())
        schemas = whole["components"]["schemas"]
        if not domain_secrets:
            del schemas["ContainerNetworkPolicyAllowlistParam"]["properties"]["domain_secrets"]
        # "file" in JSON cannot be what the document means with `format: binary`.
        schemas["JsonContainerFileBody"] = _without_binary(schemas["CreateContainerFileBody"])
        self._closed = _closed(schemas)
        self._lenient = _with_nulls(self._closed)
        self._error = self._judge({"$ref": "#/components/schemas/ErrorResponse"})
        self._operations = [
            self._operation(path, method, operation)
            for path, methods in whole["paths"].items()
            for method, operation in methods.items()
        ]

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation that a request is for, and its path's ids. Raises Violation."""
        found = [(o, m) for o in self._operations if (m := o.path.fullmatch(path))]
        for operation, match in found:
            if operation.method == method:
                return operation, {name: unquote(text) for name, text in match.groupdict().items()}
        if found:
            raise Violation(405, f"Not allowed to {method} on {path}.", code="method_not_supported")
        raise Violation(404, f"Invalid URL ({method} {path})", code="unknown_url")

    def check_query(self, operation: Operation, query: list[tuple[str, str]]) -> Json:
        """Return the query's parameters as what the document says they are. Raises Violation."""
        values: Json = {}
        for name, text in query:
            if name not in operation.query:
                raise _unknown(name)
            if name in values:
                raise Violation(400, f"Duplicate parameter: '{name}'.", param=name)
            values[name] = int(text) if name == "limit" and re.fullmatch(r"-?\d+", text) else text
            _check(operation.query[name], values[name], [name])
        return values

    def check_body(self, operation: Operation, media_type: str | None, body: object) -> None:
        """Check a body, of a form or of JSON. Raises Violation."""
        if media_type not in operation.bodies:
            raise Violation(400, f"Unsupported content type: '{media_type}'.", code="content_type")
        _check(operation.bodies[media_type], body, [])

    def complaint(self, name: str, body: object, *, lenient: bool) -> str | None:
        """Return what is wrong with a JSON answer; `lenient` lets pass the nulls of reality."""
        operation = next(o for o in self._operations if o.name == name)
        judge = operation.lenient_answer if lenient else operation.answer
        return None if judge is None else _first(judge, body)

    def error_complaint(self, body: object) -> str | None:
        """Return what is wrong with an error answer."""
        return _first(self._error, body)

    def _operation(self, path: str, method: str, operation: Json) -> Operation:
        answer = _schema(operation["responses"]["200"], "application/json")
        return Operation(
            name=operation["operationId"],
            method=method.upper(),
            path=re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)),
            query={
                parameter["name"]: Draft202012Validator(parameter["schema"])
                for parameter in operation.get("parameters", [])
                if parameter["in"] == "query"
            },
            bodies={
                media_type: self._judge(_of_media_type(media_type, content["schema"]))
                for media_type, content in operation.get("requestBody", {})
                .get("content", {})
                .items()
            },
            answer=answer and self._judge(answer),
            lenient_answer=answer and self._judge(answer, lenient=True),
        )

    def _judge(self, schema: Json, *, lenient: bool = False) -> Draft202012Validator:
        schemas = self._lenient if lenient else self._closed
        return Draft202012Validator({**schema, "components": {"schemas": schemas}})


def _schema(part: Json, media_type: str) -> Any:
    return part.get("content", {}).get(media_type, {}).get("schema")


def _of_media_type(media_type: str, schema: Json) -> Json:
    if media_type == "application/json" and schema["$ref"].endswith("/CreateContainerFileBody"):
        return {"$ref": "#/components/schemas/JsonContainerFileBody"}
    return schema


def _without_binary(schema: Json) -> Json:
    properties = {k: v for k, v in schema["properties"].items() if v.get("format") != "binary"}
    return {**schema, "properties": properties}


def _closed(node: Any) -> Any:
    """Return a schema in which each object has the properties that are named, and no other."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if closed.get("type") == "object" and isinstance(closed.get("properties"), dict):
        closed["additionalProperties"] = False
    return closed


def _with_nulls(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {"type": [value["type"], "null"]}
        if key in _NULLABLE and isinstance(value, dict)
        else _with_nulls(value)
        for key, value in node.items()
    }


def _check(judge: Draft202012Validator, value: Any, path: list[str | int]) -> None:
    for error in _errors(judge.iter_errors(value)):
        raise _refused(error, path)


def _errors(errors: Iterator[ValidationError]) -> Iterator[ValidationError]:
    """Yield errors; for one in a choice of schemas, those of the choice that is nearest."""
    for error in errors:
        if isinstance(error.kind, ValidationErrorKind.OneOfNotValid):
            yield from _errors(iter(_nearest(error.kind.context)))
        else:
            yield error


def _nearest(choices: list[list[ValidationError]]) -> list[ValidationError]:
    """Return the errors of the choice whose `type` is the one that was sent."""
    others = [c for c in choices if not any(e.instance_path[-1:] == ["type"] for e in c)]
    return (others or choices)[0]


def _refused(error: ValidationError, path: list[str | int]) -> Violation:
    at, kind = [*path, *error.instance_path], error.kind
    param = ".".join(map(str, at)) or None
    match kind:
        case ValidationErrorKind.AdditionalProperties():
            return _unknown(".".join(map(str, [*at, kind.unexpected[0]])))
        case ValidationErrorKind.Required():
            name = ".".join(map(str, [*at, kind.property]))
            message = f"Missing required parameter: '{name}'."
            return Violation(400, message, param=name, code="missing_required_parameter")
        case ValidationErrorKind.Maximum():
            code = "integer_above_max_value"
        case ValidationErrorKind.Minimum():
            code = "integer_below_min_value"
        case ValidationErrorKind.Type():
            code = "invalid_type"
        case _:
            code = "invalid_value"
    return Violation(400, f"Invalid '{param}': {error.message}.", param=param, code=code)


def _unknown(name: str) -> Violation:
    return Violation(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def _first(judge: Draft202012Validator, value: Any) -> str | None:
    for error in judge.iter_errors(value):
        return f"{'.'.join(map(str, error.instance_path))}: {error.message}"
    return None
