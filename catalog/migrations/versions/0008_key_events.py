"""Keys in an order without ties, and events of what was done to them"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LIMITS = ("requests_per_minute", "max_containers", "max_bytes", "max_file_bytes")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _rebuild_keys(
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("events", table_kwargs={"sqlite_autoincrement": True}) as events:
        events.alter_column("provider", existing_type=sa.Text(), nullable=True)
        events.alter_column("container_id", existing_type=sa.Text(), nullable=True)
        events.add_column(sa.Column("key_id", sa.Text(), nullable=True))
    _make_final()


def downgrade() -> None:
    op.execute("DELETE FROM events WHERE container_id IS NULL")
    with op.batch_alter_table("events", table_kwargs={"sqlite_autoincrement": True}) as events:
        events.drop_column("key_id")
        events.alter_column("container_id", existing_type=sa.Text(), nullable=False)
        events.alter_column("provider", existing_type=sa.Text(), nullable=False)
    _make_final()
    _rebuild_keys(sa.PrimaryKeyConstraint("id"))


def _rebuild_keys(*parts: sa.Column[int] | sa.Constraint) -> None:
    """Make the table anew: SQLite cannot give a table another primary key."""
    columns: list[sa.Column[Any]] = [
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("providers", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("lineage", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in LIMITS),
    ]
    names = ", ".join(column.name for column in columns)
    unique = sa.UniqueConstraint("hash")
    op.create_table("new_keys", *parts, *columns, unique, sqlite_autoincrement=len(parts) > 1)
    op.execute(
        f"INSERT INTO new_keys ({names}) SELECT {names} FROM keys ORDER BY created_at, id"  # noqa: S608
    )
    op.drop_table("keys")
    op.rename_table("new_keys", "keys")


def _make_final() -> None:
    """Refuse changes of events again: the trigger went with the table that SQLite had before."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER events_are_final BEFORE UPDATE ON events "
            "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
        )
