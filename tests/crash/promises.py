"""What must hold whenever the server runs again: every promise kept, and nothing else there."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.crash.client import Client
from tests.crash.copies import FILES, Copy, CreateWith
from tests.crash.http import PROVIDER, Broken, Held, Http
from tests.crash.operations import (
    Arena,
    Attempt,
    Box,
    Known,
    Operation,
    Reply,
    Shown,
    State,
    Stored,
    Upload,
    sha256,
    shown,
)


def check_promises(url: str, clients: Sequence[Client], arena: Arena) -> Counter[str]:
    """Compare all of the server with what the clients know; count what was compared.

    Raises Broken. A request that nobody answered may have been done wholly, or not at all; from
    then on the clients know which.
    """
    http = Http(url)
    counts: Counter[str] = Counter()
    state = look(http)
    _settle_arena(arena, shown(state, arena), http)
    for client in clients:
        counts += _settle(client, state, http)
        counts += _repeat(client, http)
    boxes = [arena, *(box for client in clients for box in client.known.boxes)]
    uploads = {file.id: Shown(n) for c in clients for n, file in c.known.kept.items()}
    _compare(look(http), {box.id: _shown(box) for box in boxes} | uploads)
    counts["files read"] = sum(_read(f"/{box.id}/files", box.files, http) for box in boxes)
    counts["uploads read"] = sum(_read(FILES, c.known.kept, http) for c in clients)
    for client in clients:
        counts["gone"] += len(client.known.gone)
        while client.known.gone:
            http.call("GET", client.known.gone.pop(), ok=404, params=PROVIDER)
    return counts


def look(http: Http) -> State:
    """Return everything that the server's lists show."""
    state: State = {}
    for container in http.pages(""):
        files = list(http.pages(f"/{container['id']}/files"))
        paths = {file["path"].removeprefix("/mnt/data/"): file["id"] for file in files}
        if len(paths) < len(files) or container["id"] in state:
            raise Broken(f"{container['id']} or a file of it is listed twice: {files}")
        state[container["id"]] = Shown(container["name"], paths)
    for file in http.pages(FILES):
        if file["id"] in state:
            raise Broken(f"{file['id']} is listed twice.")
        state[file["id"]] = Shown(file["filename"])
    return state


def hashes(clients: Sequence[Client], arena: Arena) -> Counter[str]:
    """Return the hashes of all blobs that must be there: one for a file and all its copies."""
    boxes = [arena, *(box for client in clients for box in client.known.boxes)]
    files = [file for box in boxes for file in box.files.values()]
    files += [file for client in clients for file in client.known.kept.values()]
    return Counter(hash_ for _, hash_ in {file.blob for file in files})


def hashes_on_disk(data_dir: Path) -> Counter[str]:
    """Return the hashes of all blobs."""
    blobs = (path for path in (data_dir / "blobs").rglob("*") if path.is_file())
    return Counter(sha256(path.read_bytes()) for path in blobs)


def _settle(client: Client, state: State, http: Http) -> Counter[str]:
    """Learn whether the request that nobody answered was done, and repeat it if that is safe."""
    counts: Counter[str] = Counter()
    pending, client.pending = client.pending, None
    if pending is not None:
        counts["unanswered"] += 1
        reply = pending.seen(state)
        if reply is not None:
            counts["done but unanswered"] += 1
            client.remember(pending, reply)
        elif pending.key is not None:
            client.held.append(pending)
    waiting, client.held = client.held, []
    for operation in waiting:
        if not _is_possible(operation, client.known):
            continue
        try:
            reply = operation.send(http)
        except Held:
            client.held.append(operation)
            continue
        if reply.again:
            raise Broken(f"{operation} was not done, yet its key answers {reply}.")
        client.remember(operation, reply)
        counts["repeated after the crash"] += 1
    return counts


def _repeat(client: Client, http: Http) -> Counter[str]:
    """Repeat the last request with a key: the answer is the first one, and nothing changes."""
    if client.repeatable is None:
        return Counter()
    operation, first = client.repeatable
    client.repeatable = None
    again = operation.send(http)
    if again != Reply(first.id, again=True):
        raise Broken(f"{operation} was answered {first} and then {again}.")
    return Counter({"answered again": 1})


def _settle_arena(arena: Arena, found: Shown, http: Http) -> None:
    """Learn whose upload to each path came last. One that ended before another began cannot."""
    for path, attempts in arena.attempts.items():
        began = max((a.started for a in attempts if a.id is not None), default=-math.inf)
        possible = [attempt for attempt in attempts if attempt.ended >= began]
        file_id = found.files.get(path)
        if file_id is None:
            if began > -math.inf:
                raise Broken(f"{path} is lost, of these: {attempts}")
            attempts.clear()
            continue
        answer = http.call("GET", f"/{arena.id}/files/{file_id}", params=PROVIDER)
        stored = Stored(file_id, answer.headers["ETag"].strip('"'))
        if not any(a.id in {file_id, None} and a.sha256 == stored.sha256 for a in possible):
            raise Broken(f"{path} shows {stored}, which is none of these: {possible}")
        attempts[:] = [Attempt(stored.sha256, -math.inf, -math.inf, file_id)]
        arena.files[path] = stored


def _shown(box: Box) -> Shown:
    return Shown(box.name, {path: file.id for path, file in box.files.items()})


def _compare(state: State, wanted: State) -> None:
    for id_ in state.keys() | wanted.keys():
        if state.get(id_) != wanted.get(id_):
            raise Broken(f"Container {id_} is {state.get(id_)}, not {wanted.get(id_)}.")


def _is_possible(operation: Operation, known: Known) -> bool:
    """Tell whether all that a request needs is still there."""
    boxes, kept = known.boxes, known.kept.values()
    if isinstance(operation, Upload | Copy) and operation.box not in boxes:
        return False
    if isinstance(operation, CreateWith):
        return all(file in kept for file in operation.kept.values())
    return not isinstance(operation, Copy) or operation.kept in kept


def _read(place: str, files: Mapping[str, Stored], http: Http) -> int:
    """Download files, compare their hashes, and return how many they are."""
    for path, file in files.items():
        answer = http.call("GET", f"{place}/{file.id}/content", params=PROVIDER)
        if sha256(answer.content) != file.sha256:
            raise Broken(f"{path} in {place} has other bytes than were acknowledged.")
    return len(files)
