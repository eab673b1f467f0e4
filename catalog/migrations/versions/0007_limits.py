"""Limits of keys and tenants, and what is counted for them"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LIMITS = ("requests_per_minute", "max_containers", "max_bytes", "max_file_bytes")
CREATED = ("containers", "files", "stored_files", "intents")


def upgrade() -> None:
    op.add_column("keys", sa.Column("lineage", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE keys SET lineage = id")
    for name in LIMITS:
        op.add_column("keys", sa.Column(name, sa.BigInteger(), nullable=True))
    for table in CREATED:
        op.add_column(table, sa.Column("created_by", sa.Text(), nullable=True))
    for name, column, where in (
        ("tenant", "tenant", "ended_at IS NULL"),
        ("key", "created_by", "ended_at IS NULL AND created_by IS NOT NULL"),
    ):
        op.create_index(
            f"containers_of_{name}",
            "containers",
            [column, "expires_at", "backend"],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.create_table(
        "tenants",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "hits",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "slot"),
    )
    op.create_table(
        "usage",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.execute(
        "INSERT INTO usage (kind, name, bytes) SELECT 'tenant', tenant, SUM(bytes) FROM ("
        " SELECT c.tenant, f.bytes FROM files f JOIN containers c ON c.id = f.container_id"
        " WHERE f.deleted_at IS NULL"
        " UNION ALL SELECT tenant, bytes FROM stored_files"
        " WHERE deleted_at IS NULL AND backend = 'hosted'"
        ") AS kept GROUP BY tenant"
    )


def downgrade() -> None:
    for table in ("usage", "hits", "tenants"):
        op.drop_table(table)
    for name in ("tenant", "key"):
        op.drop_index(f"containers_of_{name}", "containers")
    for table in CREATED:
        op.drop_column(table, "created_by")
    for name in ("lineage", *LIMITS):
        op.drop_column("keys", name)
