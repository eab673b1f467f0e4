"""Deployments and intents"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intents",
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("marker"),
    )
    op.create_index("intents_by_deployment", "intents", ["provider", "deployment"])
    op.add_column("containers", sa.Column("deployment", sa.Text(), nullable=True))
    op.create_index(
        "containers_by_deployment",
        "containers",
        ["provider", "deployment"],
        sqlite_where=sa.text("deployment IS NOT NULL"),
        postgresql_where=sa.text("deployment IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("containers_by_deployment", "containers")
    op.drop_column("containers", "deployment")
    op.drop_table("intents")
