"""Calls to a real server: create a container, upload a file, download it."""

from typing import Any

import requests

TIMEOUT_S = 30
PROVIDER = {"provider": "ollama"}

Json = dict[str, Any]


def create(url: str) -> str:
    """Create a container at the server and return the URL of its files."""
    body = {**PROVIDER, "name": "n"}
    answer = requests.post(f"{url}/v1/containers", json=body, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return f"{url}/v1/containers/{answer.json()['id']}/files"


def upload(files: str, content: bytes = b"bytes", name: str = "a.txt") -> Json:
    """Upload a file to the URL of a container's files and return it."""
    answer = requests.post(files, files={"file": (name, content)}, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def download(url: str, file: Json) -> bytes:
    """Return the content of a file that was uploaded to the server."""
    path = f"/v1/containers/{file['container_id']}/files/{file['id']}/content"
    answer = requests.get(url + path, params=PROVIDER, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return answer.content
