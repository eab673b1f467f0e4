"""The application, driven over HTTP by Hypothesis, does what a model of dicts and lists does."""

import hashlib
import shutil
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from connexion import FlaskApp
from httpx2 import Response
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from starlette.testclient import TestClient

from catalog.pages import PageRequest
from gateway.answers import Caller
from gateway.app import create_app
from gateway.settings import Settings
from tests.calls import assert_not_found, blobs_in, gateway_of, ok
from tests.conftest import Clock
from tests.model import RETENTION_S, Json, Model, Order

PROVIDERS = st.sampled_from(["ollama", "openai"])
CALLER = Caller("default")
NAMES = st.sampled_from(
    ["a.txt", "b.txt", "sub/a.txt", "caf\u00e9", "cafe\u0301", "报告 final.csv"]
)
CONTENTS = st.binary(max_size=9) | st.builds(bytes, st.sampled_from([0, 70_000]))
ORDERS = st.sampled_from(["asc", "desc"])
LIMITS = st.integers(1, 4)
UPLOADS = st.lists(st.tuples(NAMES, CONTENTS), min_size=1, max_size=3)
METADATA = st.dictionaries(st.text("kü", max_size=3), st.text(max_size=5), max_size=2)
SECONDS = st.sampled_from([0, 0.25, 59.75, RETENTION_S, None])
LASTING = st.sampled_from([None, 3600, 7200])
ALL = PageRequest(limit=100)
EFFORT = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

File = tuple[str, str]  # the ids of a container and of a file that was in it


