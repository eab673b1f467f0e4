"""The SDK's uploaded files, on containers that Berth hosts."""

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

DATA = bytes(range(256)) * 4096


def test_uploaded_files_tell_their_whole_story(sdk: OpenAI) -> None:
    made = sdk.files.create(
        file=("报告 final.csv", DATA),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 7200},
    )
    box = sdk.containers.create(name="box", file_ids=[made.id])
    copied = sdk.containers.files.create(box.id, file_id=made.id, extra_body={"file_path": "b"})
    found, content = sdk.files.retrieve(made.id), sdk.files.content(made.id).content
    gone = sdk.files.delete(made.id)
    inside = list(sdk.containers.files.list(box.id, order="asc"))

    assert (found.filename, found.bytes, found.status) == ("报告 final.csv", len(DATA), "processed")
    assert (found.purpose, found.expires_at) == ("user_data", made.created_at + 7200)
    assert [f.path for f in inside] == ["/mnt/data/报告 final.csv", "/mnt/data/b"]
    assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
    assert content == DATA
    read = sdk.containers.files.content.retrieve(copied.id, container_id=box.id)
    assert read.content == DATA


def test_uploaded_files_are_listed(clocked_sdk: OpenAI) -> None:
    made = [
        clocked_sdk.files.create(file=b"a", purpose="vision").id,
        clocked_sdk.files.create(file=b"a", purpose="evals").id,
    ]
    elsewhere = clocked_sdk.files.create(
        file=b"a", purpose="evals", extra_body={"provider": "ollama"}
    )

    assert [f.id for f in clocked_sdk.files.list(limit=1)] == made[::-1]
    assert [f.id for f in clocked_sdk.files.list(purpose="evals", order="asc")] == made[1:]
    listed = clocked_sdk.files.list(extra_query={"provider": "ollama"})
    assert [f.id for f in listed] == [elsewhere.id]


def test_what_cannot_be_copied_is_refused(sdk: OpenAI) -> None:
    twins = [sdk.files.create(file=("a.txt", b"a"), purpose="user_data").id for _ in "12"]

    with pytest.raises(BadRequestError, match="two of the files are named"):
        sdk.containers.create(name="box", file_ids=twins)
    with pytest.raises(NotFoundError, match="File 'file-none' not found"):
        sdk.containers.create(name="box", file_ids=[twins[0], "file-none"])
    with pytest.raises(NotFoundError, match="No such File object: file-none"):
        sdk.files.retrieve("file-none")
