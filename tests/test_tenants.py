"""Two tenants that act in turn, driven by Hypothesis, never see each other."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from tests.calls import Json, ids, ok
from tests.conftest import Clock
from tests.world import World, told

TENANTS = st.sampled_from(["a", "b"])
SURFACES = st.sampled_from(["/v1", "/openai/v1"])
METHODS = st.sampled_from(["get", "get", "delete"])
KEYS = st.sampled_from([None, "k1", "k2"])
QUERY: Json = {"provider": "ollama"}
NEVER = {"cntr_": "cntr_none", "cfile_": "cfile_none", "file-": "file-none"}
EFFORT = settings(
    phases=[Phase.generate],  # to make a failure small takes minutes
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class Tenant:
    """What a tenant has, as its own answers told it."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.containers: list[str] = []
        self.uploads: list[str] = []
        self.files: dict[str, list[str]] = defaultdict(list)
        self.repeated: dict[str, str] = {}
        self.made: set[str] = set()  # also what it deleted since


class Machine(RuleBasedStateMachine):
    """Whatever a tenant names that is not its own is answered as what never existed."""

    containers: Bundle[str] = Bundle("containers")
    uploads: Bundle[str] = Bundle("uploads")
    files: Bundle[tuple[str, str]] = Bundle("files")
    world: ClassVar[World]
    rounds: ClassVar[int] = 0

    @initialize()
    def start_with_two_tenants(self) -> None:
        """Make keys of tenants that have nothing yet."""
        Machine.rounds += 1
        self.tenants = {n: Tenant(self.world.key(f"{n}{self.rounds}")) for n in ("a", "b")}

    def ask(self, tenant: str, method: str, path: str, **request: Any) -> Response:
        """Send a request of a tenant."""
        if method != "post" or not path.endswith(("/containers", "v1/files")):
            request["params"] = QUERY | request.get("params", {})
        return self.world.ask(method, path, self.tenants[tenant].secret, **request)

    def missed(self, tenant: str, method: str, path: str, named: str, **request: Any) -> None:
        """Check that a request is refused just as if what it names had never existed."""
        never = NEVER[named.rpartition("_")[0] + "_" if "_" in named else "file-"]
        answer = self.ask(tenant, method, path, **request)
        told_of_none = self.ask(
            tenant, method, path.replace(named, never), **_replaced(request, named, never)
        )

        assert answer.status_code in {400, 404}
        assert told(answer) == told(told_of_none)

    @rule(target=containers, tenant=TENANTS, surface=SURFACES, key=KEYS)
    def create_container(self, tenant: str, surface: str, key: str | None) -> Any:
        mine = self.tenants[tenant]
        headers = {"Idempotency-Key": key} if key else {}
        body = {"provider": "ollama", "name": "n"}
        made = ok(self.ask(tenant, "post", f"{surface}/containers", json=body, headers=headers))
        if key in mine.repeated:
            assert made["id"] == mine.repeated[key]
            return multiple()

        assert all(made["id"] not in other.containers for other in self.tenants.values())
        if key:
            mine.repeated[key] = made["id"]
        mine.containers.append(made["id"])
        mine.made.add(made["id"])
        return made["id"]

    @rule(target=uploads, tenant=TENANTS, surface=SURFACES)
    def keep_file(self, tenant: str, surface: str) -> str:
        form: Json = {"data": {"purpose": "user_data", **QUERY}, "files": {"file": ("u", b"u")}}
        made = ok(self.ask(tenant, "post", f"{surface}/files", **form))

        self.tenants[tenant].uploads.append(made["id"])
        self.tenants[tenant].made.add(made["id"])
        return str(made["id"])

    @rule(target=files, tenant=TENANTS, surface=SURFACES, container=containers)
    def upload(self, tenant: str, surface: str, container: str) -> Any:
        path = f"{surface}/containers/{container}/files"
        form: Json = {"files": {"file": (f"{len(self.tenants[tenant].files[container])}", b"f")}}
        if container not in self.tenants[tenant].containers:
            self.missed(tenant, "post", path, container, **form)
            return multiple()
        made = ok(self.ask(tenant, "post", path, **form))

        self.tenants[tenant].files[container].append(made["id"])
        return (container, str(made["id"]))

    @rule(target=files, tenant=TENANTS, container=containers, upload=uploads)
    def copy(self, tenant: str, container: str, upload: str) -> Any:
        mine = self.tenants[tenant]
        path = f"/v1/containers/{container}/files"
        body: Json = {"file_id": upload, "file_path": f"{len(mine.files[container])}"}
        for named, has in ((container, mine.containers), (upload, mine.uploads)):
            if named not in has:
                self.missed(tenant, "post", path, named, json=body)
                return multiple()
        made = ok(self.ask(tenant, "post", path, json=body))

        mine.files[container].append(made["id"])
        return (container, str(made["id"]))

    @rule(target=containers, tenant=TENANTS, upload=uploads)
    def create_with(self, tenant: str, upload: str) -> Any:
        body: Json = {"provider": "ollama", "name": "n", "file_ids": [upload]}
        if upload not in self.tenants[tenant].uploads:
            self.missed(tenant, "post", "/v1/containers", upload, json=body)
            return multiple()
        made = ok(self.ask(tenant, "post", "/v1/containers", json=body))

        self.tenants[tenant].containers.append(made["id"])
        self.tenants[tenant].made.add(made["id"])
        listed = self.ask(tenant, "get", f"/v1/containers/{made['id']}/files")
        self.tenants[tenant].files[made["id"]] = ids(ok(listed))
        return made["id"]

    @rule(
        tenant=TENANTS,
        surface=SURFACES,
        container=containers,
        method=METHODS,
        rest=st.sampled_from(["", "/files", "/events"]),
    )
    def name_container(
        self, tenant: str, surface: str, container: str, method: str, rest: str
    ) -> None:
        mine = self.tenants[tenant]
        surface, method = ("/v1", "get") if rest == "/events" else (surface, method)
        method = "get" if rest else method
        path = f"{surface}/containers/{container}{rest}"
        known = mine.made if rest == "/events" else mine.containers
        if container not in known:
            self.missed(tenant, method, path, container)
            return
        answer = ok(self.ask(tenant, method, path))

        if rest == "/files":
            assert sorted(ids(answer)) == sorted(mine.files[container])
        elif method == "delete":
            mine.containers.remove(container)

    @rule(
        tenant=TENANTS,
        surface=SURFACES,
        file=files,
        method=METHODS,
        rest=st.sampled_from(["", "/content"]),
    )
    def name_file(
        self, tenant: str, surface: str, file: tuple[str, str], method: str, rest: str
    ) -> None:
        mine, (container, file_id) = self.tenants[tenant], file
        method = "get" if rest else method
        path = f"{surface}/containers/{container}/files/{file_id}{rest}"
        if container not in mine.containers or file_id not in mine.files[container]:
            self.missed(tenant, method, path, file_id)
            return
        assert self.ask(tenant, method, path).status_code == 200
        if method == "delete":
            mine.files[container].remove(file_id)

    @rule(
        tenant=TENANTS,
        surface=SURFACES,
        upload=uploads,
        method=METHODS,
        rest=st.sampled_from(["", "/content"]),
    )
    def name_upload(self, tenant: str, surface: str, upload: str, method: str, rest: str) -> None:
        mine, method = self.tenants[tenant], "get" if rest else method
        path = f"{surface}/files/{upload}{rest}"
        if upload not in mine.uploads:
            self.missed(tenant, method, path, upload)
            return
        assert self.ask(tenant, method, path).status_code == 200
        if method == "delete":
            mine.uploads.remove(upload)

    @rule(tenant=TENANTS, container=containers, upload=uploads)
    def page_after(self, tenant: str, container: str, upload: str) -> None:
        for path, named in (("/v1/containers", container), ("/openai/v1/files", upload)):
            if named not in self.tenants[tenant].made:
                self.missed(tenant, "get", path, named, params={"after": named})

    @invariant()
    def each_sees_its_own(self) -> None:
        for name, tenant in self.tenants.items():
            for path, own in (("containers", tenant.containers), ("files", tenant.uploads)):
                listed = self.ask(name, "get", f"/v1/{path}", params={"limit": 100})
                assert sorted(ids(ok(listed))) == sorted(own)


def _replaced(request: Json, named: str, never: str) -> Json:
    """Return a request that names what never existed."""
    changed = dict(request)
    for part in ("json", "params"):
        if part in request:
            changed[part] = {
                field: [never] if value == [named] else never if value == named else value
                for field, value in request[part].items()
            }
    return changed


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = Clock()
    app = create_app(Settings(data_dir=tmp_path / "data", threads=2), clock=clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield World(client, clock)


def test_two_tenants_never_see_each_other(world: World) -> None:
    Machine.world = world

    run_state_machine_as_test(Machine, settings=EFFORT)
