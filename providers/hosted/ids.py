"""Ids of the shape OpenAI's have: they start with the creation time in hexadecimal seconds."""

import secrets


def container_id(now: float) -> str:
    """Return `cntr_` and 48 hexadecimal digits, as in OpenAI's examples."""
    return f"cntr_{int(now):08x}{secrets.token_hex(20)}"


def file_id(now: float) -> str:
    """Return `cfile_` and 32 hexadecimal digits, as in OpenAI's examples."""
    return f"cfile_{int(now):08x}{secrets.token_hex(12)}"


def stored_file_id(now: float) -> str:
    """Return `file-` and 32 hexadecimal digits."""
    return f"file-{int(now):08x}{secrets.token_hex(12)}"
