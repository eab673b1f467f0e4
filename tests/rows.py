"""A container and a file as the catalog keeps them."""

from catalog.containers import Container
from catalog.files import File

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
