"""The SDK's client for Azure, which has no `/v1` in its paths and a version in its queries."""

from collections.abc import Iterator

import pytest
from openai import AzureOpenAI, NotFoundError

from tests.server import Server


@pytest.fixture
def azure(live: Server) -> Iterator[AzureOpenAI]:
    """A client for Azure whose endpoint is Berth."""
    version = "2025-04-01-preview"
    with AzureOpenAI(azure_endpoint=live.url, api_version=version, api_key="x") as client:
        yield client


def test_every_call_of_the_azure_client_works(azure: AzureOpenAI) -> None:
    box = azure.containers.create(name="azure", extra_body={"provider": "azure"})
    made = azure.containers.files.create(box.id, file=("报告 final.csv", b"bytes"))
    listed = [file.id for file in azure.containers.files.list(box.id)]
    found = azure.containers.files.retrieve(made.id, container_id=box.id)
    content = azure.containers.files.content.retrieve(made.id, container_id=box.id)

    assert azure.containers.retrieve(box.id).id == box.id
    assert listed == [made.id]
    assert (found.path, content.content) == ("/mnt/data/报告 final.csv", b"bytes")


def test_the_azure_client_lists_the_containers_of_azure(azure: AzureOpenAI) -> None:
    made = [azure.containers.create(name="listed", extra_body={"provider": "azure"}).id]
    azure.containers.create(name="listed")
    listed = azure.containers.list(name="listed", extra_query={"provider": "azure"})

    assert [container.id for container in listed] == made


def test_the_azure_client_deletes(azure: AzureOpenAI) -> None:
    box = azure.containers.create(name="azure")
    made = azure.containers.files.create(box.id, file=b"bytes")
    azure.containers.files.delete(made.id, container_id=box.id)
    azure.containers.delete(box.id)

    with pytest.raises(NotFoundError, match="not found"):
        azure.containers.retrieve(box.id)
