"""What is served beside the API: its document, a page to try it on, and whether all is well."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from gateway import VERSION
from gateway.app import create_app
from gateway.settings import Settings
from tests.envelope import Json, refusal

PAGE = "/ui/"
DOCUMENT = Path(__file__).parent.parent / "openapi.yaml"
ELSEWHERE = re.compile(r"https?://|[\"'(]//")


class Assets(HTMLParser):
    """Collects the addresses that a page loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address that a tag loads."""
        if tag in {"link", "script", "img"}:
            self.urls += [value for name, value in attrs if name in {"src", "href"} and value]


@pytest.fixture
def written() -> Json:
    """The document as it is in the repository."""
    document: Json = yaml.load(DOCUMENT.read_bytes(), Loader=yaml.CSafeLoader)
    return document


def test_the_page_and_all_it_loads_are_served(client: TestClient) -> None:
    page = client.get(PAGE)
    assets = Assets(page.text).urls
    answers = [client.get(f"{PAGE}{url}") for url in assets]

    assert page.headers["Content-Type"].startswith("text/html")
    assert len(assets) >= 3
    assert {answer.status_code for answer in answers} == {200}


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get(PAGE).text

    assert ELSEWHERE.findall(page) == []
    assert 'url: "/openapi.json"' in page


def test_the_style_of_the_page_loads_nothing_at_all(client: TestClient) -> None:
    style = client.get(f"{PAGE}swagger-ui.css").text

    loaded = re.findall(r"url\([\"']?([^)]{5})", style)
    assert set(loaded) == {"data:"}
    assert "@import" not in style


def test_the_page_asks_nobody_to_validate_the_document(client: TestClient) -> None:
    config = client.get(f"{PAGE}swagger-ui-config.json")

    assert config.json() == {"validatorUrl": None}


def test_the_page_is_found_without_its_last_slash(client: TestClient) -> None:
    answer = client.get("/ui", follow_redirects=False)

    assert (answer.status_code, answer.headers["Location"]) == (307, PAGE)


def test_the_document_is_served_as_it_is_written(client: TestClient, written: Json) -> None:
    assert client.get("/openapi.json").json() == written


def test_the_document_is_served_as_yaml_too(client: TestClient, written: Json) -> None:
    served = yaml.load(client.get("/openapi.yaml").content, Loader=yaml.CSafeLoader)

    assert served == written


def test_the_document_is_served_with_the_limits_of_this_server(
    tmp_path: Path, written: Json
) -> None:
    app = create_app(Settings(data_dir=tmp_path / "data", max_expires_minutes=7))
    with TestClient(app) as client:
        served = client.get("/openapi.json").json()

    expiry = written["components"]["schemas"]["ExpiresAfter"]
    expiry["properties"]["minutes"]["maximum"] = 7
    assert served == written


def test_health_is_answered_with_the_version(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "version": VERSION}


def test_it_is_ready_when_all_its_parts_work(client: TestClient) -> None:
    assert client.get("/ready").json() == {"status": "ready", "catalog": "ok", "blobs": "ok"}


def test_it_is_not_ready_when_files_cannot_be_written(
    client: TestClient, settings: Settings
) -> None:
    shutil.rmtree(settings.data_dir / "blobs" / "incoming")
    answer = client.get("/ready")

    assert refusal(answer, 503)["code"] == "unavailable"
    assert int(answer.headers["Retry-After"]) >= 0
    assert client.get("/health").status_code == 200
