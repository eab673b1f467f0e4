"""Checks a value against a schema of the document, with errors that name the field."""

from functools import cache
from typing import Any

import jsonschema_rs

from providers.errors import InvalidRequest

Json = dict[str, Any]

_CODES = {
    "additionalProperties": "unknown_parameter",
    "required": "missing_required_parameter",
    "type": "invalid_type",
    "minimum": "integer_below_min_value",
    "maximum": "integer_above_max_value",
    "minLength": "string_below_min_length",
    "maxLength": "string_above_max_length",
    "maxItems": "array_above_max_length",
    "maxProperties": "object_above_max_properties",
}
"""JSON Schema keyword to OpenAI's error code; any other keyword is `invalid_value`."""

_FIRST = ("additionalProperties", "required")
"""Which of several failures to tell: what should not be there before what is wrong."""


def check(value: Any, schema: Json, prefix: str = "") -> None:
    """Raise InvalidRequest, naming the field, unless the value is valid.

    `schema` must be one object of the loaded document: its compiled form is kept for good.
    """
    validator = _compiled(_Schema(schema))
    try:
        errors = list(validator.iter_errors(value))
    except ValueError as exc:  # the validator's own limit is lower than the parser's
        raise InvalidRequest("Invalid JSON: it is nested too deeply.", code="invalid_json") from exc
    if errors:
        raise _invalid(min(errors, key=_rank), prefix)


class _Schema:
    """A schema as a cache key: by identity, because the document's objects live as long as it."""

    def __init__(self, schema: Json) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema) and other.schema is self.schema


@cache
def _compiled(key: _Schema) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_as_json_schema(key.schema))


def _as_json_schema(node: Any) -> Any:
    """Return the schema without connexion's `components`, and with OpenAPI's gaps filled."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {k: _as_json_schema(v) for k, v in node.items() if k not in {"components", "example"}}
    if "x-max-key-length" in schema:  # OpenAPI 3.0 has no propertyNames
        schema["propertyNames"] = {"maxLength": schema["x-max-key-length"]}
    return schema


def _rank(error: jsonschema_rs.ValidationError) -> int:
    name = error.kind.name
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _invalid(error: jsonschema_rs.ValidationError, prefix: str) -> InvalidRequest:
    rule, detail = error.kind.name, error.kind.as_dict()
    path = prefix + _dotted(error.instance_path)
    if rule == "additionalProperties":
        path = ".".join(filter(None, [path, detail["unexpected"][0]]))
        message = f"Unknown parameter: '{path}'."
    elif rule == "required":
        path = ".".join(filter(None, [path, detail["property"]]))
        message = f"Missing required parameter: '{path}'."
    elif rule == "enum":
        supported = ", ".join(f"'{option}'" for option in detail["options"])
        message = f"Invalid value for '{path}'. Supported values are: {supported}."
    else:
        message = f"Invalid '{path or 'body'}': {_reason(rule, detail)}."
    return InvalidRequest(message, param=path or None, code=_CODES.get(rule, "invalid_value"))


def _reason(rule: str, detail: Json) -> str:
    """Say what is wrong without repeating the client's value."""
    if rule == "type":
        return f"expected {' or '.join(detail['types'])}"
    if rule == "maximum":
        return f"integer above maximum value. Expected a value <= {detail['limit']:g}"
    if rule == "minimum":
        return f"integer below minimum value. Expected a value >= {detail['limit']:g}"
    if rule == "propertyNames":
        return "a key is too long"
    return f"it breaks the rule {rule}" + (f" ({detail['limit']})" if "limit" in detail else "")


def _dotted(path: list[str | int]) -> str:
    """Return `tools[0].name` for `["tools", 0, "name"]`, as OpenAI's errors have it."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
