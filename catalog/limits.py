"""What a key, or a tenant, may cost."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Limits of a key or a tenant; where there is none it is None.

    `max_containers` are those alive, `max_bytes` those stored in hosted files of all kinds, and
    `max_file_bytes` the size of one file.
    """

    requests_per_minute: int | None = None
    max_containers: int | None = None
    max_bytes: int | None = None
    max_file_bytes: int | None = None


MAX_LIMIT = 2**63 - 1  # what a column holds
NAMES = tuple(field.name for field in fields(Limits))
