"""Schema changes of the catalog, in order, run by Alembic."""
