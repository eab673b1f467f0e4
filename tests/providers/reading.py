"""What every provider promises of files that are there, and of those that are not."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from catalog.containers import Container
from catalog.files import File
from catalog.pages import PageRequest, UnknownCursor
from providers.base import Provider
from providers.errors import FileNotFound
from tests.providers.conftest import NewContainer
from tests.providers.parts import ALL, Records, Sent, unrecorded

Order = Literal["asc", "desc"]

by_each_method = pytest.mark.parametrize(
    ("method", "more"),
    [("retrieve_file", []), ("read_file", []), ("delete_file", [unrecorded])],
)


class ReadingContract:
    """The promises of `list_files`, `retrieve_file`, `read_file` and `delete_file`."""

    @pytest.fixture
    def five(self, provider: Provider, container: Container, records: Records) -> list[File]:
        """Five files, created within the same second."""
        names = [f"{n}.txt" for n in range(5)]
        return [provider.create_file(container, Sent(filename=n), records) for n in names]

    def test_a_new_container_is_empty(self, provider: Provider, container: Container) -> None:
        page = provider.list_files(container, ALL)

        assert (page.items, page.has_more) == ([], False)

    def test_files_are_listed_newest_first(
        self, provider: Provider, container: Container, five: list[File]
    ) -> None:
        assert provider.list_files(container, PageRequest()).items == five[::-1]
        assert provider.list_files(container, PageRequest(order="asc")).items == five

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_pages_neither_skip_nor_repeat_a_file(
        self,
        provider: Provider,
        container: Container,
        five: list[File],
        order: Order,
    ) -> None:
        request = PageRequest(limit=2, order=order)
        pages = [provider.list_files(container, request)]
        while pages[-1].has_more:
            request = replace(request, after=pages[-1].items[-1].id)
            pages.append(provider.list_files(container, request))

        assert [len(page.items) for page in pages] == [2, 2, 1]
        assert [f for page in pages for f in page.items] == (five if order == "asc" else five[::-1])

    def test_a_full_last_page_is_the_last(
        self, provider: Provider, container: Container, five: list[File]
    ) -> None:
        assert not provider.list_files(container, PageRequest(limit=len(five))).has_more

    def test_a_page_can_begin_after_a_deleted_file(
        self, provider: Provider, container: Container, five: list[File]
    ) -> None:
        provider.delete_file(container, five[1].id, unrecorded)
        request = PageRequest(order="asc", after=five[1].id)

        assert provider.list_files(container, request).items == five[2:]

    def test_a_page_cannot_begin_after_an_unknown_file(
        self, provider: Provider, container: Container
    ) -> None:
        with pytest.raises(UnknownCursor, match="cfile_unknown"):
            provider.list_files(container, PageRequest(after="cfile_unknown"))

    def test_a_page_cannot_begin_after_another_containers_file(
        self, provider: Provider, new_container: NewContainer, file: File
    ) -> None:
        with pytest.raises(UnknownCursor):
            provider.list_files(new_container(), PageRequest(after=file.id))

    @by_each_method
    def test_an_unknown_file_is_not_found(
        self, provider: Provider, container: Container, method: str, more: list[Any]
    ) -> None:
        with pytest.raises(FileNotFound, match="cfile_unknown not found on container"):
            getattr(provider, method)(container, "cfile_unknown", *more)

    @by_each_method
    def test_a_file_is_found_in_its_own_container_only(
        self,
        provider: Provider,
        new_container: NewContainer,
        file: File,
        method: str,
        more: list[Any],
    ) -> None:
        with pytest.raises(FileNotFound):
            getattr(provider, method)(new_container(), file.id, *more)

    @pytest.mark.parametrize(("start", "stop"), [(0, 1), (2, 5), (6, 7), (0, 7), (3, 3)])
    def test_a_part_of_a_file_can_be_read_where_the_hash_is_known(
        self, provider: Provider, container: Container, file: File, start: int, stop: int
    ) -> None:
        content = provider.read_file(container, file.id)

        part = b"content" if content.sha256 is None else b"content"[start:stop]
        assert b"".join(content.read(start, stop)) == part

    def test_a_big_file_is_read_in_pieces(
        self, provider: Provider, container: Container, records: Records
    ) -> None:
        file = provider.create_file(container, Sent(bytes(3_000_000)), records)
        pieces = [len(p) for p in provider.read_file(container, file.id).read(0, 3_000_000)]

        assert sum(pieces) == 3_000_000
        assert max(pieces) <= 1_000_000

    def test_a_deleted_file_is_gone(
        self, provider: Provider, container: Container, five: list[File]
    ) -> None:
        provider.delete_file(container, five[2].id, unrecorded)

        assert provider.list_files(container, ALL).items == [*five[:2], *five[3:]]
        with pytest.raises(FileNotFound):
            provider.retrieve_file(container, five[2].id)

    def test_a_file_is_deleted_once(
        self, provider: Provider, container: Container, file: File
    ) -> None:
        provider.delete_file(container, file.id, unrecorded)

        with pytest.raises(FileNotFound):
            provider.delete_file(container, file.id, unrecorded)
