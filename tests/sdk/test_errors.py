"""The SDK's exceptions: the right class, the right words, and no retry of what cannot succeed."""

import uuid
from collections.abc import Callable

import pytest
from openai import (
    APIStatusError,
    BadRequestError,
    NotFoundError,
    OpenAI,
    UnprocessableEntityError,
)
from openai.types import ContainerCreateResponse

from tests.conftest import Clock
from tests.sdk.conftest import Sent

NOBODY = "cntr_" + "0" * 48
NOTHING = "cfile_" + "0" * 32


def container_calls(sdk: OpenAI, container: str) -> list[Callable[[], object]]:
    """Return every call that needs a living container, with a file that is not there."""
    files = sdk.containers.files
    return [
        lambda: files.create(container, file=b"bytes"),
        lambda: files.create(container, file_id="file-1"),
        lambda: list(files.list(container)),
        *file_calls(sdk, container, NOTHING),
        lambda: sdk.containers.delete(container),
    ]


def file_calls(sdk: OpenAI, container: str, file: str) -> list[Callable[[], object]]:
    """Return every call that needs a file."""
    files = sdk.containers.files
    return [
        lambda: files.retrieve(file, container_id=container),
        lambda: files.content.retrieve(file, container_id=container),
        lambda: files.delete(file, container_id=container),
    ]


def error_of(call: Callable[[], object]) -> APIStatusError:
    """Return the error that a call raises."""
    with pytest.raises(APIStatusError) as caught:
        call()
    assert caught.value.request_id
    return caught.value


def sentence(error: APIStatusError) -> str:
    """Return what the server said, without what the SDK puts before it."""
    return error.message.removeprefix(f"Error code: {error.status_code} - ")


def test_a_container_that_never_was_is_not_found(sdk: OpenAI, sent: Sent) -> None:
    calls = [lambda: sdk.containers.retrieve(NOBODY), *container_calls(sdk, NOBODY)]
    errors = [error_of(call) for call in calls]

    assert {type(error) for error in errors} == {NotFoundError}
    assert {sentence(error) for error in errors} == {f"Container with id '{NOBODY}' not found."}
    assert len(sent) == len(calls)


def test_a_deleted_container_is_not_found(
    sdk: OpenAI, sent: Sent, box: ContainerCreateResponse
) -> None:
    sdk.containers.delete(box.id)
    sent.clear()
    calls = [lambda: sdk.containers.retrieve(box.id), *container_calls(sdk, box.id)]
    errors = [error_of(call) for call in calls]

    assert {type(error) for error in errors} == {NotFoundError}
    assert {sentence(error) for error in errors} == {f"Container with id '{box.id}' not found."}
    assert len(sent) == len(calls)


def test_a_file_that_never_was_is_not_found(
    sdk: OpenAI, sent: Sent, box: ContainerCreateResponse
) -> None:
    errors = [error_of(call) for call in file_calls(sdk, box.id, NOTHING)]

    assert {type(error) for error in errors} == {NotFoundError}
    expected = f"File {NOTHING} not found on container {box.id}."
    assert {sentence(error) for error in errors} == {expected}
    assert len(sent) == len(errors)


