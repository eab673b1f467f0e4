"""Small requests that Berth answers itself."""

import requests

from bench import rows, servers
from bench.figures import loaded
from bench.load import UNIQUE, Call
from bench.places import Place, creating, retrieving
from bench.rows import PROVIDER
from bench.run import Run

GROUP = "hosted"
CONNECTIONS = (1, 16, 64)
LISTED = 10_000
SMALL = "x" * 4096
OTHER = "groq"
"""Where containers are created, so that the list of PROVIDER's stays as long as it is."""

_BOUNDARY = "bench-boundary"


def hosted(run: Run) -> None:
    """Measure create, retrieve, list, upload and download of small things."""
    directory = run.new_directory("hosted")
    ids, _ = rows.fill(directory / "data", containers=LISTED)
    with servers.berth(directory) as server:
        calls = {
            "retrieve": retrieving(ids[:1000], PROVIDER),
            "create": creating(OTHER),
            "list 20 of 10,000": Call([f"/v1/containers?provider={PROVIDER}&limit=20"]),
            "upload 4 KB": uploading(Place.create(server, OTHER)),
            "download 4 KB": downloading(Place.create(server, OTHER)),
        }
        for _ in run.rounds(GROUP):
            for connections in CONNECTIONS:
                for name, call in calls.items():
                    subject = loaded(name, connections)
                    run.load(GROUP, subject, server, call, connections=connections)


def uploading(place: Place) -> Call:
    """Return the call that uploads a small file under a name of its own."""
    body = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{UNIQUE}.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\n{SMALL}\r\n--{_BOUNDARY}--\r\n"
    )
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return Call([place.files], "POST", body, {"Content-Type": kind})


def downloading(place: Place) -> Call:
    """Upload a small file and return the call that downloads it."""
    file = {"file": ("small.txt", SMALL)}
    answer = requests.post(place.server.url + place.files, files=file, timeout=60)
    answer.raise_for_status()
    return Call([place.content(answer.json()["id"])])
