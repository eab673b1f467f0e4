"""A container, its file and an uploaded one with the same bytes, as the catalog keeps them."""

from catalog.containers import Container
from catalog.files import File
from catalog.stored_files import StoredFile

CONTAINER = Container(
    id="cntr_1",
    tenant="default",
    provider="openai",
    backend="hosted",
    name="n",
    metadata={},
    memory_limit="1g",
    network_policy=None,
    expires_minutes=20,
    created_at=1,
    last_active_at=1,
    expires_at=1201,
)
FILE = File(
    id="cfile_1",
    container_id="cntr_1",
    path="/mnt/data/a.txt",
    bytes=0,
    sha256="",
    source="user",
    created_at=1,
    blob="b",
)
STORED_FILE = StoredFile(
    id="file-1",
    tenant="default",
    provider="openai",
    backend="hosted",
    deployment=None,
    filename="a.txt",
    purpose="user_data",
    bytes=0,
    sha256="",
    status="processed",
    status_details=None,
    created_at=1,
    expires_at=None,
    blob="b",
)
