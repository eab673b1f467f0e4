"""What every provider promises. Its test module subclasses `ProviderContract`.

The subclass supplies the fixtures `name` and `registry`. What a provider refuses must be refused by
name, and everything else must work.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.containers import Container
from catalog.database import Database
from catalog.files import File
from catalog.limits import Limits
from gateway.answers import Caller
from gateway.audit import Audit
from gateway.lookup import Lookup
from gateway.quotas import Quotas
from gateway.registry import Registry
from gateway.service import ContainerService, refreshed
from gateway.tenants import Tenants
from providers.base import Json, Provider
from providers.errors import BerthError, NotFound
from tests.conftest import Clock
from tests.providers.files import FilesContract
from tests.providers.parts import ALL, Records, Refused, Sent, create_at
from tests.providers.reading import ReadingContract
from tests.providers.writing import WritingContract

DOCUMENT: Json = yaml.load(
    (Path(__file__).parents[2] / "openapi.yaml").read_bytes(), Loader=yaml.CSafeLoader
)
SCHEMAS: Json = DOCUMENT["components"]["schemas"]


def example_of(schema: Json) -> Any:
    """Return the document's example of a schema, or one made of its parts' examples."""
    if "$ref" in schema:
        return example_of(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "example" in schema:
        return schema["example"]
    if schema["type"] == "object":
        return {name: example_of(part) for name, part in schema["properties"].items()}
    return schema["enum"][0] if "enum" in schema else []


FIELDS: dict[str, Any] = {
    field: example_of(schema)
    for field, schema in SCHEMAS["ContainerCreate"]["properties"].items()
    if field != "provider"
}
"""The fields of a create and the document's example of each."""

ALLOWLIST = {"type": "allowlist", "allowed_domains": ["a.example"]}
SECRET = {"domain": "a.example", "name": "TOKEN", "value": "secret"}
CREATES: dict[str, Json] = {
    **{field: {field: example} for field, example in FIELDS.items()},
    "network_policy.allowlist": {"network_policy": ALLOWLIST},
    "network_policy.domain_secrets": {"network_policy": {**ALLOWLIST, "domain_secrets": [SECRET]}},
}
"""What of a create can be refused, and a create that asks for it."""

CALLER = Caller("contract")


class ProviderContract(WritingContract, ReadingContract, FilesContract):
    """The promises of `Provider`, method by method."""

    @pytest.fixture
    def records(self, database: Database) -> Records:
        return Records(database)

    @pytest.fixture
    def refusing(self, database: Database) -> Records:
        return Records(database, error=Refused())

    @pytest.fixture
    def file(self, provider: Provider, container: Container, records: Records) -> File:
        return provider.create_file(container, Sent(), records)

    @pytest.fixture
    def provider(self, registry: Registry, name: str) -> Provider:
        return registry.for_new(name)

    @pytest.fixture
    def refuses(self, provider: Provider) -> frozenset[str]:
        """What is refused of a create, here or behind the provider."""
        return provider.refuses

    def test_what_it_refuses_is_in_the_document(self, provider: Provider) -> None:
        assert provider.refuses < CREATES.keys()

    def test_everything_it_does_not_refuse_works(
        self, provider: Provider, refuses: frozenset[str]
    ) -> None:
        for what in CREATES.keys() - refuses:
            assert create_at(provider, **CREATES[what]).id

    def test_what_it_refuses_is_refused_by_name(
        self,
        registry: Registry,
        name: str,
        refuses: frozenset[str],
        database: Database,
        clock: Clock,
    ) -> None:
        lookup = Lookup(database, retention_s=0, clock=clock)
        audit = Audit(database, clock=clock)
        quotas = Quotas(database, Tenants(database, Limits(), clock=clock), clock=clock)
        service = ContainerService(database, registry, lookup, audit, quotas, clock=clock)
        for what in refuses:
            with pytest.raises(BerthError) as refused:
                service.create_container(CALLER, {"provider": name, "name": "n", **CREATES[what]})

            assert (refused.value.status, refused.value.code) == (400, "unsupported_parameter")
            assert refused.value.param in {what, what.partition(".")[0]}
        assert service.list_containers(CALLER, name, ALL)["data"] == []

    def test_a_new_container_is_another_than_all_before(self, provider: Provider) -> None:
        assert len({create_at(provider).id for _ in range(10)}) == 10

    def test_a_new_container_is_what_was_asked_for(self, provider: Provider) -> None:
        fields = {"memory_limit": "4g", "expires_after": {"minutes": 10}}
        made = create_at(provider, **fields, network_policy={"type": "disabled"})

        assert (made.name, made.memory_limit, made.expires_minutes) == ("n", "4g", 10)
        assert made.network_policy == {"type": "disabled"}
        assert made.last_active_at >= made.created_at

    def test_a_container_is_retrieved_as_it_is(
        self, provider: Provider, container: Container
    ) -> None:
        found = provider.retrieve_container(container)

        assert (found.id, found.name, found.ended) == (container.id, "n", False)
        assert found.created_at == container.created_at
        assert refreshed(container, replace(found, last_active_at=container.last_active_at)) == (
            container
        )
        assert found.last_active_at >= container.last_active_at

    def test_a_deletion_that_cannot_be_recorded_fails(
        self, provider: Provider, container: Container, refusing: Records
    ) -> None:
        with pytest.raises(Refused):
            provider.delete_container(container, refusing)

        assert refusing.calls == 1
        assert not refusing.kept

    def test_deleting_a_container_is_recorded_once(
        self, provider: Provider, container: Container, records: Records
    ) -> None:
        provider.delete_container(container, records)

        assert records.calls == 1
        assert records.kept

    def test_a_deleted_container_has_no_files(
        self, provider: Provider, container: Container, file: File, records: Records
    ) -> None:
        provider.delete_container(container, records)

        with pytest.raises(NotFound):
            provider.retrieve_file(container, file.id)
        with pytest.raises(NotFound):
            provider.read_file(container, file.id)
