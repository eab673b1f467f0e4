"""A form that arrives in pieces, cut anywhere: the file is the same bytes."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uploads import MultipartUpload
from providers.errors import InvalidRequest

BOUNDARY = b"-----------------a-boundary"
HEAD = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' % BOUNDARY
FIELD = b'\r\n--%b\r\nContent-Disposition: form-data; name="file_path"\r\n\r\nd/f' % BOUNDARY
END = b"\r\n--%b--\r\n" % BOUNDARY
PADDED = b"\r\n--%b \t \r\nContent-Disposition: form-data; name=file_path\r\n\r\nd/f" % BOUNDARY
NEARLY_ENDS = [
    b"\r\n--" + BOUNDARY[:-1],
    b"\r\n--",
    b"\r\n",
    b"\r",
    b"--" + BOUNDARY[:9],
    b"-",
    b"x",
]
contents = st.lists(st.sampled_from([*NEARLY_ENDS, b"y" * 200]), max_size=30).map(b"".join)
cuts = st.lists(st.integers(0, 3000), max_size=40)


class Pieces(io.BytesIO):
    """A stream that arrives cut at the given places."""

    def __init__(self, body: bytes, places: list[int]) -> None:
        super().__init__()
        ends = sorted({*places, len(body)} - {0})
        starts = [0, *ends]
        self._pieces = [body[start:end] for start, end in zip(starts, ends, strict=False)]

    def read(self, size: int | None = -1) -> bytes:
        del size
        return self._pieces.pop(0) if self._pieces else b""


def received(body: bytes, places: list[int]) -> tuple[bytes, str | None]:
    """Return the file and its path as they are read from the pieces."""
    content_type = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    upload = MultipartUpload(Pieces(body, places), content_type, max_bytes=1_000_000)
    return b"".join(upload.chunks()), upload.file_path


@given(contents, st.sampled_from([FIELD, PADDED]), cuts)
def test_a_file_cut_anywhere_is_the_same(content: bytes, field: bytes, places: list[int]) -> None:
    assert received(HEAD + content + field + END, places) == (content, "d/f")


@pytest.mark.parametrize("field", [FIELD, PADDED])
def test_a_file_cut_in_two_is_the_same_wherever(field: bytes) -> None:
    content = b"".join(NEARLY_ENDS)
    body = HEAD + content + field + END

    assert {received(body, [place]) for place in range(len(body))} == {(content, "d/f")}


@pytest.mark.parametrize("field", [FIELD, PADDED])
def test_a_file_cut_everywhere_is_the_same(field: bytes) -> None:
    content = b"".join(NEARLY_ENDS)
    body = HEAD + content + field + END

    assert received(body, list(range(len(body)))) == (content, "d/f")


@given(contents, cuts)
def test_a_form_without_an_end_is_refused(content: bytes, places: list[int]) -> None:
    with pytest.raises(InvalidRequest):
        received(HEAD + content, places)
