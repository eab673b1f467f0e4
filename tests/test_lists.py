"""Lists have one order without ties, and pages of them neither skip nor repeat anything."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from providers import PROVIDERS
from tests.calls import Json, create, ids, upload
from tests.conftest import Clock

both_lists = pytest.mark.parametrize("path", ["/v1/containers", "/v1/containers/cntr_1/files"])
both_orders = pytest.mark.parametrize("order", ["asc", "desc"])


class Items:
    """A list, and the five things in it: four of one second, and one that is newer."""

    def __init__(self, client: TestClient, path: str, add: Callable[[], Json]) -> None:
        self.client = client
        self.path = path
        self.add = add
        self.ids: list[str] = []

    def ask(self, **query: Any) -> Response:
        """Return the answer to a request for a page."""
        return self.client.get(f"{self.path}{urlencode(query)}")

    def page(self, **query: Any) -> Json:
        """Return a page."""
        answer = self.ask(**query)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def ordered(self, order: str) -> list[str]:
        """Return the ids of all items as they must be listed."""
        return self.ids if order == "asc" else self.ids[::-1]

    def delete(self, id_: str) -> None:
        """Delete an item."""
        path = self.path.partition("?")[0]
        assert self.client.delete(f"{path.replace('/v1', '/openai/v1')}/{id_}").status_code == 200


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[TestClient]:
    """A client of one application for all tests here."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("lists"), validate_responses=True)
    with TestClient(create_app(settings, clock=clock), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def unused() -> Iterator[str]:
    """Providers, so that each test can have one of its own."""
    return iter(sorted({*PROVIDERS} - {"azure", "xai"}))


@pytest.fixture(params=["containers", "files"])
def empty(request: pytest.FixtureRequest, shared: TestClient, unused: Iterator[str]) -> Items:
    """A list of containers, or of files, with nothing in it."""
    if request.param == "containers":
        provider = next(unused)
        path = f"/v1/containers?provider={provider}&"
        return Items(shared, path, lambda: create(shared, provider=provider))
    container_id = create(shared, provider="xai")["id"]
    names = iter("abcdefgh")
    path = f"/v1/containers/{container_id}/files?provider=xai&"
    return Items(shared, path, lambda: upload(shared, container_id, name=next(names)))


@pytest.fixture
def items(empty: Items, clock: Clock) -> Items:
    """A list with four things of one second in it, and one that is newer."""
    empty.ids = [empty.add()["id"] for _ in range(4)]
    clock.advance(1)
    empty.ids.append(empty.add()["id"])
    return empty


def test_an_empty_list_has_empty_ids(empty: Items) -> None:
    page = empty.page()

    assert page.pop("extra_fields")["request_type"] in {"container_list", "container_file_list"}
    assert page == {"object": "list", "data": [], "first_id": "", "last_id": "", "has_more": False}


def test_the_newest_is_first(items: Items) -> None:
    assert ids(items.page()) == items.ids[::-1]


def test_the_oldest_is_first_when_asked_for(items: Items) -> None:
    assert ids(items.page(order="asc")) == items.ids


def test_a_page_names_its_first_and_last(items: Items) -> None:
    page = items.page(limit=3, order="asc")

    assert (page["first_id"], page["last_id"]) == (items.ids[0], items.ids[2])


@both_orders
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_show_everything_once(items: Items, limit: int, order: str) -> None:
    page = items.page(limit=limit, order=order)
    seen = ids(page)
    while page["has_more"]:
        page = items.page(limit=limit, order=order, after=page["last_id"])
        seen += ids(page)

    assert seen == items.ordered(order)


def test_a_page_tells_whether_more_follows(items: Items) -> None:
    pages = [items.page(limit=limit) for limit in (1, 4, 5, 6, 100)]

    assert [page["has_more"] for page in pages] == [True, True, False, False, False]
    assert [len(page["data"]) for page in pages] == [1, 4, 5, 5, 5]


@both_orders
def test_a_page_begins_after_its_cursor(items: Items, order: str) -> None:
    for position, id_ in enumerate(items.ordered(order), 1):
        assert ids(items.page(order=order, after=id_)) == items.ordered(order)[position:]


@both_orders
def test_a_page_can_begin_after_what_was_deleted(items: Items, order: str) -> None:
    cursor = items.ids[2]
    items.delete(cursor)
    expected = items.ordered(order)[items.ordered(order).index(cursor) + 1 :]

    assert ids(items.page(order=order, after=cursor)) == expected


def test_what_is_created_while_one_pages_shifts_nothing(items: Items) -> None:
    first = items.page(limit=2)
    items.add()
    second = items.page(limit=3, after=first["last_id"])

    assert ids(first) + ids(second) == items.ids[::-1]


def test_a_cursor_that_was_never_in_the_list_is_named(items: Items) -> None:
    answer = items.ask(after="nowhere")

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "after"
    assert "nowhere" in answer.json()["error"]["message"]


def test_a_cursor_of_another_list_is_refused(items: Items, shared: TestClient) -> None:
    other = create(shared, provider="xai")
    file = upload(shared, other["id"])

    assert items.ask(after=other["id"]).status_code == 400
    assert items.ask(after=file["id"]).status_code == 400


@both_lists
@pytest.mark.parametrize("limit", ["0", "-1", "101", "ten", "1.5", "", "999999999999999999999"])
def test_a_limit_out_of_bounds_is_refused(shared: TestClient, path: str, limit: str) -> None:
    answer = shared.get(path, params={"provider": "xai", "limit": limit})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "limit"


@both_lists
@pytest.mark.parametrize("order", ["ASC", "newest", ""])
def test_an_order_that_is_none_is_refused(shared: TestClient, path: str, order: str) -> None:
    answer = shared.get(path, params={"provider": "xai", "order": order})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "order"


def test_twenty_are_listed_unless_asked_otherwise(client: TestClient) -> None:
    for _ in range(21):
        create(client)
    page = client.get("/v1/containers?provider=ollama").json()

    assert len(page["data"]) == 20
    assert page["has_more"] is True


@pytest.mark.parametrize("other", ["Name", "name ", "nam", "name2", "n%", "n_me"])
def test_a_name_is_found_exactly(shared: TestClient, other: str) -> None:
    wanted = create(shared, name="name", provider="azure", metadata={"other": other})
    create(shared, name=other, provider="azure")
    page = shared.get("/v1/containers", params={"provider": "azure", "name": "name"}).json()

    assert wanted["id"] in ids(page)
    assert {container["name"] for container in page["data"]} == {"name"}


def test_a_name_is_found_page_by_page(client: TestClient) -> None:
    wanted = [create(client, name=name)["id"] for name in ("a", "b", "a", "b", "a")][::2]
    query = "provider=ollama&name=a&limit=2&order=asc"
    first = client.get(f"/v1/containers?{query}").json()
    second = client.get(f"/v1/containers?{query}&after={first['last_id']}").json()

    assert [ids(first), ids(second)] == [wanted[:2], wanted[2:]]
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_a_provider_lists_its_own_containers_only(client: TestClient) -> None:
    groq, openai = (create(client, provider=p)["id"] for p in ("groq", "openai"))

    assert ids(client.get("/v1/containers?provider=groq").json()) == [groq]
    assert ids(client.get("/openai/v1/containers").json()) == [openai]
    assert ids(client.get("/v1/containers?provider=vllm").json()) == []


def test_a_container_lists_its_own_files_only(client: TestClient) -> None:
    one, other = create(client)["id"], create(client)["id"]
    file = upload(client, one)

    assert ids(client.get(f"/openai/v1/containers/{one}/files").json()) == [file["id"]]
    assert ids(client.get(f"/openai/v1/containers/{other}/files").json()) == []


def test_a_replaced_file_is_listed_where_the_new_one_is(client: TestClient, clock: Clock) -> None:
    container = create(client)["id"]
    old, other = upload(client, container), upload(client, container, name="b.txt")
    new = upload(client, container, b"new")
    url = f"/openai/v1/containers/{container}/files?order=asc"

    assert ids(client.get(url).json()) == [other["id"], new["id"]]
    assert ids(client.get(f"{url}&after={old['id']}").json()) == [other["id"], new["id"]]
