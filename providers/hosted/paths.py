"""Where a file goes in a container, from what the client said."""

import re
import unicodedata

from providers.errors import InvalidRequest

ROOT = "/mnt/data"
MAX_PATH_BYTES = 1024


def container_path(filename: str, file_path: str | None) -> str:
    """Return the file's absolute path: `file_path` when given, else the client's name for the file.

    Unicode is kept, composed (NFC), so that both spellings of a name are one file. Raises
    InvalidRequest for a path that leaves the root or that a file system could not hold.
    """
    param, given = ("file", filename) if file_path is None else ("file_path", file_path)
    path = unicodedata.normalize("NFC", given)
    if path.startswith("/"):
        path = _below_root(path, param)
    for segment in path.split("/"):
        _check_segment(segment, param)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidRequest(
            f"Invalid '{param}': the path is longer than {MAX_PATH_BYTES} bytes.", param=param
        )
    return f"{ROOT}/{path}"


def _below_root(path: str, param: str) -> str:
    below = path.removeprefix(f"{ROOT}/")
    if below == path:
        raise InvalidRequest(
            f"Invalid '{param}': the path must be relative to {ROOT} or below it.", param=param
        )
    return below


def _check_segment(segment: str, param: str) -> None:
    if not segment:
        raise InvalidRequest(f"Invalid '{param}': the path has an empty part.", param=param)
    # A backslash separates nothing here, but it does where the file may be downloaded to.
    if {".", ".."} & set(re.split(r"\\", segment)):
        raise InvalidRequest(f"Invalid '{param}': the path has a '.' or '..' part.", param=param)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in segment):
        raise InvalidRequest(f"Invalid '{param}': the path has a control character.", param=param)