class Machine(RuleBasedStateMachine):
    """Every rule calls the application, and the model, and compares the two."""

    containers: Bundle[str] = Bundle("containers")
    files: Bundle[File] = Bundle("files")
    uploads: Bundle[str] = Bundle("uploads")
    app: ClassVar[FlaskApp]
    clock: ClassVar[Clock]
    data_dir: ClassVar[Path]

    @initialize()
    def start_from_nothing(self) -> None:
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self.clock.now = 1_700_000_000.0
        self.model = Model(self.clock)
        self.open()

    def open(self) -> None:
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self.client.__enter__()

    def close(self) -> None:
        self.client.__exit__()

    def teardown(self) -> None:
        try:
            for file in self.model.running_files():
                self.read_file((file.body["container_id"], file.body["id"]))
            self.clock.advance(20 * 60)
            self.sweep()
        finally:
            self.close()

    @rule(id_=containers, seconds=SECONDS, then=st.sampled_from(["sweep", "restart", "go on"]))
    def let_time_pass(self, id_: str, seconds: float | None, then: str) -> None:
        if seconds is None:  # until it is this one's time
            seconds = max(0, self.model.containers[id_].expires_at - self.clock.now)
        self.clock.advance(seconds)
        if then == "restart":
            self.close()
            self.open()
        elif then == "sweep":
            self.sweep()

    def sweep(self) -> None:
        gateway_of(self.client).sweeper.sweep()
        stored = [path.read_bytes() for path in blobs_in(self.data_dir)]

        assert sorted(stored) == sorted(self.model.blobs())

    @rule(
        target=containers,
        path=st.sampled_from(["/v1/containers", "/openai/v1/containers"]),
        provider=PROVIDERS,
        metadata=METADATA,
        all_minutes=st.lists(st.sampled_from([1, 20, 45, 600]), min_size=1, max_size=2),
    )
    def create_containers(
        self, path: str, provider: str, metadata: Json, all_minutes: list[int]
    ) -> Any:
        ids = []
        for minutes in all_minutes:
            spec: Json = {"provider": provider, "name": "n", "metadata": metadata}
            if minutes != 20:
                spec["expires_after"] = {"minutes": minutes}
            body = ok(self.client.post(path, json=spec))
            ids.append(str(body["id"]))

            assert body == self.model.add_container(ids[-1], provider, "n", metadata, minutes)
        return multiple(*ids)

    @rule(id_=containers)
    def retrieve_container(self, id_: str) -> None:
        assert_not_found(self.client.get(f"/v1/containers/{id_}?provider=groq"))
        answer = self.client.get(url(id_))

        self.model.use(id_)
        if self.model.state(id_) == "gone":
            assert_not_found(answer)
        else:
            assert ok(answer) == self.model.shown(id_)

    @rule(id_=consumes(containers))
    def delete_container(self, id_: str) -> None:
        answer = self.client.delete(url(id_))

        if self.runs(id_, answer):
            assert ok(answer) == {"id": id_, "object": "container.deleted", "deleted": True}
            self.model.containers[id_].deleted = True
            assert_not_found(self.client.get(url(id_)))

    @rule(target=files, id_=containers, uploads=UPLOADS, as_field=st.booleans())
    def upload(self, id_: str, uploads: list[tuple[str, bytes]], *, as_field: bool) -> Any:
        files = []
        for name, content in uploads:
            fields = {"file_path": name} if as_field else {}
            form = {"file": ("ignored" if as_field else name, content)}
            answer = self.client.post(url(id_, "/files"), data=fields, files=form)
            if not self.runs(id_, answer):
                break
            body = ok(answer)
            files.append((id_, body["id"]))

            assert body == self.model.add_file(id_, body["id"], name, content)
            assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
        return multiple(*files)

    @rule(target=uploads, name=NAMES, content=CONTENTS, provider=PROVIDERS, seconds=LASTING)
    def keep_file(self, name: str, content: bytes, provider: str, seconds: int | None) -> str:
        form = {"purpose": "user_data", "provider": provider}
        if seconds is not None:
            form |= {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(seconds)}
        body = ok(self.client.post("/v1/files", data=form, files={"file": (name, content)}))

        assert body == self.model.add_upload(body["id"], name, content, seconds)
        return str(body["id"])

    @rule(target=files, id_=containers, upload_id=uploads, path=NAMES)
    def copy_file(self, id_: str, upload_id: str, path: str) -> Any:
        spec = {"file_id": upload_id, "file_path": path}
        answer = self.client.post(url(id_, "/files"), json=spec)

        if not self.runs(id_, answer):
            return multiple()
        kept = self.model.kept_uploads().get(upload_id)
        if kept is None:
            assert_not_found(answer)
            return multiple()
        body = ok(answer)
        assert body == self.model.add_file(id_, body["id"], path, kept.content, upload_id)
        return (id_, str(body["id"]))

    @rule(target=containers, upload_id=uploads, provider=PROVIDERS)
    def create_container_with(self, upload_id: str, provider: str) -> Any:
        spec = {"provider": provider, "name": "n", "file_ids": [upload_id]}
        answer = self.client.post("/v1/containers", json=spec)

        kept = self.model.kept_uploads().get(upload_id)
        if kept is None:
            assert_not_found(answer)
            return multiple()
        body = ok(answer)
        id_ = str(body["id"])
        assert body == self.model.add_container(id_, provider, "n", {}, 20)
        (file,) = ok(self.client.get(url(id_, "/files")))["data"]
        name = kept.body["filename"]
        assert file == self.model.add_file(id_, file["id"], name, kept.content, upload_id)
        return id_

    @rule(upload_id=uploads, delete=st.booleans())
    def read_or_delete_upload(self, upload_id: str, *, delete: bool) -> None:
        path = f"/openai/v1/files/{upload_id}"
        content = self.client.get(f"{path}/content")
        answer = self.client.delete(path) if delete else self.client.get(path)

        kept = self.model.kept_uploads().get(upload_id)
        if kept is None:
            assert_not_found(answer)
            assert_not_found(content)
            return
        assert content.content == kept.content
        if delete:
            assert ok(answer) == {"id": upload_id, "object": "file", "deleted": True}
            del self.model.uploads[upload_id]
        else:
            assert ok(answer) == kept.body

    @rule(file=files)
    def read_file(self, file: File) -> None:
        answer = self.client.get(url(file[0], f"/files/{file[1]}"))
        content = self.client.get(url(file[0], f"/files/{file[1]}/content"))

        if self.has(file, answer) and self.has(file, content):
            expected = self.model.containers[file[0]].files[file[1]]
            assert (ok(answer), content.content) == (expected.body, expected.content)

    @rule(file=files)
    def delete_file(self, file: File) -> None:
        answer = self.client.delete(url(file[0], f"/files/{file[1]}"))

        if self.has(file, answer):
            assert ok(answer)["deleted"] is True
            del self.model.containers[file[0]].files[file[1]]

    @rule(id_=containers, limit=LIMITS, order=ORDERS, from_start=st.booleans())
    def walk_containers(self, id_: str, limit: int, order: Order, *, from_start: bool) -> None:
        provider = self.model.containers[id_].provider
        query: Json = {"limit": limit, "order": order} | ({} if from_start else {"after": id_})
        pages = self.model.container_pages(provider, **query)

        self.walk("/openai/v1/containers", pages, provider=provider, **query)

    @rule(file=files, limit=LIMITS, order=ORDERS, from_start=st.booleans())
    def walk_files(self, file: File, limit: int, order: Order, *, from_start: bool) -> None:
        query: Json = {"limit": limit, "order": order} | ({} if from_start else {"after": file[1]})
        answer = self.client.get(url(file[0], "/files"))

        if self.runs(file[0], answer):
            self.walk(url(file[0], "/files"), self.model.file_pages(file[0], **query), **query)

    @invariant()
    def the_containers_are_the_models(self) -> None:
        """Ask the service itself: it is the quickest to answer after every single step."""
        for provider in ("ollama", "openai"):
            page = gateway_of(self.client).containers.list_containers(CALLER, provider, ALL)
            assert page["data"] == self.model.container_pages(provider, ALL.limit, ALL.order)[0]

    @invariant()
    def the_files_are_the_models(self) -> None:
        """Compare where listing, being activity, changes nothing: what was used just now."""
        for id_, container in self.model.containers.items():
            used_just_now = container.active_at == self.clock.now and container.file_history
            if used_just_now and not container.deleted:
                page = gateway_of(self.client).files.list_files(CALLER, id_, ALL)
                assert page["data"] == self.model.file_pages(id_, ALL.limit, ALL.order)[0]

    @invariant()
    def the_uploads_are_the_models(self) -> None:
        service = gateway_of(self.client).stored_files
        pages = [service.list_files(CALLER, p, ALL)["data"] for p in ("ollama", "openai")]
        kept = self.model.kept_uploads()

        assert {file["id"]: file for page in pages for file in page} == {
            id_: file.body for id_, file in kept.items()
        }

    @invariant()
    def the_use_is_the_models(self) -> None:
        """What is counted, and what has expired taken off it, is what a plain sum finds."""
        counted = [(one.containers, one.bytes) for one in gateway_of(self.client).tenants.all()]
        files = [*self.model.running_files(), *self.model.kept_uploads().values()]
        running = [id_ for id_ in self.model.containers if self.model.state(id_) == "running"]

        assert counted in ([(len(running), sum(len(f.content) for f in files))], [])
        assert counted or not (running or files)

    def walk(self, path: str, pages: list[list[Json]], **query: Any) -> None:
        """Follow the pages of a list from the first to the last."""
        for number, page in enumerate(pages, 1):
            answer = ok(self.client.get(f"{path}?{urlencode(query)}"))
            ids = [item["id"] for item in page] or [""]

            assert answer["data"] == page
            assert (answer["first_id"], answer["last_id"]) == (ids[0], ids[-1])
            assert answer["has_more"] == (number < len(pages))
            query["after"] = answer["last_id"]

    def runs(self, id_: str, answer: Response) -> bool:
        """Tell whether the container runs; check that the answer says so if it does not."""
        self.model.use(id_)
        state = self.model.state(id_)
        if state != "running":
            assert_not_found(answer, code="container_expired" if state == "expired" else None)
        return state == "running"

    def has(self, file: File, answer: Response) -> bool:
        """Tell whether the file is there; check that the answer says so if it is not."""
        if not self.runs(file[0], answer):
            return False
        found = file[1] in self.model.containers[file[0]].files
        if not found:
            assert_not_found(answer)
        return found


def url(container_id: str, rest: str = "") -> str:
    return f"/openai/v1/containers/{container_id}{rest}"


def test_the_application_does_what_the_model_does(tmp_path: Path, clock: Clock) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", threads=2, expired_retention_hours=RETENTION_S / 3600
    )
    Machine.app = create_app(settings, clock=clock)
    Machine.clock = clock
    Machine.data_dir = settings.data_dir

    run_state_machine_as_test(Machine, settings=EFFORT)
