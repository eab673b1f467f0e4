"""A form's parts may come in any order, whatever the size of the file."""

import hashlib
import random

import pytest
import requests

from tests.native.broken.gate import Gate, told
from tests.upstreams import behaviours as b

BIG = random.Random(5).randbytes(3 * 1024 * 1024)
SIZES = pytest.mark.parametrize("content", [b"bytes", BIG], ids=["small", "large"])
BOUNDARY = "frontier"
END = f"--{BOUNDARY}--\r\n".encode()


def file_part(content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
    return head.encode() + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n"


def path_part(path: str, name: str = "file_path") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{path}\r\n'
    return head.encode()


def post(gate: Gate, *parts: bytes, **headers: str) -> requests.Response:
    """Upload a form of these parts; only what it makes the provider do is kept."""
    gate.broken.requests.clear()
    headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
    path = f"/v1/containers/{gate.container}/files"
    return gate.call("POST", path, data=b"".join([*parts, END]), headers=headers)


def methods(gate: Gate) -> list[str]:
    return [asked.method for asked in gate.broken.requests]


def names(gate: Gate) -> list[str]:
    """Return the names of the files that the provider has, less the one that is always there."""
    stored = gate.strict.containers[gate.container].files.values()
    return [file.path.rsplit("-", 1)[1] for file in stored if file.deleted_at is None][1:]


def assert_stored(gate: Gate, answer: requests.Response, name: str, content: bytes) -> None:
    """Check that the provider has the one file that the answer tells of."""
    assert answer.status_code == 200, answer.text
    stored = gate.strict.files[answer.json()["id"]]
    assert hashlib.sha256(stored.content).digest() == hashlib.sha256(content).digest()
    assert (names(gate), stored.sent_type) == ([name], b"image/png")
    assert answer.json()["path"] == stored.path


@SIZES
def test_a_path_before_the_file_names_it(openai: Gate, content: bytes) -> None:
    answer = post(openai, path_part("/mnt/data/x/b.txt"), file_part(content))

    assert_stored(openai, answer, "b.txt", content)
    assert methods(openai) == ["POST"]


@SIZES
def test_a_path_after_the_file_may_say_what_the_file_is_called_anyway(
    openai: Gate, content: bytes
) -> None:
    answer = post(openai, file_part(content), path_part("/mnt/data/x/a.bin"))

    assert_stored(openai, answer, "a.bin", content)
    assert methods(openai) == ["POST"]


def test_a_path_after_a_small_file_names_it(openai: Gate) -> None:
    answer = post(openai, file_part(b"bytes"), path_part("x/b.txt"))

    assert_stored(openai, answer, "b.txt", b"bytes")
    assert methods(openai) == ["POST"]


def test_a_path_after_a_large_file_names_it(openai: Gate) -> None:
    raw = {"x-bf-send-back-raw-response": "true"}
    answer = post(openai, file_part(BIG), path_part("x/b.txt"), **raw)

    assert_stored(openai, answer, "b.txt", BIG)
    assert methods(openai) == ["POST", "GET", "POST", "DELETE"]
    assert answer.json()["extra_fields"]["raw_response"]["id"] == answer.json()["id"]


@pytest.mark.parametrize(
    "wrong",
    [path_part("../b.txt"), path_part("x" * 2000), path_part("b.txt") * 2, path_part("b", "other")],
    ids=["leaves the root", "too long", "twice", "unknown"],
)
def test_what_is_wrong_after_a_large_file_is_refused_and_nothing_created(
    openai: Gate, wrong: bytes
) -> None:
    answer = post(openai, file_part(BIG), wrong)

    assert told(answer, 400)["param"] in {"file_path", "other"}
    openai.heal()
    assert names(openai) == []
    assert openai.strict.broken_off == 0


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (["relay", b.error(500)], 502),
        (["relay", b.stall(len(BIG) // 2, BIG)], 504),
        (["relay", b.reset(len(BIG) // 2, BIG)], 502),
        (["relay", "relay", b.error(500)], 502),
        (["relay", "relay", b.error(413)], 413),
    ],
    ids=["not readable", "stalls", "breaks off", "not taken", "refused"],
)
def test_a_large_file_that_cannot_get_its_name_leaves_nothing(
    openai: Gate, script: list[b.Behaviour | str], status: int
) -> None:
    relay = b.relay(openai.strict)
    openai.broken.script([relay if isinstance(step, str) else step for step in script])
    answer = post(openai, file_part(BIG), path_part("x/b.txt"))

    told(answer, status)
    openai.heal()
    assert names(openai) == []


def test_a_large_file_has_its_name_though_the_first_one_stays(openai: Gate) -> None:
    relay = b.relay(openai.strict)
    openai.broken.script([relay, relay, relay, b.error(500)])
    answer = post(openai, file_part(BIG), path_part("x/b.txt"))

    assert answer.status_code == 200, answer.text
    assert names(openai) == ["a.bin", "b.txt"]
