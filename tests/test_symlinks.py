"""A symbolic link that somebody put among the blobs leads nowhere: not to read, not to delete."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from blobs.directory import BlobDirectory
from gateway.app import create_app
from gateway.settings import Settings
from tests.calls import Json, blobs_in, create, download, upload
from tests.conftest import Clock
from tests.test_orphans import KEY, make_old, sweep

SECRET = b"secret"
PART = {"Range": "bytes=0-4"}  # the hash of the whole cannot give it away


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", threads=4, orphan_grace_s=10)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory with an old file in it that is none of the gateway's business."""
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / KEY).write_bytes(SECRET)
    make_old(directory / KEY, 3600)
    return directory


@pytest.fixture
def root(settings: Settings) -> Path:
    BlobDirectory(settings.data_dir / "blobs")
    return settings.data_dir / "blobs"


@pytest.fixture
def file(client: TestClient, root: Path) -> Json:
    """A file as long as the secret."""
    return upload(client, create(client)["id"], b"public")


def replace_by_link(path: Path, target: Path) -> None:
    """Move away what is there, and put a link in its place."""
    path.rename(path.with_name(f"{path.name}.away"))
    path.symlink_to(target)


def url(file: Json) -> str:
    return f"/openai/v1/containers/{file['container_id']}/files/{file['id']}"


@pytest.mark.parametrize("place", ["incoming", "ab"])
@pytest.mark.parametrize("to_directory", [True, False])
def test_a_linked_orphan_is_not_followed(
    root: Path, outside: Path, settings: Settings, clock: Clock, place: str, *, to_directory: bool
) -> None:
    link = root / place / KEY
    link.symlink_to(outside if to_directory else outside / KEY)
    make_old(link, 3600)
    sweep(settings, clock)

    assert (outside / KEY).read_bytes() == SECRET


@pytest.mark.parametrize("place", ["incoming", "ab"])
def test_a_linked_directory_is_not_swept_but_the_others_are(
    root: Path, outside: Path, settings: Settings, clock: Clock, place: str
) -> None:
    replace_by_link(root / place, outside)
    orphan = root / "ff" / KEY
    orphan.write_bytes(b"orphan")
    make_old(orphan, 3600)
    sweep(settings, clock)

    assert (outside / KEY).read_bytes() == SECRET
    assert not orphan.exists()


def test_a_linked_blob_is_not_served(
    client: TestClient, root: Path, outside: Path, file: Json
) -> None:
    (blob,) = blobs_in(root.parent)
    replace_by_link(blob, outside / KEY)
    answer = client.get(f"{url(file)}/content", headers=PART)

    assert answer.status_code == 500
    assert SECRET[:5] not in answer.content


def test_a_blob_in_a_linked_directory_is_not_served(
    client: TestClient, root: Path, outside: Path, file: Json
) -> None:
    (blob,) = blobs_in(root.parent)
    (outside / blob.name).write_bytes(SECRET)
    replace_by_link(blob.parent, outside)
    answer = client.get(f"{url(file)}/content", headers=PART)

    assert answer.status_code == 500
    assert SECRET[:5] not in answer.content


def test_deleting_a_linked_blobs_file_leaves_the_target(
    client: TestClient, root: Path, outside: Path, file: Json
) -> None:
    (blob,) = blobs_in(root.parent)
    replace_by_link(blob, outside / KEY)
    answer = client.delete(url(file))

    assert answer.status_code == 200
    assert (outside / KEY).read_bytes() == SECRET


def test_deleting_a_file_in_a_linked_directory_leaves_the_target(
    client: TestClient, root: Path, outside: Path, file: Json
) -> None:
    (blob,) = blobs_in(root.parent)
    (outside / blob.name).write_bytes(SECRET)
    replace_by_link(blob.parent, outside)
    answer = client.delete(url(file))

    assert answer.status_code == 200
    assert (outside / blob.name).read_bytes() == SECRET


def test_an_expired_container_in_a_linked_directory_does_not_stop_the_sweep(
    client: TestClient, root: Path, outside: Path, file: Json, settings: Settings, clock: Clock
) -> None:
    (blob,) = blobs_in(root.parent)
    other = upload(client, create(client)["id"], b"other")  # later, it may go through the link
    (outside / blob.name).write_bytes(SECRET)
    replace_by_link(blob.parent, outside)
    clock.advance(20 * 60)
    sweep(settings, clock)

    assert (outside / blob.name).read_bytes() == SECRET
    assert b"other" not in [path.read_bytes() for path in blobs_in(root.parent)]
    assert client.get(url(other)).json()["error"]["code"] == "container_expired"


def test_nothing_is_written_through_a_linked_directory(
    client: TestClient, root: Path, outside: Path, file: Json
) -> None:
    replace_by_link(root / "incoming", outside)
    form = {"file": ("a.txt", b"new")}
    answer = client.post(f"/openai/v1/containers/{file['container_id']}/files", files=form)

    assert answer.status_code == 500
    assert list(outside.iterdir()) == [outside / KEY]
    assert download(client, file) == b"public"


def test_the_data_directory_itself_may_be_a_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    with TestClient(create_app(Settings(data_dir=tmp_path / "link"))) as client:
        file = upload(client, create(client)["id"], b"public")

        assert download(client, file) == b"public"
        assert len(blobs_in(outside)) == 1
