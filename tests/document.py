"""Walks through the OpenAPI document."""

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from providers import PROVIDERS

Json = dict[str, Any]


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation."""
    for path, item in document["paths"].items():
        for method in set(item) - {"parameters"}:
            yield path, method, item[method]


def parameters_of(document: Json, path: str, method: str) -> list[Json]:
    """Return the references to an operation's parameters."""
    item = document["paths"][path]
    return [*item.get("parameters", []), *item[method].get("parameters", [])]


def responses(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield status and response of every operation."""
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            yield status, resolved(document, response)


def resolved(document: Json, node: Json) -> Json:
    """Return what the node refers to, if it is a reference."""
    while "$ref" in node:
        _, *keys = node["$ref"].split("/")
        node = document
        for key in keys:
            node = node[key]
    return node


def inlined(document: Json, node: Any) -> Any:
    """Return the node with every reference replaced by what it refers to."""
    if isinstance(node, list):
        return [inlined(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: inlined(document, value) for key, value in resolved(document, node).items()}


def nodes(node: Any, where: str = "#") -> Iterator[tuple[str, Json]]:
    """Yield every object in the document and where it is."""
    if isinstance(node, dict):
        yield where, node
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from nodes(child, f"{where}/{key}")


def subschemas(schema: Json) -> Iterator[Json]:
    """Yield the schema and those inside it."""
    yield schema
    inside = [*schema.get("properties", {}).values()]
    inside += [*schema.get("allOf", []), *schema.get("oneOf", [])]
    inside += [schema[k] for k in ("items", "additionalProperties") if k in schema]
    for child in inside:
        if isinstance(child, dict):
            yield from subschemas(child)


def schemas(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield every schema with the name of the component it is in."""
    for name, component in document["components"]["schemas"].items():
        for schema in subschemas(component):
            yield name, schema


def examples(document: Json) -> Iterator[tuple[str, Json, Any]]:
    """Yield every example: where it is, its schema and its value."""
    components = document["components"]
    for name, part in [*components["parameters"].items(), *components["headers"].items()]:
        yield name, part["schema"], part["example"]
    for name, schema in schemas(document):
        if "example" in schema:
            yield name, schema, schema["example"]
    for part in [*components["requestBodies"].values(), *components["responses"].values()]:
        for medium in part.get("content", {}).values():
            for name, example in medium.get("examples", {}).items():
                yield name, medium["schema"], resolved(document, example)["value"]


def surface(document: Json, prefix: str) -> dict[tuple[str, str], Json]:
    """Return what the operations of a surface are and how they answer."""
    return {
        (path.removeprefix(prefix), method): {
            "request_type": operation["x-request-type"],
            "responses": operation["responses"],
        }
        for path, method, operation in operations(document)
        if path.startswith(prefix)
    }


def is_provider_list(node: Json) -> bool:
    """Say whether the node is a schema that lists providers."""
    return isinstance(node.get("enum"), list) and bool(set(PROVIDERS) & set(node["enum"]))


def public_functions(module: ModuleType) -> set[str]:
    """Return the dotted names of what the module exports or, without `__all__`, defines."""
    defined = [
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]
    return {f"{module.__name__}.{name}" for name in getattr(module, "__all__", defined)}


def promised(document: Json, path: str, method: str) -> dict[str, set[str]]:
    """Return the names of an operation's query parameters, request fields and answer fields."""
    operation = document["paths"][path][method]
    parameters = [resolved(document, p) for p in parameters_of(document, path, method)]
    body = resolved(document, operation.get("requestBody", {}))
    answer = resolved(document, operation["responses"]["200"])
    return {
        "query": {p["name"] for p in parameters if p["in"] == "query"},
        "request": set(field_names(document, body)),
        "response": set(field_names(document, answer)),
    }


def field_names(document: Json, message: Json) -> Iterator[str]:
    """Yield the names of the fields of a request or an answer, of whatever media type."""
    for medium in message.get("content", {}).values():
        yield from property_names(inlined(document, medium["schema"]))


def property_names(schema: Json, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of the properties; those of a list's items as the list's own."""
    for name, child in schema.get("properties", {}).items():
        yield prefix + name
        yield from property_names(child.get("items", child), f"{prefix}{name}.")
