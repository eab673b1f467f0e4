"""The strict fake provider behaves as OpenAI does: it expires, forgets, lingers, and pages."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
import requests
from openai import NotFoundError, OpenAI

from tests.conftest import Clock
from tests.upstreams.strict import Strict

KEY = "sk-proj-of-this-test-4242"


@pytest.fixture
def strict(clock: Clock) -> Iterator[Strict]:
    with Strict(KEY, clock=clock) as server:
        yield server


@pytest.fixture
def sdk(strict: Strict) -> Iterator[OpenAI]:
    with OpenAI(api_key=KEY, base_url=strict.base_url, max_retries=0) as client:
        yield client


def call(server: Strict, method: str, path: str, **request: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {KEY}"}
    return requests.request(method, server.base_url + path, headers=headers, timeout=5, **request)


@pytest.mark.parametrize(
    ("way", "status", "told"),
    [("404", 404, "not found"), ("400", 400, "Container is expired."), ("status", 200, "expired")],
)
def test_an_expired_container_is_answered_in_one_of_three_ways(
    strict: Strict, way: Literal["404", "400", "status"], status: int, told: str
) -> None:
    strict.expired_as = way
    box = strict.add_container("box")
    strict.expire(box)
    answer = call(strict, "GET", f"/containers/{box}")
    listed = call(strict, "GET", "/containers").json()["data"]

    assert (answer.status_code, told in answer.text) == (status, True)
    assert call(strict, "GET", f"/containers/{box}/files").status_code in {400, 404}
    assert listed[0]["status"] == "expired"


def test_a_container_expires_when_nobody_uses_it(strict: Strict, clock: Clock) -> None:
    used, idle = strict.add_container("used"), strict.add_container("idle")
    for _ in range(3):
        clock.advance(15 * 60)
        call(strict, "GET", f"/containers/{used}/files")

    assert call(strict, "GET", f"/containers/{used}").status_code == 200
    assert call(strict, "GET", f"/containers/{idle}").status_code == 404


def test_pages_follow_each_other(strict: Strict, sdk: OpenAI) -> None:
    made = [strict.add_container(f"box {number}") for number in range(5)]
    page = sdk.containers.list(limit=2)

    assert [c.id for c in page] == made[::-1]
    assert [c.id for c in sdk.containers.list(after=made[1], order="asc")] == made[2:]
    assert call(strict, "GET", "/containers?after=cntr_1").json()["error"]["param"] == "after"


def test_what_was_deleted_lingers_in_lists_for_a_while(strict: Strict, clock: Clock) -> None:
    strict.lingering = True
    box = strict.add_container("box")
    call(strict, "DELETE", f"/containers/{box}")
    listed = call(strict, "GET", "/containers").json()["data"]
    clock.advance(600)

    assert [c["id"] for c in listed] == [box]
    assert call(strict, "GET", f"/containers/{box}").status_code == 404
    assert call(strict, "GET", "/containers").json()["data"] == []


def test_a_missing_file_is_named(strict: Strict, sdk: OpenAI) -> None:
    box = strict.add_container("box")
    with pytest.raises(NotFoundError, match=f"File cfile_1 not found on container {box}."):
        sdk.containers.files.retrieve("cfile_1", container_id=box)
    with pytest.raises(NotFoundError, match="No such File object: file-1"):
        sdk.containers.files.create(box, file_id="file-1")


def test_it_comes_back_on_its_port_with_all_it_had(strict: Strict) -> None:
    box = strict.add_container("box")
    strict.stop()
    with pytest.raises(requests.ConnectionError):
        call(strict, "GET", "/containers")
    strict.start()

    assert call(strict, "GET", f"/containers/{box}").status_code == 200


def test_two_accounts_know_their_own_containers_only(strict: Strict) -> None:
    with Strict("another") as other:
        box = other.add_container("theirs")
        answer = call(strict, "GET", f"/containers/{box}")

        assert answer.json()["error"]["message"] == f"Container with id '{box}' not found."
        assert call(other, "GET", f"/containers/{box}").status_code == 401


def test_an_idle_time_that_is_too_long_is_refused(strict: Strict) -> None:
    body = {"name": "x", "expires_after": {"anchor": "last_active_at", "minutes": 21}}
    error = call(strict, "POST", "/containers", json=body).json()["error"]

    assert error["code"] == "integer_above_max_value"
    assert error["param"] == "expires_after.minutes"
    assert strict.violations == []
