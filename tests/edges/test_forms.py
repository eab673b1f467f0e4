"""Uploads whose forms are unusual, and uploads whose forms are wrong: those store nothing."""

import pytest
import requests

from tests.calls import blobs_in, ids
from tests.edges.forms import END, FORM, file, part, path, raw_part
from tests.edges.wire import Wire, chunked, exchange, head, message
from tests.envelope import Json, refusal
from tests.server import Server

FILE_ID = part('name="file_id"', b"file-1")


def listed(live: Server, files: str) -> Json:
    """Return the list of files at a path."""
    answer = requests.get(f"{live.url}{files}", {"provider": "ollama"}, timeout=20)
    page: Json = answer.json()
    return page


@pytest.mark.parametrize(
    ("form", "stored"),
    [
        (file() + END, "a.txt"),
        (file() + b"--b--", "a.txt"),
        (b"preamble\r\n" + file() + END + b"epilogue" * 1000, "a.txt"),
        (path(b"x/y.txt") + file() + END, "x/y.txt"),
        (file() + path(b"x/y.txt") + END, "x/y.txt"),
        (path(b"/mnt/data/x") + file() + END, "x"),
        (file("報告 final.csv") + END, "報告 final.csv"),
        (file("a%22b c.txt") + END, 'a"b c.txt'),
        (file('a\\"b.txt') + END, 'a"b.txt'),
        (file("50%25.txt") + END, "50%25.txt"),
        (part("name=file; filename=a.txt") + END, "a.txt"),
        (part("name=\"file\"; filename*=UTF-8''%e5%a0%b1.csv") + END, "報.csv"),
        (part('name="file"; filename="a.txt"', b"data", "Content-Length: 7") + END, "a.txt"),
        (part('name="file"; filename="a.txt"', b"data", "No colon") + END, "a.txt"),
        ((file() + END).replace(b"\r\n", b"\n"), "a.txt"),
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, bytes) else "",
)
def test_an_unusual_form_is_understood(live: Server, files: str, form: bytes, stored: str) -> None:
    answer = exchange(live.url, message("POST", files, FORM, body=form))

    assert answer.status_code == 200
    assert answer.json()["path"] == f"/mnt/data/{stored}"
    assert answer.json()["bytes"] == len(b"data")


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n--b", b"\r\n--bb\r\n--", b"\r\n" * 300_000])
def test_bytes_that_look_like_a_form_are_kept_as_they_are(
    live: Server, files: str, data: bytes
) -> None:
    form = file(data=data).replace(b"--b\r\n", b"--b-c\r\n", 1) + b"--b-c--\r\n"
    header = "Content-Type: multipart/form-data; boundary=b-c"
    made = exchange(live.url, message("POST", files, header, body=form)).json()

    content = f"{files}/{made['id']}/content?provider=ollama"
    assert exchange(live.url, head("GET", content)).content == data


@pytest.mark.parametrize(
    "media_type",
    [
        "multipart/form-data; boundary=b",
        'Multipart/Form-Data;Boundary="b"',
        " MULTIPART/FORM-DATA ; BOUNDARY=b",
        "multipart/form-data; charset=utf-16; boundary=b",
        "multipart/form-data; boundary*=utf-8''b",
    ],
)
def test_a_form_may_be_announced_in_many_ways(live: Server, files: str, media_type: str) -> None:
    header = f"Content-Type: {media_type}"
    answer = exchange(live.url, message("POST", files, header, body=file() + END))

    assert answer.status_code == 200


def test_a_boundary_may_have_any_character_it_is_allowed(live: Server, files: str) -> None:
    boundary = "'()+_,-./:=? 1"
    form = (file() + END).replace(b"--b", f"--{boundary}".encode())
    header = f'Content-Type: multipart/form-data; boundary="{boundary}"'

    assert exchange(live.url, message("POST", files, header, body=form)).status_code == 200


def test_a_chunked_upload_needs_no_length(live: Server, files: str) -> None:
    answer = exchange(live.url, chunked("POST", files, FORM, body=file() + END))

    assert answer.status_code == 200
    assert answer.json()["bytes"] == len(b"data")


def test_a_client_that_waits_is_told_to_go_on(live: Server, files: str) -> None:
    form = file() + END
    headers = [FORM, f"Content-Length: {len(form)}", "Expect: 100-continue"]
    with Wire(live.url) as wire:
        wire.send(head("POST", files, *headers))
        assert wire.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        answer = wire.send(form).answer()

    assert answer.status_code == 200


def test_a_client_that_waits_is_spared_an_upload_in_vain(live: Server) -> None:
    headers = [FORM, "Content-Length: 1000000000", "Expect: 100-continue"]
    answer = exchange(live.url, head("POST", "/v1/containers/cntr_1/files", *headers))

    refusal(answer, 404)


