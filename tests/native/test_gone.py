"""Containers that the provider does not know any more."""

from collections.abc import Callable
from typing import Literal

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.calls import create, gateway_of, ids, ok, store, upload
from tests.native.configs import BOXES
from tests.upstreams.strict import Strict

Ending = Literal["404", "status", "400", "forgotten"]
ENDINGS = pytest.mark.parametrize("ending", ["404", "status", "400", "forgotten"])


@ENDINGS
def test_a_container_that_ended_upstream_is_retrieved_as_expired(
    native_client: TestClient, strict: Strict, ending: Ending
) -> None:
    made = create(native_client, provider="openai", metadata={"team": "finance"})
    end(strict, made["id"], ending)
    found = [ok(native_client.get(f"{BOXES}/{made['id']}")) for _ in "12"]

    assert [f["status"] for f in found] == ["expired", "expired"]
    assert found[0]["metadata"] == {"team": "finance"}


@ENDINGS
def test_nothing_can_be_done_with_a_container_that_ended_upstream(
    native_client: TestClient, strict: Strict, ending: Ending
) -> None:
    for name, perform in OPERATIONS.items():
        made = create(native_client, provider="openai")
        file = upload(native_client, made["id"])
        end(strict, made["id"], ending)
        answers = [perform(native_client, f"{BOXES}/{made['id']}", file["id"]) for _ in "12"]

        assert [answer.status_code for answer in answers] == [404, 404], name
        assert [a.json()["error"]["code"] for a in answers] == ["container_expired"] * 2


@pytest.mark.parametrize("ending", ["404", "400", "forgotten"])
def test_a_container_that_ended_upstream_cannot_be_deleted(
    native_client: TestClient, strict: Strict, ending: Ending
) -> None:
    made = create(native_client, provider="openai")
    end(strict, made["id"], ending)
    answer = native_client.delete(f"{BOXES}/{made['id']}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "container_expired")
    assert ok(native_client.get(f"{BOXES}/{made['id']}"))["status"] == "expired"


@ENDINGS
def test_lists_show_what_ended_upstream_after_reconciling(
    native_client: TestClient, strict: Strict, ending: Ending
) -> None:
    made, kept = (create(native_client, provider="openai") for _ in "12")
    end(strict, made["id"], ending)
    found = gateway_of(native_client).reconciler.reconcile()
    listed = ok(native_client.get(BOXES))

    assert [f.ended for f in found] == [[made["id"]]]
    assert ids(listed) == [kept["id"], made["id"]]
    assert [item["status"] for item in listed["data"]] == ["running", "expired"]


def test_a_file_that_is_gone_does_not_end_its_container(native_client: TestClient) -> None:
    made = create(native_client, provider="openai")
    answer = native_client.get(f"{BOXES}/{made['id']}/files/cfile_nowhere")

    assert answer.status_code == 404
    assert "cfile_nowhere not found" in answer.json()["error"]["message"]
    assert ok(native_client.get(f"{BOXES}/{made['id']}"))["status"] == "running"


Perform = Callable[[TestClient, str, str], Response]


OPERATIONS: dict[str, Perform] = {
    "upload": lambda c, box, _: c.post(f"{box}/files", files={"file": ("a", b"a")}),
    "large": lambda c, box, _: c.post(f"{box}/files", files={"file": ("a", bytes(3_000_000))}),
    "copy": lambda c, box, _: c.post(
        f"{box}/files", json={"file_id": store(c, provider="openai")["id"]}
    ),
    "list": lambda c, box, _: c.get(f"{box}/files"),
    "file": lambda c, box, file: c.get(f"{box}/files/{file}"),
    "content": lambda c, box, file: c.get(f"{box}/files/{file}/content"),
    "remove": lambda c, box, file: c.delete(f"{box}/files/{file}"),
}


def end(strict: Strict, container_id: str, ending: Ending) -> None:
    """End a container upstream."""
    if ending == "forgotten":
        strict.forget(container_id)
    else:
        strict.expired_as = ending
        strict.expire(container_id)
