"""Starting: what the log says of it, how long it takes, and on what it refuses to start."""

import json
import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from catalog.database import CatalogError, Database
from gateway import VERSION
from gateway.serving import announce
from gateway.settings import Settings
from providers import PROVIDERS
from tests.remote import create, download, upload
from tests.server import Server


def test_the_start_up_line_says_what_an_operator_asks(live: Server) -> None:
    start = f"Berth {VERSION} listens on {live.url}, "
    (line,) = [line for line in messages(live) if line.startswith(start)]

    assert f" {live.data_dir}, " in line
    assert line.endswith(f"21 providers hosted: {', '.join(PROVIDERS)}")


def test_a_start_leads_to_an_answer(tmp_path: Path) -> None:
    began = time.perf_counter()
    with Server(tmp_path / "data"):
        took_s = time.perf_counter() - began

    print(f"\nFrom start to first 200: {took_s:.2f} s")  # noqa: T201 - to be known, not judged


def test_it_starts_in_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Server(Path("data")) as server:
        file = upload(create(server.url))

        assert download(server.url, file) == b"bytes"
        assert f" {tmp_path / 'data'}, " in server.log.read_text()


def test_access_for_anyone_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    announce(Settings(host="0.0.0.0", allow_anonymous=True), {}, "http://0.0.0.0:8080")

    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "BERTH_ALLOW_ANONYMOUS" in warning.message


def test_what_is_no_catalog_is_refused(tmp_path: Path) -> None:
    catalog = tmp_path / "data" / "catalog.db"
    catalog.parent.mkdir()
    catalog.write_bytes(b"something else" * 100)
    with pytest.raises(RuntimeError) as failure:
        Server(tmp_path / "data").start()

    sentence = f"Berth cannot start: {catalog} cannot be used: file is not a database.\n"
    assert str(failure.value).endswith(sentence)
    assert "Traceback" not in str(failure.value)


def test_the_catalog_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as catalog, catalog:
        catalog.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        catalog.execute("INSERT INTO alembic_version VALUES ('9999')")

    with pytest.raises(CatalogError, match="Can't locate revision identified by '9999'"):
        Database(tmp_path / "catalog.db").migrate()


def messages(server: Server) -> list[str]:
    """Return what the server logged."""
    return [json.loads(line)["message"] for line in server.log.read_text().splitlines()]
