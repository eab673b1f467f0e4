"""Uploaded files as an application has them with the SDK: one story, whoever keeps them."""

import hashlib
from pathlib import Path

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types import FileObject

DATA = bytes(range(256)) * 8192
NAME = "报告 final.csv"


@pytest.fixture(params=["client", "native_client"], ids=["hosted", "native"])
def sdk(request: pytest.FixtureRequest) -> OpenAI:
    url = "http://testserver/openai/v1"
    client = request.getfixturevalue(request.param)
    return OpenAI(base_url=url, api_key="sk-any", http_client=client, max_retries=0)


@pytest.fixture
def made(sdk: OpenAI) -> FileObject:
    return sdk.files.create(
        file=(NAME, DATA),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 7200},
    )


def fields(file: FileObject) -> dict[str, object]:
    """Return a file without what is about the answer itself."""
    return file.to_dict() | {"extra_fields": None}


def test_a_file_is_what_was_uploaded(sdk: OpenAI, made: FileObject) -> None:
    assert (made.object, made.filename, made.bytes) == ("file", NAME, len(DATA))
    assert (made.purpose, made.status) == ("user_data", "processed")
    assert made.expires_at == made.created_at + 7200
    assert fields(sdk.files.retrieve(made.id)) == fields(made)
    assert sdk.files.wait_for_processing(made.id).id == made.id


def test_a_file_is_downloaded(sdk: OpenAI, made: FileObject, tmp_path: Path) -> None:
    with sdk.files.with_streaming_response.content(made.id) as answer:
        answer.stream_to_file(tmp_path / "copy")
    found = (tmp_path / "copy").read_bytes()

    assert hashlib.sha256(found).digest() == hashlib.sha256(DATA).digest()
    assert sdk.files.content(made.id).read() == DATA


def test_files_are_listed(sdk: OpenAI, made: FileObject) -> None:
    pictures = [sdk.files.create(file=b"", purpose="vision").id for _ in range(3)]

    assert [f.id for f in sdk.files.list(limit=2)] == [*reversed(pictures), made.id]
    assert [f.id for f in sdk.files.list(order="asc", purpose="vision")] == pictures
    assert [f.id for f in sdk.files.list(after=pictures[0])] == [made.id]


def test_a_container_has_the_files_that_it_was_created_with(sdk: OpenAI, made: FileObject) -> None:
    other = sdk.files.create(file=("b.txt", b"b"), purpose="assistants")
    box = sdk.containers.create(name="box", file_ids=[made.id, other.id])
    files = list(sdk.containers.files.list(box.id, order="asc"))
    read = sdk.containers.files.content.retrieve

    assert [f.path.rsplit("-", 1)[-1].removeprefix("/mnt/data/") for f in files] == [NAME, "b.txt"]
    assert [(f.source, f.bytes) for f in files] == [("user", len(DATA)), ("user", 1)]
    assert [read(f.id, container_id=box.id).content for f in files] == [DATA, b"b"]


def test_a_copy_outlives_the_upload(sdk: OpenAI, made: FileObject) -> None:
    box = sdk.containers.create(name="box")
    copied = sdk.containers.files.create(box.id, file_id=made.id)
    deleted = sdk.files.delete(made.id)
    found = sdk.containers.files.content.retrieve(copied.id, container_id=box.id).content

    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "file", True)
    assert (copied.container_id, copied.source, copied.bytes) == (box.id, "user", len(DATA))
    assert found == DATA


def test_an_upload_outlives_its_copies(sdk: OpenAI, made: FileObject) -> None:
    box = sdk.containers.create(name="box", file_ids=[made.id])
    copied = sdk.containers.files.create(box.id, file_id=made.id)
    sdk.containers.files.delete(copied.id, container_id=box.id)
    sdk.containers.delete(box.id)

    assert sdk.files.content(made.id).content == DATA


def test_a_deleted_file_is_not_found(sdk: OpenAI, made: FileObject) -> None:
    sdk.files.delete(made.id)
    box = sdk.containers.create(name="box")
    for use in (sdk.files.retrieve, sdk.files.content, sdk.files.delete):
        with pytest.raises(NotFoundError, match=f"No such File object: {made.id}"):
            use(made.id)
    with pytest.raises(NotFoundError, match=made.id):
        sdk.containers.create(name="other", file_ids=[made.id])
    with pytest.raises(NotFoundError, match=made.id):
        sdk.containers.files.create(box.id, file_id=made.id)

    assert [b.id for b in sdk.containers.list()] == [box.id]
    assert list(sdk.containers.files.list(box.id)) == []


def test_what_cannot_be_uploaded_is_refused(sdk: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="purpose"):
        sdk.files.create(file=b"a", purpose="fun")  # type: ignore[arg-type]
    with pytest.raises(BadRequestError, match=r"expires_after\.seconds"):
        sdk.files.create(
            file=b"a", purpose="evals", expires_after={"anchor": "created_at", "seconds": 60}
        )

    assert list(sdk.files.list()) == []