@pytest.mark.parametrize(
    "media_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\xe9",
    ],
)
def test_a_form_without_a_boundary_is_refused(live: Server, files: str, media_type: str) -> None:
    header = f"Content-Type: {media_type}"
    answer = exchange(live.url, message("POST", files, header, body=file() + END))

    assert refusal(answer, 400)["param"] == "Content-Type"
    assert listed(live, files)["data"] == []


def test_an_upload_without_a_media_type_is_refused(live: Server, files: str) -> None:
    answer = exchange(live.url, message("POST", files, body=file() + END))

    assert refusal(answer, 400)["param"] == "Content-Type"


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "multipart/mixed; boundary=b", "application/octet-stream"]
)
def test_an_upload_in_another_media_type_is_415(live: Server, files: str, media_type: str) -> None:
    header = f"Content-Type: {media_type}"
    answer = exchange(live.url, message("POST", files, header, body=file() + END))

    assert refusal(answer, 415)["param"] == "Content-Type"


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"hello",
        file(),
        file()[:-2],
        file() + b"--b-",
        file() + b"--c--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
        raw_part(b"X-Other: a") + END,
        raw_part(b"") + END,
        part('filename="a.txt"') + END,
        part('name="file"; filename="a.txt"', b"data", b"X-Other: \xff") + END,
    ],
    ids=repr,
)
def test_a_malformed_form_is_refused(live: Server, files: str, form: bytes) -> None:
    answer = exchange(live.url, message("POST", files, FORM, body=form))

    error = refusal(answer, 400)
    assert (error["param"], error["code"]) == (None, "invalid_multipart")
    assert (error["provider"], error["request_type"]) == ("ollama", "container_file_create")
    assert listed(live, files)["data"] == []


@pytest.mark.parametrize(
    ("form", "param"),
    [
        (END, "file"),
        (path(b"a") + END, "file"),
        (part('name="file"') + END, "file"),
        (part('name="file"; filename=""') + END, "file"),
        (part(b'name="file"; filename="\xe9.txt"') + END, "file"),
        (file() + file("b.txt") + END, "file"),
        (file() * 10_000 + END, "file"),
        (file("..") + END, "file"),
        (file("a/../b") + END, "file"),
        (file("/etc/passwd") + END, "file"),
        (file("a\0b") + END, "file"),
        (file("a%0D%0Ab") + END, "file"),
        (file("a" * 1025) + END, "file"),
        (file("a" * 200_000) + END, "file"),
        (file() + path(b"..") + END, "file_path"),
        (file() + path(b"") + END, "file_path"),
        (file() + path(b"a\0b") + END, "file_path"),
        (file() + path(b"\xff") + END, "file_path"),
        (file() + path(b"\xed\xa0\x80") + END, "file_path"),
        (file() + path(b"a" * 1025) + END, "file_path"),
        (file() + path(b"a" * 100_000) + END, "file_path"),
        (path(b"a") + path(b"b") + file() + END, "file_path"),
        (path(b"a") * 10_000 + file() + END, "file_path"),
        (part('name="file_path"; filename="a"') + file() + END, "file_path"),
        (file() + FILE_ID + END, "file_id"),
        (FILE_ID + END, "file_id"),
        (file() + part('name="purpose"') + END, "purpose"),
        (part('name="purpose"') + file() + END, "purpose"),
        (part('name="provider"') + file() + END, "provider"),
        (part('name="other"; filename="a.txt"') + END, "other"),
        (part('name="fi\0le"; filename="a.txt"') + END, "fi\0le"),
        (part('name="other"') * 10_000 + END, "other"),
    ],
    ids=lambda value: repr(value[:70]) if isinstance(value, bytes) else "",
)
def test_a_form_with_a_wrong_part_names_it(
    live: Server, files: str, form: bytes, param: str
) -> None:
    answer = exchange(live.url, message("POST", files, FORM, body=form))

    assert refusal(answer, 400)["param"] == param
    assert listed(live, files)["data"] == []


@pytest.mark.parametrize(
    "part_",
    [
        part('name="file"; filename="a.txt"', b"data", "X-Long: " + "a" * 2**20),
        part('name="file"; filename="a.txt"', b"data", *["X-Many: a"] * 100_000),
        file("a" * 2**20),
        part('name="' + "a" * 2**20 + '"'),
    ],
    ids=lambda part_: repr(part_[:80]),
)
def test_a_part_with_endless_headers_is_413(live: Server, files: str, part_: bytes) -> None:
    answer = exchange(live.url, message("POST", files, FORM, body=part_ + END))

    assert refusal(answer, 413)["code"] == "request_too_large"
    assert listed(live, files)["data"] == []


def test_an_upload_that_is_refused_leaves_the_file_it_would_replace(
    live: Server, files: str
) -> None:
    kept = exchange(live.url, message("POST", files, FORM, body=file() + END)).json()
    blobs = blobs_in(live.data_dir)
    refusal(exchange(live.url, message("POST", files, FORM, body=file(data=b"new"))), 400)

    assert ids(listed(live, files)) == [kept["id"]]
    assert blobs_in(live.data_dir) == blobs
