"""A file is stored exactly where its name says, below `/mnt/data`; or it is refused by name."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests

from tests.server import Server

FIELDS = ("file", "file_path")

REFUSED = {
    "parent": b"../x",
    "parents": b"../../../../etc/passwd",
    "parent of a folder": b"a/../../x",
    "parent within": b"a/../b",
    "parent at the end": b"a/..",
    "parent alone": b"..",
    "parent with a backslash": b"..\\x",
    "parent between backslashes": b"a\\..\\..\\x",
    "parent after a backslash": b"\\..\\x",
    "parent with both slashes": b"..\\../x",
    "here": b"./x",
    "here within": b"a/./b",
    "here alone": b".",
    "absolute": b"/etc/passwd",
    "root": b"/",
    "two slashes": b"//host/share",
    "parent below the root": b"/mnt/data/../x",
    "the root itself": b"/mnt/data",
    "the root with a slash": b"/mnt/data/",
    "next to the root": b"/mnt/database/x",
    "root twice": b"/mnt/data//mnt/data/x",
    "empty": b"",
    "empty part": b"a//b",
    "slash at the end": b"a/",
    "NUL": b"a\x00b",
    "NUL before an extension": b"a.txt\x00.png",
    "CR LF": b"a\r\nX-Header: b",
    "LF": b"a\nb",
    "CR": b"a\rb",
    "tab": b"a\tb",
    "escape": b"a\x1b[31mb",
    "delete": b"a\x7fb",
    "next line": "a\u0085b".encode(),
    "overlong dots": b"\xc0\xae\xc0\xae/x",
    "overlong slash": b"..\xc0\xafx",
    "overlong NUL": b"a\xc0\x80b",
    "surrogate": b"a\xed\xa0\x80b",
    "Latin-1": b"caf\xe9",
    "not text": b"\xff\xfe",
    "1,025 bytes": b"x" * 1025,
    "1,026 bytes in 513 letters": "é".encode() * 513,
}

STORED = {
    "plain": "a.txt",
    "folders": "a/b/c.txt",
    "percent encoded dots and slash": "%2e%2e%2fx",
    "percent encoded twice": "%252e%252e%252fx",
    "percent encoded backslash": "%2e%2e%5cx",
    "percent encoded NUL": "a%00b",
    "overlong and percent encoded": "%c0%ae%c0%ae%c0%afx",
    "fullwidth dots and slash": "．．／x",  # noqa: RUF001
    "slashes of other scripts": "..∕x/..⁄x/..＼x",  # noqa: RUF001
    "one dot leaders": "․․/x",  # noqa: RUF001
    "three dots": ".../x",
    "dots before a name": "..a/..b",
    "hidden": ".bashrc",
    "home": "~/x",
    "255 bytes": "n" * 255,
    "1,024 bytes": "m" * 1024,
    "1,024 bytes in letters of two": "é" * 512,
    "long extension": f"a.{'e' * 900}",
    "many folders": "/".join("d" * 300),
    "device of Windows": "CON",
    "stream of Windows": "a.txt::$DATA",
    "option": "-rf",
    "shell": "$(touch x)`id`;|&",
    "template": "{{7*7}}${7*7}",
    "markup": "<script>alert(1)</script>",
    "query": "a?b=c&d#e",
    "quotes": "it's a 'file'",
    "spaces": " a  b ",
    "one space": " ",
    "dot at the end": "a.",
    "emoji": "👩‍🚀🇯🇵.png",
    "right to left": "تقرير.txt",
    "override of direction": "a\u202etxt.exe",
    "line separator": "a\u2028b",
    "byte order mark": "\ufeffa",
    "Chinese and a space": "報告 final.csv",
    "like one of our ids": "cfile_682e30c243c88191a7978f477a09bdf5",
    "name of the catalog": "catalog.db",
}

CLIENT_NAMES = {
    "quotes": 'say "hi".txt',
    "backslashes": "C:\\temp\\new.txt",
    "backslash before a quote": 'a\\"b',
    "apostrophe, semicolon, equals": "a'b; c=d",
    "Chinese and a space": "報告 final.csv",
}


@pytest.fixture(scope="module")
def url(live: Server) -> str:
    """The files of a container."""
    body = {"provider": "ollama", "name": "names"}
    created = requests.post(f"{live.url}/v1/containers", json=body, timeout=30)
    return f"{live.url}/v1/containers/{created.json()['id']}/files"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_a_name_that_leads_elsewhere_is_refused(url: str, field: str, name: bytes) -> None:
    answer = send(url, field, name)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == field


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", STORED.values(), ids=STORED)
def test_any_other_name_is_kept(url: str, field: str, name: str) -> None:
    answer = send(url, field, name.encode())

    assert answer.status_code == 200, answer.text
    assert answer.json()["path"] == f"/mnt/data/{name}"


@pytest.mark.parametrize("field", FIELDS)
def test_a_path_below_the_root_may_be_absolute(url: str, field: str) -> None:
    answer = send(url, field, b"/mnt/data/folder/a.txt")

    assert answer.json()["path"] == "/mnt/data/folder/a.txt"


@pytest.mark.parametrize("client", [requests, httpx], ids=["requests", "httpx"])
@pytest.mark.parametrize("name", CLIENT_NAMES.values(), ids=CLIENT_NAMES)
def test_each_client_escapes_as_it_likes(url: str, client: Any, name: str) -> None:
    answer = client.post(url, files={"file": (name, b"x")}, timeout=30)

    assert answer.json()["path"] == f"/mnt/data/{name}"


@pytest.mark.parametrize("escaped", [b"a%0D%0Ab", b"a%0Ab", b"a%0Db"])
def test_a_line_break_is_refused_as_browsers_escape_it(url: str, escaped: bytes) -> None:
    answer = send(url, "file", escaped)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\0b", "..\\x"])
def test_a_name_in_the_extended_notation_is_checked_too(url: str, name: str) -> None:
    disposition = f"filename*=UTF-8''{quote(name, safe='')}"
    answer = post(url, part(f'name="file"; {disposition}'.encode()))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


def test_a_name_in_pieces_is_checked_as_a_whole(url: str) -> None:
    answer = post(url, part(b'name="file"; filename*0="."; filename*1="./x"'))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


def test_the_path_decides_when_there_is_a_name_too(url: str) -> None:
    content = part(b'name="file"; filename="../../name"')
    answer = post(url, content + part(b'name="file_path"', b"wanted.txt"))

    assert answer.json()["path"] == "/mnt/data/wanted.txt"


def test_a_good_name_does_not_save_a_bad_path(url: str) -> None:
    answer = post(url, part(b'name="file_path"', b"../x") + part(b'name="file"; filename="a"'))

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file_path")


@pytest.mark.parametrize("field", FIELDS)
def test_both_spellings_of_a_letter_are_one_file(url: str, field: str) -> None:
    composed, decomposed = f"é {field}.txt", f"e\u0301 {field}.txt"
    first, second = send(url, field, composed.encode()), send(url, field, decomposed.encode())

    assert second.json()["path"] == first.json()["path"] == f"/mnt/data/{composed}"
    assert requests.get(file_url(url, first), timeout=30).status_code == 404


def test_capital_letters_make_another_file(url: str) -> None:
    first, second = send(url, "file", b"case.txt"), send(url, "file", b"CASE.txt")

    assert requests.get(file_url(url, first), timeout=30).json()["path"] == "/mnt/data/case.txt"
    assert requests.get(file_url(url, second), timeout=30).json()["path"] == "/mnt/data/CASE.txt"


def test_no_name_reaches_the_file_system(live: Server, url: str) -> None:
    around = live.data_dir.parent
    before = everything_in(around)
    for field in FIELDS:
        for name in [*REFUSED.values(), *(name.encode() for name in STORED.values())]:
            send(url, field, name)
    new = everything_in(around) - before

    assert len(new) >= len(STORED)
    assert [path for path in new if not re.fullmatch(r"data/blobs/(..)/\1[0-9a-f]{30}", path)] == []


def send(url: str, field: str, name: bytes) -> requests.Response:
    """Upload a file whose name, or whose path, is these very bytes."""
    if field == "file":
        return post(url, part(b'name="file"; filename="' + name.replace(b'"', b"%22") + b'"'))
    return post(url, part(b'name="file"; filename="other"') + part(b'name="file_path"', name))


def part(disposition: bytes, content: bytes = b"x") -> bytes:
    """Return a part of a form, with nothing escaped."""
    return (
        b"--B\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n"
    )


def post(url: str, parts: bytes) -> requests.Response:
    """Upload a form of these parts."""
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    return requests.post(url, data=parts + b"--B--\r\n", headers=headers, timeout=30)


def file_url(url: str, answer: requests.Response) -> str:
    """Return where an uploaded file is."""
    return f"{url}/{answer.json()['id']}?provider=ollama"


def everything_in(directory: Path) -> set[str]:
    """Return the paths of everything below a directory."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}
