"""Calls that many tests make: create a container, upload a file, reach the gateway behind both."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from connexion import FlaskApp
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.state import Gateway

Json = dict[str, Any]


def ok(answer: Response) -> Json:
    """Return the body of an answer that is 200, without what is about the answer itself."""
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    del body["extra_fields"]
    return body


def assert_not_found(answer: Response, code: str | None = None) -> None:
    """Check that the answer is 404, with the code."""
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["code"] == code


def create(client: TestClient, **fields: Any) -> Json:
    """Create a container, at `ollama` when no provider is named, and return it."""
    answer = client.post("/v1/containers", json={"provider": "ollama", "name": "n", **fields})
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def upload(
    client: TestClient, container_id: str, content: bytes = b"bytes", name: str = "a.txt"
) -> Json:
    """Upload a file and return it."""
    answer = client.post(f"/v1/containers/{container_id}/files", files={"file": (name, content)})
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def store(
    client: TestClient,
    content: bytes = b"bytes",
    name: str = "a.txt",
    provider: str = "ollama",
    **fields: str,
) -> Json:
    """Upload a file to the Files API and return it."""
    answer = client.post(
        "/v1/files",
        data={"provider": provider, "purpose": "user_data", **fields},
        files={"file": (name, content)},
    )
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def file_first(content: bytes, **fields: str) -> Json:
    """Return the arguments of a request to the Files API whose fields follow the file."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    field = '\r\n--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}'
    tail = "".join(field.format(*each) for each in {"purpose": "user_data", **fields}.items())
    return {
        "content": head + content + tail.encode() + b"\r\n--b--\r\n",
        "headers": {"Content-Type": "multipart/form-data; boundary=b"},
    }


def download(client: TestClient, file: Json) -> bytes:
    """Return the content of a file that was uploaded."""
    url = f"/openai/v1/containers/{file['container_id']}/files/{file['id']}/content"
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.content


def ids(page: Json) -> list[str]:
    """Return the ids of a page's items, in its order."""
    return [item["id"] for item in page["data"]]


def gateway_of(client: TestClient) -> Gateway:
    """Return the gateway that serves a client of an application in this process."""
    return cast(Gateway, cast(FlaskApp, client.app).app.extensions["gateway"])


def blobs_in(data_dir: Path) -> list[Path]:
    """Return every file below the directory of blobs, the unfinished ones too."""
    return sorted(path for path in (data_dir / "blobs").rglob("*") if not path.is_dir())


@contextmanager
def catalog_of(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """The catalog of an application or a server, opened beside it; committed at the end."""
    with closing(sqlite3.connect(data_dir / "catalog.db", timeout=30)) as connection, connection:
        yield connection
