"""Brings the tables to the newest version. Alembic, which does it, takes 8 MB of memory."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from catalog.database import MIGRATIONS


def upgrade(tx: sa.Connection) -> None:
    """Run the migrations that the database of the transaction lacks."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = tx
    command.upgrade(config, "head")
