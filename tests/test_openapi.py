"""The document keeps the project's own rules, and promises no less than OpenAI's does."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
import yaml
from openapi_schema_validator import OAS30Validator

from providers import PROVIDERS
from tests.document import (
    Json,
    examples,
    inlined,
    is_provider_list,
    nodes,
    operations,
    parameters_of,
    promised,
    public_functions,
    resolved,
    responses,
    schemas,
    subschemas,
    surface,
)

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "openapi.yaml").read_text(encoding="utf-8")
OPENAI: dict[str, Any] = json.loads((ROOT / "tests" / "openai_contract.json").read_text())

RETRIABLE = {"408", "409", "429", "500", "502", "503", "504"}
RETRY_AFTER = {"409", "429", "502", "503", "504"}


@pytest.fixture(scope="module")
def document() -> Json:
    loaded: Json = yaml.load(TEXT, Loader=yaml.CSafeLoader)
    return loaded


def test_the_document_is_valid_openapi(document: Json) -> None:
    openapi_spec_validator.validate(document)


def test_operation_ids_name_their_handlers(document: Json) -> None:
    ids = [operation.get("operationId", "") for _, _, operation in operations(document)]

    assert [i for i in ids if not re.fullmatch(r"handlers\.[a-z_]+\.[a-z_]+", i)] == []
    assert len(ids) == len(set(ids))


def test_every_operation_has_its_handler_and_every_handler_its_operation(document: Json) -> None:
    ids = {operation["operationId"] for _, _, operation in operations(document)}
    modules = {importlib.import_module(i.rpartition(".")[0]) for i in ids}

    assert {name for module in modules for name in public_functions(module)} == ids


def test_every_operation_says_its_request_type(document: Json) -> None:
    types = {operation.get("x-request-type") for _, _, operation in operations(document)}
    documented = set(document["components"]["schemas"]["RequestType"]["enum"])

    assert types == documented | {"provider_list", "metrics", "health", "ready"}


def test_operations_hold_only_references_and_prose(document: Json) -> None:
    parts = [
        part
        for path, method, operation in operations(document)
        for part in (
            *parameters_of(document, path, method),
            *operation["responses"].values(),
            operation.get("requestBody", {"$ref": ""}),
        )
    ]

    assert [part for part in parts if set(part) != {"$ref"}] == []


def test_operations_and_parameters_are_described(document: Json) -> None:
    described = [operation for _, _, operation in operations(document)]
    described += document["components"]["parameters"].values()
    described += document["components"]["headers"].values()

    assert [part for part in described if not part.get("description")] == []


def test_parameters_and_headers_have_examples(document: Json) -> None:
    components = document["components"]
    parts = [*components["parameters"].items(), *components["headers"].items()]

    assert [name for name, part in parts if "example" not in part] == []


def test_properties_are_described(document: Json) -> None:
    properties = [
        (f"{where}.{name}", resolved(document, schema))
        for where, parent in schemas(document)
        for name, schema in parent.get("properties", {}).items()
    ]

    assert [where for where, schema in properties if not schema.get("description")] == []


def test_request_bodies_are_closed(document: Json) -> None:
    bodies = [
        inlined(document, media["schema"])
        for body in document["components"]["requestBodies"].values()
        for media in body["content"].values()
    ]
    objects = [s for body in bodies for s in subschemas(body) if s.get("type") == "object"]

    assert len(bodies) == 8
    assert [s for s in objects if s.get("additionalProperties", True) is True] == []


def test_answers_are_closed(document: Json) -> None:
    objects = [(where, schema) for where, schema in schemas(document) if "properties" in schema]

    assert [w for w, s in objects if s.get("additionalProperties") is not False] == []


def test_statuses_are_listed_one_by_one(document: Json) -> None:
    statuses = {s for _, _, operation in operations(document) for s in operation["responses"]}

    assert [s for s in statuses if not re.fullmatch(r"[1-5][0-9][0-9]", str(s))] == []


def test_answers_have_named_schemas(document: Json) -> None:
    media = [
        (name, medium)
        for name, response in document["components"]["responses"].items()
        for medium in response.get("content", {}).values()
    ]

    assert [name for name, medium in media if set(medium["schema"]) != {"$ref"}] == []


def test_errors_share_one_envelope(document: Json) -> None:
    envelope = {"$ref": "#/components/schemas/Error"}
    errors = [(s, r) for s, r in responses(document) if s >= "400"]

    assert errors
    assert [s for s, r in errors if list(r["content"]) != ["application/json"]] == []
    assert [s for s, r in errors if r["content"]["application/json"]["schema"] != envelope] == []


def test_every_answer_carries_its_request_id(document: Json) -> None:
    silent = [s for s, r in responses(document) if "X-Request-Id" not in r.get("headers", {})]

    assert silent == []


def test_errors_say_whether_to_try_again(document: Json) -> None:
    errors = [(s, r["headers"]) for s, r in responses(document) if s >= "400"]

    told = [(s, h["X-Should-Retry"]) for s, h in errors if "X-Should-Retry" in h]
    useless = {s for s, header in told if resolved(document, header).get("required")}

    assert {s for s, _ in errors} - useless == RETRIABLE
    assert {s for s, _ in told} - useless == {"502"}
    assert {s for s, headers in errors if "Retry-After" in headers} == RETRY_AFTER


def test_every_limited_operation_tells_where_the_rate_stands(document: Json) -> None:
    limited = [o for _, _, o in operations(document) if o.get("security") != []]
    answers = [
        (operation["operationId"], status, resolved(document, answer).get("headers", {}))
        for operation in limited
        for status, answer in operation["responses"].items()
        if status != "401"
    ]
    headers = {f"X-RateLimit-{name}-Requests" for name in ("Limit", "Remaining", "Reset")}

    assert [o["operationId"] for o in limited if "429" not in o["responses"]] == []
    assert [(id_, status) for id_, status, told in answers if not headers <= told.keys()] == []


def test_every_example_is_valid(document: Json) -> None:
    wrong = [
        f"{where}: {error.message}"
        for where, schema, value in examples(document)
        for error in OAS30Validator(inlined(document, schema)).iter_errors(value)
    ]

    assert wrong == []


def test_every_error_has_a_named_example(document: Json) -> None:
    errors = [(s, r["content"]["application/json"]) for s, r in responses(document) if s >= "400"]
    named = [(s, list(medium.get("examples", {}).values())) for s, medium in errors]

    assert [s for s, refs in named if not refs or any(set(r) != {"$ref"} for r in refs)] == []


def test_ids_have_the_form_that_ids_have() -> None:
    ids = re.findall(r"\b(?:cntr_|cfile_|file-(?=\d))\w+", TEXT)
    form = r"cntr_[0-9a-f]{48}|(?:cfile_|file-)[0-9a-f]{32}"

    assert [i for i in ids if not re.fullmatch(form, i)] == []


def test_patterns_do_not_end_before_a_newline(document: Json) -> None:
    """Python's `$` does, JavaScript's does not."""
    patterned = [node for _, node in nodes(document) if isinstance(node.get("pattern"), str)]

    assert patterned
    assert [node for node in patterned if re.search(node["pattern"], "a\n")] == []


@pytest.mark.parametrize(("path", "number"), [("containers", 9), ("files", 5)])
def test_both_surfaces_offer_the_same_operations(document: Json, path: str, number: int) -> None:
    ours, openais = surface(document, f"/v1/{path}"), surface(document, f"/openai/v1/{path}")
    ours.pop(("/{container_id}/events", "get"), None)  # OpenAI has no such thing

    assert ours == openais
    assert len(ours) == number


def test_the_providers_are_listed_once(document: Json) -> None:
    lists = [(where, node["enum"]) for where, node in nodes(document) if is_provider_list(node)]

    assert lists == [("#/components/schemas/Provider", list(PROVIDERS))]


def test_whoever_takes_a_provider_takes_one_of_the_list(document: Json) -> None:
    takers = [
        schema["properties"].get("provider")
        for _, schema in schemas(document)
        if "provider" in schema.get("properties", {})
    ]
    takers += [
        p["schema"]
        for p in document["components"]["parameters"].values()
        if p["name"] == "provider"
    ]
    allowed = ["#/components/schemas/Provider", "#/components/schemas/ProviderDefaultOpenAI"]
    free = [taker for taker in takers if taker.get("$ref") not in allowed]

    assert free == [document["components"]["schemas"]["ErrorExtraFields"]["properties"]["provider"]]


def test_links_lead_to_operations_and_name_their_parameters(document: Json) -> None:
    parameters = {
        operation["operationId"]: {
            resolved(document, p)["name"] for p in parameters_of(document, path, method)
        }
        for path, method, operation in operations(document)
    }
    links = document["components"]["links"].values()

    assert [k for k in links if not set(k["parameters"]) <= parameters[k["operationId"]]] == []


def test_every_component_is_used(document: Json) -> None:
    used = {node["$ref"] for _, node in nodes(document) if isinstance(node.get("$ref"), str)}
    used |= {f"#/components/securitySchemes/{name}" for way in document["security"] for name in way}
    components = {
        f"#/components/{kind}/{name}"
        for kind, named in document["components"].items()
        for name in named
    }

    assert components - used == set()


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
@pytest.mark.parametrize(
    ("path", "method"), [(p, m) for p, ms in OPENAI["paths"].items() for m in ms]
)
def test_no_less_is_promised_than_by_openai(
    document: Json, prefix: str, path: str, method: str
) -> None:
    theirs = OPENAI["paths"][path][method]
    ours = promised(document, prefix + path, method)
    missing = {part: set(names) - ours[part] for part, names in theirs.items()}

    assert missing == {"query": set(), "request": set(), "response": set()}
