"""API keys: made, revoked, replaced, and recognised.

A key is `bk_`, 40 random characters and 6 that are a checksum of those, so that a scanner for
leaked secrets knows one when it sees it. It has 238 bits of chance, so its plain SHA-256 is as safe
to keep as a slow hash would be.
"""

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from catalog import keys
from catalog.database import Database
from catalog.keys import Key
from catalog.limits import Limits

PREFIX = "bk_"
TENANT = r"[A-Za-z0-9._-]{1,64}"
"""What a tenant may be called."""
FRESH_S = 2
"""How long a process trusts what it knows of a key: a revoked one works that much longer."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECKSUM = 40, 6
_FORM = re.compile(rf"bk_([0-9A-Za-z]{{{_RANDOM}}})([0-9A-Za-z]{{{_CHECKSUM}}})")
MAX_KNOWN = 10_000
NO_LIMITS = Limits()

Record = Callable[[Connection, Key], None]
"""Records what is done to a key, in the transaction that does it."""


def _record_nothing(_tx: Connection, _key: Key) -> None:
    pass


def new_secret() -> str:
    """Return a key that nobody has."""
    chance = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return PREFIX + chance + _checksum(chance)


def well_formed(secret: str) -> bool:
    """Tell whether the text could be a key, by its form and checksum."""
    match = _FORM.fullmatch(secret)
    return match is not None and _checksum(match[1]) == match[2]


class KeyRing:
    """The keys of a catalog, as one process knows them. Any thread may call it."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[float, Key | None]] = {}
        self._in_use = False
        self._checked_at = 0.0

    def fresh(self, secret: str) -> bool:
        """Tell whether what is known suffices to answer for the key, without the catalog."""
        now = self._clock()
        if not self._in_use:  # a key that looks like one may be the first, made just now
            return abs(now - self._checked_at) < FRESH_S and not well_formed(secret)
        checked_at, _ = self._known.get(_hash(secret), (0.0, None))
        return abs(now - checked_at) < FRESH_S or not well_formed(secret)

    def refresh(self, secret: str) -> None:
        """Ask the catalog for the key, and whether keys are in use at all."""
        now = self._clock()
        with self._database.read() as tx:
            self._in_use = self._in_use or keys.exist(tx)
            key = keys.find(tx, _hash(secret)) if well_formed(secret) else None
        self._checked_at = now
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[_hash(secret)] = (now, key)

    @property
    def in_use(self) -> bool:
        """Tell whether any key was ever made: nobody is anonymous from then on."""
        return self._in_use

    def find(self, secret: str) -> Key | None:
        """Return the key if it is known and valid."""
        _, key = self._known.get(_hash(secret), (0.0, None))
        return key if key is not None and key.valid(self._clock()) else None

    def create(
        self,
        tenant: str,
        role: str = "member",
        providers: list[str] | None = None,
        lifetime_s: float | None = None,
        limits: Limits = NO_LIMITS,
        *,
        record: Record = _record_nothing,
    ) -> tuple[Key, str]:
        """Make a key; return its record and the key itself, which is told only here."""
        now = self._clock()
        ends = None if lifetime_s is None else now + lifetime_s
        secret, key_id = new_secret(), _new_id()
        key = Key(
            id=key_id,
            hash=_hash(secret),
            hint=secret[: len(PREFIX) + 4],
            tenant=tenant,
            role=role,
            providers=providers,
            created_at=int(now),
            lineage=key_id,
            limits=limits,
            expires_at=ends,
        )
        with self._database.write() as tx:
            keys.insert(tx, key)
            record(tx, key)
        return key, secret

    def revoke(self, key_id: str, *, record: Record = _record_nothing) -> Key | None:
        """Let the key end now; None when there is no such key, or it has ended so before."""
        now = self._clock()
        with self._database.write() as tx:
            key = keys.find_by_id(tx, key_id, now)
            if key is not None:
                keys.revoke(tx, key_id, now)
                record(tx, key)
        return key

    def rotate(
        self, key_id: str, grace_s: float = 0, *, record: Record = _record_nothing
    ) -> tuple[Key, str] | None:
        """Make a key like this one, which ends after a grace time; None when it is not valid."""
        now, secret = self._clock(), new_secret()
        with self._database.write() as tx:
            old = keys.find_by_id(tx, key_id, now)
            if old is None or not old.valid(now):
                return None
            key = replace(
                old,
                id=_new_id(),
                hash=_hash(secret),
                hint=secret[: len(PREFIX) + 4],
                created_at=int(now),
                revoked_at=None,
            )
            keys.insert(tx, key)
            keys.revoke(tx, key_id, now + grace_s)
            record(tx, key)
        return key, secret


def _new_id() -> str:
    return f"key_{secrets.token_hex(12)}"


def _checksum(chance: str) -> str:
    value, digits = zlib.crc32(chance.encode()), ""
    for _ in range(_CHECKSUM):
        value, digit = divmod(value, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