def test_a_deleted_file_is_not_found(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(box.id, file=b"bytes")
    sdk.containers.files.delete(made.id, container_id=box.id)
    errors = [error_of(call) for call in file_calls(sdk, box.id, made.id)]

    assert {type(error) for error in errors} == {NotFoundError}


def test_a_replaced_file_is_not_found(sdk: OpenAI, box: ContainerCreateResponse) -> None:
    made = sdk.containers.files.create(box.id, file=("a.txt", b"old"))
    sdk.containers.files.create(box.id, file=("a.txt", b"new"))
    errors = [error_of(call) for call in file_calls(sdk, box.id, made.id)]

    assert {type(error) for error in errors} == {NotFoundError}


def test_a_file_of_another_container_is_not_found(
    sdk: OpenAI, box: ContainerCreateResponse
) -> None:
    made = sdk.containers.files.create(box.id, file=b"bytes")
    other = sdk.containers.create(name="other").id
    errors = [error_of(call) for call in file_calls(sdk, other, made.id)]

    assert {type(error) for error in errors} == {NotFoundError}


def test_an_expired_container_is_only_shown(clocked_sdk: OpenAI, clock: Clock) -> None:
    made = clocked_sdk.containers.create(
        name="short", expires_after={"anchor": "last_active_at", "minutes": 1}
    )
    clock.advance(60)
    errors = [error_of(call) for call in container_calls(clocked_sdk, made.id)]

    assert {type(error) for error in errors} == {NotFoundError}
    assert {sentence(error) for error in errors} == {"Container is expired."}
    assert {error.code for error in errors} == {"container_expired"}
    assert clocked_sdk.containers.retrieve(made.id).status == "expired"
    assert [shown.status for shown in clocked_sdk.containers.list()] == ["expired"]


@pytest.mark.parametrize("file_id", ["file-6F2ksmvXxt4VdoqmHRw6kL", "报告"])
def test_a_file_to_copy_that_is_not_there_is_named(
    sdk: OpenAI, sent: Sent, box: ContainerCreateResponse, file_id: str
) -> None:
    error = error_of(lambda: sdk.containers.files.create(box.id, file_id=file_id))

    assert (type(error), error.param) == (NotFoundError, "file_id")
    assert file_id in error.message
    assert len(sent) == 1


def test_nothing_is_created_from_files_that_are_not_there(sdk: OpenAI, sent: Sent) -> None:
    name = uuid.uuid4().hex
    error = error_of(lambda: sdk.containers.create(name=name, file_ids=["file-1"]))

    assert (type(error), error.param) == (NotFoundError, "file_ids")
    assert "file-1" in error.message
    assert len(sent) == 1
    assert list(sdk.containers.list(name=name)) == []


def test_a_bad_field_is_named_and_not_tried_again(sdk: OpenAI, sent: Sent) -> None:
    minutes = {"anchor": "last_active_at", "minutes": 10**6}
    error = error_of(lambda: sdk.containers.create(name="a", extra_body={"expires_after": minutes}))

    assert type(error) is BadRequestError
    assert (error.param, error.code) == ("expires_after.minutes", "integer_above_max_value")
    assert len(sent) == 1


def test_what_cannot_be_honoured_is_named_and_not_tried_again(sdk: OpenAI, sent: Sent) -> None:
    skill = {"type": "skill_reference", "skill_id": "skill_1"}
    error = error_of(lambda: sdk.containers.create(name="a", extra_body={"skills": [skill]}))

    assert type(error) is BadRequestError
    assert (error.param, error.code) == ("skills", "unsupported_parameter")
    assert len(sent) == 1


def test_neither_a_file_nor_an_id_is_a_bad_request(
    sdk: OpenAI, sent: Sent, box: ContainerCreateResponse
) -> None:
    error = error_of(lambda: sdk.containers.files.create(box.id))

    assert type(error) is BadRequestError
    assert len(sent) == 1


def test_both_a_file_and_an_id_are_a_bad_request(
    sdk: OpenAI, sent: Sent, box: ContainerCreateResponse
) -> None:
    files = sdk.containers.files
    error = error_of(lambda: files.create(box.id, file=b"bytes", file_id="file-1"))

    assert (type(error), error.param) == (BadRequestError, "file_id")
    assert len(sent) == 1


def test_a_cursor_that_is_not_in_the_list_is_a_bad_request(sdk: OpenAI, sent: Sent) -> None:
    error = error_of(lambda: list(sdk.containers.list(after=NOBODY)))

    assert (type(error), error.param) == (BadRequestError, "after")
    assert len(sent) == 1


def test_too_much_is_not_tried_again(sdk: OpenAI, sent: Sent) -> None:
    error = error_of(lambda: sdk.containers.create(name="a" * 2**20))

    assert (error.status_code, error.code) == (413, "request_too_large")
    assert len(sent) == 1


def test_a_key_that_is_used_again_is_not_tried_again(sdk: OpenAI, sent: Sent) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = sdk.containers.create(name="first", extra_headers=key)
    again = sdk.containers.create(name="first", extra_headers=key)
    error = error_of(lambda: sdk.containers.create(name="second", extra_headers=key))

    assert again.id == first.id
    assert type(error) is UnprocessableEntityError
    assert len(sent) == 3
