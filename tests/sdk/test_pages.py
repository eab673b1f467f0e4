"""The SDK's pages: all there is, once, in order, also when much was made in one second."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from openai import OpenAI
from openai.types import ContainerCreateResponse

from tests.sdk.conftest import Sent

MANY = 250

Order = Literal["asc", "desc"]


def test_containers_of_one_second_are_paged_in_the_order_they_were_made(
    clocked_sdk: OpenAI,
) -> None:
    made = [clocked_sdk.containers.create(name=f"{n}") for n in range(MANY)]
    oldest_first = [container.id for container in clocked_sdk.containers.list(order="asc")]
    newest_first = [container.id for container in clocked_sdk.containers.list(order="desc")]

    assert len({container.created_at for container in made}) == 1
    assert oldest_first == [container.id for container in made]
    assert newest_first == oldest_first[::-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_show_every_container_once(sdk: OpenAI, order: Order) -> None:
    name = uuid.uuid4().hex
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: sdk.containers.create(name=name).id, range(MANY)))
    listed = list(sdk.containers.list(name=name, order=order, limit=99))

    ids = [container.id for container in listed]
    times = [container.created_at for container in listed]
    assert sorted(ids) == sorted(made)
    assert times == sorted(times, reverse=order == "desc")
    assert len(set(times)) < len(times)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_show_every_file_once(
    sdk: OpenAI, box: ContainerCreateResponse, sent: Sent, order: Order
) -> None:
    made = [sdk.containers.files.create(box.id, file=(f"{n}", b"")).id for n in range(45)]
    sent.clear()
    listed = [file.id for file in sdk.containers.files.list(box.id, order=order)]

    assert listed == (made if order == "asc" else made[::-1])
    assert len(sent) == 3


def test_what_pages_show_can_be_deleted_on_the_way(sdk: OpenAI) -> None:
    name = uuid.uuid4().hex
    made = {sdk.containers.create(name=name).id for _ in range(25)}
    deleted = set()
    for container in sdk.containers.list(name=name, limit=4):
        sdk.containers.delete(container.id)
        deleted.add(container.id)

    assert deleted == made
    assert list(sdk.containers.list(name=name)) == []


def test_files_can_be_deleted_while_they_are_paged(
    sdk: OpenAI, box: ContainerCreateResponse
) -> None:
    made = {sdk.containers.files.create(box.id, file=(f"{n}", b"")).id for n in range(10)}
    deleted = set()
    for file in sdk.containers.files.list(box.id, limit=3):
        sdk.containers.files.delete(file.id, container_id=box.id)
        deleted.add(file.id)

    assert deleted == made
    assert list(sdk.containers.files.list(box.id)) == []
