"""The catalog's tables. Times are unix seconds; a change here needs a migration."""

import sqlalchemy as sa

metadata = sa.MetaData()

# SQLite gives rowids, and so a growing order, to INTEGER primary keys only.
_Sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _partial_index(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    """Return an index of the rows that a condition holds for."""
    condition = sa.text(where)
    return sa.Index(
        name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )


containers = sa.Table(
    "containers",
    metadata,
    sa.Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("backend", sa.Text, nullable=False),
    sa.Column("deployment", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("memory_limit", sa.Text, nullable=False),
    sa.Column("network_policy", sa.JSON(none_as_null=True)),
    sa.Column("expires_minutes", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_active_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("deleted_at", sa.Float),
    sa.Column("ended_at", sa.Float),
    sa.Column("created_by", sa.Text),
    _partial_index(
        "containers_of_tenant", "tenant", "expires_at", "backend", where="ended_at IS NULL"
    ),
    _partial_index(
        "containers_of_key",
        "created_by",
        "expires_at",
        "backend",
        where="ended_at IS NULL AND created_by IS NOT NULL",
    ),
    sa.Index("containers_by_age", "tenant", "provider", "created_at", "sequence"),
    _partial_index("containers_to_end", "expires_at", where="ended_at IS NULL"),
    _partial_index(
        "containers_by_deployment", "provider", "deployment", where="deployment IS NOT NULL"
    ),
    _partial_index("containers_to_purge", "expires_at", where="ended_at IS NOT NULL"),
    sqlite_autoincrement=True,
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column(
        "container_id",
        sa.Text,
        sa.ForeignKey("containers.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("blob", sa.Text),
    sa.Column("deleted_at", sa.Float),
    sa.Column("created_by", sa.Text),
    sa.Index("files_by_blob", "blob"),
    sa.Index("files_by_age", "container_id", "created_at", "sequence"),
    _partial_index(
        "files_by_path", "container_id", "path", where="deleted_at IS NULL", unique=True
    ),
    _partial_index(
        "files_to_sweep", "deleted_at", where="deleted_at IS NOT NULL AND blob IS NOT NULL"
    ),
    _partial_index("files_to_purge", "deleted_at", where="deleted_at IS NOT NULL AND blob IS NULL"),
    sqlite_autoincrement=True,
)

stored_files = sa.Table(
    "stored_files",
    metadata,
    sa.Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("backend", sa.Text, nullable=False),
    sa.Column("deployment", sa.Text),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("status_details", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("blob", sa.Text),
    sa.Column("deleted_at", sa.Float),
    sa.Column("created_by", sa.Text),
    sa.Index("stored_files_by_blob", "blob"),
    sa.Index("stored_files_by_age", "tenant", "provider", "created_at", "sequence"),
    _partial_index("stored_files_to_end", "expires_at", where="deleted_at IS NULL"),
    _partial_index(
        "stored_files_to_sweep", "deleted_at", where="deleted_at IS NOT NULL AND blob IS NOT NULL"
    ),
    _partial_index(
        "stored_files_to_purge", "deleted_at", where="deleted_at IS NOT NULL AND blob IS NULL"
    ),
    sqlite_autoincrement=True,
)

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("marker", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("deployment", sa.Text, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("failed", sa.Boolean, nullable=False),
    sa.Column("created_by", sa.Text),
    sa.Index("intents_by_deployment", "provider", "deployment"),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("request_type", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("leased_until", sa.Float, nullable=False),
    sa.Column("fingerprint", sa.Text),
    sa.Column("answer", sa.JSON(none_as_null=True)),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Index("idempotency_keys_by_age", "created_at"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("request_type", sa.Text, nullable=False),
    sa.Column("provider", sa.Text),
    sa.Column("container_id", sa.Text),
    sa.Column("file_id", sa.Text),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Index("events_by_container", "tenant", "container_id", "created_at", "sequence"),
    sa.Index("events_by_age", "created_at"),
    sqlite_autoincrement=True,
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("sequence", _Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("providers", sa.JSON(none_as_null=True)),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.Float),
    sa.Column("revoked_at", sa.Float),
    sa.Column("lineage", sa.Text, nullable=False),
    sa.Column("requests_per_minute", sa.BigInteger),
    sa.Column("max_containers", sa.BigInteger),
    sa.Column("max_bytes", sa.BigInteger),
    sa.Column("max_file_bytes", sa.BigInteger),
    sqlite_autoincrement=True,
)

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("limits", sa.JSON, nullable=False),
)

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)

hits = sa.Table(
    "hits",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("slot", sa.BigInteger, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)
