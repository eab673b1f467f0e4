"""The calls of the SDK that succeed."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import ContainerCreateResponse

from tests.server import Server

DATA = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(DATA).hexdigest()
NAMES = ["报告 final.csv", 'say "hi" twice.txt', "two  spaces.txt", "100% sure.txt", "ends."]


def test_a_container_is_created_with_every_field(sdk: OpenAI) -> None:
    made = sdk.containers.create(
        name="Quarterly report",
        expires_after={"anchor": "last_active_at", "minutes": 5},
        file_ids=[],
        memory_limit="4g",
        network_policy={"type": "disabled"},
        extra_body={"metadata": {"team": "finance"}, "provider": "ollama"},
    )

    assert (made.object, made.status, made.name) == ("container", "running", "Quarterly report")
    assert made.expires_after is not None
    assert (made.expires_after.anchor, made.expires_after.minutes) == ("last_active_at", 5)
    assert made.memory_limit == "4g"
    assert made.network_policy is not None
    assert made.network_policy.type == "disabled"
    assert made.last_active_at == made.created_at
    assert made.to_dict()["metadata"] == {"team": "finance"}


def test_a_container_is_retrieved_as_it_was_created(
    sdk: OpenAI, box: ContainerCreateResponse
) -> None:
    found = sdk.containers.retrieve(box.id)

    assert (found.id, found.name, found.created_at) == (box.id, box.name, box.created_at)
    assert found.status == "running"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_its_name(sdk: OpenAI, box: ContainerCreateResponse, name: str) -> None:
    made = sdk.containers.files.create(box.id, file=(name, DATA))

    assert (made.path, made.bytes, made.source) == (f"/mnt/data/{name}", len(DATA), "user")
    assert sdk.containers.files.retrieve(made.id, container_id=box.id).path == made.path


def test_a_file_of_the_disk_is_uploaded_under_its_name(
    sdk: OpenAI, box: ContainerCreateResponse, tmp_path: Path
) -> None:
    path = tmp_path / "报告 final.csv"
    path.write_bytes(DATA)
    made = sdk.containers.files.create(box.id, file=path)

    assert (made.path, made.bytes) == ("/mnt/data/报告 final.csv", len(DATA))


def test_bytes_without_a_name_are_an_upload(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(box.id, file=b"bytes")

    assert (made.path, made.bytes) == ("/mnt/data/upload", 5)


def test_an_empty_file_is_a_file(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(box.id, file=("empty", b""))

    assert made.bytes == 0
    assert sdk.containers.files.content.retrieve(made.id, container_id=box.id).content == b""


def test_the_media_type_of_a_file_does_not_matter(
    sdk: OpenAI, box: ContainerCreateResponse
) -> None:
    made = sdk.containers.files.create(box.id, file=("a.json", b"{", "application/json"))

    assert (made.path, made.bytes) == ("/mnt/data/a.json", 1)


def test_a_file_goes_where_it_is_wanted(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(
        box.id, file=("a.csv", DATA), extra_body={"file_path": "reports/2026/a.csv"}
    )

    assert made.path == "/mnt/data/reports/2026/a.csv"


def test_a_download_is_what_was_uploaded(
    sdk: OpenAI, box: ContainerCreateResponse, tmp_path: Path
) -> None:
    made = sdk.containers.files.create(box.id, file=("a.bin", DATA))
    content = sdk.containers.files.content.retrieve(made.id, container_id=box.id)
    content.write_to_file(tmp_path / "a.bin")

    assert content.response.headers["ETag"] == f'"{SHA256}"'
    assert hashlib.sha256((tmp_path / "a.bin").read_bytes()).hexdigest() == SHA256


def test_a_part_of_a_file_is_downloaded(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(box.id, file=("a.bin", DATA))
    headers = {"Range": "bytes=1000-1999"}
    part = sdk.containers.files.content.retrieve(
        made.id, container_id=box.id, extra_headers=headers
    )

    assert part.response.status_code == 206
    assert part.content == DATA[1000:2000]


def test_a_download_is_streamed(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(box.id, file=("a.bin", DATA))
    digest = hashlib.sha256()
    content = sdk.containers.files.content.with_streaming_response
    with content.retrieve(made.id, container_id=box.id) as answer:
        for chunk in answer.iter_bytes():
            digest.update(chunk)

    assert digest.hexdigest() == SHA256


def test_the_raw_answer_has_its_receipt(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    raw = sdk.containers.files.with_raw_response.create(box.id, file=("a.bin", DATA))

    assert raw.headers["ETag"] == f'"{SHA256}"'
    assert raw.parse().path == "/mnt/data/a.bin"
    assert raw.headers["x-request-id"] == raw.request_id


def test_what_is_deleted_is_gone_from_the_lists(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(box.id, file=("a.bin", DATA))
    sdk.containers.files.delete(made.id, container_id=box.id)
    files = list(sdk.containers.files.list(box.id))
    sdk.containers.delete(box.id)

    assert files == []
    assert list(sdk.containers.list(name=box.name)) == []


def test_the_async_client_does_the_same(live: Server) -> None:
    async def round_trip() -> bytes:
        async with AsyncOpenAI(base_url=f"{live.url}/openai/v1", api_key="sk-any") as sdk:
            box = await sdk.containers.create(name="async")
            made = await sdk.containers.files.create(box.id, file=("报告.bin", DATA))
            assert [file.path async for file in sdk.containers.files.list(box.id)] == [made.path]
            content = sdk.containers.files.content
            downloaded = await content.retrieve(made.id, container_id=box.id)
            await sdk.containers.delete(box.id)
            return downloaded.content

    assert asyncio.run(round_trip()) == DATA
