"""What tests of providers share: a catalog, and containers in it that live at the provider."""

from collections.abc import Callable, Iterator

import pytest

from catalog import containers
from catalog.containers import Container
from catalog.database import Database
from gateway import service
from providers.base import Provider
from tests.providers.parts import create_at

pytest.register_assert_rewrite(
    *(f"tests.providers.{name}" for name in ("contract", "files", "reading", "together", "writing"))
)

NewContainer = Callable[[], Container]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(tmp_path_factory.mktemp("catalog") / "catalog.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def new_container(provider: Provider, database: Database) -> NewContainer:
    """A function that creates a container at the provider, as the service does."""

    def create() -> Container:
        container = service.new_container(
            create_at(provider),
            "default",
            "openai",
            provider.pick_deployment(None),
            {"name": "n"},
            created_by=None,
        )
        with database.write() as tx:
            containers.insert(tx, container)
        return container

    return create


@pytest.fixture
def container(new_container: NewContainer) -> Container:
    return new_container()
