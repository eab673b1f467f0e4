"""The length of a large upload: told to the provider exactly where the client told its own."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.calls import create
from tests.native.configs import BOXES
from tests.upstreams.strict import Strict

DATA = bytes(range(256)) * 12_000
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
PATH = b'--b\r\nContent-Disposition: form-data; name="file_path"\r\n\r\nx/y.txt\r\n'
FILE = HEAD + DATA + b"\r\n"
END = b"--b--\r\n"


def send(client: TestClient, body: bytes | Iterator[bytes]) -> str:
    """Upload a form to a new container, and return the file's id."""
    url = f"{BOXES}/{create(client, provider='openai')['id']}/files"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post(url, content=body, headers=headers)

    assert answer.status_code == 200, answer.text
    file_id: str = answer.json()["id"]
    return file_id


@pytest.mark.parametrize(
    ("form", "name"),
    [
        (FILE + END, b"a.txt"),
        (FILE + b"--b--", b"a.txt"),
        (FILE + END + b"epilogue", b"a.txt"),
        (PATH + FILE + END, b"y.txt"),
        (FILE + PATH + END, b"y.txt"),
        (HEAD.replace(b"\r\n", b"\n") + DATA + b"\n--b--\n", b"a.txt"),
    ],
    ids=["as usual", "no line end", "epilogue", "path before", "path after", "bare line feeds"],
)
def test_a_form_with_a_length_is_sent_on_with_one(
    native_client: TestClient, strict: Strict, form: bytes, name: bytes
) -> None:
    file_id = send(native_client, form)

    file = strict.files[file_id]
    assert (file.content, file.sent_name) == (DATA, name)
    uploads = [r for r in strict.requests if r.operation == "CreateContainerFile"]
    assert [r.chunked for r in uploads] == [False] * len(uploads)


def test_a_usual_form_has_nothing_after_its_end(native_client: TestClient, strict: Strict) -> None:
    send(native_client, FILE + END)

    own = len(HEAD) - len("b") + 32 + len("Content-Type: application/octet-stream\r\n")
    assert strict.requests[-1].body_size == own + len(DATA) + len("\r\n--b--\r\n") - len("b") + 32


def test_a_form_without_a_length_is_sent_on_in_chunks(
    native_client: TestClient, strict: Strict
) -> None:
    file_id = send(native_client, iter([FILE, END]))

    assert strict.files[file_id].content == DATA
    assert strict.requests[-1].chunked
