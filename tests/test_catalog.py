"""The catalog's tables are what they are meant to be, and its queries find their rows quickly."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from catalog import containers, files, migrations, stored_files, tables, usage
from catalog.database import Database, newest_migration
from catalog.usage import Owner
from tests.rows import CONTAINER, FILE, STORED_FILE

MIGRATE = """
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from catalog.database import Database
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    Database(Path(sys.argv[1]) / str(number) / "catalog.db").migrate()
"""

PRAGMAS = ("journal_mode", "synchronous", "foreign_keys")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "catalog.db"


@pytest.fixture
def empty(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


@pytest.fixture
def database(empty: Database) -> Database:
    """A migrated catalog with a container and a file."""
    empty.migrate()
    with empty.write() as tx:
        containers.insert(tx, CONTAINER)
        files.replace(tx, FILE, 1)
    return empty


def config(tx: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = tx
    return config


def differences(database: Database) -> list[Any]:
    """Return what a migration would have to change to get to the tables of `catalog/tables.py`."""
    with database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))


def version(database: Database) -> str | None:
    with database.read() as tx:
        return MigrationContext.configure(tx).get_current_revision()


def test_a_new_catalog_is_migrated_to_the_newest_version(database: Database) -> None:
    with database.read() as tx:
        newest = ScriptDirectory.from_config(config(tx)).get_current_head()

    assert version(database) == newest


def test_the_tables_are_those_of_the_code(database: Database) -> None:
    assert differences(database) == []


def test_a_missing_index_would_be_noticed(database: Database) -> None:
    with database.write() as tx:
        tx.execute(sa.text("DROP INDEX files_by_blob"))

    assert [difference[0] for difference in differences(database)] == ["add_index"]


def test_migrating_again_changes_nothing(database: Database) -> None:
    database.migrate()

    assert differences(database) == []
    with database.read() as tx:
        assert files.find(tx, "cntr_1", "cfile_1") == FILE


def test_only_a_catalog_that_lacks_migrations_asks_alembic(database: Database) -> None:
    with database.write() as tx:
        head = ScriptDirectory.from_config(config(tx)).get_current_head()

    assert newest_migration() == head


def test_migrations_can_be_undone_and_done_again(database: Database) -> None:
    with database.write() as tx:
        command.downgrade(config(tx), "base")
    with database.read() as tx:
        left = set(sa.inspect(tx).get_table_names()) - {"alembic_version"}
    database.migrate()

    assert left - {"sqlite_sequence"} == set()
    assert differences(database) == []


def test_what_was_kept_before_is_counted_from_then_on(database: Database) -> None:
    with database.write() as tx:
        files.replace(tx, replace(FILE, id="cfile_2", bytes=7), 1)
        stored_files.insert(tx, replace(STORED_FILE, bytes=20))
        elsewhere = replace(STORED_FILE, id="file-2", backend="native", bytes=100)
        stored_files.insert(tx, elsewhere)
        command.downgrade(config(tx), "0006")
    database.migrate()

    with database.read() as tx:
        assert usage.count_bytes(tx, Owner("tenant", "default"), 2) == 27


def test_processes_can_migrate_at_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    assert [p.stdout.readline() for p in processes if p.stdout] == ["ready\n"] * 3
    for process in processes:
        assert process.stdin
        print("go", file=process.stdin, flush=True)
    for process in processes:
        process.communicate(timeout=60)

    assert [process.returncode for process in processes] == [0] * 3
    assert len(list(tmp_path.glob("*/catalog.db"))) == 10


def test_every_connection_writes_to_the_log_and_checks_references(
    database: Database,
) -> None:
    with database.read() as one, database.read() as two, database.write() as three:
        settings = [
            tuple(tx.execute(sa.text(f"PRAGMA {name}")).scalar() for name in PRAGMAS)
            for tx in (one, two, three)
        ]

    assert settings == [("wal", 1, 1)] * 3


def test_a_file_needs_its_container(database: Database) -> None:
    lost = replace(FILE, id="cfile_2", container_id="cntr_2")

    with pytest.raises(sa.exc.IntegrityError), database.write() as tx:
        files.replace(tx, lost, 2)


def test_a_container_is_forgotten_with_its_files(database: Database) -> None:
    with database.write() as tx:
        containers.end(tx, "cntr_1", 2000)
        containers.purge(tx, kept_since=2000)

    with database.read() as tx:
        assert files.find(tx, "cntr_1", "cfile_1") is None
        assert tx.execute(sa.text("SELECT count(*) FROM files")).scalar() == 0


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as tx:
            containers.mark_deleted(tx, "cntr_1", 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as tx:
        assert containers.is_alive(tx, "cntr_1", 2)


def test_a_read_sees_one_state_while_others_write(database: Database) -> None:
    with database.read() as reader:
        before = files.find(reader, "cntr_1", "cfile_1")
        with database.write() as writer:
            files.mark_deleted(writer, "cntr_1", "cfile_1", 2)
        after = files.find(reader, "cntr_1", "cfile_1")

    assert before == after == FILE


def test_sequences_are_not_used_again(database: Database) -> None:
    with database.write() as tx:
        tx.execute(sa.delete(tables.containers))
        containers.insert(tx, CONTAINER)
        sequence = tx.execute(sa.select(tables.containers.c.sequence)).scalar()

    assert sequence == 2
