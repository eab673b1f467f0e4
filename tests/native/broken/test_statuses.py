"""Every status of the provider becomes the one that the documentation tells."""

import pytest

from tests.native.broken.gate import KEY, OPERATIONS, Gate, told
from tests.upstreams import behaviours as b
from tests.upstreams.bodies import OTHERS, Dialect, error_body, html_body


@pytest.fixture(params=["openai", "azure"])
def gate(request: pytest.FixtureRequest) -> Gate:
    """A container at either provider."""
    gate: Gate = request.getfixturevalue(request.param)
    return gate


def expected(status: int) -> tuple[int, str | None]:
    """Return the status, and the code if it is ours, that the client gets."""
    special: dict[int, tuple[int, str | None]] = {
        401: (502, "provider_authentication"),
        403: (502, "provider_authentication"),
        407: (502, "provider_authentication"),
        408: (504, "upstream_timeout"),
        429: (429, "rate_limit_exceeded"),
        503: (503, "upstream_unavailable"),
        504: (504, "upstream_timeout"),
    }
    return special.get(status) or ((502, "upstream_error") if status >= 500 else (status, None))


@pytest.mark.parametrize("body", ["json", "html", "empty"])
def test_every_status_is_told_as_documented(gate: Gate, body: str) -> None:
    dialect: Dialect = "azure" if gate.provider == "azure" else "openai"
    kinds = {"json": b.error, "html": b.html}
    for status in range(400, 600, 1 if body == "json" else 7):
        behaviour = kinds[body](status, dialect) if body in kinds else b.empty(status)
        gate.heal() if body != "json" else None
        wanted, code = expected(status)
        error = told(gate.meet("create", behaviour), wanted)

        assert code is None or error["code"] == code
        assert len(gate.broken.requests) == 1
        assert (error["retry_after"] is not None) == (wanted in {429, 503, 504})
        if status >= 500 and status % 3 == 0:
            gate.heal()


@pytest.mark.parametrize(("status", "useless"), [(401, "false"), (403, "false"), (500, None)])
def test_a_failure_says_whether_a_retry_is_useless(
    openai: Gate, status: int, useless: str | None
) -> None:
    answer = openai.meet("create", b.error(status))

    assert (answer.status_code, answer.headers.get("X-Should-Retry")) == (502, useless)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [401, 403, 409, 413, 422, 429, 500, 503, 504, 529])
def test_a_status_means_the_same_for_each_operation(
    openai: Gate, operation: str, status: int
) -> None:
    answer = openai.meet(operation, b.error(status))

    told(answer, expected(status)[0])
    assert len(openai.asked(operation)) == 1


def test_a_refusal_keeps_its_words(openai: Gate) -> None:
    body = b'{"error": {"message": "No.", "type": "x", "param": "name", "code": "bad_name"}}'
    error = told(openai.meet("create", b.answer(body, status=422)), 422)

    assert (error["message"], error["param"], error["code"]) == ("No.", "name", "bad_name")
    assert error["type"] == "invalid_request_error"


def test_a_refusal_of_azure_has_its_missing_fields_filled(azure: Gate) -> None:
    error = told(azure.meet("create", b.error(400, "azure")), 400)

    assert (error["type"], error["param"]) == ("invalid_request_error", None)
    assert error["code"] == "BadRequest"


@pytest.mark.parametrize("name", OTHERS)
def test_an_unusual_body_is_told_as_its_status(openai: Gate, name: str) -> None:
    status, body = OTHERS[name]
    answer = openai.meet("create", b.answer(body, status=status))

    told(answer, expected(status)[0])


def test_a_refusal_that_repeats_the_key_does_not_reach_the_client(openai: Gate) -> None:
    key = "sk-canary-0123456789"
    body = f'{{"error": {{"message": "Bad {key}.", "param": "{key}", "code": "{key}"}}}}'.encode()

    told(openai.meet("create", b.answer(body, status=400)), 400)


def test_an_answer_that_repeats_the_key_does_not_reach_the_client(openai: Gate) -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    body = b.CONTAINER.replace(b"My Container", f"{KEY} {escaped}".encode())
    openai.broken.script([b.answer(body)])
    path = f"/v1/containers/{openai.container}"
    headers = {"x-bf-send-back-raw-response": "true"}
    answer = openai.call("GET", path, headers=headers)

    assert answer.json()["extra_fields"]["raw_response"]["name"] == "*** ***"
    assert KEY not in answer.text


def test_an_id_that_is_given_twice_is_a_failure(openai: Gate) -> None:
    made = openai.meet("create", b.answer())
    again = openai.meet("create", b.answer())

    assert made.status_code == 200
    assert told(again, 502)["code"] == "upstream_error"


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error": 5}', b"\xff", b"x" * 200_000])
def test_an_error_may_have_any_body(openai: Gate, status: int, body: bytes) -> None:
    answer = openai.meet("create", b.answer(body, status=status))

    told(answer, expected(status)[0])


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", b.RETRY_AFTERS)
def test_retry_after_is_always_whole_seconds(openai: Gate, form: str, status: int) -> None:
    headers = {"Retry-After": b.RETRY_AFTERS[form]}
    error = told(openai.meet("create", b.error(status, headers=headers)), status)

    assert error["retry_after"] == ("7" if form == "seconds" else "1")


def test_a_page_is_never_shown(openai: Gate) -> None:
    answer = openai.meet("create", b.html(400))

    assert b"html" in html_body(400, "Bad Request")
    assert error_body(400)
    assert "<" not in told(answer, 400)["message"]
